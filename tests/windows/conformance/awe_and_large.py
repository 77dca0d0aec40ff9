"""Memory that never faults: AWE windows and large pages; and write watch, which is asked for the same way."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    ADDRESS,
    AV,
    BOTH,
    DECOMMIT,
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
    raises,
    region,
    valid,
    works,
)

case = Table()
AWE, LARGE = "[AWE]", "[Large-Page Support]"
SMALL_LARGE: dict[str, Any] = {"settings": {"large_page_minimum": UNIT}}
"""a large page of 64 KiB, so that small machines have some"""
HUGE = BOTH | w.MEM_LARGE_PAGES


def window(process: Any, pages: int = 16) -> Steps:
    """The address of a region for AWE."""
    return (yield from region(process, pages, RESERVE | w.MEM_PHYSICAL))


def filled(process: Any, pages: int = 4) -> Steps:
    """(address, frames) of a new region whose first pages show new frames."""
    base = yield from window(process)
    frames = yield from works(process.allocate_user_physical_pages(pages))
    yield from works(process.map_user_physical_pages(base, pages, frames))
    return base, frames


@case("AllocateUserPhysicalPages", "needs the privilege to lock pages", "[AllocateUserPhysicalPages]", privileges=())
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_PRIVILEGE_NOT_HELD, process.allocate_user_physical_pages(4))


@case("AllocateUserPhysicalPages", "takes frames at once", "[AllocateUserPhysicalPages]")
def _(process: Any) -> Steps:
    before = (yield from process.get_performance_info()).physical_available
    frames = yield from works(process.allocate_user_physical_pages(10))
    equal(len(set(frames)), 10)
    equal((yield from process.get_performance_info()).physical_available, before - 10)


@case("AllocateUserPhysicalPages", "the frames are charged", "MODEL section 5")
def _(process: Any) -> Steps:
    before = yield from charge(process)
    yield from works(process.allocate_user_physical_pages(10))
    equal((yield from charge(process)), before + 10)


@case("AllocateUserPhysicalPages", "may give fewer pages than asked for", "[AllocateUserPhysicalPages]", frames=128)
def _(process: Any) -> Steps:
    frames = yield from works(process.allocate_user_physical_pages(1000))
    equal(0 < len(frames) < 128, True, f"{len(frames)} frames of 128")


@case("FreeUserPhysicalPages", "gives the frames and their charge back", "[FreeUserPhysicalPages]")
def _(process: Any) -> Steps:
    frames = yield from works(process.allocate_user_physical_pages(10))
    before = yield from process.get_performance_info()
    yield from works(process.free_user_physical_pages(frames))
    after = yield from process.get_performance_info()
    equal(after.physical_available, before.physical_available + 10)
    equal(after.commit_total, before.commit_total - 10)


@case("FreeUserPhysicalPages", "frames that the process doesn't have are refused", "[FreeUserPhysicalPages]")
def _(process: Any) -> Steps:
    frames = yield from works(process.allocate_user_physical_pages(2))
    yield from works(process.free_user_physical_pages(frames))
    yield from fails(process, 0, process.free_user_physical_pages(frames))


@case("FreeUserPhysicalPages", "a frame that is mapped is unmapped", "[FreeUserPhysicalPages]")
def _(process: Any) -> Steps:
    base, frames = yield from filled(process)
    yield from works(process.free_user_physical_pages(frames))
    yield from raises(AV, process.read(base, 1), 0, base)


for _name, _kind, _protect in (
    ("other protections than PAGE_READWRITE are refused", RESERVE | w.MEM_PHYSICAL, RO),
    ("it can't be committed", BOTH | w.MEM_PHYSICAL, RW),
    ("large pages can't be had for it", RESERVE | w.MEM_PHYSICAL | w.MEM_LARGE_PAGES, RW),
    ("write watch can't be had for it", RESERVE | w.MEM_PHYSICAL | w.MEM_WRITE_WATCH, RW),
):

    @case("MEM_PHYSICAL", _name, "[VirtualAlloc] and [AWE]", **SMALL_LARGE)
    def _(process: Any, kind: int = _kind, protect: int = _protect) -> Steps:
        yield from fails(process, PARAMETER, process.virtual_alloc(0, UNIT, kind, protect))


@case("MEM_PHYSICAL", "what shows no frame can't be touched", AWE)
def _(process: Any) -> Steps:
    base = yield from window(process)
    yield from raises(AV, process.read(base, 1), 0, base)


@case("MapUserPhysicalPages", "mapped frames can be read and written without a fault", "[Working Set]")
def _(process: Any) -> Steps:
    base, _ = yield from filled(process)
    before = (yield from process.get_process_memory_info()).page_fault_count
    yield from process.write(base, 4 * PAGE)
    yield from process.read(base, 4 * PAGE)
    equal((yield from process.get_process_memory_info()).page_fault_count, before)


@case("MapUserPhysicalPages", "mapped frames are not in the working set", "[Working Set]")
def _(process: Any) -> Steps:
    base, _ = yield from filled(process)
    before = (yield from process.get_process_memory_info()).working_set_size
    yield from process.write(base, 4 * PAGE)
    equal((yield from process.get_process_memory_info()).working_set_size, before)


@case("MapUserPhysicalPages", "without frames it unmaps", "[MapUserPhysicalPages]")
def _(process: Any) -> Steps:
    base, _ = yield from filled(process)
    yield from works(process.map_user_physical_pages(base, 4, None))
    yield from raises(AV, process.read(base, 1), 0, base)


@case("MapUserPhysicalPages", "a frame is shown at one address only", AWE)
def _(process: Any) -> Steps:
    base, frames = yield from filled(process)
    yield from fails(process, 0, process.map_user_physical_pages(base + 8 * PAGE, 4, frames))
    yield from process.write(base, 1)


@case("MapUserPhysicalPages", "another window can show the frames after they are unmapped", AWE)
def _(process: Any) -> Steps:
    base, frames = yield from filled(process)
    yield from works(process.map_user_physical_pages(base, 4, None))
    yield from works(process.map_user_physical_pages(base + 8 * PAGE, 4, frames))
    yield from process.write(base + 8 * PAGE, 4 * PAGE)


@case("MapUserPhysicalPages", "the addresses must be of a MEM_PHYSICAL region", "[MapUserPhysicalPages]")
def _(process: Any) -> Steps:
    base = yield from region(process, 16, RESERVE)
    frames = yield from works(process.allocate_user_physical_pages(1))
    yield from fails(process, 0, process.map_user_physical_pages(base, 1, frames))


@case("MEM_PHYSICAL", "its pages can't be protected", AWE)
def _(process: Any) -> Steps:
    base, _ = yield from filled(process)
    yield from fails(process, 0, process.virtual_protect(base, PAGE, RO))


@case("MEM_PHYSICAL", "it can't be freed in part", AWE)
def _(process: Any) -> Steps:
    base, _ = yield from filled(process)
    yield from fails(process, 0, process.virtual_free(base, PAGE, DECOMMIT))
    yield from process.read(base, 1)


@case("MEM_PHYSICAL", "VirtualFree leaves the frames allocated", AWE)
def _(process: Any) -> Steps:
    base, frames = yield from filled(process)
    before = (yield from process.get_performance_info()).physical_available
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from process.get_performance_info()).physical_available, before)
    again = yield from window(process)
    yield from works(process.map_user_physical_pages(again, 4, frames))
    yield from process.read(again, 4 * PAGE)


@case("MEM_PHYSICAL", "mapped frames stay under memory pressure", AWE, **PRESSURE)
def _(process: Any) -> Steps:
    base, _ = yield from filled(process)
    rest = yield from region(process, 200)
    yield from process.write(rest, 200 * PAGE)
    before = (yield from process.get_process_memory_info()).page_fault_count
    yield from process.read(base, 4 * PAGE)
    equal((yield from process.get_process_memory_info()).page_fault_count, before)


@case("GetLargePageMinimum", "is 2 MiB on x86-64", "[GetLargePageMinimum]")
def _(process: Any) -> Steps:
    equal((yield from process.get_large_page_minimum()), 2 << 20)


@case("MEM_LARGE_PAGES", "needs the privilege to lock pages", LARGE, privileges=(), **SMALL_LARGE)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_PRIVILEGE_NOT_HELD, process.virtual_alloc(0, UNIT, HUGE, RW))


@case("MEM_LARGE_PAGES", "the size must be a multiple of the large page", LARGE, **SMALL_LARGE)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.virtual_alloc(0, UNIT + PAGE, HUGE, RW))


@case("MEM_LARGE_PAGES", "its pages never fault and are not in the working set", LARGE, **SMALL_LARGE)
def _(process: Any) -> Steps:
    before = yield from process.get_process_memory_info()
    base = yield from works(process.virtual_alloc(0, 2 * UNIT, HUGE, RW))
    yield from process.write(base, 2 * UNIT)
    after = yield from process.get_process_memory_info()
    equal(after.page_fault_count, before.page_fault_count)
    equal(after.working_set_size, before.working_set_size)


@case("MEM_LARGE_PAGES", "its pages count as private bytes", LARGE, **SMALL_LARGE)
def _(process: Any) -> Steps:
    before = (yield from process.get_process_memory_info()).private_usage
    yield from works(process.virtual_alloc(0, 2 * UNIT, HUGE, RW))
    equal((yield from process.get_process_memory_info()).private_usage >= before + 2 * UNIT, True)


@case("MEM_LARGE_PAGES", "its frames are taken at once", LARGE, **SMALL_LARGE)
def _(process: Any) -> Steps:
    before = (yield from process.get_performance_info()).physical_available
    yield from works(process.virtual_alloc(0, 2 * UNIT, HUGE, RW))
    equal((yield from process.get_performance_info()).physical_available, before - 32)


@case(
    "MEM_LARGE_PAGES", "fails when memory has no contiguous run that is large enough", LARGE, frames=128, **SMALL_LARGE
)
def _(process: Any) -> Steps:
    yield from fails(process, 0, process.virtual_alloc(0, 64 * UNIT, HUGE, RW))


@case("MEM_LARGE_PAGES", "released large pages are available again", LARGE, **SMALL_LARGE)
def _(process: Any) -> Steps:
    before = (yield from process.get_performance_info()).physical_available
    base = yield from works(process.virtual_alloc(0, 2 * UNIT, HUGE, RW))
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from process.get_performance_info()).physical_available, before)


@case("GetWriteWatch", "gives the pages written since the allocation", "[GetWriteWatch]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, BOTH | w.MEM_WRITE_WATCH)
    yield from process.write(base + 2 * PAGE, 1)
    yield from process.write(base + 5 * PAGE, 1)
    yield from process.read(base + 6 * PAGE, 1)
    equal(list((yield from process.get_write_watch(base, 8 * PAGE))), [base + 2 * PAGE, base + 5 * PAGE])


@case("GetWriteWatch", "can reset what it gives", "[GetWriteWatch]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, BOTH | w.MEM_WRITE_WATCH)
    yield from process.write(base + 2 * PAGE, 1)
    equal(len((yield from process.get_write_watch(base, 8 * PAGE, True))), 1)
    yield from process.write(base + 3 * PAGE, 1)
    equal(list((yield from process.get_write_watch(base, 8 * PAGE))), [base + 3 * PAGE])


@case("ResetWriteWatch", "forgets what was written", "[ResetWriteWatch]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8, BOTH | w.MEM_WRITE_WATCH)
    yield from process.write(base, 8 * PAGE)
    yield from process.reset_write_watch(base, 8 * PAGE)
    equal(list((yield from process.get_write_watch(base, 8 * PAGE))), [])


@case("GetWriteWatch", "the region must have been allocated with MEM_WRITE_WATCH", "[GetWriteWatch]")
def _(process: Any) -> Steps:
    base = yield from region(process, 8)
    process.set_last_error(0)
    found = yield from process.get_write_watch(base, 8 * PAGE)
    equal((found, process.get_last_error()), (None, PARAMETER))


@case("MEM_PHYSICAL", "frames of a process that ended are available again", AWE)
def _(process: Any) -> Steps:
    def taker(child: Any) -> Steps:
        yield from filled(child, 16)

    before = yield from process.get_performance_info()
    handle = yield from works(process.create_process("b", taker))
    yield from process.wait_for_single_object(handle)
    after = yield from process.get_performance_info()
    equal(after.physical_available >= before.physical_available - 4, True)
    yield from fails(process, ADDRESS, process.virtual_free(0x2000_0000, 0, RELEASE))


@case("AllocateUserPhysicalPages", "frames mapped from outside the list are refused", "[MapUserPhysicalPages]")
def _(process: Any) -> Steps:
    base = yield from window(process)
    yield from fails(process, 0, process.map_user_physical_pages(base, 1, [0]))
    equal((yield from valid(process, base)), [False])
