"""Whether a heap is as it must be."""

from __future__ import annotations

from simulator.windows.heap.back_end import FreeLists, Segment
from simulator.windows.heap.heap import Heap
from simulator.windows.heap.low_fragmentation import Unit
from simulator.windows.heap.walk import blocks_of


def check(heap: Heap) -> None:
    """Raise AssertionError unless the heap is as it must be: blocks, headers and uncommitted ranges tile each segment,
    free neighbours are joined, and all counts and lists agree."""
    blocks = blocks_of(heap)
    edges: dict[int, int] = {}
    taken = 0
    for segment in heap.back.segments:
        taken += _check_segment(heap, segment, blocks, edges)
        gaps = sum(stop - start for start, stop in zip(segment.starts, segment.ends, strict=True))
        assert gaps == segment.uncommitted
    assert not blocks, "blocks lie in committed memory only"
    assert heap.back.edges == edges
    large = sum(block.committed for block in heap.large.blocks.values())
    assert heap.memory.committed == large + taken
    _check_free(heap)
    _check_units(heap)


def _check_segment(heap: Heap, segment: Segment, blocks: dict[int, int | Unit], edges: dict[int, int]) -> int:
    """The bytes of a segment that aren't in an uncommitted range; notes down where its stretches end."""
    skew, free = heap.sizes.skew, heap.back.free.starts
    taken, start, first = 0, segment.base, segment.first
    for gap, next_start in zip([*segment.starts, segment.end], [*segment.ends, segment.end], strict=True):
        if gap == start:
            continue  # the segment's end follows a gap
        end = gap - (heap.sizes.range if gap < segment.end else skew)
        edges[end] = gap
        joined = False
        while first < end and not segment.unused:
            assert first in blocks, f"no block begins at {first:#x}"
            block = blocks.pop(first)
            assert not (joined and first in free), f"the free block at {first:#x} follows a free one"
            joined = first in free
            first += block.size if isinstance(block, Unit) else block
        assert segment.unused or first == end, f"blocks end at {first:#x}, committed memory at {gap:#x}"
        taken += gap - start
        start, first = next_start, next_start + skew
    return taken


def _check_free(heap: Heap) -> None:
    free = heap.back.free
    assert free.total == sum(free.starts.values())
    assert free.ends == {start + size: start for start, size in free.starts.items()}
    assert _listed(free) == sorted((size, start) for start, size in free.starts.items())


def _check_units(heap: Heap) -> None:
    if heap.front is None:
        return
    for unit in set(heap.front.units.values()):
        busy = [a for a, owner in heap.front.units.items() if owner is unit and a in heap.busy]
        assert len(busy) + len(unit.free) == unit.count
        assert not set(busy) & set(unit.free)
        active = unit is unit.bucket.active
        assert (unit in unit.bucket.others) == (len(unit.free) > 0 and not active)
        assert active or len(unit.free) < unit.count


def _listed(free: FreeLists) -> list[tuple[int, int]]:
    """Size and start of all blocks as the lists have them, in order."""
    blocks = [(i << free._shift, start) for i, found in enumerate(free._dedicated) for start in found]
    assert all(free._bits >> i & 1 for i, found in enumerate(free._dedicated) if found)
    assert free._sizes == sorted(free._large)
    assert all(free._large.values())
    return sorted(blocks + [(size, start) for size, found in free._large.items() for start in found])
