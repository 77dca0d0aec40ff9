"""What a view may be of a section, and a page of a view, for every FILE_MAP_ access and every protection."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    COMMIT,
    NOACCESS,
    PAGE,
    PARAMETER,
    RO,
    RW,
    UNIT,
    Steps,
    Table,
    charge,
    equal,
    fails,
    query,
    raises,
    works,
)

case = Table()
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


def section_of(process: Any, backing: str, protection: int) -> Steps:
    """A section of two pages."""
    if backing == "paging files":
        return (yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, protection, 2 * PAGE)))
    file = yield from works(process.create_file("data", access=ACCESS))
    section = yield from works(process.create_file_mapping(file, protection, 2 * PAGE))
    yield from works(process.close_handle(file))
    return section


def seen(process: Any, base: int) -> Steps:
    """(base, size, allocation's protection, protection, state, type) of the first pages of a view."""
    found = yield from works(process.virtual_query(base))
    equal((found.base_address, found.allocation_base), (base, base))
    return found.region_size, found.allocation_protect, found.protect, found.state, found.type


def each_access(process: Any, backing: str, protection: int) -> Steps:
    """Map a section with every access."""
    handle = yield from section_of(process, backing, protection)
    for access, shown in VIEWS.items():
        if not within(shown, protection):
            yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(handle, access))
            continue
        base = yield from works(process.map_view_of_file(handle, access))
        equal((yield from seen(process, base)), (2 * PAGE, shown, shown, COMMIT, w.MEM_MAPPED), f"access {access:#x}")
        yield from works(process.unmap_view_of_file(base))


for _backing, _options in (("paging files", {}), ("a file", FILE), ("paging files", {"bits": 32})):
    for _protection, _name in NAMES.items():

        @case(
            "MapViewOfFile",
            f"each access to a PAGE_{_name} section of {_backing}, {_options.get('bits', 64)} bits",
            f"[{VIRTUAL}:3994-4033]",
            **_options,
        )
        def _(process: Any, backing: str = _backing, protection: int = _protection) -> Steps:
            yield from each_access(process, backing, protection)


def one_view_each(process: Any, backing: str, protection: int) -> Steps:
    """(protection, base) of one view of each protection that a section allows."""
    handle = yield from section_of(process, backing, protection)
    found = []
    for access in (0x00, 0x01, 0x02, 0x04, 0x21, 0x22, 0x24):
        if within(VIEWS[access], protection):
            base = yield from works(process.map_view_of_file(handle, access))
            found.append((VIEWS[access], base))
    return found


for _backing, _options in (("paging files", {}), ("a file", FILE)):

    @case(
        "VirtualProtect",
        f"gives a page of a view of {_backing} what its view does, no more",
        f"[{VIRTUAL}:4051-4077]",
        **_options,
    )
    def _(process: Any, backing: str = _backing) -> Steps:
        for protection in (RO, ER, ERW):
            for shown, base in (yield from one_view_each(process, backing, protection)):
                old = shown
                for new in PROTECTIONS:
                    if not within(new, shown):
                        yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, new))
                        continue
                    equal((yield from process.virtual_protect(base, PAGE, new)), old, "old protection")
                    equal((yield from query(process, base))[2], new)
                    old = new


@case(
    "VirtualAlloc", "commits pages of a paging files' view with what the view does, no more", f"[{VIRTUAL}:4084-4111]"
)
def _(process: Any) -> Steps:
    for protection in (RW, ER, ERW):
        for shown, base in (yield from one_view_each(process, "paging files", protection)):
            for new in PROTECTIONS:
                commit = process.virtual_alloc(base, PAGE, COMMIT, new)
                if within(new, shown):
                    equal((yield from commit), base)
                    equal((yield from query(process, base))[2], new)
                else:
                    yield from fails(process, PARAMETER, commit)


@case("VirtualAlloc", "commits nothing in a file's view", f"[{VIRTUAL}:3589-3590, 4115-4116]", **FILE)
def _(process: Any) -> Steps:
    for protection in (RO, WC, ERW):
        for shown, base in (yield from one_view_each(process, "a file", protection)):
            for new in PROTECTIONS:
                yield from fails(process, w.ERROR_ACCESS_DENIED, process.virtual_alloc(base, PAGE, COMMIT, new))
            equal((yield from query(process, base)), (2, COMMIT, shown))


@case("VirtualAlloc", "a view can't be reserved over, nor private memory be copy-on-write", f"[{VIRTUAL}:3345-3358]")
def _(process: Any) -> Steps:
    base = yield from works(process.virtual_alloc(0, PAGE, w.MEM_RESERVE | COMMIT, NOACCESS))
    for protection in (WC, EWC):
        yield from fails(process, PARAMETER, process.virtual_alloc(base, PAGE, COMMIT, protection))
        yield from fails(process, PARAMETER, process.virtual_alloc(0, PAGE, COMMIT, protection))
        yield from fails(process, PARAMETER, process.virtual_alloc(0, PAGE, w.MEM_RESERVE, protection))
        yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, protection))


def written(protection: int) -> int:
    """What a page that was copied has instead of a copy-on-write protection: virtual.c:3782-3790."""
    return {WC: RW, EWC: ERW}.get(protection, protection)


@case(
    "VirtualProtect",
    "a page that was copied is writable, and so was its old protection",
    f"[{VIRTUAL}:4119-4172]",
    **FILE,
)
def _(process: Any) -> Steps:
    for protection in (RO, RW, WC, ER, ERW):
        for shown, base in (yield from one_view_each(process, "a file", protection)):
            if not within(WC, shown):
                continue
            yield from works(process.virtual_protect(base, 2 * PAGE, WC))
            yield from process.write(base, 4)
            equal((yield from query(process, base)), (1, COMMIT, RW))
            equal((yield from query(process, base + PAGE)), (1, COMMIT, WC))
            old = RW
            for new in PROTECTIONS:
                if not within(new, shown):
                    yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, new))
                    continue
                equal((yield from process.virtual_protect(base, PAGE, new)), old, "old protection")
                equal((yield from query(process, base))[2], written(new))
                old = written(new)


@case("VirtualProtect", "each protection of a page of a PAGE_EXECUTE_READWRITE view", f"[{VIRTUAL}:3629-3707]", **FILE)
def _(process: Any) -> Steps:
    handle = yield from section_of(process, "a file", ERW)
    for new in (*PROTECTIONS, RO | NOACCESS, RW | RO, WC | RW, ER | EXECUTE, EWC | ERW, ERW | ER, 0):
        base = yield from works(process.map_view_of_file(handle, 0x26))
        equal((yield from process.virtual_protect(base, PAGE, NOACCESS)), ERW)
        equal((yield from seen(process, base)), (PAGE, ERW, NOACCESS, COMMIT, w.MEM_MAPPED))
        if new not in PROTECTIONS:
            yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, new))
            continue
        equal((yield from process.virtual_protect(base, PAGE, new)), NOACCESS)
        equal((yield from seen(process, base)), (2 * PAGE if new == ERW else PAGE, ERW, new, COMMIT, w.MEM_MAPPED))
        if new in {RW, WC, ERW, EWC}:
            yield from process.write(base, 1)
            equal((yield from query(process, base))[2], written(new))
        equal((yield from process.virtual_protect(base, PAGE, NOACCESS)), written(new))
        yield from works(process.unmap_view_of_file(base))


@case("VirtualProtect", "EXECUTE_WRITECOPY in an EXECUTE_READ view copies and charges", f"[{VIRTUAL}:4061]", **FILE)
def _(process: Any) -> Steps:
    handle = yield from section_of(process, "a file", ER)
    base = yield from works(process.map_view_of_file(handle, 0x24))
    before = yield from charge(process)
    equal((yield from process.virtual_protect(base, PAGE, EWC)), ER)
    equal((yield from charge(process)) - before, 1)
    yield from process.write(base, 1)
    yield from process.execute(base, 4)
    equal((yield from query(process, base)), (1, COMMIT, ERW))
    yield from raises(w.STATUS_ACCESS_VIOLATION, process.write(base + PAGE, 1), 1, base + PAGE)


@case(
    "FILE_MAP_COPY", "with FILE_MAP_READ it is not copy-on-write: no charge, and no store", f"[{VIRTUAL}:4012]", **FILE
)
def _(process: Any) -> Steps:
    handle = yield from section_of(process, "a file", WC)
    yield from works(process.map_view_of_file_ex(handle, w.FILE_MAP_READ, 0, 0, PLACE))  # takes a page table
    before = yield from charge(process)
    base = yield from works(process.map_view_of_file_ex(handle, w.FILE_MAP_READ | w.FILE_MAP_COPY, 0, 0, PLACE + UNIT))
    equal((yield from charge(process)), before)
    yield from raises(w.STATUS_ACCESS_VIOLATION, process.write(base, 1), 1, base)


@case("MapViewOfFile", "what FILE_MAP_EXECUTE alone maps can't be touched", f"[{VIRTUAL}:3867, 3875]", **FILE)
def _(process: Any) -> Steps:
    handle = yield from section_of(process, "a file", ER)
    for access in (0x08, 0x09, 0x20, 0x28, 0x29):
        base = yield from works(process.map_view_of_file(handle, access))
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.read(base, 1), 0, base)
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.execute(base, 4), 8, base)


@case(
    "CreateFileMapping",
    "a handle to an existing section has the rights that the call's protection is good for",
    f"[{VIRTUAL}:3752-3770]",
)
def _(process: Any) -> Steps:
    yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, ERW, PAGE, "shared"))
    for protection in (RO, RW, WC, ER, ERW, EWC):
        handle = yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, protection, PAGE, "shared"))
        equal(process.get_last_error(), w.ERROR_ALREADY_EXISTS)
        for access in (0x01, 0x02, 0x04, 0x21, 0x22, 0x24):
            call = process.map_view_of_file(handle, access)
            if within(VIEWS[access], protection):
                yield from works(process.unmap_view_of_file((yield from works(call))))
            else:
                yield from fails(process, w.ERROR_ACCESS_DENIED, call)


for _asked, _maps, _fails in (
    (w.FILE_MAP_READ, (0x00, 0x01, 0x04, 0x05), (0x02, 0x06, 0x24)),
    (w.FILE_MAP_WRITE, (0x02, 0x03, 0x06), (0x00, 0x01, 0x04, 0x22)),
    (w.FILE_MAP_COPY, (0x00, 0x01, 0x04), (0x02, 0x21)),
    (w.FILE_MAP_READ | w.FILE_MAP_WRITE, (0x01, 0x02, 0x04, 0x06), (0x22, 0x24)),
    (w.FILE_MAP_READ | w.FILE_MAP_EXECUTE, (0x04, 0x21, 0x24), (0x02, 0x22)),
    (w.FILE_MAP_ALL_ACCESS, (0x00, 0x01, 0x02, 0x04), ()),
):

    @case("OpenFileMapping", f"what a handle opened for {_asked:#x} maps", f"[{VIRTUAL}:769-817]")
    def _(process: Any, asked: int = _asked, maps: tuple[int, ...] = _maps, refused: tuple[int, ...] = _fails) -> Steps:
        yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, ERW, 4090, "Foo"))
        handle = yield from works(process.open_file_mapping(asked, "Foo"))
        for access in refused:
            yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(handle, access))
        for access in maps:
            base = yield from works(process.map_view_of_file(handle, access))
            shown = VIEWS[access]
            equal((yield from seen(process, base)), (PAGE, shown, shown, COMMIT, w.MEM_MAPPED))
