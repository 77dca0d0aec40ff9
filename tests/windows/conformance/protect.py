"""VirtualProtect, and what each protection lets a thread do."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    ADDRESS,
    AV,
    COMMIT,
    GUARD,
    NOACCESS,
    PAGE,
    PARAMETER,
    RESERVE,
    RO,
    RW,
    UNIT,
    Steps,
    Table,
    charge,
    equal,
    fails,
    mapped,
    query,
    raises,
    region,
    state,
    valid,
    view,
    works,
)

case = Table()
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


def attempt(process: Any, address: int, access: str, allowed: str) -> Steps:
    """Access memory in one way, which works if it is among those that are allowed."""
    touch = {"read": process.read, "write": process.write, "execute": process.execute}[access](address, 1)
    if access in allowed.split():
        yield from touch
    else:
        code = 8 if access == "execute" and allowed else CODES[access]
        yield from raises(AV, touch, code, address)


for _name, (_protect, _allowed) in ALLOWED.items():
    for _access in CODES:
        if (_name, _access) in {("PAGE_EXECUTE", "read"), ("PAGE_NOACCESS", "execute")}:
            continue  # not documented: x86 lets executable pages be read; nothing says what kind of violation it is

        @case(
            "VirtualProtect",
            f"{_name} {'lets a thread' if _access in _allowed.split() else 'lets no thread'} {_access}",
            "[Memory Protection Constants] and [EXCEPTION_RECORD]",
        )
        def _(process: Any, protect: int = _protect, access: str = _access, allowed: str = _allowed) -> Steps:
            base = yield from region(process, 2)
            yield from process.write(base, 2 * PAGE)
            yield from works(process.virtual_protect(base, PAGE, protect))
            yield from attempt(process, base + 12, access, allowed)


for _name, (_protect, _allowed) in ALLOWED_IN_VIEWS.items():
    for _access in CODES:

        @case(
            "MapViewOfFile",
            f"in a copy-on-write view {_name} {'lets' if _access in _allowed.split() else 'lets no'} thread {_access}",
            "[Memory Protection Constants]",
            files={"data": UNIT},
        )
        def _(process: Any, protect: int = _protect, access: str = _access, allowed: str = _allowed) -> Steps:
            execute = w.FILE_MAP_EXECUTE if "execute" in allowed else 0
            base = yield from mapped(process, protect=protect, access=w.FILE_MAP_COPY | execute)
            equal((yield from query(process, base)), (16, COMMIT, protect))
            yield from attempt(process, base + 12, access, allowed)


@case("VirtualProtect", "gives the old protection of the first page", "[VirtualProtect]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    equal((yield from process.virtual_protect(base, PAGE, RO)), RW)
    equal((yield from process.virtual_protect(base, 2 * PAGE, NOACCESS)), RO)


@case("VirtualProtect", "changes every page that the range touches", "[VirtualProtect]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_protect(base + 2 * PAGE - 1, 2, RO))
    equal((yield from query(process, base + PAGE)), (2, COMMIT, RO))


@case("VirtualProtect", "one uncommitted page makes it fail and change nothing", f"{VIRTUAL_C} and sdk/lib/rtl/error.c")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE)
    yield from works(process.virtual_alloc(base, 3 * PAGE, COMMIT, RW))
    yield from fails(process, ADDRESS, process.virtual_protect(base, 4 * PAGE, RO))
    equal((yield from query(process, base)), (3, COMMIT, RW))


@case("VirtualProtect", "reserved pages can't be protected", "[VirtualProtect]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE)
    yield from fails(process, ADDRESS, process.virtual_protect(base, PAGE, RO))


@case("VirtualProtect", "free pages can't be protected", "[VirtualProtect]")
def _(process: Any) -> Steps:
    yield from fails(process, ADDRESS, process.virtual_protect(FREE_PLACE, PAGE, RO))


@case("VirtualProtect", "a range can't span two reservations", "[VirtualProtect]")
def _(process: Any) -> Steps:
    base = yield from region(process, 16, at=FREE_PLACE)
    yield from region(process, 16, at=FREE_PLACE + UNIT)
    yield from fails(process, ADDRESS, process.virtual_protect(base + 15 * PAGE, 2 * PAGE, RO))
    equal((yield from query(process, base)), (16, COMMIT, RW))


for _name, _kind in {
    "no protection": 0,
    "two protections": RW | RO,
    "PAGE_GUARD with PAGE_NOACCESS": GUARD | NOACCESS,
    "PAGE_WRITECOPY of private memory": w.PAGE_WRITECOPY,
    "PAGE_EXECUTE_WRITECOPY of private memory": w.PAGE_EXECUTE_WRITECOPY,
}.items():

    @case("VirtualProtect", f"{_name} is refused", "[Memory Protection Constants]")
    def _(process: Any, protect: int = _kind) -> Steps:
        base = yield from region(process, 4)
        yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, protect))
        equal((yield from query(process, base)), (4, COMMIT, RW))


@case("VirtualProtect", "commit charge of private pages doesn't depend on their protection", "[Page State]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    before = yield from charge(process)
    for protect in (RO, NOACCESS, w.PAGE_EXECUTE_READ, RW):
        yield from works(process.virtual_protect(base, 4 * PAGE, protect))
        equal((yield from charge(process)), before)


@case("VirtualProtect", "pages made inaccessible leave the working set and come back softly", "MODEL section 3 (13)")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    yield from works(process.virtual_protect(base + PAGE, PAGE, NOACCESS))
    equal((yield from valid(process, base, 4)), [True, False, True, True])
    yield from works(process.virtual_protect(base + PAGE, PAGE, RW))
    equal((yield from valid(process, base, 4)), [True, False, True, True])
    yield from process.read(base + PAGE, 1)
    equal(state(process, base + PAGE)["stored"].all(), True)


@case("VirtualProtect", "read-only pages stay in the working set", "[Working Set]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    yield from works(process.virtual_protect(base, 4 * PAGE, RO))
    equal((yield from valid(process, base, 4)), [True] * 4)


@case("VirtualProtect", "a page that is writable again can be written", "[VirtualProtect]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 1)
    yield from works(process.virtual_protect(base, PAGE, RO))
    yield from raises(AV, process.write(base, 1), 1, base)
    yield from works(process.virtual_protect(base, PAGE, RW))
    yield from process.write(base, 1)


@case("VirtualProtect", "a range that crosses into a forbidden page raises at that page", "[EXCEPTION_RECORD]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_protect(base + 2 * PAGE, PAGE, NOACCESS))
    yield from raises(AV, process.read(base, 4 * PAGE), 0, base + 2 * PAGE)
    equal((yield from valid(process, base, 4)), [True, True, False, False])


@case("VirtualProtect", "a read-only view can't be made writable", "[VirtualProtect]")
def _(process: Any) -> Steps:
    base = yield from view(process, access=w.FILE_MAP_READ)
    yield from fails(process, PARAMETER, process.virtual_protect(base, PAGE, RW))


@case("VirtualProtect", "a writable view can be made read-only, and writable again", "[VirtualProtect]")
def _(process: Any) -> Steps:
    base = yield from view(process)
    equal((yield from process.virtual_protect(base, PAGE, RO)), RW)
    yield from raises(AV, process.write(base, 1), 1, base)
    equal((yield from process.virtual_protect(base, PAGE, RW)), RO)
    yield from process.write(base, 1)


@case("VirtualProtect", "protecting a view changes nothing for other views of the section", "[VirtualProtect]")
def _(process: Any) -> Steps:
    handle = yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, UNIT))
    first = yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))
    second = yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))
    yield from works(process.virtual_protect(first, UNIT, RO))
    equal((yield from query(process, second)), (16, COMMIT, RW))
    yield from process.write(second, 1)


@case(
    "VirtualProtect",
    "a copy-on-write page that was copied keeps its copy read-only",
    "[VirtualProtect]",
    files={"data": UNIT},
)
def _(process: Any) -> Steps:
    base = yield from mapped(process, protect=w.PAGE_WRITECOPY, access=w.FILE_MAP_COPY)
    yield from process.write(base, 1)
    yield from works(process.virtual_protect(base, PAGE, RO))
    yield from process.read(base, 1)
    yield from raises(AV, process.write(base, 1), 1, base)
    equal(bool((yield from process.query_working_set_ex([base]))[0].shared), False)


@case("VirtualProtectEx", "protects memory of another process", "[VirtualProtectEx]")
def _(process: Any) -> Steps:
    def victim(target: Any) -> Steps:
        base = yield from region(target, 4)
        bases.append(base)
        yield from target.sleep(100)
        yield from raises(AV, target.write(base, 1), 1, base)
        bases.append(base)

    bases: list[int] = []
    handle = yield from works(process.create_process("b", victim))
    yield from process.sleep(10)
    equal((yield from process.virtual_protect_ex(handle, bases[0], PAGE, RO)), RW)
    yield from process.wait_for_single_object(handle)
    equal(len(bases), 2, "the other process met the violation")
