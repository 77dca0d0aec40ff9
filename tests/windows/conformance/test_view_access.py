"""What a view may be of a section, and a page of a view, for every FILE_MAP_ access and every protection."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

VIRTUAL = "k32/virtual.c"
WC, EXECUTE, ER = w.PAGE_WRITECOPY, w.PAGE_EXECUTE, w.PAGE_EXECUTE_READ
ERW, EWC = w.PAGE_EXECUTE_READWRITE, w.PAGE_EXECUTE_WRITECOPY
PROTECTIONS = (NOACCESS, RO, RW, WC, EXECUTE, ER, ERW, EWC)
NAMES = {RO: "READONLY", RW: "READWRITE", WC: "WRITECOPY", ER: "EXECUTE_READ", ERW: "EXECUTE_READWRITE"} | {
    EWC: "EXECUTE_WRITECOPY"
}
VIEWS = {
    0x00: NOACCESS, 0x01: WC, 0x02: RW, 0x03: RW, 0x04: RO, 0x05: RO, 0x06: RW, 0x07: RW,
    0x08: NOACCESS, 0x09: NOACCESS, 0x0A: RW, 0x0B: RW, 0x0C: RO, 0x0D: RO, 0x0E: RW, 0x0F: RW,
    0x20: NOACCESS, 0x21: EWC, 0x22: ERW, 0x23: ERW, 0x24: ER, 0x25: ER, 0x26: ERW, 0x27: ERW,
    0x28: NOACCESS, 0x29: NOACCESS, 0x2A: ERW, 0x2B: ERW, 0x2C: ER, 0x2D: ER, 0x2E: ERW, 0x2F: ERW,
}  # fmt: skip
"""FILE_MAP_ access -> the view's protection: the table at virtual.c:3845-3876."""
DOES = {NOACCESS: "", RO: "r", WC: "r", RW: "rw", EXECUTE: "rx", ER: "rx", EWC: "rx", ERW: "rwx"}
"""What a protection counts as: virtual.c:3722-3740."""
FILE: dict[str, Any] = {"files": {"data": 2 * PAGE}}
ACCESS = w.GENERIC_READ | w.GENERIC_WRITE | w.GENERIC_EXECUTE
PLACE = 0x2000_0000


def within(protection: int, outer: int) -> bool:
    """Whether a protection does no more than another one."""
    return set(DOES[protection]) <= set(DOES[outer])


def section_of(p: Any, backing: str, protection: int) -> Any:
    """A section of two pages."""
    if backing == "paging files":
        return works(p.create_file_mapping(w.INVALID_HANDLE_VALUE, protection, 2 * PAGE))
    file = works(p.create_file("data", access=ACCESS))
    section = works(p.create_file_mapping(file, protection, 2 * PAGE))
    works(p.close_handle(file))
    return section


def seen(p: Any, base: int) -> Any:
    """(base, size, allocation's protection, protection, state, type) of the first pages of a view."""
    found = works(p.virtual_query(base))
    assert (found.base_address, found.allocation_base) == (base, base)
    return found.region_size, found.allocation_protect, found.protect, found.state, found.type


def each_access(p: Any, backing: str, protection: int) -> None:
    """Map a section with every access."""
    handle = section_of(p, backing, protection)
    for access, shown in VIEWS.items():
        if not within(shown, protection):
            p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, access)
            continue
        base = works(p.map_view_of_file(handle, access))
        assert seen(p, base) == (2 * PAGE, shown, shown, COMMIT, w.MEM_MAPPED), f"access {access:#x}"
        works(p.unmap_view_of_file(base))


def test_map_view_of_file(rule: Rule) -> None:
    for backing, options in (("paging files", {}), ("a file", FILE), ("paging files", {"bits": 32})):
        for protection, name in NAMES.items():
            with rule(
                f"each access to a PAGE_{name} section of {backing}, {options.get('bits', 64)} bits",
                f"[{VIRTUAL}:3994-4033]",
                **options,
            ) as p:
                each_access(p, backing, protection)


def one_view_each(p: Any, backing: str, protection: int) -> Any:
    """(protection, base) of one view of each protection that a section allows."""
    handle = section_of(p, backing, protection)
    found = []
    for access in (0x00, 0x01, 0x02, 0x04, 0x21, 0x22, 0x24):
        if within(VIEWS[access], protection):
            base = works(p.map_view_of_file(handle, access))
            found.append((VIEWS[access], base))
    return found


def test_virtual_protect(rule: Rule) -> None:
    for backing, options in (("paging files", {}), ("a file", FILE)):
        with rule(
            f"gives a page of a view of {backing} what its view does, no more", f"[{VIRTUAL}:4051-4077]", **options
        ) as p:
            for protection in (RO, ER, ERW):
                for shown, base in one_view_each(p, backing, protection):
                    old = shown
                    for new in PROTECTIONS:
                        if not within(new, shown):
                            p.fails(PARAMETER).virtual_protect(base, PAGE, new)
                            continue
                        assert p.virtual_protect(base, PAGE, new) == old
                        assert p.query(base)[2] == new
                        old = new


def test_virtual_alloc(rule: Rule) -> None:
    with rule("commits pages of a paging files' view with what the view does, no more", f"[{VIRTUAL}:4084-4111]") as p:
        for protection in (RW, ER, ERW):
            for shown, base in one_view_each(p, "paging files", protection):
                for new in PROTECTIONS:
                    if within(new, shown):
                        assert p.virtual_alloc(base, PAGE, COMMIT, new) == base
                        assert p.query(base)[2] == new
                    else:
                        p.fails(PARAMETER).virtual_alloc(base, PAGE, COMMIT, new)
    with rule("commits nothing in a file's view", f"[{VIRTUAL}:3589-3590, 4115-4116]", **FILE) as p:
        for protection in (RO, WC, ERW):
            for shown, base in one_view_each(p, "a file", protection):
                for new in PROTECTIONS:
                    p.fails(w.ERROR_ACCESS_DENIED).virtual_alloc(base, PAGE, COMMIT, new)
                assert p.query(base) == (2, COMMIT, shown)
    with rule("a view can't be reserved over, nor private memory be copy-on-write", f"[{VIRTUAL}:3345-3358]") as p:
        base = works(p.virtual_alloc(0, PAGE, w.MEM_RESERVE | COMMIT, NOACCESS))
        for protection in (WC, EWC):
            p.fails(PARAMETER).virtual_alloc(base, PAGE, COMMIT, protection)
            p.fails(PARAMETER).virtual_alloc(0, PAGE, COMMIT, protection)
            p.fails(PARAMETER).virtual_alloc(0, PAGE, w.MEM_RESERVE, protection)
            p.fails(PARAMETER).virtual_protect(base, PAGE, protection)


def written(protection: int) -> int:
    """What a page that was copied has instead of a copy-on-write protection: virtual.c:3782-3790."""
    return {WC: RW, EWC: ERW}.get(protection, protection)


def test_protections_of_copied_view_pages(rule: Rule) -> None:
    with rule(
        "a page that was copied is writable, and so was its old protection", f"[{VIRTUAL}:4119-4172]", **FILE
    ) as p:
        for protection in (RO, RW, WC, ER, ERW):
            for shown, base in one_view_each(p, "a file", protection):
                if not within(WC, shown):
                    continue
                works(p.virtual_protect(base, 2 * PAGE, WC))
                p.write(base, 4)
                assert p.query(base) == (1, COMMIT, RW)
                assert p.query(base + PAGE) == (1, COMMIT, WC)
                old = RW
                for new in PROTECTIONS:
                    if not within(new, shown):
                        p.fails(PARAMETER).virtual_protect(base, PAGE, new)
                        continue
                    assert p.virtual_protect(base, PAGE, new) == old
                    assert p.query(base)[2] == written(new)
                    old = written(new)
    with rule("each protection of a page of a PAGE_EXECUTE_READWRITE view", f"[{VIRTUAL}:3629-3707]", **FILE) as p:
        handle = section_of(p, "a file", ERW)
        for new in (*PROTECTIONS, RO | NOACCESS, RW | RO, WC | RW, ER | EXECUTE, EWC | ERW, ERW | ER, 0):
            base = works(p.map_view_of_file(handle, 0x26))
            assert p.virtual_protect(base, PAGE, NOACCESS) == ERW
            assert seen(p, base) == (PAGE, ERW, NOACCESS, COMMIT, w.MEM_MAPPED)
            if new not in PROTECTIONS:
                p.fails(PARAMETER).virtual_protect(base, PAGE, new)
                continue
            assert p.virtual_protect(base, PAGE, new) == NOACCESS
            assert seen(p, base) == (2 * PAGE if new == ERW else PAGE, ERW, new, COMMIT, w.MEM_MAPPED)
            if new in {RW, WC, ERW, EWC}:
                p.write(base, 1)
                assert p.query(base)[2] == written(new)
            assert p.virtual_protect(base, PAGE, NOACCESS) == written(new)
            works(p.unmap_view_of_file(base))
    with rule("EXECUTE_WRITECOPY in an EXECUTE_READ view copies and charges", f"[{VIRTUAL}:4061]", **FILE) as p:
        handle = section_of(p, "a file", ER)
        base = works(p.map_view_of_file(handle, 0x24))
        before = p.charge()
        assert p.virtual_protect(base, PAGE, EWC) == ER
        assert p.charge() - before == 1
        p.write(base, 1)
        p.execute(base, 4)
        assert p.query(base) == (1, COMMIT, ERW)
        p.raises(w.STATUS_ACCESS_VIOLATION, 1, base + PAGE).write(base + PAGE, 1)


def test_file_map_copy(rule: Rule) -> None:
    with rule("with FILE_MAP_READ it is not copy-on-write: no charge, and no store", f"[{VIRTUAL}:4012]", **FILE) as p:
        handle = section_of(p, "a file", WC)
        works(p.map_view_of_file_ex(handle, w.FILE_MAP_READ, 0, 0, PLACE))  # takes a page table
        before = p.charge()
        base = works(p.map_view_of_file_ex(handle, w.FILE_MAP_READ | w.FILE_MAP_COPY, 0, 0, PLACE + UNIT))
        assert p.charge() == before
        p.raises(w.STATUS_ACCESS_VIOLATION, 1, base).write(base, 1)


def test_views_that_cannot_be_touched(rule: Rule) -> None:
    with rule("what FILE_MAP_EXECUTE alone maps can't be touched", f"[{VIRTUAL}:3867, 3875]", **FILE) as p:
        handle = section_of(p, "a file", ER)
        for access in (0x08, 0x09, 0x20, 0x28, 0x29):
            base = works(p.map_view_of_file(handle, access))
            p.raises(w.STATUS_ACCESS_VIOLATION, 0, base).read(base, 1)
            p.raises(w.STATUS_ACCESS_VIOLATION, 8, base).execute(base, 4)


def test_create_file_mapping(rule: Rule) -> None:
    with rule(
        "a handle to an existing section has the rights that the call's protection is good for",
        f"[{VIRTUAL}:3752-3770]",
    ) as p:
        works(p.create_file_mapping(w.INVALID_HANDLE_VALUE, ERW, PAGE, "shared"))
        for protection in (RO, RW, WC, ER, ERW, EWC):
            handle = works(p.create_file_mapping(w.INVALID_HANDLE_VALUE, protection, PAGE, "shared"))
            assert p.get_last_error() == w.ERROR_ALREADY_EXISTS
            for access in (0x01, 0x02, 0x04, 0x21, 0x22, 0x24):
                if within(VIEWS[access], protection):
                    works(p.unmap_view_of_file(works(p.map_view_of_file(handle, access))))
                else:
                    p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, access)


def test_open_file_mapping(rule: Rule) -> None:
    for asked, maps, refused in (
        (w.FILE_MAP_READ, (0x00, 0x01, 0x04, 0x05), (0x02, 0x06, 0x24)),
        (w.FILE_MAP_WRITE, (0x02, 0x03, 0x06), (0x00, 0x01, 0x04, 0x22)),
        (w.FILE_MAP_COPY, (0x00, 0x01, 0x04), (0x02, 0x21)),
        (w.FILE_MAP_READ | w.FILE_MAP_WRITE, (0x01, 0x02, 0x04, 0x06), (0x22, 0x24)),
        (w.FILE_MAP_READ | w.FILE_MAP_EXECUTE, (0x04, 0x21, 0x24), (0x02, 0x22)),
        (w.FILE_MAP_ALL_ACCESS, (0x00, 0x01, 0x02, 0x04), ()),
    ):
        with rule(f"what a handle opened for {asked:#x} maps", f"[{VIRTUAL}:769-817]") as p:
            works(p.create_file_mapping(w.INVALID_HANDLE_VALUE, ERW, 4090, "Foo"))
            handle = works(p.open_file_mapping(asked, "Foo"))
            for access in refused:
                p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, access)
            for access in maps:
                base = works(p.map_view_of_file(handle, access))
                shown = VIEWS[access]
                assert seen(p, base) == (PAGE, shown, shown, COMMIT, w.MEM_MAPPED)
