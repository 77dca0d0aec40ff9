"""Heaps as tests that pass on Windows see them: how large blocks and heaps are, and which blocks stay in place."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

HEAP = "[k32/heap.c:{}, {}]"
CREATE, LAYOUT, SIZES = "test_HeapCreate", "test_block_layout", "test_heap_size"
IN_PLACE, NO_MEMORY = w.HEAP_REALLOC_IN_PLACE_ONLY, w.ERROR_NOT_ENOUGH_MEMORY
BITS = (32, 64)
ROOM: dict[str, Any] = {"paging_pages": 16_384}


def made(p: Any, flags: int = 0, initial: int = 0, maximum: int = 0) -> Any:
    """A new heap, at a multiple of 64 KiB."""
    heap = works(p.heap_create(flags, initial, maximum))
    assert heap % 0x10000 == 0
    return heap


def up(size: int, unit: int) -> int:
    """A size rounded up."""
    return -(-size // unit) * unit


def three(p: Any, heap: int, size: int) -> Any:
    """Three blocks of one size: the shorter of the two distances from one to the next, and all their addresses' bits.
    They are freed again."""
    blocks = [works(p.heap_alloc(heap, 0, size)) for _ in range(3)]
    distance = min(abs(blocks[2] - blocks[1]), abs(blocks[1] - blocks[0]))
    for block in reversed(blocks):
        works(p.heap_free(heap, 0, block))
    return distance, blocks[0] | blocks[1] | blocks[2]


def region(p: Any, address: int) -> Any:
    """Base and size of the allocation that an address is in."""
    base = end = p.virtual_query(address).allocation_base
    while (found := p.virtual_query(end)).allocation_base == base and found.state in {
        COMMIT,
        RESERVE,
    }:
        end += found.region_size
    return base, end - base


def sized(p: Any, heap: int, block: int, size: int) -> None:
    """See that a block has this size."""
    assert p.heap_size(heap, 0, block) == size


def test_heap_alloc(rule: Rule) -> None:
    for bits in BITS:
        pointer, name = bits // 8, f"of a {bits}-bit process"
        with rule(
            f"a block {name} takes 8 bytes more than its data, rounded up to two pointers",
            HEAP.format("3000-3033", LAYOUT),
            bits=bits,
            **ROOM,
        ) as p:
            heap = made(p, w.HEAP_NO_SERIALIZE)
            size = 0x20000 * pointer - 0x3000
            while size:
                distance, address = three(p, heap, size)
                assert address % (2 * pointer) == 0, f"alignment of {size:#x} bytes"
                assert distance == up(max(size, 2 * pointer) + 8, 2 * pointer), f"distance of blocks of {size:#x} bytes"
                size >>= 1
        with rule(
            f"a block {name} of 0xFE00 granules is the largest that comes from a segment",
            HEAP.format("3045-3097", LAYOUT),
            bits=bits,
            **ROOM,
        ) as p:
            heap = made(p, w.HEAP_NO_SERIALIZE)
            _, address = three(p, heap, 0x20000 * pointer - 0x2000)
            assert address % (2 * pointer) == 0
            size = 0x20000 * pointer - 0x1000
            while size < 0x800000:
                distance, address = three(p, heap, size)
                assert address % (8 * pointer) == 0, f"alignment of {size:#x} bytes"
                assert distance > up(size + 8, 2 * pointer), f"blocks of {size:#x} bytes are regions of their own"
                size <<= 1
        with rule(
            f"blocks {name} lie at odd multiples of two, and large ones of eight, pointers, too",
            HEAP.format("333-361", CREATE),
            bits=bits,
            paging_pages=60_000,
        ) as p:
            heap = made(p)
            for size, unit in ((0x8000 * pointer, 2 * pointer), (4 * 0x8000 * pointer, 8 * pointer)):
                blocks = [works(p.heap_alloc(heap, 0, size)) for _ in range(128)]
                together = 0
                for block in blocks:
                    together |= block
                    works(p.heap_free(heap, 0, block))
                assert (together % unit, together & unit) == (0, unit), f"alignment of {size:#x} bytes"
        with rule(
            f"a growable heap {name} reserves its initial size and 64 KiB, then 1 MiB, then twice as much each time",
            HEAP.format("3683-3731", SIZES),
            bits=bits,
            paging_pages=14_000,
        ) as p:
            for initial in (0, 0x80000, 0x150000):
                heap = made(p, w.HEAP_NO_SERIALIZE, initial)
                base, size = region(p, heap)
                assert size == initial + 0x10000
                sizes = []
                for _ in range(100):
                    block = works(p.heap_alloc(heap, 0, 0x60000))
                    mine = region(p, block)
                    if mine[0] != base:
                        base, size = mine[0], mine[1]
                        sizes.append(size)
                    assert mine[1] == size
                assert sizes == [0x100000, 0x200000, 0x400000, 0x800000, 0xFD0000, 0xFD0000][: len(sizes)]
                assert 0xFD0000 in sizes
                works(p.heap_destroy(heap))
        with rule(
            f"the size of a fixed heap {name} is rounded up to 0x400 pointers",
            HEAP.format("3733-3741", "test_heap_sizes"),
            bits=bits,
        ) as p:
            for i in range(1, 0x100, 7):
                heap = made(p, 0, i * 0x100, i * 0x100)
                _, size = region(p, heap)
                assert size == up(i * 0x100, 0x400 * pointer), f"region of a heap of {i * 0x100:#x} bytes"
                works(p.heap_destroy(heap))
        with rule(f"a new heap {name} has 0x400 pointers committed", HEAP.format("576", CREATE), bits=bits) as p:
            before = p.charge()
            made(p)
            tables = 1  # the page table of an address range that nothing else was committed in
            assert p.charge() - before in {pointer * 0x400 // PAGE, pointer * 0x400 // PAGE + tables}
        with rule(
            f"a large block {name} is shrunk in place, and can't grow again", HEAP.format("410-425", CREATE), bits=bits
        ) as p:
            heap, unit = made(p), 0x8000 * pointer
            block = works(p.heap_alloc(heap, 0, MiB))
            before = p.charge()
            assert p.heap_realloc(heap, IN_PLACE, block, unit * 3 // 2) == block
            assert before - p.charge() >= (MiB - unit * 3 // 2) // PAGE - 1
            p.fails(NO_MEMORY).heap_realloc(heap, IN_PLACE, block, 2 * unit)
            sized(p, heap, block, unit * 3 // 2)
            moved = works(p.heap_realloc(heap, 0, block, 2 * unit))
            assert moved != block
        with rule(
            f"a block {name} that isn't large shrinks in place and grows back",
            HEAP.format("383-415", CREATE),
            bits=bits,
        ) as p:
            heap, unit = made(p), 0x8000 * pointer
            block = works(p.heap_alloc(heap, 0, unit))
            sized(p, heap, block, unit)
            block = works(p.heap_realloc(heap, 0, block, 3 * unit))
            sized(p, heap, block, 3 * unit)
            assert p.heap_realloc(heap, IN_PLACE, block, unit * 3 // 2) == block
            assert p.heap_realloc(heap, IN_PLACE, block, 2 * unit) == block
            block = works(p.heap_realloc(heap, 0, block, 1))
            sized(p, heap, block, 1)
            block = works(p.heap_realloc(heap, 0, block, MiB))
            sized(p, heap, block, MiB)
        with rule(
            f"a fixed heap {name} gives all but 0x400 bytes and 0x100 pointers, and not all but half of that",
            HEAP.format("436-459", CREATE),
            bits=bits,
        ) as p:
            unit = 0x8000 * pointer
            heap = made(p, 0, unit, unit)
            size = unit - (0x400 + 0x100 * pointer)
            block = works(p.heap_alloc(heap, 0, size))
            sized(p, heap, block, size)
            works(p.heap_free(heap, 0, block))
            p.fails(NO_MEMORY).heap_alloc(heap, 0, unit - (0x200 + 0x80 * pointer))
        with rule(
            f"a fixed heap {name} has no block of 512 KB or 1 MB, but smaller ones that shrink and grow back in place",
            HEAP.format("461-516", CREATE),
            bits=bits,
            **ROOM,
        ) as p:
            unit = 0x8000 * pointer
            heap = made(p, 0, 8 * unit, 8 * unit)
            block = works(p.heap_alloc(heap, 0, 0))
            sized(p, heap, block, 0)
            works(p.heap_free(heap, 0, block))
            p.fails(NO_MEMORY).heap_alloc(heap, 0, 4 * unit)
            block = works(p.heap_alloc(heap, 0, unit))
            sized(p, heap, block, unit)
            p.fails(NO_MEMORY).heap_alloc(heap, 0, 4 * unit)
            works(p.heap_free(heap, 0, block))
            block = works(p.heap_alloc(heap, 0, unit))
            block = works(p.heap_realloc(heap, 0, block, 2 * unit))
            sized(p, heap, block, 2 * unit)
            assert p.heap_realloc(heap, IN_PLACE, block, unit * 3 // 2) == block
            assert p.heap_realloc(heap, IN_PLACE, block, 2 * unit) == block
            works(p.heap_free(heap, 0, block))
        with rule(
            f"a block {name} has each size that it is given on the way from 0x78000 to 0x90000 bytes and back",
            "ros: apitests/ntdll/RtlReAllocateHeap.c:84-109",
            bits=bits,
        ) as p:
            heap = p.get_process_heap()
            block = works(p.heap_alloc(heap, 0, 0x100))
            sizes = list(range(0x78000, 0x90000, 0x1100))
            for size in (*sizes, *reversed(sizes)):
                block = works(p.heap_realloc(heap, 0, block, size))
                sized(p, heap, block, size)
            works(p.heap_free(heap, 0, block))
        with rule(
            f"a small block {name} shrinks in place and grows back",
            "ros: apitests/ntdll/RtlReAllocateHeap.c:148-184",
            bits=bits,
        ) as p:
            heap = p.get_process_heap()
            block = works(p.heap_alloc(heap, 0, 0x100))
            assert p.heap_realloc(heap, IN_PLACE, block, 0x80) == block
            assert p.heap_realloc(heap, IN_PLACE, block, 0xC0) == block
            sized(p, heap, block, 0xC0)
        with rule(
            f"blocks {name} are{'' if bits == 64 else ' not all'} aligned to 16 bytes",
            "ros: apitests/ntdll/RtlAllocateHeap.c:21-36",
            bits=bits,
        ) as p:
            heap = p.get_process_heap()
            blocks = [works(p.heap_alloc(heap, 0, i % 16 + 1)) for i in range(0x100)]
            assert all(block % 16 == 0 for block in blocks) == (bits == 64)
        with rule(
            f"blocks {name} of odd sizes and large ones have their sizes, and are valid",
            HEAP.format("3194-3332", "test_heap_checks"),
            bits=bits,
            **ROOM,
        ) as p:
            heap = p.get_process_heap()
            for size in (17, 37, 3000 * 1024 + 37):
                block = works(p.heap_alloc(heap, w.HEAP_ZERO_MEMORY if size == 17 else 0, size))
                assert p.heap_validate(heap, 0, block) is True
                sized(p, heap, block, size)
                works(p.heap_free(heap, 0, block))
