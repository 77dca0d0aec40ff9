"""How heaps take memory from the system, and give it back."""

from __future__ import annotations

import pytest

from simulator.windows.heap.walk import check
from tests.windows.small_system import PAGE, UNIT, SmallProcess, heap_process

MB = 1 << 20


def fill(process: SmallProcess, handle: int, count: int, size: int) -> list[int]:
    blocks = [process.run(process.heap_alloc(handle, 0, size)) for _ in range(count)]
    assert all(blocks)
    return blocks


def regions(process: SmallProcess) -> list[int]:
    return list(process.regions.values())


def test_further_segments_double() -> None:
    process = heap_process()
    handle = process.run(process.heap_create())
    fill(process, handle, 34, 250_000)
    assert regions(process) == [UNIT, MB, 2 * MB, 4 * MB, 8 * MB]
    check(process.own.heaps[handle])


def test_doubling_ends_at_the_largest_segment() -> None:
    process = heap_process(segment_maximum=2 * MB)
    handle = process.run(process.heap_create())
    fill(process, handle, 40, 250_000)
    assert set(regions(process)) == {UNIT, MB, 2 * MB}


def test_a_segment_that_there_is_no_room_for_is_halved_until_there_is() -> None:
    process = heap_process(room=UNIT + UNIT + MB + MB // 2)
    handle = process.run(process.heap_create())
    fill(process, handle, 6, 250_000)
    assert regions(process) == [UNIT, MB, MB // 2]
    assert process.run(process.heap_alloc(handle, 0, 250_000)) == 0
    check(process.own.heaps[handle])


def test_a_heap_grows_by_the_pages_that_a_block_needs() -> None:
    process = heap_process()
    handle = process.run(process.heap_create())
    fill(process, handle, 1, 1000)
    assert process.committed == 2
    fill(process, handle, 1, 3 * PAGE)
    assert process.committed == 6


def test_what_the_commit_limit_refuses_leaves_the_heap_as_it_was() -> None:
    process = heap_process(limit=10 * PAGE)
    handle = process.run(process.heap_create())
    block = process.run(process.heap_alloc(handle, 0, 5 * PAGE))
    assert process.run(process.heap_alloc(handle, 0, 5 * PAGE)) == 0
    assert process.run(process.heap_alloc(handle, 0, MB)) == 0
    assert process.run(process.heap_realloc(handle, 0, block, 11 * PAGE)) == 0
    assert process.run(process.heap_size(handle, 0, block)) == 5 * PAGE
    assert process.run(process.heap_alloc(handle, 0, 2 * PAGE)) != 0
    check(process.own.heaps[handle])


def decommitted(process: SmallProcess, first: int, then: int) -> int:
    """Pages that go when a block of `then` bytes is freed while `first` bytes are free already."""
    handle = process.run(process.heap_create(0, 0, MB))
    early, _, late, _ = (process.run(process.heap_alloc(handle, 0, size)) for size in (first, 16, then, 16))
    process.run(process.heap_free(handle, 0, early))
    before = process.committed
    process.run(process.heap_free(handle, 0, late))
    check(process.own.heaps[handle])
    return before - process.committed


def test_free_pages_are_decommitted_past_both_thresholds_only() -> None:
    assert decommitted(heap_process(), 44_000, 10_000) == 0, "with 8 KiB at the end, less than 64 KB is free in all"
    assert decommitted(heap_process(), 50_000, 3_000) == 0, "the block is smaller than a page"
    assert decommitted(heap_process(), 50_000, 12_000) == 2, "the whole pages of the block"


def test_pages_may_be_kept_until_the_heap_is_destroyed() -> None:
    assert decommitted(heap_process(decommit_total=0, decommit_block=4 * PAGE), 50_000, 12_000) == 0


@pytest.mark.parametrize("bits", [32, 64])
def test_an_uncommitted_range_has_a_descriptor_before_it_and_the_segments_end_has_none(bits: int) -> None:
    process = heap_process(bits=bits, decommit_total=0)
    handle = process.run(process.heap_create(0, 2 * UNIT, 2 * UNIT))
    heap = process.own.heaps[handle]
    skew, descriptor = (0, 32) if bits == 32 else (8, 56)
    assert heap.back.edges == {handle + 2 * UNIT - skew: handle + 2 * UNIT}
    size = 2 * UNIT - 2 * skew - heap.sizes.heap - 8
    first = fill(process, handle, 1, size - 8 * PAGE)[0]
    second = fill(process, handle, 1, 8 * PAGE - 8)[0]
    assert process.run(process.heap_alloc(handle, 0, 0)) == 0, "all is taken"
    process.run(process.heap_free(handle, 0, first))
    gap = (second - 8 - skew) // PAGE * PAGE
    assert heap.back.segments[0].starts == [handle + PAGE]
    assert heap.back.segments[0].ends == [gap]
    assert heap.back.edges == {handle + PAGE - descriptor: handle + PAGE, handle + 2 * UNIT - skew: handle + 2 * UNIT}
    check(heap)
    process.run(process.heap_free(handle, 0, second))
    assert heap.back.segments[0].ends == [handle + 2 * UNIT]
    assert process.committed == 1
    check(heap)


def test_a_stretch_that_is_wholly_free_goes_with_the_range_before_it() -> None:
    process = heap_process(low_fragmentation="off")
    handle = process.run(process.heap_create(0, 4 * UNIT, 4 * UNIT))
    heap = process.own.heaps[handle]
    blocks = fill(process, handle, 3, UNIT)
    for block in (blocks[0], blocks[2]):
        process.run(process.heap_free(handle, 0, block))
    assert len(heap.back.segments[0].starts) == 2
    process.run(process.heap_free(handle, 0, blocks[1]))
    assert heap.back.segments[0].starts == [handle + PAGE]
    assert process.committed == 1
    check(heap)


def test_of_a_further_segment_that_is_wholly_free_a_page_is_left_and_no_block_until_it_is_needed() -> None:
    process = heap_process()
    handle = process.run(process.heap_create())
    heap = process.own.heaps[handle]
    for _ in range(3):
        first, second = fill(process, handle, 2, 400_000)
        process.run(process.heap_free(handle, 0, second))
        process.run(process.heap_free(handle, 0, first))
        assert regions(process) == [UNIT, MB]
        assert process.committed == 2 + 1
        assert list(heap.back.free.starts) == [handle + 0xA08]
        check(heap)
    small = fill(process, handle, 1, 3_000)[0]
    assert handle < small < handle + UNIT


def test_what_was_decommitted_is_committed_again_before_the_heap_grows() -> None:
    process = heap_process()
    handle = process.run(process.heap_create())
    block = process.run(process.heap_alloc(handle, 0, 200_000))
    fill(process, handle, 1, 16)
    process.run(process.heap_free(handle, 0, block))
    assert process.committed < 5
    again = process.run(process.heap_alloc(handle, 0, 150_000))
    assert again < block + 200_000
    check(process.own.heaps[handle])


def test_free_neighbours_are_joined_on_both_sides() -> None:
    process = heap_process(low_fragmentation="off")
    handle = process.run(process.heap_create())
    heap = process.own.heaps[handle]
    blocks = fill(process, handle, 9, 48)
    for i in (0, 2, 1, 8, 6, 7):
        process.run(process.heap_free(handle, 0, blocks[i]))
    sizes = sorted(heap.back.free.starts.values())
    assert sizes[0] == 3 * 64, "0 to 2; 6 to 8 are one with what is behind them"
    assert len(sizes) == 2
    assert process.run(process.heap_alloc(handle, 0, 150)) == blocks[0], "best fit"


def test_system_calls_are_charged_only_when_memory_is_taken_or_given_back() -> None:
    process = heap_process()
    handle = process.run(process.heap_create(0, 0, MB))
    process.settle()
    assert process.time == 2 * 300, "reserve and commit"
    process.time = 0
    fill(process, handle, 2, 100)
    process.settle()
    assert process.time == 2 * 40
    process.time = 0
    block = fill(process, handle, 1, 100_000)[0]
    process.settle()
    assert process.time == 40 + 300
    process.time = 0
    process.run(process.heap_free(handle, 0, block))
    process.settle()
    assert process.time == 40 + 300


def test_a_call_touches_headers_and_zeroes_only_when_asked_to() -> None:
    process = heap_process(low_fragmentation="off")
    handle = process.run(process.heap_create(0, 20 * PAGE, 0))
    process.settle()
    process.stores.clear()
    block = process.run(process.heap_alloc(handle, 0, 10 * PAGE))
    process.settle()
    first, last = block // PAGE, (block + 10 * PAGE) // PAGE
    assert dict(process.stores) == {first: 2, last: 1}, "the heap's and the block's header; that of the rest"
    process.run(process.heap_free(handle, 0, block))
    process.settle()
    process.stores.clear()
    assert process.run(process.heap_alloc(handle, 8, 10 * PAGE)) == block
    process.settle()
    assert [process.stores[page] for page in range(first + 1, last)] == [64] * 9, "a line of 64 bytes each"


def test_touches_wait_until_something_else_is_asked_or_many_are_pending() -> None:
    process = heap_process()
    handle = process.run(process.heap_create())
    process.stores.clear()
    block = process.run(process.heap_alloc(handle, 0, 64))
    assert not process.stores
    for _ in range(3000):
        process.run(process.heap_free(handle, 0, block))
        block = process.run(process.heap_alloc(handle, 0, 64))
    assert sum(process.stores.values()) > 4096
    process.settle()
    process.stores.clear()
    process.own.defers_touches = False
    process.run(process.heap_free(handle, 0, block))
    assert process.stores, "with several threads each call is executed at once"


@pytest.mark.parametrize(("old", "new"), [(3 * PAGE, 10 * PAGE), (MB, 2 * MB), (MB, 300_000)])
def test_a_block_that_moves_is_read_line_by_line_and_written_elsewhere(old: int, new: int) -> None:
    process = heap_process()
    handle = process.run(process.heap_create())
    block = fill(process, handle, 1, old)[0]
    fill(process, handle, 1, 16)
    process.settle()
    process.loads.clear()
    process.stores.clear()
    moved = process.run(process.heap_realloc(handle, 0, block, new))
    process.settle()
    if new < old:
        assert moved == block
        assert sum(process.loads.values()) < 5, "it stays, and nothing is copied"
        return
    assert moved != block
    for start, touched in ((block, process.loads), (moved, process.stores)):
        whole = range(-(-start // PAGE), (start + old) // PAGE)
        assert all(touched[page] >= 64 for page in whole)
        assert len(whole) >= 2


def test_no_header_is_looked_for_where_committed_memory_ends() -> None:
    process = heap_process(low_fragmentation="off")
    handle = process.run(process.heap_create())
    process.run(process.heap_free(handle, 0, fill(process, handle, 1, 2 * PAGE - 0xA00 - 16 - 56)[0]))
    process.settle()
    assert set(process.stores) == {handle // PAGE}
