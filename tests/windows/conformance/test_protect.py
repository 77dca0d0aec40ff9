"""VirtualProtect, and what each protection lets a thread do."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

VIRTUAL_C = "ros: ntoskrnl/mm/ARM3/virtual.c"
FREE_PLACE = 0x2000_0000
CODES = {"read": 0, "write": 1, "execute": 8}
ALLOWED = {
    "PAGE_NOACCESS": (w.PAGE_NOACCESS, ""),
    "PAGE_READONLY": (w.PAGE_READONLY, "read"),
    "PAGE_READWRITE": (w.PAGE_READWRITE, "read write"),
    "PAGE_EXECUTE": (w.PAGE_EXECUTE, "execute"),
    "PAGE_EXECUTE_READ": (w.PAGE_EXECUTE_READ, "read execute"),
    "PAGE_EXECUTE_READWRITE": (w.PAGE_EXECUTE_READWRITE, "read write execute"),
}
ALLOWED_IN_VIEWS = {
    "PAGE_WRITECOPY": (w.PAGE_WRITECOPY, "read write"),
    "PAGE_EXECUTE_WRITECOPY": (w.PAGE_EXECUTE_WRITECOPY, "read write execute"),
}


def attempt(p: Any, address: int, access: str, allowed: str) -> None:
    """Access memory in one way, which works if it is among those that are allowed."""
    if access in allowed.split():
        getattr(p, access)(address, 1)
    else:
        code = 8 if access == "execute" and allowed else CODES[access]
        p.raises(AV, code, address).do(getattr(p, access), address, 1)


def test_virtual_protect(rule: Rule) -> None:
    for name, (protect, allowed) in ALLOWED.items():
        for access in CODES:
            if (name, access) in {("PAGE_EXECUTE", "read"), ("PAGE_NOACCESS", "execute")}:
                continue  # not documented: x86 lets executable pages be read; nothing says what kind of violation it is
            with rule(
                f"{name} {'lets a thread' if access in allowed.split() else 'lets no thread'} {access}",
                "[Memory Protection Constants] and [EXCEPTION_RECORD]",
            ) as p:
                base = p.region(2)
                p.write(base, 2 * PAGE)
                works(p.virtual_protect(base, PAGE, protect))
                attempt(p, base + 12, access, allowed)


def test_map_view_of_file(rule: Rule) -> None:
    for name, (protect, allowed) in ALLOWED_IN_VIEWS.items():
        for access in CODES:
            with rule(
                f"in a copy-on-write view {name} {'lets' if access in allowed.split() else 'lets no'} thread {access}",
                "[Memory Protection Constants]",
                files={"data": UNIT},
            ) as p:
                execute = w.FILE_MAP_EXECUTE if "execute" in allowed else 0
                base = p.mapped(protect=protect, access=w.FILE_MAP_COPY | execute)
                assert p.query(base) == (16, COMMIT, protect)
                attempt(p, base + 12, access, allowed)


def test_old_and_new_protections(rule: Rule) -> None:
    with rule("gives the old protection of the first page", "[VirtualProtect]") as p:
        base = p.region(4)
        assert p.virtual_protect(base, PAGE, RO) == RW
        assert p.virtual_protect(base, 2 * PAGE, NOACCESS) == RO
    with rule("changes every page that the range touches", "[VirtualProtect]") as p:
        base = p.region(4)
        works(p.virtual_protect(base + 2 * PAGE - 1, 2, RO))
        assert p.query(base + PAGE) == (2, COMMIT, RO)
    with rule("one uncommitted page makes it fail and change nothing", f"{VIRTUAL_C} and sdk/lib/rtl/error.c") as p:
        base = p.region(4, RESERVE)
        works(p.virtual_alloc(base, 3 * PAGE, COMMIT, RW))
        p.fails(ADDRESS).virtual_protect(base, 4 * PAGE, RO)
        assert p.query(base) == (3, COMMIT, RW)
    with rule("reserved pages can't be protected", "[VirtualProtect]") as p:
        base = p.region(4, RESERVE)
        p.fails(ADDRESS).virtual_protect(base, PAGE, RO)
    with rule("free pages can't be protected", "[VirtualProtect]") as p:
        p.fails(ADDRESS).virtual_protect(FREE_PLACE, PAGE, RO)
    with rule("a range can't span two reservations", "[VirtualProtect]") as p:
        base = p.region(16, at=FREE_PLACE)
        p.region(16, at=FREE_PLACE + UNIT)
        p.fails(ADDRESS).virtual_protect(base + 15 * PAGE, 2 * PAGE, RO)
        assert p.query(base) == (16, COMMIT, RW)
    for name, protect in {
        "no protection": 0,
        "two protections": RW | RO,
        "PAGE_GUARD with PAGE_NOACCESS": GUARD | NOACCESS,
        "PAGE_WRITECOPY of private memory": w.PAGE_WRITECOPY,
        "PAGE_EXECUTE_WRITECOPY of private memory": w.PAGE_EXECUTE_WRITECOPY,
    }.items():
        with rule(f"{name} is refused", "[Memory Protection Constants]") as p:
            base = p.region(4)
            p.fails(PARAMETER).virtual_protect(base, PAGE, protect)
            assert p.query(base) == (4, COMMIT, RW)
    with rule("commit charge of private pages doesn't depend on their protection", "[Page State]") as p:
        base = p.region(4)
        before = p.charge()
        for protect in (RO, NOACCESS, w.PAGE_EXECUTE_READ, RW):
            works(p.virtual_protect(base, 4 * PAGE, protect))
            assert p.charge() == before


def test_protections_and_the_working_set(rule: Rule) -> None:
    with rule("pages made inaccessible leave the working set and come back softly", "MODEL section 3 (13)") as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        works(p.virtual_protect(base + PAGE, PAGE, NOACCESS))
        assert p.valid(base, 4) == [True, False, True, True]
        works(p.virtual_protect(base + PAGE, PAGE, RW))
        assert p.valid(base, 4) == [True, False, True, True]
        p.read(base + PAGE, 1)
        assert p.state(base + PAGE)["stored"].all()
    with rule("read-only pages stay in the working set", "[Working Set]") as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        works(p.virtual_protect(base, 4 * PAGE, RO))
        assert p.valid(base, 4) == [True] * 4
    with rule("a page that is writable again can be written", "[VirtualProtect]") as p:
        base = p.region(4)
        p.write(base, 1)
        works(p.virtual_protect(base, PAGE, RO))
        p.raises(AV, 1, base).write(base, 1)
        works(p.virtual_protect(base, PAGE, RW))
        p.write(base, 1)
    with rule("a range that crosses into a forbidden page raises at that page", "[EXCEPTION_RECORD]") as p:
        base = p.region(4)
        works(p.virtual_protect(base + 2 * PAGE, PAGE, NOACCESS))
        p.raises(AV, 0, base + 2 * PAGE).read(base, 4 * PAGE)
        assert p.valid(base, 4) == [True, True, False, False]
    with rule("a read-only view can't be made writable", "[VirtualProtect]") as p:
        base = p.view(access=w.FILE_MAP_READ)
        p.fails(PARAMETER).virtual_protect(base, PAGE, RW)
    with rule("a writable view can be made read-only, and writable again", "[VirtualProtect]") as p:
        base = p.view()
        assert p.virtual_protect(base, PAGE, RO) == RW
        p.raises(AV, 1, base).write(base, 1)
        assert p.virtual_protect(base, PAGE, RW) == RO
        p.write(base, 1)
    with rule("protecting a view changes nothing for other views of the section", "[VirtualProtect]") as p:
        handle = works(p.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, UNIT))
        first = works(p.map_view_of_file(handle, w.FILE_MAP_WRITE))
        second = works(p.map_view_of_file(handle, w.FILE_MAP_WRITE))
        works(p.virtual_protect(first, UNIT, RO))
        assert p.query(second) == (16, COMMIT, RW)
        p.write(second, 1)


def test_protections_of_copied_pages(rule: Rule) -> None:
    with rule(
        "a copy-on-write page that was copied keeps its copy read-only", "[VirtualProtect]", files={"data": UNIT}
    ) as p:
        base = p.mapped(protect=w.PAGE_WRITECOPY, access=w.FILE_MAP_COPY)
        p.write(base, 1)
        works(p.virtual_protect(base, PAGE, RO))
        p.read(base, 1)
        p.raises(AV, 1, base).write(base, 1)
        assert not p.query_working_set_ex([base])[0].shared


def test_virtual_protect_ex(rule: Rule) -> None:
    with rule("protects memory of another process", "[VirtualProtectEx]") as p:

        def victim(target: Any) -> None:
            base = target.region(4)
            bases.append(base)
            target.sleep(100)
            target.raises(AV, 1, base).write(base, 1)
            bases.append(base)

        bases: list[int] = []
        handle = works(p.create_process("b", victim))
        p.sleep(10)
        assert p.virtual_protect_ex(handle, bases[0], PAGE, RO) == RW
        p.wait_for_single_object(handle)
        assert len(bases) == 2
