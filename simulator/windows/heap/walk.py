"""A heap from its first byte to its last: what HeapWalk sees, and whether it is as it must be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simulator.windows.constants import (
    PROCESS_HEAP_ENTRY_BUSY,
    PROCESS_HEAP_REGION,
    PROCESS_HEAP_UNCOMMITTED_RANGE,
)
from simulator.windows.heap.heap import Heap
from simulator.windows.heap.low_fragmentation import BUCKETS, Unit
from simulator.windows.heap.segment import Segment

LARGE_REGION = 255
"""the region index of large blocks, which are in none; chosen"""
_SIZE = (1 << 32) - 1


class HeapEntry(NamedTuple):
    """An element of a heap [PROCESS_HEAP_ENTRY]. Flags 0: a free block."""

    data: int
    """address of the data; of a region or an uncommitted range: its start"""
    size: int
    """bytes of data; of a region: all that is reserved"""
    overhead: int
    """bytes beside the data: headers, and what rounding adds; of a region: the heap's own data at its start"""
    region: int
    flags: int
    committed: int = 0
    """of a region: bytes; likewise the next"""
    uncommitted: int = 0
    first: int = 0
    """of a region: its first block; likewise the last"""
    last: int = 0


def walk(heap: Heap) -> list[HeapEntry]:
    """All elements in order of address in each region, the large blocks at the end. The front end's own data are busy
    blocks, as they are to the back end; its free blocks are free ones."""
    granule = heap.sizes.granule
    blocks: dict[int, int | Unit] = dict(heap.back.free.starts)
    blocks.update((address - granule, value >> 32) for address, value in heap.busy.items() if value > _SIZE)
    if heap.front is not None:
        blocks.update((unit.start, unit) for unit in heap.front.units.values())
        if heap.front.header:
            blocks[heap.front.header] = heap.front.header_size
    starts = sorted(blocks)
    found: list[HeapEntry] = []
    for region, segment in enumerate(heap.back.segments):
        inside = [start for start in starts if segment.base < start < segment.end]
        found.append(_region(region, segment, inside, granule))
        elements = [
            HeapEntry(start, end - start, 0, region, PROCESS_HEAP_UNCOMMITTED_RANGE)
            for start, end in zip(segment.starts, segment.ends, strict=True)
        ]
        for start in inside:
            elements.extend(_block(heap, start, blocks[start], region))
        found.extend(sorted(elements))
    for address, large in sorted(heap.large.blocks.items()):
        overhead = large.committed - large.size
        found.append(HeapEntry(address, large.size, overhead, LARGE_REGION, PROCESS_HEAP_ENTRY_BUSY))
    return found


def _region(region: int, segment: Segment, inside: list[int], granule: int) -> HeapEntry:
    return HeapEntry(
        segment.base,
        segment.end - segment.base,
        segment.first - segment.base,
        region,
        PROCESS_HEAP_REGION,
        committed=segment.end - segment.base - segment.uncommitted,
        uncommitted=segment.uncommitted,
        first=inside[0] + granule if inside else 0,
        last=inside[-1] + granule if inside else 0,
    )


def _block(heap: Heap, start: int, block: int | Unit, region: int) -> Iterator[HeapEntry]:
    granule = heap.sizes.granule
    if isinstance(block, Unit):
        stride = block.bucket.stride
        own = heap.sizes.unit
        rest = block.size - own - block.count * stride
        yield HeapEntry(start + granule, own, rest, region, PROCESS_HEAP_ENTRY_BUSY)
        first = start + granule + own + granule
        for address in range(first, first + block.count * stride, stride):
            size = heap.busy.get(address)
            busy = 0 if size is None else PROCESS_HEAP_ENTRY_BUSY
            size = stride - granule if size is None else size
            yield HeapEntry(address, size, stride - size, region, busy)
        return
    value = heap.busy.get(start + granule)
    if value is not None:
        size, flags = value & _SIZE, PROCESS_HEAP_ENTRY_BUSY
    elif heap.front is not None and start == heap.front.header:
        size, flags = BUCKETS * heap.sizes.bucket, PROCESS_HEAP_ENTRY_BUSY
    else:
        size, flags = block - granule, 0
    yield HeapEntry(start + granule, size, block - size, region, flags)


def check(heap: Heap) -> None:
    """Raise AssertionError unless the heap is as it must be: the elements of each region tile it without overlap, what
    is committed is what blocks and headers take, free neighbours are joined, and all counts and lists agree."""
    entries = walk(heap)
    granule, free = heap.sizes.granule, heap.back.free
    for region, segment in enumerate(heap.back.segments):
        end, joined = segment.first, False
        for entry in (entry for entry in entries[1:] if entry.region == region and entry.flags != PROCESS_HEAP_REGION):
            gap = entry.flags == PROCESS_HEAP_UNCOMMITTED_RANGE
            start = entry.data - (0 if gap else granule)
            assert start == end, f"{start:#x} follows {end:#x}"
            is_free = start in free.starts
            assert not (joined and is_free), f"the free block at {start:#x} follows a free one"
            joined = is_free
            end = start + entry.size + entry.overhead
        assert end == segment.end, f"blocks end at {end:#x}, the segment at {segment.end:#x}"
        gaps = sum(stop - start for start, stop in zip(segment.starts, segment.ends, strict=True))
        assert gaps == segment.uncommitted
    gaps_and_ends = {start for segment in heap.back.segments for start in (*segment.starts, segment.end)}
    assert heap.back.edges == gaps_and_ends
    _check_counts(heap, entries)


def _check_counts(heap: Heap, entries: list[HeapEntry]) -> None:
    free = heap.back.free
    assert free.total == sum(free.starts.values())
    assert free.ends == {start + size: start for start, size in free.starts.items()}
    assert free.listed() == sorted((size, start) for start, size in free.starts.items())
    regions = [entry for entry in entries if entry.flags == PROCESS_HEAP_REGION]
    large = sum(block.committed for block in heap.large.blocks.values())
    assert heap.memory.committed == large + sum(entry.committed for entry in regions)
    taken = sum(e.size + e.overhead for e in entries if e.flags in {0, PROCESS_HEAP_ENTRY_BUSY})
    assert heap.memory.committed == taken + sum(entry.overhead for entry in regions)
    if heap.front is not None:
        for unit in set(heap.front.units.values()):
            busy = [a for a, owner in heap.front.units.items() if owner is unit and a in heap.busy]
            assert len(busy) + len(unit.free) == unit.count
            assert not set(busy) & set(unit.free)
            active = unit is unit.bucket.active
            assert (unit in unit.bucket.others) == (len(unit.free) > 0 and not active)
            assert active or len(unit.free) < unit.count
