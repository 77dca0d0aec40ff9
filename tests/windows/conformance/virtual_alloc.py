"""VirtualAlloc: rounding, flags, states, what is charged, and that it does all or nothing."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    ADDRESS,
    AV,
    BOTH,
    COMMIT,
    NOACCESS,
    PAGE,
    PARAMETER,
    PRESSURE,
    RELEASE,
    RESERVE,
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
    region,
    several,
    state,
    valid,
    works,
)

case = Table()
VIRTUAL_C = "ros: ntoskrnl/mm/ARM3/virtual.c"
FREE_PLACE = 0x2000_0000


@case("VirtualAlloc", "a region without an address begins at a multiple of 64 KiB", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    for _ in range(3):
        base = yield from region(process, 3, RESERVE)
        equal(base % UNIT, 0)


@case("VirtualAlloc", "a reserve address is rounded down to 64 KiB", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    equal((yield from region(process, 1, RESERVE, at=FREE_PLACE + 0x1234)), FREE_PLACE)


@case("VirtualAlloc", "an unaligned reserve address extends the region downwards only", VIRTUAL_C)
def _(process: Any) -> Steps:
    yield from region(process, 2, RESERVE, at=FREE_PLACE + 9 * PAGE)
    equal((yield from query(process, FREE_PLACE)), (11, RESERVE, 0))


@case("VirtualAlloc", "a commit address is rounded down to a page", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE)
    equal((yield from works(process.virtual_alloc(base + PAGE + 100, 1, COMMIT, RW))), base + PAGE)
    equal((yield from query(process, base + PAGE)), (1, COMMIT, RW))


@case("VirtualAlloc", "without an address the size goes up to a page", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from works(process.virtual_alloc(0, PAGE + 1, BOTH, RW))
    equal((yield from query(process, base)), (2, COMMIT, RW))


@case("VirtualAlloc", "with an address every page that the range touches is taken", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE)
    yield from works(process.virtual_alloc(base + PAGE - 1, 2, COMMIT, RW))
    equal((yield from query(process, base)), (2, COMMIT, RW))


@case("VirtualAlloc", "reserved pages have a state and no protection", "[MEMORY_BASIC_INFORMATION]")
def _(process: Any) -> Steps:
    base = yield from region(process, 5, RESERVE)
    equal((yield from query(process, base)), (5, RESERVE, 0))


@case("VirtualAlloc", "reserve and commit can be done at once", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 5)
    equal((yield from query(process, base)), (5, COMMIT, RW))


@case("VirtualAlloc", "a commit without an address reserves too", VIRTUAL_C)
def _(process: Any) -> Steps:
    base = yield from works(process.virtual_alloc(0, PAGE, COMMIT, RW))
    found = yield from process.virtual_query(base)
    equal((found.allocation_base, found.state), (base, COMMIT))


@case("VirtualAlloc", "a commit of free pages fails", VIRTUAL_C)
def _(process: Any) -> Steps:
    yield from fails(process, ADDRESS, process.virtual_alloc(FREE_PLACE, PAGE, COMMIT, RW))


@case("VirtualAlloc", "a commit past the end of a reservation fails and commits nothing", VIRTUAL_C)
def _(process: Any) -> Steps:
    base = yield from region(process, 2, RESERVE)
    before = yield from charge(process)
    yield from fails(process, ADDRESS, process.virtual_alloc(base + PAGE, 2 * PAGE, COMMIT, RW))
    equal((yield from query(process, base)), (2, RESERVE, 0))
    equal((yield from charge(process)), before)


@case("VirtualAlloc", "a commit can't span two reservations", VIRTUAL_C)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, RESERVE, at=FREE_PLACE)
    yield from region(process, 16, RESERVE, at=FREE_PLACE + UNIT)
    yield from fails(process, ADDRESS, process.virtual_alloc(base + 15 * PAGE, 2 * PAGE, COMMIT, RW))
    equal((yield from query(process, base)), (16, RESERVE, 0))


@case("VirtualAlloc", "committing committed pages succeeds and charges nothing", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    before = yield from charge(process)
    equal((yield from works(process.virtual_alloc(base, 4 * PAGE, COMMIT, RW))), base)
    equal((yield from charge(process)), before)


@case("VirtualAlloc", "committing committed pages applies the new protection", VIRTUAL_C)
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from works(process.virtual_alloc(base + PAGE, PAGE, COMMIT, RO))
    equal((yield from query(process, base + PAGE)), (1, COMMIT, RO))


@case("VirtualAlloc", "committing committed pages keeps what is in them", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 1)
    yield from process.write(base, 1)
    yield from works(process.virtual_alloc(base, PAGE, COMMIT, RW))
    equal((yield from valid(process, base)), [True])
    equal(bool(state(process, base)["dirty"][0]), True)


@case("VirtualAlloc", "a commit of partly committed pages charges the others only", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, RESERVE)
    yield from works(process.virtual_alloc(base + 2 * PAGE, 3 * PAGE, COMMIT, RW))
    before = yield from charge(process)
    yield from works(process.virtual_alloc(base, 8 * PAGE, COMMIT, RW))
    equal((yield from charge(process)), before + 5)


@case("VirtualAlloc", "a commit charges each page at once", "[PERFORMANCE_INFORMATION]")
def _(process: Any) -> Steps:
    base = yield from region(process, 16, RESERVE)
    before = yield from charge(process)
    yield from works(process.virtual_alloc(base, 10 * PAGE, COMMIT, RW))
    equal((yield from charge(process)), before + 10)


@case("VirtualAlloc", "inaccessible committed pages are charged too", "[Page State]")
def _(process: Any) -> Steps:
    base = yield from region(process, 16, RESERVE)
    before = yield from charge(process)
    yield from works(process.virtual_alloc(base, 10 * PAGE, COMMIT, NOACCESS))
    equal((yield from charge(process)), before + 10)


@case("VirtualAlloc", "a reservation takes no storage", "[Page State]")
def _(process: Any) -> Steps:
    before = yield from process.get_process_memory_info()
    yield from works(process.virtual_alloc(0, 1 << 40, RESERVE, RW))
    after = yield from process.get_process_memory_info()
    equal(after.private_usage, before.private_usage)
    equal(after.working_set_size, before.working_set_size)


@case("VirtualAlloc", "a committed page has no frame before the first touch", "[Page State]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    equal((yield from valid(process, base, 4)), [False] * 4)
    yield from process.read(base + 2 * PAGE, 1)
    equal((yield from valid(process, base, 4)), [False, False, True, False])


@case("VirtualAlloc", "a touch of reserved pages is an access violation", "[Page State]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4, RESERVE)
    yield from raises(AV, process.read(base + 8, 1), 0, base + 8)


@case("VirtualAlloc", "a touch of free pages is an access violation", "[Page State]")
def _(process: Any) -> Steps:
    yield from raises(AV, process.write(FREE_PLACE + 8, 1), 1, FREE_PLACE + 8)


@case("VirtualAlloc", "reserving over a reservation fails", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 16, RESERVE)
    yield from fails(process, ADDRESS, process.virtual_alloc(base, PAGE, RESERVE, RW))


@case("VirtualAlloc", "reserving the rest of a 64 KiB unit that is in use fails", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 1, RESERVE)
    yield from fails(process, ADDRESS, process.virtual_alloc(base + 8 * PAGE, PAGE, RESERVE, RW))


@case("VirtualAlloc", "reserving up into a reservation fails", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    yield from region(process, 16, RESERVE, at=FREE_PLACE + UNIT)
    yield from fails(process, ADDRESS, process.virtual_alloc(FREE_PLACE, UNIT + 1, RESERVE, RW))
    equal((yield from process.virtual_query(FREE_PLACE)).state, w.MEM_FREE)


@case("VirtualAlloc", "size 0 is refused", VIRTUAL_C)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.virtual_alloc(0, 0, BOTH, RW))


BAD_TYPES = {
    "no flag": 0,
    "MEM_TOP_DOWN alone": w.MEM_TOP_DOWN,
    "MEM_DECOMMIT": w.MEM_DECOMMIT,
    "MEM_COMMIT with MEM_RELEASE": COMMIT | RELEASE,
    "a bit without a meaning": BOTH | 0x4,
    "MEM_RESET with MEM_COMMIT": w.MEM_RESET | COMMIT,
    "MEM_RESET with MEM_RESERVE": w.MEM_RESET | RESERVE,
    "MEM_RESET_UNDO with MEM_COMMIT": w.MEM_RESET_UNDO | COMMIT,
    "MEM_RESET with MEM_RESET_UNDO": w.MEM_RESET | w.MEM_RESET_UNDO,
    "MEM_WRITE_WATCH without MEM_RESERVE": w.MEM_WRITE_WATCH | COMMIT,
    "MEM_PHYSICAL without MEM_RESERVE": w.MEM_PHYSICAL,
    "MEM_PHYSICAL with MEM_COMMIT": w.MEM_PHYSICAL | BOTH,
    "MEM_LARGE_PAGES without MEM_COMMIT": w.MEM_LARGE_PAGES | RESERVE,
    "MEM_LARGE_PAGES without MEM_RESERVE": w.MEM_LARGE_PAGES | COMMIT,
}
for _name, _kind in BAD_TYPES.items():

    @case("VirtualAlloc", f"{_name} is a bad mixture of flags", f"[VirtualAlloc] and {VIRTUAL_C}")
    def _(process: Any, kind: int = _kind) -> Steps:
        base = yield from region(process, 512)
        yield from fails(process, PARAMETER, process.virtual_alloc(base, 512 * PAGE, kind, RW))


BAD_PROTECTIONS = {
    "no protection": 0,
    "two protections": RW | RO,
    "PAGE_WRITECOPY": w.PAGE_WRITECOPY,
    "PAGE_EXECUTE_WRITECOPY": w.PAGE_EXECUTE_WRITECOPY,
    "PAGE_GUARD alone": w.PAGE_GUARD,
    "PAGE_GUARD with PAGE_NOACCESS": w.PAGE_GUARD | NOACCESS,
    "PAGE_NOCACHE with PAGE_WRITECOMBINE": RW | w.PAGE_NOCACHE | w.PAGE_WRITECOMBINE,
    "PAGE_NOCACHE with PAGE_NOACCESS": NOACCESS | w.PAGE_NOCACHE,
    "PAGE_NOCACHE with PAGE_GUARD": RW | w.PAGE_GUARD | w.PAGE_NOCACHE,
    "PAGE_WRITECOMBINE with PAGE_NOACCESS": NOACCESS | w.PAGE_WRITECOMBINE,
}
for _name, _kind in BAD_PROTECTIONS.items():

    @case("VirtualAlloc", f"{_name} is refused as protection", "[Memory Protection Constants]")
    def _(process: Any, protect: int = _kind) -> Steps:
        yield from fails(process, PARAMETER, process.virtual_alloc(0, PAGE, BOTH, protect))


@case("VirtualAlloc", "an address below 64 KiB is refused", "ros: dll/win32/kernel32/client/virtmem.c")
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.virtual_alloc(PAGE, PAGE, RESERVE, RW))


@case("VirtualAlloc", "an address above user space is refused", VIRTUAL_C, bits=32)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.virtual_alloc(0x8000_0000, PAGE, RESERVE, RW))


@case("VirtualAlloc", "a size larger than user space is refused", VIRTUAL_C, bits=32)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.virtual_alloc(0, 1 << 32, RESERVE, RW))


@case("VirtualAlloc", "a 32-bit process has 2 GiB of addresses, and then no more", "[Memory Limits]", bits=32)
def _(process: Any) -> Steps:
    yield from works(process.virtual_alloc(0, 1 << 30, RESERVE, RW))
    yield from fails(process, w.ERROR_NOT_ENOUGH_MEMORY, process.virtual_alloc(0, 1 << 30, RESERVE, RW))


@case("VirtualAlloc", "beyond the commit limit it fails and changes nothing", "MODEL section 1", paging_pages=64)
def _(process: Any) -> Steps:
    base = yield from region(process, 4096, RESERVE)
    before = yield from charge(process)
    yield from fails(process, w.ERROR_COMMITMENT_LIMIT, process.virtual_alloc(base, 4096 * PAGE, COMMIT, RW))
    equal((yield from charge(process)), before)
    equal((yield from query(process, base)), (4096, RESERVE, 0))


@case(
    "VirtualAlloc",
    "the commit limit is reached by pages never touched, while frames are free",
    "[PERFORMANCE_INFORMATION]",
    paging_pages=64,
)
def _(process: Any) -> Steps:
    first = yield from process.get_performance_info()
    room = first.commit_limit - first.commit_total
    while room > 8:
        yield from region(process, min(room - 8, 64))
        now = yield from process.get_performance_info()
        room = now.commit_limit - now.commit_total
    yield from fails(process, w.ERROR_COMMITMENT_LIMIT, process.virtual_alloc(0, 64 * PAGE, BOTH, RW))
    equal((yield from process.get_performance_info()).physical_available > 300, True, "frames are free")


@case("VirtualAlloc", "MEM_TOP_DOWN takes the highest addresses there are", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    low = yield from region(process, 16, RESERVE)
    first = yield from region(process, 16, RESERVE | w.MEM_TOP_DOWN)
    second = yield from region(process, 16, RESERVE | w.MEM_TOP_DOWN)
    equal(low < second < first, True, "in order")


@case("VirtualAlloc", "without MEM_TOP_DOWN the lowest hole that is large enough is taken", VIRTUAL_C)
def _(process: Any) -> Steps:
    holes = yield from several(region(process, 16, RESERVE) for _ in range(4))
    yield from works(process.virtual_free(holes[1], 0, RELEASE))
    equal((yield from region(process, 16, RESERVE)), holes[1])


@case("VirtualAlloc", "MEM_RESET keeps the protection, and needs a valid one though it ignores it", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from fails(process, PARAMETER, process.virtual_alloc(base, 4 * PAGE, w.MEM_RESET, 0))
    yield from works(process.virtual_alloc(base, 4 * PAGE, w.MEM_RESET, NOACCESS))
    equal((yield from query(process, base)), (4, COMMIT, RW))


@case("VirtualAlloc", "MEM_RESET makes dirty pages clean, in the working set", "[NtAllocateVirtualMemory]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    yield from works(process.virtual_alloc(base, 4 * PAGE, w.MEM_RESET, NOACCESS))
    equal((yield from valid(process, base, 4)), [True] * 4)
    equal(state(process, base, 4)["dirty"].any(), False)


@case("VirtualAlloc", "pages after MEM_RESET stay committed and accessible", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    before = yield from charge(process)
    yield from works(process.virtual_alloc(base, 4 * PAGE, w.MEM_RESET, RW))
    equal((yield from charge(process)), before)
    yield from process.write(base, 4 * PAGE)


@case("VirtualAlloc", "MEM_RESET of a free page fails", VIRTUAL_C)
def _(process: Any) -> Steps:
    yield from fails(process, ADDRESS, process.virtual_alloc(FREE_PLACE, PAGE, w.MEM_RESET, RW))


@case("VirtualAlloc", "MEM_RESET_UNDO succeeds if nothing has been lost", "[VirtualAlloc]")
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    yield from works(process.virtual_alloc(base, 4 * PAGE, w.MEM_RESET, NOACCESS))
    yield from works(process.virtual_alloc(base, 4 * PAGE, w.MEM_RESET_UNDO, NOACCESS))
    equal(state(process, base, 4)["stored"].all(), True)


@case("VirtualAlloc", "MEM_RESET_UNDO fails once a page was lost", "[VirtualAlloc]", **PRESSURE)
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    yield from process.write(base, 8 * PAGE)
    yield from works(process.virtual_alloc(base, 8 * PAGE, w.MEM_RESET, NOACCESS))
    yield from process.empty_working_set()
    rest = yield from region(process, 160)
    yield from process.write(rest, 160 * PAGE)
    yield from fails(process, 0, process.virtual_alloc(base, 8 * PAGE, w.MEM_RESET_UNDO, NOACCESS))
