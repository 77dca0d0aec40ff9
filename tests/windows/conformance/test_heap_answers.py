"""What heap functions answer, where tests that pass on Windows see it: lists of heaps, last errors, the front end."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

WINE = "[k32/heap.c:{}, test_HeapCreate]"
COMPATIBILITY, NO_MEMORY = w.HEAP_COMPATIBILITY_INFORMATION, w.ERROR_NOT_ENOUGH_MEMORY
MOST = (1 << 64) - 1
"""the largest size that can be asked for"""


def kind(p: Any, heap: int, expected: int) -> None:
    """See what HeapCompatibilityInformation is."""
    assert p.heap_query_information(heap, COMPATIBILITY) == expected


def test_get_process_heaps(rule: Rule) -> None:
    with rule("the process heap comes first, and new heaps at the end", WINE.format("202-229")) as p:
        default = p.get_process_heap()
        before = p.get_process_heaps()
        assert len(before) <= 6
        first = works(p.heap_create(0, 0, 0))
        assert len(p.get_process_heaps()) == len(before) + 1
        second = works(p.heap_create(0, 0, 0))
        assert (first % 0x10000, second % 0x10000) == (0, 0)
        found = p.get_process_heaps()
        assert (found[0], found[-2:]) == (default, [first, second])
        works(p.heap_destroy(second))
        works(p.heap_destroy(first))
        assert p.get_process_heaps() == before
    with rule(
        "there is at least one heap, fewer than 40, and none is NULL", "ros: apitests/ntdll/RtlGetProcessHeaps.c:15-43"
    ) as p:
        p.get_process_heap()
        before = p.get_process_heaps()
        assert 0 < len(before) < 40
        assert 0 not in before
        heap = works(p.heap_create(0, 0, 0x10000))
        assert p.get_process_heaps() == [*before, heap]


def test_heap_free(rule: Rule) -> None:
    with rule("NULL may be freed, even of no heap", WINE.format("239-242")) as p:
        works(p.heap_free(0, 0, 0))
        works(p.heap_free(works(p.heap_create(0, 0, 0)), 0, 0))


def test_heap_re_alloc(rule: Rule) -> None:
    with rule("NULL isn't reallocated, and that is no error", WINE.format("256-260")) as p:
        heap = works(p.heap_create(0, 0, 0))
        p.gives(0, w.ERROR_SUCCESS).heap_realloc(heap, 0, 0, 1)
    with rule(
        "NULL isn't reallocated with HEAP_ZERO_MEMORY either", "ros: apitests/ntdll/RtlReAllocateHeap.c:76-81"
    ) as p:
        heap = p.get_process_heap()
        assert p.heap_realloc(heap, w.HEAP_ZERO_MEMORY, 0, 0x100) == 0


def test_heap_validate(rule: Rule) -> None:
    with rule("sets no error, for the heap, other memory, and a freed block", WINE.format("277-301")) as p:
        heap = works(p.heap_create(0, 0, 0))
        other = works(p.virtual_alloc(0, 512, w.MEM_RESERVE | w.MEM_COMMIT, w.PAGE_READWRITE))
        p.gives(True).heap_validate(heap, 0, 0)
        p.gives(False).heap_validate(heap, 0, other + 64)
        block = works(p.heap_alloc(heap, 0, 0))
        assert p.heap_validate(heap, 0, block) is True
        works(p.heap_free(heap, 0, block))
        p.gives(False).heap_validate(heap, 0, block)


def test_blocks_as_large_as_memory(rule: Rule) -> None:
    with rule("a block of 0 bytes can't have all of memory, and stays valid", WINE.format("286-297")) as p:
        heap = works(p.heap_create(0, 0, 0))
        block = works(p.heap_alloc(heap, 0, 0))
        assert p.heap_size(heap, 0, block) == 0
        for size in (MOST - 7, MOST):
            p.fails(NO_MEMORY).heap_realloc(heap, 0, block, size)
        assert p.heap_validate(heap, 0, block) is True
        works(p.heap_free(heap, 0, block))


def test_heap_alloc(rule: Rule) -> None:
    with rule("no block is as large as all of memory", WINE.format("303-304")) as p:
        heap = works(p.heap_create(0, 0, 0))
        p.fails(NO_MEMORY).heap_alloc(heap, 0, MOST)


def test_blocks_of_no_bytes(rule: Rule) -> None:
    with rule("a block may have 0 bytes", WINE.format("306-313")) as p:
        heap = works(p.heap_create(0, 0, 0))
        block = works(p.heap_alloc(heap, 0, 1))
        moved = works(p.heap_realloc(heap, 0, block, 0))
        assert p.heap_size(heap, 0, moved) == 0
        works(p.heap_free(heap, 0, moved))


def test_sizes_of_large_blocks(rule: Rule) -> None:
    for bits in (32, 64):
        with rule(
            f"large and other blocks of a {bits}-bit process have the sizes asked for",
            WINE.format("315-329"),
            bits=bits,
        ) as p:
            heap, unit = works(p.heap_create(0, 0, 0)), 0x1000 * bits
            works(p.heap_free(heap, 0, works(p.heap_alloc(heap, 0, 5 * unit + 1))))
            block = works(p.heap_alloc(heap, 0, unit))
            assert p.heap_size(heap, 0, block) == unit
            large = works(p.heap_alloc(heap, 0, 4 * unit))
            works(p.heap_free(heap, 0, large))
            works(p.heap_free(heap, 0, block))
    with rule("a zeroed block has the size asked for, small and large", WINE.format("365-382")) as p:
        heap = works(p.heap_create(0, 0, 0))
        for size in (1, 1 << 20):
            block = works(p.heap_alloc(heap, w.HEAP_ZERO_MEMORY, size))
            assert p.heap_size(heap, 0, block) == size
            works(p.heap_free(heap, 0, block))


def test_heap_query_information(rule: Rule) -> None:
    with rule("NULL is no heap", WINE.format("822-825")) as p:
        p.gives(None, w.ERROR_NOACCESS).heap_query_information(0, COMPATIBILITY)
    with rule("a new heap is a standard one", WINE.format("840-844")) as p:
        kind(p, works(p.heap_create(0, 0, 0)), w.HEAP_STANDARD)


def test_heap_set_information(rule: Rule) -> None:
    with rule("the low-fragmentation heap is had at once, and for ever", WINE.format("850-884")) as p:
        heap = works(p.heap_create(0, 0, 0))
        kind(p, heap, w.HEAP_STANDARD)
        works(p.heap_set_information(heap, COMPATIBILITY, w.HEAP_LFH))
        kind(p, heap, w.HEAP_LFH)
        for other in (w.HEAP_STANDARD, w.HEAP_LAL):
            p.gives(False, w.ERROR_GEN_FAILURE).heap_set_information(heap, COMPATIBILITY, other)
        kind(p, heap, w.HEAP_LFH)
    with rule("a heap that isn't serialized can't have it", WINE.format("887-908")) as p:
        heap = works(p.heap_create(w.HEAP_NO_SERIALIZE, 0, 0))
        kind(p, heap, w.HEAP_STANDARD)
        p.gives(False, w.ERROR_INVALID_PARAMETER).heap_set_information(heap, COMPATIBILITY, w.HEAP_LFH)
        kind(p, heap, w.HEAP_STANDARD)


def test_when_a_heap_becomes_a_low_fragmentation_one(rule: Rule) -> None:
    for size in (0, 1, 40, 1000, 16_384):
        with rule(f"18 blocks of {size} bytes make a heap a low-fragmentation one", WINE.format("911-929")) as p:
            heap = works(p.heap_create(0, 0, 0))
            kind(p, heap, w.HEAP_STANDARD)
            blocks = [works(p.heap_alloc(heap, 0, size)) for _ in range(0x11)]
            kind(p, heap, w.HEAP_STANDARD)
            blocks.append(works(p.heap_alloc(heap, 0, size)))
            for block in blocks:
                works(p.heap_free(heap, 0, block))
            kind(p, heap, w.HEAP_LFH)
    with rule("18 blocks that the front end has none of leave a heap a standard one", "[Low-fragmentation Heap]") as p:
        heap = works(p.heap_create(0, 0, 0))
        [works(p.heap_alloc(heap, 0, 16_385)) for _ in range(0x12)]
        kind(p, heap, w.HEAP_STANDARD)
