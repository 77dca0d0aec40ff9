"""Heaps: what each call gives and refuses, and what they take from the system and give back."""

from __future__ import annotations

import itertools
from typing import Any

from tests.windows.conformance.rules import *

HEAP = "[HeapCreate]"
ALLOC, REALLOC, FREE = "[HeapAlloc]", "[HeapReAlloc]", "[HeapFree]"
KIB = 1024


def made(p: Any, flags: int = 0, initial: int = 0, maximum: int = 0) -> Any:
    """A new heap."""
    return works(p.heap_create(flags, initial, maximum))


def blocks(p: Any, heap: int, count: int, size: int) -> Any:
    """The addresses of some new blocks."""
    return [works(p.heap_alloc(heap, 0, size)) for _ in range(count)]


def test_get_process_heap(rule: Rule) -> None:
    with rule("each process has a heap from the beginning", "[GetProcessHeap]") as p:
        heap = p.get_process_heap()
        assert heap != 0
        works(p.heap_alloc(heap, 0, 100))


def test_heap_create(rule: Rule) -> None:
    with rule("a heap with initial size 0 has a page committed", HEAP) as p:
        heap = made(p)
        found = p.virtual_query(heap)
        assert (found.state, found.region_size >= PAGE) == (COMMIT, True)
    with rule("the initial size is committed at once", HEAP) as p:
        before = p.charge()
        made(p, 0, 64 * PAGE)
        assert p.charge() - before >= 64
    with rule("the maximum size is reserved, the rest of it not committed", HEAP) as p:
        before = p.charge()
        heap = made(p, 0, PAGE, 4 * MiB)
        assert p.charge() - before < 32
        found = p.virtual_query(heap)
        rest = p.virtual_query(found.base_address + found.region_size)
        assert (rest.state, rest.allocation_base) == (RESERVE, found.allocation_base)
    with rule("an initial size above the maximum is refused", HEAP) as p:
        p.fails(0).heap_create(0, 2 * MiB, MiB)


def test_heap_alloc(rule: Rule) -> None:
    with rule("a fixed heap is exhausted at its maximum", HEAP) as p:
        heap = made(p, 0, 0, 64 * KIB)
        count = 0
        while p.heap_alloc(heap, 0, 4000):
            count += 1
        assert 10 <= count <= 16, f"{count} blocks of 4000 bytes in 64 KiB"
    for bits, limit in ((32, 512 * KIB), (64, 1024 * KIB)):
        with rule(f"a fixed heap of a {bits}-bit process has no block of {limit // KIB} KB", HEAP, bits=bits) as p:
            heap = made(p, 0, 0, 4 * MiB)
            p.fails(0).heap_alloc(heap, 0, limit)
            works(p.heap_alloc(heap, 0, limit - 16 * KIB))
    with rule("a growable heap has no limit but memory", HEAP) as p:
        heap = made(p)
        blocks(p, heap, 20, 100 * KIB)
    with rule("a big block of a growable heap is a region of its own", HEAP) as p:
        heap = made(p)
        block = works(p.heap_alloc(heap, 0, MiB))
        found = p.virtual_query(block)
        own = p.virtual_query(heap)
        assert found.allocation_base != own.allocation_base
        works(p.heap_free(heap, 0, block))
        assert p.virtual_query(block).state == w.MEM_FREE
    with rule("a block of 0x7F000 bytes or less lies in a segment", "[RTL_HEAP_PARAMETERS]") as p:
        heap = made(p)
        block = works(p.heap_alloc(heap, 0, 400 * KIB))
        found = p.virtual_query(block)
        assert p.virtual_query(found.allocation_base).region_size > 0
        works(p.heap_free(heap, 0, block))
        assert p.virtual_query(block).state in {COMMIT, RESERVE}
    for bits, grain in ((32, 8), (64, 16)):
        with rule(f"blocks of a {bits}-bit process lie at multiples of {grain}", "MODEL section 9", bits=bits) as p:
            heap = p.get_process_heap()
            found = blocks(p, heap, 5, 13)
            assert [block % grain for block in found] == [0] * 5
    with rule("blocks don't overlap", ALLOC) as p:
        heap = made(p)
        sizes = (1, 13, 100, 4000, 17, 64, 5000, 3, 900)
        blocks_of = [works(p.heap_alloc(heap, 0, size)) for size in sizes]
        found = sorted(zip(blocks_of, sizes, strict=True))
        assert all(a + size <= b for (a, size), (b, _) in itertools.pairwise(found))


def test_heap_blocks_and_sizes(rule: Rule) -> None:
    with rule("a block of 0 bytes is a block", ALLOC) as p:
        heap = made(p)
        block = works(p.heap_alloc(heap, 0, 0))
        assert p.heap_size(heap, 0, block) == 0
        works(p.heap_free(heap, 0, block))
    with rule(
        "failure gives NULL and last error 8, which the documentation denies", "[k32/heap.c:453, test_HeapCreate]"
    ) as p:
        heap = made(p, 0, 0, 64 * KIB)
        p.set_last_error(77)
        assert p.heap_alloc(heap, 0, MiB) == 0
        assert p.get_last_error() == w.ERROR_NOT_ENOUGH_MEMORY
    with rule("failure raises STATUS_NO_MEMORY if the call asks for exceptions", ALLOC) as p:
        heap = made(p, 0, 0, 64 * KIB)
        p.set_last_error(77)
        p.raises(w.STATUS_NO_MEMORY).heap_alloc(heap, w.HEAP_GENERATE_EXCEPTIONS, MiB)
        assert p.get_last_error() == 77
    with rule("failure raises STATUS_NO_MEMORY if the heap was made so", HEAP) as p:
        heap = made(p, w.HEAP_GENERATE_EXCEPTIONS, 0, 64 * KIB)
        p.raises(w.STATUS_NO_MEMORY).heap_alloc(heap, 0, MiB)
    with rule("beyond the commit limit it fails", ALLOC, paging_pages=64) as p:
        heap = made(p)
        assert p.heap_alloc(heap, 0, 16 * MiB) == 0
        works(p.heap_alloc(heap, 0, 100))
    with rule("HEAP_ZERO_MEMORY touches the whole block", ALLOC) as p:
        heap = made(p)
        before = p.get_process_memory_info().working_set_size
        works(p.heap_alloc(heap, w.HEAP_ZERO_MEMORY, 40 * PAGE))
        after = p.get_process_memory_info().working_set_size
        assert after - before >= 40 * PAGE
    with rule("without HEAP_ZERO_MEMORY a block isn't touched", ALLOC) as p:
        heap = made(p)
        before = p.get_process_memory_info().working_set_size
        works(p.heap_alloc(heap, 0, 40 * PAGE))
        after = p.get_process_memory_info().working_set_size
        assert after - before <= 8 * PAGE


def test_heap_size(rule: Rule) -> None:
    with rule("gives the size that was asked for", "[HeapSize]") as p:
        heap = made(p)
        for size in (1, 13, 100, 5000, MiB):
            block = works(p.heap_alloc(heap, 0, size))
            assert p.heap_size(heap, 0, block) == size


def test_heap_re_alloc(rule: Rule) -> None:
    with rule("a smaller block stays where it is", REALLOC) as p:
        heap = made(p)
        block = works(p.heap_alloc(heap, 0, 3000))
        assert p.heap_realloc(heap, 0, block, 100) == block
        assert p.heap_size(heap, 0, block) == 100
    with rule("a larger block may move", REALLOC) as p:
        heap = made(p)
        block, _ = blocks(p, heap, 2, 100)
        moved = works(p.heap_realloc(heap, 0, block, 8000))
        assert p.heap_size(heap, 0, moved) == 8000
    with rule("in place only, it fails if the next block is in use, and keeps the old", REALLOC) as p:
        heap = made(p)
        block, _ = blocks(p, heap, 2, 100)
        p.fails(0).heap_realloc(heap, w.HEAP_REALLOC_IN_PLACE_ONLY, block, 8000)
        assert p.heap_size(heap, 0, block) == 100
    with rule("failure keeps the old block", REALLOC) as p:
        heap = made(p, 0, 0, 64 * KIB)
        block = works(p.heap_alloc(heap, 0, 1000))
        p.fails(0).heap_realloc(heap, 0, block, MiB)
        assert p.heap_size(heap, 0, block) == 1000
        works(p.heap_free(heap, 0, block))


def test_heap_free(rule: Rule) -> None:
    with rule("a freed block can be allocated again", FREE) as p:
        heap = made(p, 0, 0, 64 * KIB)
        for _ in range(100):
            block = works(p.heap_alloc(heap, 0, 40 * KIB))
            works(p.heap_free(heap, 0, block))
    with rule("free neighbours coalesce", FREE) as p:
        heap = made(p, 0, 0, 64 * KIB)
        found = blocks(p, heap, 5, 9 * KIB)
        for block in (found[0], found[2], found[1], found[4], found[3]):
            works(p.heap_free(heap, 0, block))
        works(p.heap_alloc(heap, 0, 45 * KIB))
    with rule("NULL may be freed", FREE) as p:
        heap = made(p)
        works(p.heap_free(heap, 0, 0))
    with rule("large free blocks are decommitted", "[RTL_HEAP_PARAMETERS]") as p:
        heap = made(p)
        found = blocks(p, heap, 4, 100 * KIB)
        full = p.charge()
        for block in found:
            works(p.heap_free(heap, 0, block))
        assert full - p.charge() >= 50


def test_heap_compact(rule: Rule) -> None:
    with rule("gives the largest committed free block", "[HeapCompact]") as p:
        heap = made(p, 0, 64 * KIB, 64 * KIB)
        found = blocks(p, heap, 3, 10 * KIB)
        works(p.heap_free(heap, 0, found[1]))
        largest = p.heap_compact(heap, 0)
        assert 20 * KIB < largest < 40 * KIB, f"{largest} bytes"


def test_heap_validate(rule: Rule) -> None:
    with rule("a heap and its blocks are valid", "[HeapValidate]") as p:
        heap = made(p)
        found = blocks(p, heap, 5, 100)
        assert p.heap_validate(heap, 0)
        assert p.heap_validate(heap, 0, found[2])
    with rule("a freed block isn't valid, and no error is set", "[HeapValidate]") as p:
        heap = made(p)
        found = blocks(p, heap, 5, 100)
        works(p.heap_free(heap, 0, found[2]))
        p.set_last_error(77)
        assert not p.heap_validate(heap, 0, found[2])
        assert p.get_last_error() == 77


def test_heap_walk(rule: Rule) -> None:
    with rule("gives every block, and ends with error 259", "[HeapWalk]") as p:
        heap = made(p)
        found = blocks(p, heap, 5, 100)
        entries = p.heap_walk(heap)
        assert p.get_last_error() == w.ERROR_NO_MORE_ITEMS
        assert set(found) <= {entry.data for entry in entries}


def test_heap_destroy(rule: Rule) -> None:
    with rule("needs no frees and gives everything back", "[HeapDestroy]") as p:
        before = p.charge()
        heap = made(p)
        blocks(p, heap, 50, 10 * KIB)
        works(p.heap_destroy(heap))
        assert p.charge() - before <= 2
        assert p.virtual_query(heap).state == w.MEM_FREE
    with rule("the process heap can't be destroyed", "[HeapDestroy]") as p:
        heap = p.get_process_heap()
        p.fails(0).heap_destroy(heap)
        works(p.heap_alloc(heap, 0, 100))


def test_heap_memory(rule: Rule) -> None:
    with rule("heap memory is that of VirtualAlloc", "[Heap Functions]") as p:
        heap = made(p)
        block = works(p.heap_alloc(heap, 0, 100))
        found = p.virtual_query(block)
        assert (found.type, found.protect, found.state) == (w.MEM_PRIVATE, w.PAGE_READWRITE, COMMIT)
