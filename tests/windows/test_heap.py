"""Heaps: how they take memory and give it back, what they touch and cost, and when the front end serves them. What the
heap functions are documented to answer is in `conformance`."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from simulator.windows import constants as c
from simulator.windows.failure import WindowsException
from simulator.windows.heap.heap import Heap
from simulator.windows.heap.low_fragmentation import BUCKET_OF, CAPACITIES, LARGEST
from simulator.windows.requests import Exit
from tests.windows.heap_check import check
from tests.windows.small_system import PAGE, UNIT, SmallProcess, heap_process

KB, MB = 1024, 1 << 20
# [Low-fragmentation Heap]: buckets 1-32, step 8, 1 to 256; 33-48, step 16, 257 to 512; then 16 buckets for each of the
# steps 32, 64, 128, 256 and 512
TABLE = [(1, 32, 8, 1, 256), (33, 48, 16, 257, 512), (49, 64, 32, 513, 1024), (65, 80, 64, 1025, 2048)]
TABLE += [(81, 96, 128, 2049, 4096), (97, 112, 256, 4097, 8192), (113, 128, 512, 8193, 16384)]
PREFIXES = pytest.mark.parametrize("prefix", ["global", "local"])


def made(process: SmallProcess, options: int = 0, initial: int = 0, maximum: int = 0) -> int:
    handle: int = process.run(process.heap_create(options, initial, maximum))
    assert handle
    return handle


def alloc(process: SmallProcess, handle: int, size: int, flags: int = 0) -> int:
    address: int = process.run(process.heap_alloc(handle, flags, size))
    return address


def free(process: SmallProcess, handle: int, address: int) -> bool:
    return bool(process.run(process.heap_free(handle, 0, address)))


@pytest.mark.parametrize("options", [{"limit": 2 * PAGE - 1}, {"room": 2 * UNIT - PAGE}])
def test_a_heap_that_memory_does_not_suffice_for_is_not_made(options: dict[str, int]) -> None:
    process = heap_process(**options)
    assert process.run(process.heap_create(0, 0, 0)) == 0
    assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY
    assert not process.regions
    assert not process.own.heaps


@pytest.mark.parametrize(
    ("bits", "most", "header", "settings"),
    [
        (32, 0x7F000 - 8, 0x20, {}),
        (64, 0xFE000 - 8, 0x40, {}),
        (32, 0x10000 - 8, 0x20, {"direct": 0x10000}),
        (64, 0x10000 - 8, 0x40, {"direct": 0x10000}),
    ],
)
def test_blocks_above_the_threshold_of_a_growable_heap_are_regions_of_their_own(
    bits: int, most: int, header: int, settings: dict[str, int]
) -> None:
    process = heap_process(bits=bits, **settings)
    handle = made(process)
    inside = alloc(process, handle, most)
    assert inside - header not in process.regions
    large = alloc(process, handle, most + 1)
    assert process.regions[large - header] == (most + 8) // PAGE * PAGE + PAGE
    assert free(process, handle, large)
    assert large - header not in process.regions
    assert not free(process, handle, large)


@pytest.mark.parametrize("call", ["heap_alloc", "heap_free", "heap_size", "heap_compact", "heap_destroy", "heap_walk"])
def test_a_handle_that_is_none_is_refused(call: str) -> None:
    process = heap_process()
    arguments = {"heap_alloc": (0, 1), "heap_free": (0, 1), "heap_size": (0, 1)}.get(call, ())
    assert process.run(getattr(process, call)(12345, *arguments)) in (0, -1, [])
    assert process.get_last_error() == c.ERROR_INVALID_HANDLE


def test_the_size_of_what_is_no_block_is_minus_one_without_an_error() -> None:
    process = heap_process()
    handle = made(process)
    process.set_last_error(77)
    assert process.run(process.heap_size(handle, 0, 123)) == -1
    assert process.get_last_error() == 77


@pytest.mark.parametrize("mode", ["automatic", "off"])
def test_reallocation_in_place_only_never_moves_and_failure_keeps_the_block(mode: str) -> None:
    process = heap_process(low_fragmentation=mode)
    handle = made(process)
    first, second = alloc(process, handle, 100), alloc(process, handle, 100)
    in_place = c.HEAP_REALLOC_IN_PLACE_ONLY
    assert process.run(process.heap_realloc(handle, in_place, first, 5000)) == 0
    assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY
    assert process.run(process.heap_size(handle, 0, first)) == 100
    assert process.run(process.heap_realloc(handle, in_place, first, 50)) == first
    assert process.run(process.heap_realloc(handle, in_place, second, 50_000)) == second, "into the gap behind it"
    check(process.own.heaps[handle])


def test_a_block_grows_into_a_free_neighbour_and_moves_if_that_is_too_small() -> None:
    process = heap_process(low_fragmentation="off")
    handle = made(process)
    first, second, third = (alloc(process, handle, 96) for _ in range(3))
    free(process, handle, second)
    assert process.run(process.heap_realloc(handle, 0, first, 200)) == first
    moved = process.run(process.heap_realloc(handle, 0, first, 1000))
    assert moved > third
    assert process.run(process.heap_size(handle, 0, first)) == -1
    check(process.own.heaps[handle])


def test_an_error_in_a_heap_ends_the_process_once_that_is_enabled() -> None:
    process = heap_process()
    handle = made(process)
    assert process.run(process.heap_set_information(0, c.HEAP_ENABLE_TERMINATION_ON_CORRUPTION)) is True
    steps = process.heap_free(handle, 0, 123)
    asked: list[Any] = [request for request in steps if isinstance(request, Exit)]
    assert asked == [Exit(c.STATUS_HEAP_CORRUPTION)]


def test_optimize_decommits_all_that_is_free() -> None:
    process = heap_process()
    handle = made(process, 0, 20 * PAGE)
    before = process.committed
    assert process.run(process.heap_set_information(handle, c.HEAP_OPTIMIZE_RESOURCES)) is True
    assert (before, process.committed) == (20, 1), "the heap's own data, and the range's descriptor"
    check(process.own.heaps[handle])
    assert alloc(process, handle, 30_000)


def fill(process: SmallProcess, handle: int, count: int, size: int) -> list[int]:
    blocks = [process.run(process.heap_alloc(handle, 0, size)) for _ in range(count)]
    assert all(blocks)
    return blocks


def regions(process: SmallProcess) -> list[int]:
    return list(process.regions.values())


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
    process.follow_up()
    assert process.time == 2 * 300, "reserve and commit"
    process.time = 0
    fill(process, handle, 2, 100)
    process.follow_up()
    assert process.time == 2 * 40
    process.time = 0
    block = fill(process, handle, 1, 100_000)[0]
    process.follow_up()
    assert process.time == 40 + 300
    process.time = 0
    process.run(process.heap_free(handle, 0, block))
    process.follow_up()
    assert process.time == 40 + 300


def test_a_call_touches_headers_and_zeroes_only_when_asked_to() -> None:
    process = heap_process(low_fragmentation="off")
    handle = process.run(process.heap_create(0, 20 * PAGE, 0))
    process.follow_up()
    process.stores.clear()
    block = process.run(process.heap_alloc(handle, 0, 10 * PAGE))
    process.follow_up()
    first, last = block // PAGE, (block + 10 * PAGE) // PAGE
    assert dict(process.stores) == {first: 2, last: 1}, "the heap's and the block's header; that of the rest"
    process.run(process.heap_free(handle, 0, block))
    process.follow_up()
    process.stores.clear()
    assert process.run(process.heap_alloc(handle, 8, 10 * PAGE)) == block
    process.follow_up()
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
    process.follow_up()
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
    process.follow_up()
    process.loads.clear()
    process.stores.clear()
    moved = process.run(process.heap_realloc(handle, 0, block, new))
    process.follow_up()
    if new < old:
        assert moved == block
        assert sum(process.loads.values()) < 5, "it stays, and nothing is copied"
        return
    assert moved != block
    for start, touched in ((block, process.loads), (moved, process.stores)):
        whole = range(-(-start // PAGE), (start + old) // PAGE)
        assert all(touched[page] >= 64 for page in whole)
        assert len(whole) >= 2


def heap_of(process: SmallProcess, *arguments: int) -> Heap:
    heap: Heap = process.own.heaps[process.run(process.heap_create(*arguments))]
    return heap


def front_blocks(heap: Heap) -> int:
    """How many allocated blocks are the front end's."""
    return sum(1 for address in heap.busy if heap.front and address in heap.front.units)


def several(process: SmallProcess, heap: Heap, count: int, size: int) -> list[int]:
    return [process.run(process.heap_alloc(heap.base, 0, size)) for _ in range(count)]


def test_there_are_128_buckets_as_documented() -> None:
    for first, last, step, low, high in TABLE:
        assert list(CAPACITIES[first - 1 : last]) == list(range(low - 1 + step, high + 1, step))
        for size in range(low, high + 1):
            assert BUCKET_OF[size] == first - 1 + (size - low) // step
    assert len(CAPACITIES) == 128
    assert BUCKET_OF[0] == 0
    assert len(BUCKET_OF) == LARGEST + 1


@pytest.mark.parametrize("bits", [32, 64])
def test_the_19th_allocation_is_the_first_of_a_heap_and_the_18th_that_of_further_sizes(bits: int) -> None:
    process = heap_process(bits=bits)
    heap = heap_of(process)
    several(process, heap, 18, 64)
    assert front_blocks(heap) == 0
    several(process, heap, 1, 64)
    assert front_blocks(heap) == 1
    several(process, heap, 17, 1000)
    assert front_blocks(heap) == 1
    several(process, heap, 1, 1000)
    assert front_blocks(heap) == 2
    check(heap)


def test_allocations_are_counted_whether_or_not_they_are_freed() -> None:
    process = heap_process()
    heap = heap_of(process)
    for _ in range(18):
        process.run(process.heap_free(heap.base, 0, several(process, heap, 1, 64)[0]))
    several(process, heap, 1, 64)
    assert front_blocks(heap) == 1


def test_blocks_of_a_bucket_lie_side_by_side_and_are_used_again() -> None:
    process = heap_process()
    heap = heap_of(process)
    several(process, heap, 18, 64)
    blocks = several(process, heap, 16, 64)
    assert Counter(after - before for before, after in pairwise(blocks)) == {80: 15}, "64 bytes and a header of 8"
    for address in blocks[3:6]:
        process.run(process.heap_free(heap.base, 0, address))
    assert set(several(process, heap, 3, 60)) == set(blocks[3:6]), "the bucket of 57 to 64 bytes"
    check(heap)


def test_units_that_are_wholly_free_go_back_to_the_back_end() -> None:
    process = heap_process()
    heap = heap_of(process)
    blocks = several(process, heap, 2000, 64)
    assert heap.front is not None
    units = len(set(heap.front.units.values()))
    assert units > 3
    for address in blocks:
        process.run(process.heap_free(heap.base, 0, address))
    check(heap)
    assert len(set(heap.front.units.values())) == 1, "the active one stays"
    process.run(process.heap_compact(heap.base))
    assert not heap.front.units
    check(heap)


def fragmented(mode: str) -> tuple[int, int]:
    """Bytes committed, and in the largest free block, after a program that keeps small blocks between others."""
    process = heap_process(low_fragmentation=mode)
    heap = heap_of(process)
    pairs: list[Any] = [(several(process, heap, 1, 1000)[0], several(process, heap, 1, 24)[0]) for _ in range(500)]
    for large, _ in pairs:
        process.run(process.heap_free(heap.base, 0, large))
    several(process, heap, 200, 2000)
    return heap.memory.committed, heap.back.free.largest()


def test_it_keeps_the_heap_smaller_where_small_blocks_outlive_large_ones() -> None:
    with_it, without = fragmented("automatic"), fragmented("off")
    assert with_it[0] < without[0] * 2 / 3


class Short:
    """The Global or the Local functions of a process."""

    def __init__(self, prefix: str, process: SmallProcess) -> None:
        self.prefix, self.process = prefix, process

    def __call__(self, name: str, *arguments: int) -> int:
        result: int = self.process.run(getattr(self.process, f"{self.prefix}_{name}")(*arguments))
        return result

    def flags(self, memory: int) -> int:
        found: int = self("flags", memory)
        return found


@PREFIXES
def test_undefined_flags_and_too_much_memory_are_refused(prefix: str) -> None:
    process = heap_process(limit=100 * PAGE)
    call = Short(prefix, process)
    assert call("alloc", 0x8000, 100) == 0
    assert process.get_last_error() == c.ERROR_INVALID_PARAMETER
    for flags in (0, c.GMEM_MOVEABLE):
        assert call("alloc", flags, 1 << 20) == 0
        assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY
    assert call("free", 0) == 0


@PREFIXES
@pytest.mark.parametrize("name", ["alloc", "lock", "size", "flags", "handle", "unlock", "free"])
def test_wrappers_do_work_of_their_own(prefix: str, name: str) -> None:
    process = heap_process(low_fragmentation="off")
    heap = process.run(process.get_process_heap())
    plain, block = process.run(process.heap_alloc(heap, 0, 100)), process.run(process.heap_alloc(heap, 0, 100))
    process.follow_up()
    process.time = 0
    inner = {"alloc": process.heap_alloc(heap, 0, 100), "size": process.heap_size(heap, 0, plain)}
    inner["free"] = process.heap_free(heap, 0, plain)
    if name in inner:
        process.run(inner[name])
        process.follow_up()
    before, process.time = process.time, 0
    Short(prefix, process)(name, *((0, 100) if name == "alloc" else (block,)))
    process.follow_up()
    assert process.time == before + 40


def test_new_raises_bad_alloc_where_malloc_gives_null() -> None:
    process = heap_process(limit=100 * PAGE)
    assert process.run(process.malloc(1 << 20)) == 0
    with pytest.raises(WindowsException) as raised:
        process.run(process.new(1 << 20))
    assert raised.value.status == 0xE06D7363
    block = process.run(process.new(100))
    process.run(process.delete(block))
    process.run(process.delete(0))
    assert not process.own.heaps[process.own.heaps.process].busy
