"""HeapWalk and HeapSummary as tests that pass on Windows see them."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from simulator.windows.heap.walk import HeapEntry
from tests.windows.harness import Steps, Table, equal, fails, several, works

case = Table()
WINE = "[k32/heap.c:{}, test_HeapCreate]"
BUSY, REGION, RANGE = w.PROCESS_HEAP_ENTRY_BUSY, w.PROCESS_HEAP_REGION, w.PROCESS_HEAP_UNCOMMITTED_RANGE


def walked(process: Any, heap: int, count: int | None = None) -> Steps:
    """The elements of a heap, of which there must be so many."""
    process.set_last_error(0)
    entries = yield from process.heap_walk(heap)
    equal(process.get_last_error(), w.ERROR_NO_MORE_ITEMS, "last error")
    if count is not None:
        equal(len(entries), count, "elements")
    return entries


def see_region(entry: HeapEntry, heap: int) -> None:
    """See that an element is the heap's first region."""
    equal((entry.flags, entry.data, entry.overhead, entry.region), (REGION, heap, 0, 0), "region")
    equal(entry.size <= 0x1000, True, "the heap's own data")


def see_end(entries: list[HeapEntry], region: HeapEntry, pointer: int) -> None:
    """See that the last two elements are a free block and what isn't committed."""
    free, gap = entries
    equal((free.flags, free.overhead, free.region), (0, 4 * pointer, 0), "free block")
    equal(free.size != 0, True, "bytes of the free block")
    equal((gap.flags, gap.overhead, gap.region), (RANGE, 0, 0), "uncommitted range")
    equal(gap.data, region.data + region.committed, "start of the uncommitted range")
    equal(gap.data, free.data + free.size + 2 * free.overhead, "what lies between the free block and the range")
    equal(gap.size in {region.uncommitted - 0x1000, region.uncommitted}, True, "bytes of the range")


def see_busy(entry: HeapEntry, after: HeapEntry, block: int, size: int, pointer: int) -> None:
    """See that an element is this block, with a free one behind it."""
    equal((entry.flags, entry.data, entry.size, entry.region), (BUSY, block, size, 0), "busy block")
    equal(entry.overhead != 0, True, "its overhead")
    equal(after.data, entry.data + size + entry.overhead + 2 * pointer, "what lies between it and the free block")


for _bits in (32, 64):
    _pointer, _name = _bits // 8, f"of a {_bits}-bit process"

    @case(
        "HeapWalk",
        f"a new heap {_name} is a region, a free block and what isn't committed",
        WINE.format("519-603"),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap = yield from works(process.heap_create(0, 0, 0))
        region, *rest = yield from walked(process, heap, 3)
        see_region(region, heap)
        equal(region.committed, 0x400 * pointer, "committed")
        equal(region.uncommitted, 0x10000 - region.committed, "uncommitted")
        equal(region.first - region.data - region.size in {2 * pointer, 4 * pointer}, True, "first block")
        equal(region.last, rest[1].data + rest[1].size, "last block")
        see_end(rest, region, pointer)

    @case(
        "HeapWalk",
        f"large blocks {_name} follow the regions, with no overhead, in region 64",
        WINE.format("605-735"),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap, size = (yield from works(process.heap_create(0, 0, 0))), 5 * 0x8000 * pointer
        before = yield from walked(process, heap, 3)
        blocks = []
        for count in (4, 5):
            blocks.append((yield from works(process.heap_alloc(heap, 0, size))))
            entries = yield from walked(process, heap, count)
            equal(entries[:-1], before, "the others")
            last = entries[-1]
            equal((last.flags, last.data, last.size, last.overhead, last.region), (BUSY, blocks[-1], size, 0, 64))
            before = entries
        for block in reversed(blocks):
            yield from works(process.heap_free(heap, 0, block))
        entries = yield from walked(process, heap, 3)
        equal(entries, before[:3], "when they are freed")

    @case(
        "HeapWalk",
        f"blocks {_name} have their sizes, and overhead up to the next one",
        WINE.format("737-815"),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap = yield from works(process.heap_create(0, 0, 0))
        new = yield from walked(process, heap, 3)
        first = yield from works(process.heap_alloc(heap, w.HEAP_ZERO_MEMORY, 123))
        one = yield from walked(process, heap, 4)
        equal(one[0], new[0], "the region")
        equal(one[2:] != new[1:], True, "what follows")
        see_busy(one[1], one[2], first, 123, pointer)
        see_end(one[2:], one[0], pointer)
        second = yield from works(process.heap_alloc(heap, w.HEAP_ZERO_MEMORY, 456))
        two = yield from walked(process, heap, 5)
        equal(two[:2], one[:2], "the region and the first block")
        equal(two[3:] != one[2:], True, "what follows")
        see_busy(two[2], two[3], second, 456, pointer)
        see_end(two[3:], two[0], pointer)
        yield from works(process.heap_free(heap, 0, second))
        yield from works(process.heap_free(heap, 0, first))
        equal((yield from walked(process, heap, 3)), new, "when they are freed")

    @case(
        "HeapWalk",
        f"the front end's own data {_name} aren't shown before a size is its",
        WINE.format("931-968"),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap = yield from works(process.heap_create(0, 0, 0))
        yield from works(process.heap_set_information(heap, w.HEAP_COMPATIBILITY_INFORMATION, w.HEAP_LFH))
        yield from _batch(process, heap, 24 + 2 * pointer, 0x11)
        entries = yield from walked(process, heap, 3)
        see_region(entries[0], heap)
        equal([entry.flags for entry in entries[1:]], [0, RANGE])

    @case(
        "HeapWalk",
        f"free blocks of the front end {_name} are shown, all of a unit",
        WINE.format("970-1000"),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap = yield from works(process.heap_create(0, 0, 0))
        yield from works(process.heap_set_information(heap, w.HEAP_COMPATIBILITY_INFORMATION, w.HEAP_LFH))
        yield from _batch(process, heap, 24 + 2 * pointer, 0x11)
        yield from _batch(process, heap, 24 + 2 * pointer, 0x12)
        entries = yield from walked(process, heap)
        equal(len(entries) > 24, True, f"{len(entries)} elements")
        see_region(entries[0], heap)
        equal(entries[1].flags, 0)
        for entry in entries[4 : 4 + 0x12]:
            equal((entry.flags, entry.size, entry.overhead), (0, 0x20, 2 * pointer), "free block of the front end")
        equal(entries[-1].flags, RANGE, "the last element")

    @case("HeapWalk", f"a block of the front end {_name} has 8 bytes of overhead", WINE.format("1039-1072"), bits=_bits)
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap, size = (yield from works(process.heap_create(0, 0, 0))), 24 + 2 * pointer
        yield from works(process.heap_set_information(heap, w.HEAP_COMPATIBILITY_INFORMATION, w.HEAP_LFH))
        yield from _batch(process, heap, size, 0x11)
        yield from _batch(process, heap, size, 0x12)
        yield from several(works(process.heap_alloc(heap, 0, size)) for _ in range(0x12))
        entries = yield from walked(process, heap)
        equal(len(entries) > 24, True, f"{len(entries)} elements")
        see_region(entries[0], heap)
        equal(entries[1].flags in {0, BUSY}, True)
        busy = [entry for entry in entries[1:-2] if entry.flags == BUSY]
        equal(len(busy), 0x12, "busy blocks")
        equal({(entry.size, entry.overhead) for entry in busy}, {(0x18 + 2 * pointer, 8)}, "their sizes")
        equal(entries[-1].flags, RANGE, "the last element")

    @case(
        "HeapWalk",
        f"moveable and shared memory {_name} isn't marked",
        WINE.format("1330-1340").replace("HeapCreate", "GlobalAlloc"),
        bits=_bits,
    )
    def _(process: Any) -> Steps:
        yield from works(process.global_alloc(w.GMEM_MOVEABLE | w.GMEM_DISCARDABLE, 0))
        yield from works(process.global_alloc(w.GMEM_MOVEABLE | w.GMEM_DDESHARE, 100))
        yield from works(process.global_alloc(w.GMEM_DDESHARE, 100))
        entries = yield from walked(process, (yield from process.get_process_heap()))
        marks = w.PROCESS_HEAP_ENTRY_MOVEABLE | w.PROCESS_HEAP_ENTRY_DDESHARE
        equal([entry for entry in entries if entry.flags & marks], [])

    @case(
        "HeapSummary",
        f"has the bytes of a heap {_name} that were asked for, committed and reserved",
        "[k32/heap.c:3754-3784, test_HeapSummary]",
        bits=_bits,
    )
    def _(process: Any) -> Steps:
        heap = yield from works(process.heap_create(0, 0, 0))
        blocks = yield from several(works(process.heap_alloc(heap, 0, size)) for size in (0x100, 0x200, 0x300, 0x60000))
        yield from works(process.heap_free(heap, 0, blocks[2]))
        found = yield from works(process.heap_summary(heap))
        equal(found.allocated, 0x100 + 0x200 + 0x60000)
        equal(found.committed >= found.allocated, True)
        equal(found.reserved >= found.committed, True)
        yield from fails(process, w.ERROR_INVALID_HANDLE, process.heap_summary(heap + 16))


def _batch(process: Any, heap: int, size: int, count: int) -> Steps:
    """Allocate so many blocks, then free them."""
    blocks = yield from several(works(process.heap_alloc(heap, 0, size)) for _ in range(count))
    for block in blocks:
        yield from works(process.heap_free(heap, 0, block))
