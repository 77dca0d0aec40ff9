"""A heap from its first byte to its last: what HeapWalk sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simulator.windows import constants as c
from simulator.windows.heap.back_end import Segment
from simulator.windows.heap.heap import Heap
from simulator.windows.heap.low_fragmentation import Unit
from simulator.windows.heap.memory import HEADER

LARGE_REGION = 64
"""the region index of large blocks, which are in none [k32/heap.c:663, test_HeapCreate]"""
_SIZE = (1 << 32) - 1


class HeapEntry(NamedTuple):
    """An element of a heap [PROCESS_HEAP_ENTRY]. Flags 0: a free block.

    The numbers are those of k32/heap.c:570-603 and 751-808 (test_HeapCreate).
    """

    data: int
    """address of the data; of a region or an uncommitted range: its start; of a free block: behind the links"""
    size: int
    """bytes of data; of a region: the heap's or segment's own data at its start"""
    overhead: int
    """bytes beside the data: of a busy block header and rounding, of a free one four pointers (two in the front end);
    of all else 0"""
    region: int
    flags: int
    committed: int = 0
    """of a region: bytes; likewise the next"""
    uncommitted: int = 0
    first: int = 0
    """of a region: its first block's data"""
    last: int = 0
    """of a region: its end"""


class HeapSummary(NamedTuple):
    """A heap's size [HEAP_SUMMARY], in bytes."""

    allocated: int
    """what was asked for of all allocated blocks"""
    committed: int
    reserved: int


def summary(heap: Heap) -> HeapSummary:
    """A heap's size."""
    large = heap.large.blocks.values()
    allocated = sum(value & _SIZE for value in heap.busy.values()) + sum(block.size for block in large)
    reserved = sum(s.end - s.base for s in heap.back.segments) + sum(block.reserved for block in large)
    return HeapSummary(allocated, heap.memory.committed, reserved)


def walk(heap: Heap) -> list[HeapEntry]:
    """All elements in order of address in each region, the large blocks at the end. Of the front end only its blocks
    are shown, as if they were any others, not its own data."""
    blocks = blocks_of(heap)
    if heap.front is not None:
        blocks.pop(heap.front.header, None)
    starts = sorted(blocks)
    entries: list[HeapEntry] = []
    for region, segment in enumerate(heap.back.segments):
        entries.append(_region(heap, region, segment))
        elements = [
            HeapEntry(start, end - start, 0, region, c.PROCESS_HEAP_UNCOMMITTED_RANGE)
            for start, end in zip(segment.starts, segment.ends, strict=True)
        ]
        for start in starts:
            if segment.base < start < segment.end:
                elements.extend(_elements(heap, start, blocks[start], region))
        entries.extend(sorted(elements))
    entries.extend(
        HeapEntry(address, large.size, 0, LARGE_REGION, c.PROCESS_HEAP_ENTRY_BUSY)
        for address, large in sorted(heap.large.blocks.items())
    )
    return entries


def blocks_of(heap: Heap) -> dict[int, int | Unit]:
    """All blocks of the back end, by address: the size, or what the front end has made of it."""
    blocks: dict[int, int | Unit] = dict(heap.back.free.starts)
    blocks.update((address - HEADER, value >> 32) for address, value in heap.busy.items() if value > _SIZE)
    if heap.front is not None:
        blocks.update((unit.start, unit) for unit in heap.front.units.values())
        if heap.front.header:
            blocks[heap.front.header] = heap.front.header_size
    return blocks


def _region(heap: Heap, region: int, segment: Segment) -> HeapEntry:
    return HeapEntry(
        segment.base,
        segment.first - heap.sizes.skew - segment.base,
        0,
        region,
        c.PROCESS_HEAP_REGION,
        committed=segment.end - segment.base - segment.uncommitted,
        uncommitted=segment.uncommitted,
        first=segment.first + HEADER,
        last=segment.end,
    )


def _elements(heap: Heap, start: int, block: int | Unit, region: int) -> Iterator[HeapEntry]:
    granule = heap.sizes.granule
    if isinstance(block, Unit):
        stride = block.bucket.stride
        first = start + HEADER + heap.sizes.unit + granule
        for address in range(first, first + block.count * stride, stride):
            size = heap.busy.get(address)
            if size is None:
                yield HeapEntry(address, stride - granule, granule, region, 0)
            else:
                yield HeapEntry(address, size, stride - size, region, c.PROCESS_HEAP_ENTRY_BUSY)
        return
    value = heap.busy.get(start + HEADER)
    if value is None:
        yield HeapEntry(start + HEADER + granule, block - 2 * granule, 2 * granule, region, 0)
    else:
        size = value & _SIZE
        yield HeapEntry(start + HEADER, size, block - size, region, c.PROCESS_HEAP_ENTRY_BUSY)
