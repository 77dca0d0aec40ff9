"""Memory that never faults: AWE windows and large pages; and write watch, which is asked for the same way."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

AWE, LARGE = "[AWE]", "[Large-Page Support]"
SMALL_LARGE: dict[str, Any] = {"settings": {"large_page_minimum": UNIT}}
"""a large page of 64 KiB, so that small machines have some"""
HUGE = BOTH | w.MEM_LARGE_PAGES


def window(p: Any, pages: int = 16) -> Any:
    """The address of a region for AWE."""
    return p.region(pages, RESERVE | w.MEM_PHYSICAL)


def filled(p: Any, pages: int = 4) -> Any:
    """(address, frames) of a new region whose first pages show new frames."""
    base = window(p)
    frames = works(p.allocate_user_physical_pages(pages))
    works(p.map_user_physical_pages(base, pages, frames))
    return base, frames


def test_allocate_user_physical_pages(rule: Rule) -> None:
    with rule("needs the privilege to lock pages", "[AllocateUserPhysicalPages]", privileges=()) as p:
        p.fails(w.ERROR_PRIVILEGE_NOT_HELD).allocate_user_physical_pages(4)
    with rule("takes frames at once", "[AllocateUserPhysicalPages]") as p:
        before = p.get_performance_info().physical_available
        frames = works(p.allocate_user_physical_pages(10))
        assert len(set(frames)) == 10
        assert p.get_performance_info().physical_available == before - 10
    with rule("the frames are charged", "MODEL section 5") as p:
        before = p.charge()
        works(p.allocate_user_physical_pages(10))
        assert p.charge() == before + 10
    with rule("may give fewer pages than asked for", "[AllocateUserPhysicalPages]", frames=128) as p:
        frames = works(p.allocate_user_physical_pages(1000))
        assert 0 < len(frames) < 128, f"{len(frames)} frames of 128"


def test_free_user_physical_pages(rule: Rule) -> None:
    with rule("gives the frames and their charge back", "[FreeUserPhysicalPages]") as p:
        frames = works(p.allocate_user_physical_pages(10))
        before = p.get_performance_info()
        works(p.free_user_physical_pages(frames))
        after = p.get_performance_info()
        assert after.physical_available == before.physical_available + 10
        assert after.commit_total == before.commit_total - 10
    with rule("frames that the process doesn't have are refused", "[FreeUserPhysicalPages]") as p:
        frames = works(p.allocate_user_physical_pages(2))
        works(p.free_user_physical_pages(frames))
        p.fails(0).free_user_physical_pages(frames)
    with rule("a frame that is mapped is unmapped", "[FreeUserPhysicalPages]") as p:
        base, frames = filled(p)
        works(p.free_user_physical_pages(frames))
        p.raises(AV, 0, base).read(base, 1)


def test_mem_physical(rule: Rule) -> None:
    for name, kind, protect in (
        ("other protections than PAGE_READWRITE are refused", RESERVE | w.MEM_PHYSICAL, RO),
        ("it can't be committed", BOTH | w.MEM_PHYSICAL, RW),
        ("large pages can't be had for it", RESERVE | w.MEM_PHYSICAL | w.MEM_LARGE_PAGES, RW),
        ("write watch can't be had for it", RESERVE | w.MEM_PHYSICAL | w.MEM_WRITE_WATCH, RW),
    ):
        with rule(name, "[VirtualAlloc] and [AWE]", **SMALL_LARGE) as p:
            p.fails(PARAMETER).virtual_alloc(0, UNIT, kind, protect)
    with rule("what shows no frame can't be touched", AWE) as p:
        base = window(p)
        p.raises(AV, 0, base).read(base, 1)


def test_map_user_physical_pages(rule: Rule) -> None:
    with rule("mapped frames can be read and written without a fault", "[Working Set]") as p:
        base, _ = filled(p)
        before = p.get_process_memory_info().page_fault_count
        p.write(base, 4 * PAGE)
        p.read(base, 4 * PAGE)
        assert p.get_process_memory_info().page_fault_count == before
    with rule("mapped frames are not in the working set", "[Working Set]") as p:
        base, _ = filled(p)
        before = p.get_process_memory_info().working_set_size
        p.write(base, 4 * PAGE)
        assert p.get_process_memory_info().working_set_size == before
    with rule("without frames it unmaps", "[MapUserPhysicalPages]") as p:
        base, _ = filled(p)
        works(p.map_user_physical_pages(base, 4, None))
        p.raises(AV, 0, base).read(base, 1)
    with rule("a frame is shown at one address only", AWE) as p:
        base, frames = filled(p)
        p.fails(0).map_user_physical_pages(base + 8 * PAGE, 4, frames)
        p.write(base, 1)
    with rule("another window can show the frames after they are unmapped", AWE) as p:
        base, frames = filled(p)
        works(p.map_user_physical_pages(base, 4, None))
        works(p.map_user_physical_pages(base + 8 * PAGE, 4, frames))
        p.write(base + 8 * PAGE, 4 * PAGE)
    with rule("the addresses must be of a MEM_PHYSICAL region", "[MapUserPhysicalPages]") as p:
        base = p.region(16, RESERVE)
        frames = works(p.allocate_user_physical_pages(1))
        p.fails(0).map_user_physical_pages(base, 1, frames)


def test_awe_pages(rule: Rule) -> None:
    with rule("its pages can't be protected", AWE) as p:
        base, _ = filled(p)
        p.fails(0).virtual_protect(base, PAGE, RO)
    with rule("it can't be freed in part", AWE) as p:
        base, _ = filled(p)
        p.fails(0).virtual_free(base, PAGE, DECOMMIT)
        p.read(base, 1)
    with rule("VirtualFree leaves the frames allocated", AWE) as p:
        base, frames = filled(p)
        before = p.get_performance_info().physical_available
        works(p.virtual_free(base, 0, RELEASE))
        assert p.get_performance_info().physical_available == before
        again = window(p)
        works(p.map_user_physical_pages(again, 4, frames))
        p.read(again, 4 * PAGE)
    with rule("mapped frames stay under memory pressure", AWE, **PRESSURE) as p:
        base, _ = filled(p)
        rest = p.region(200)
        p.write(rest, 200 * PAGE)
        before = p.get_process_memory_info().page_fault_count
        p.read(base, 4 * PAGE)
        assert p.get_process_memory_info().page_fault_count == before


def test_get_large_page_minimum(rule: Rule) -> None:
    with rule("is 2 MiB on x86-64", "[GetLargePageMinimum]") as p:
        assert p.get_large_page_minimum() == 2 << 20


def test_mem_large_pages(rule: Rule) -> None:
    with rule("needs the privilege to lock pages", LARGE, privileges=(), **SMALL_LARGE) as p:
        p.fails(w.ERROR_PRIVILEGE_NOT_HELD).virtual_alloc(0, UNIT, HUGE, RW)
    with rule("the size must be a multiple of the large page", LARGE, **SMALL_LARGE) as p:
        p.fails(PARAMETER).virtual_alloc(0, UNIT + PAGE, HUGE, RW)
    with rule("its pages never fault and are not in the working set", LARGE, **SMALL_LARGE) as p:
        before = p.get_process_memory_info()
        base = works(p.virtual_alloc(0, 2 * UNIT, HUGE, RW))
        p.write(base, 2 * UNIT)
        after = p.get_process_memory_info()
        assert after.page_fault_count == before.page_fault_count
        assert after.working_set_size == before.working_set_size
    with rule("its pages count as private bytes", LARGE, **SMALL_LARGE) as p:
        before = p.get_process_memory_info().private_usage
        works(p.virtual_alloc(0, 2 * UNIT, HUGE, RW))
        assert p.get_process_memory_info().private_usage >= before + 2 * UNIT
    with rule("its frames are taken at once", LARGE, **SMALL_LARGE) as p:
        before = p.get_performance_info().physical_available
        works(p.virtual_alloc(0, 2 * UNIT, HUGE, RW))
        assert p.get_performance_info().physical_available == before - 32
    with rule("fails when memory has no contiguous run that is large enough", LARGE, frames=128, **SMALL_LARGE) as p:
        p.fails(0).virtual_alloc(0, 64 * UNIT, HUGE, RW)
    with rule("released large pages are available again", LARGE, **SMALL_LARGE) as p:
        before = p.get_performance_info().physical_available
        base = works(p.virtual_alloc(0, 2 * UNIT, HUGE, RW))
        works(p.virtual_free(base, 0, RELEASE))
        assert p.get_performance_info().physical_available == before


def test_get_write_watch(rule: Rule) -> None:
    with rule("gives the pages written since the allocation", "[GetWriteWatch]") as p:
        base = p.region(8, BOTH | w.MEM_WRITE_WATCH)
        p.write(base + 2 * PAGE, 1)
        p.write(base + 5 * PAGE, 1)
        p.read(base + 6 * PAGE, 1)
        assert list(p.get_write_watch(base, 8 * PAGE)) == [base + 2 * PAGE, base + 5 * PAGE]
    with rule("can reset what it gives", "[GetWriteWatch]") as p:
        base = p.region(8, BOTH | w.MEM_WRITE_WATCH)
        p.write(base + 2 * PAGE, 1)
        assert len(p.get_write_watch(base, 8 * PAGE, True)) == 1
        p.write(base + 3 * PAGE, 1)
        assert list(p.get_write_watch(base, 8 * PAGE)) == [base + 3 * PAGE]


def test_reset_write_watch(rule: Rule) -> None:
    with rule("forgets what was written", "[ResetWriteWatch]") as p:
        base = p.region(8, BOTH | w.MEM_WRITE_WATCH)
        p.write(base, 8 * PAGE)
        p.reset_write_watch(base, 8 * PAGE)
        assert list(p.get_write_watch(base, 8 * PAGE)) == []


def test_write_watch_needs_a_region_made_for_it(rule: Rule) -> None:
    with rule("the region must have been allocated with MEM_WRITE_WATCH", "[GetWriteWatch]") as p:
        base = p.region(8)
        p.set_last_error(0)
        found = p.get_write_watch(base, 8 * PAGE)
        assert (found, p.get_last_error()) == (None, PARAMETER)


def test_awe_frames_after_their_process(rule: Rule) -> None:
    with rule("frames of a process that ended are available again", AWE) as p:

        def taker(child: Any) -> None:
            filled(child, 16)

        before = p.get_performance_info()
        handle = works(p.create_process("b", taker))
        p.wait_for_single_object(handle)
        after = p.get_performance_info()
        assert after.physical_available >= before.physical_available - 4
        p.fails(ADDRESS).virtual_free(0x2000_0000, 0, RELEASE)


def test_awe_frames_that_are_not_ones_own(rule: Rule) -> None:
    with rule("frames mapped from outside the list are refused", "[MapUserPhysicalPages]") as p:
        base = window(p)
        p.fails(0).map_user_physical_pages(base, 1, [0])
        assert p.valid(base) == [False]
