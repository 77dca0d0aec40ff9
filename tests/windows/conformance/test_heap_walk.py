"""HeapWalk and HeapSummary as tests that pass on Windows see them."""

from __future__ import annotations

from typing import Any

from simulator.windows.heap.walk import HeapEntry
from tests.windows.conformance.rules import *

WINE = "[k32/heap.c:{}, test_HeapCreate]"
BUSY, REGION, RANGE = w.PROCESS_HEAP_ENTRY_BUSY, w.PROCESS_HEAP_REGION, w.PROCESS_HEAP_UNCOMMITTED_RANGE


def walked(p: Any, heap: int, count: int | None = None) -> Any:
    """The elements of a heap, of which there must be so many."""
    p.set_last_error(0)
    entries = p.heap_walk(heap)
    assert p.get_last_error() == w.ERROR_NO_MORE_ITEMS
    if count is not None:
        assert len(entries) == count
    return entries


def see_region(entry: HeapEntry, heap: int) -> None:
    """See that an element is the heap's first region."""
    assert (entry.flags, entry.data, entry.overhead, entry.region) == (REGION, heap, 0, 0)
    assert entry.size <= 0x1000


def see_end(entries: list[HeapEntry], region: HeapEntry, pointer: int) -> None:
    """See that the last two elements are a free block and what isn't committed."""
    free, gap = entries
    assert (free.flags, free.overhead, free.region) == (0, 4 * pointer, 0)
    assert free.size != 0
    assert (gap.flags, gap.overhead, gap.region) == (RANGE, 0, 0)
    assert gap.data == region.data + region.committed
    assert gap.data == free.data + free.size + 2 * free.overhead
    assert gap.size in {region.uncommitted - 0x1000, region.uncommitted}


def see_busy(entry: HeapEntry, after: HeapEntry, block: int, size: int, pointer: int) -> None:
    """See that an element is this block, with a free one behind it."""
    assert (entry.flags, entry.data, entry.size, entry.region) == (BUSY, block, size, 0)
    assert entry.overhead != 0
    assert after.data == entry.data + size + entry.overhead + 2 * pointer


def test_heap_walk(rule: Rule) -> None:
    for bits in (32, 64):
        pointer, name = bits // 8, f"of a {bits}-bit process"
        with rule(
            f"a new heap {name} is a region, a free block and what isn't committed", WINE.format("519-603"), bits=bits
        ) as p:
            heap = works(p.heap_create(0, 0, 0))
            region, *rest = walked(p, heap, 3)
            see_region(region, heap)
            assert region.committed == 0x400 * pointer
            assert region.uncommitted == 0x10000 - region.committed
            assert region.first - region.data - region.size in {2 * pointer, 4 * pointer}
            assert region.last == rest[1].data + rest[1].size
            see_end(rest, region, pointer)
        with rule(
            f"large blocks {name} follow the regions, with no overhead, in region 64", WINE.format("605-735"), bits=bits
        ) as p:
            heap, size = works(p.heap_create(0, 0, 0)), 5 * 0x8000 * pointer
            before = walked(p, heap, 3)
            blocks = []
            for count in (4, 5):
                blocks.append(works(p.heap_alloc(heap, 0, size)))
                entries = walked(p, heap, count)
                assert entries[:-1] == before
                last = entries[-1]
                assert (last.flags, last.data, last.size, last.overhead, last.region) == (BUSY, blocks[-1], size, 0, 64)
                before = entries
            for block in reversed(blocks):
                works(p.heap_free(heap, 0, block))
            entries = walked(p, heap, 3)
            assert entries == before[:3]
        with rule(
            f"blocks {name} have their sizes, and overhead up to the next one", WINE.format("737-815"), bits=bits
        ) as p:
            heap = works(p.heap_create(0, 0, 0))
            new = walked(p, heap, 3)
            first = works(p.heap_alloc(heap, w.HEAP_ZERO_MEMORY, 123))
            one = walked(p, heap, 4)
            assert one[0] == new[0]
            assert one[2:] != new[1:]
            see_busy(one[1], one[2], first, 123, pointer)
            see_end(one[2:], one[0], pointer)
            second = works(p.heap_alloc(heap, w.HEAP_ZERO_MEMORY, 456))
            two = walked(p, heap, 5)
            assert two[:2] == one[:2]
            assert two[3:] != one[2:]
            see_busy(two[2], two[3], second, 456, pointer)
            see_end(two[3:], two[0], pointer)
            works(p.heap_free(heap, 0, second))
            works(p.heap_free(heap, 0, first))
            assert walked(p, heap, 3) == new
        with rule(
            f"the front end's own data {name} aren't shown before a size is its", WINE.format("931-968"), bits=bits
        ) as p:
            heap = works(p.heap_create(0, 0, 0))
            works(p.heap_set_information(heap, w.HEAP_COMPATIBILITY_INFORMATION, w.HEAP_LFH))
            _batch(p, heap, 24 + 2 * pointer, 0x11)
            entries = walked(p, heap, 3)
            see_region(entries[0], heap)
            assert [entry.flags for entry in entries[1:]] == [0, RANGE]
        with rule(
            f"free blocks of the front end {name} are shown, all of a unit", WINE.format("970-1000"), bits=bits
        ) as p:
            heap = works(p.heap_create(0, 0, 0))
            works(p.heap_set_information(heap, w.HEAP_COMPATIBILITY_INFORMATION, w.HEAP_LFH))
            _batch(p, heap, 24 + 2 * pointer, 0x11)
            _batch(p, heap, 24 + 2 * pointer, 0x12)
            entries = walked(p, heap)
            assert len(entries) > 24, f"{len(entries)} elements"
            see_region(entries[0], heap)
            assert entries[1].flags == 0
            for entry in entries[4 : 4 + 0x12]:
                assert (entry.flags, entry.size, entry.overhead) == (0, 0x20, 2 * pointer)
            assert entries[-1].flags == RANGE
        with rule(f"a block of the front end {name} has 8 bytes of overhead", WINE.format("1039-1072"), bits=bits) as p:
            heap, size = works(p.heap_create(0, 0, 0)), 24 + 2 * pointer
            works(p.heap_set_information(heap, w.HEAP_COMPATIBILITY_INFORMATION, w.HEAP_LFH))
            _batch(p, heap, size, 0x11)
            _batch(p, heap, size, 0x12)
            [works(p.heap_alloc(heap, 0, size)) for _ in range(0x12)]
            entries = walked(p, heap)
            assert len(entries) > 24, f"{len(entries)} elements"
            see_region(entries[0], heap)
            assert entries[1].flags in {0, BUSY}
            busy = [entry for entry in entries[1:-2] if entry.flags == BUSY]
            assert len(busy) == 0x12
            assert {(entry.size, entry.overhead) for entry in busy} == {(0x18 + 2 * pointer, 8)}
            assert entries[-1].flags == RANGE
        with rule(
            f"moveable and shared memory {name} isn't marked",
            WINE.format("1330-1340").replace("HeapCreate", "GlobalAlloc"),
            bits=bits,
        ) as p:
            works(p.global_alloc(w.GMEM_MOVEABLE | w.GMEM_DISCARDABLE, 0))
            works(p.global_alloc(w.GMEM_MOVEABLE | w.GMEM_DDESHARE, 100))
            works(p.global_alloc(w.GMEM_DDESHARE, 100))
            entries = walked(p, p.get_process_heap())
            marks = w.PROCESS_HEAP_ENTRY_MOVEABLE | w.PROCESS_HEAP_ENTRY_DDESHARE
            assert [entry for entry in entries if entry.flags & marks] == []
        with rule(
            f"has the bytes of a heap {name} that were asked for, committed and reserved",
            "[k32/heap.c:3754-3784, test_HeapSummary]",
            bits=bits,
        ) as p:
            heap = works(p.heap_create(0, 0, 0))
            blocks = [works(p.heap_alloc(heap, 0, size)) for size in (0x100, 0x200, 0x300, 0x60000)]
            works(p.heap_free(heap, 0, blocks[2]))
            found = works(p.heap_summary(heap))
            assert found.allocated == 0x100 + 0x200 + 0x60000
            assert found.committed >= found.allocated
            assert found.reserved >= found.committed
            p.fails(w.ERROR_INVALID_HANDLE).heap_summary(heap + 16)


def _batch(p: Any, heap: int, size: int, count: int) -> None:
    """Allocate so many blocks, then free them."""
    blocks = [works(p.heap_alloc(heap, 0, size)) for _ in range(count)]
    for block in blocks:
        works(p.heap_free(heap, 0, block))
