"""The low-fragmentation heap: its buckets, when it turns on, and for which heaps."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from simulator.windows import constants as c
from simulator.windows.heap.heap import Heap
from simulator.windows.heap.low_fragmentation import BUCKET_OF, CAPACITIES, LARGEST
from simulator.windows.heap.walk import check
from tests.windows.small_system import SmallProcess, heap_process

# [Low-fragmentation Heap]: buckets 1-32, step 8, 1 to 256; 33-48, step 16, 257 to 512; then 16 buckets for each of the
# steps 32, 64, 128, 256 and 512
TABLE = [(1, 32, 8, 1, 256), (33, 48, 16, 257, 512), (49, 64, 32, 513, 1024), (65, 80, 64, 1025, 2048)]
TABLE += [(81, 96, 128, 2049, 4096), (97, 112, 256, 4097, 8192), (113, 128, 512, 8193, 16384)]


def heap_of(process: SmallProcess, *arguments: int) -> Heap:
    heap: Heap = process.own.heaps[process.run(process.heap_create(*arguments))]
    return heap


def front_blocks(heap: Heap) -> int:
    """How many allocated blocks are the front end's."""
    return sum(1 for address in heap.busy if heap.front and address in heap.front.units)


def alloc(process: SmallProcess, heap: Heap, count: int, size: int) -> list[int]:
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
    alloc(process, heap, 18, 64)
    assert front_blocks(heap) == 0
    alloc(process, heap, 1, 64)
    assert front_blocks(heap) == 1
    alloc(process, heap, 17, 1000)
    assert front_blocks(heap) == 1
    alloc(process, heap, 1, 1000)
    assert front_blocks(heap) == 2
    check(heap)


def test_allocations_are_counted_whether_or_not_they_are_freed() -> None:
    process = heap_process()
    heap = heap_of(process)
    for _ in range(18):
        process.run(process.heap_free(heap.base, 0, alloc(process, heap, 1, 64)[0]))
    alloc(process, heap, 1, 64)
    assert front_blocks(heap) == 1


def test_blocks_of_a_bucket_lie_side_by_side_and_are_used_again() -> None:
    process = heap_process()
    heap = heap_of(process)
    alloc(process, heap, 18, 64)
    blocks = alloc(process, heap, 16, 64)
    assert Counter(after - before for before, after in pairwise(blocks)) == {80: 15}, "64 bytes and a header of 8"
    for address in blocks[3:6]:
        process.run(process.heap_free(heap.base, 0, address))
    assert set(alloc(process, heap, 3, 60)) == set(blocks[3:6]), "the bucket of 57 to 64 bytes"
    check(heap)


def test_blocks_above_16_kb_are_always_the_back_ends() -> None:
    process = heap_process()
    heap = heap_of(process)
    alloc(process, heap, 25, LARGEST + 1)
    assert front_blocks(heap) == 0
    alloc(process, heap, 25, LARGEST)
    assert front_blocks(heap) == 7


@pytest.mark.parametrize("arguments", [(c.HEAP_NO_SERIALIZE, 0, 0), (0, 0, 1 << 20)])
def test_heaps_that_are_fixed_or_not_serialized_never_have_it(arguments: tuple[int, ...]) -> None:
    process = heap_process()
    heap = heap_of(process, *arguments)
    alloc(process, heap, 100, 64)
    assert heap.front is None
    assert process.run(process.heap_query_information(heap.base)) == c.HEAP_STANDARD
    assert process.run(process.heap_set_information(heap.base, 0, c.HEAP_LFH)) is False
    assert process.get_last_error() == c.ERROR_INVALID_PARAMETER


def test_it_is_there_without_asking_since_vista_and_asked_for_on_xp() -> None:
    now, before = heap_process(), heap_process(low_fragmentation="opt-in")
    heap = heap_of(now)
    alloc(now, heap, 17, 64)
    assert now.run(now.heap_query_information(heap.base)) == c.HEAP_STANDARD
    alloc(now, heap, 1, 64)
    assert now.run(now.heap_query_information(heap.base)) == c.HEAP_LFH
    heap = heap_of(before)
    alloc(before, heap, 100, 64)
    assert front_blocks(heap) == 0
    assert before.run(before.heap_query_information(heap.base)) == c.HEAP_STANDARD
    assert before.run(before.heap_set_information(heap.base, 0, c.HEAP_LFH)) is True
    assert before.run(before.heap_query_information(heap.base)) == c.HEAP_LFH
    alloc(before, heap, 1, 5000)
    assert front_blocks(heap) == 1, "all sizes at once"
    check(heap)


@pytest.mark.parametrize("information", [0, 1, 3])
def test_it_can_not_be_disabled(information: int) -> None:
    process = heap_process()
    heap = heap_of(process)
    assert process.run(process.heap_set_information(heap.base, 0, 0)) is True, "that is what it is"
    assert process.run(process.heap_set_information(heap.base, 0, c.HEAP_LFH)) is True
    assert process.run(process.heap_set_information(heap.base, 0, information)) is False
    assert process.get_last_error() == c.ERROR_GEN_FAILURE
    assert process.run(process.heap_query_information(heap.base)) == c.HEAP_LFH


def test_blocks_never_stay_where_they_are_when_their_size_is_changed() -> None:
    process = heap_process()
    heap = heap_of(process)
    block = alloc(process, heap, 19, 64)[18]
    for size in (64, 60):
        assert process.run(process.heap_realloc(heap.base, c.HEAP_REALLOC_IN_PLACE_ONLY, block, size)) == 0
        assert process.get_last_error() == c.ERROR_NOT_ENOUGH_MEMORY
    moved = process.run(process.heap_realloc(heap.base, 0, block, 60))
    assert moved not in {0, block}
    check(heap)


def test_units_that_are_wholly_free_go_back_to_the_back_end() -> None:
    process = heap_process()
    heap = heap_of(process)
    blocks = alloc(process, heap, 2000, 64)
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
    pairs: list[Any] = [(alloc(process, heap, 1, 1000)[0], alloc(process, heap, 1, 24)[0]) for _ in range(500)]
    for large, _ in pairs:
        process.run(process.heap_free(heap.base, 0, large))
    alloc(process, heap, 200, 2000)
    return heap.memory.committed, heap.back.free.largest()


def test_it_keeps_the_heap_smaller_where_small_blocks_outlive_large_ones() -> None:
    with_it, without = fragmented("automatic"), fragmented("off")
    assert with_it[0] < without[0] * 2 / 3
