"""Heaps as tests that pass on Windows see them: how large blocks and heaps are, and which blocks stay in place."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import COMMIT, PAGE, RESERVE, MiB, Steps, Table, charge, equal, fails, several, works

case = Table()
HEAP = "[k32/heap.c:{}, {}]"
CREATE, LAYOUT, SIZES = "test_HeapCreate", "test_block_layout", "test_heap_size"
IN_PLACE, NO_MEMORY = w.HEAP_REALLOC_IN_PLACE_ONLY, w.ERROR_NOT_ENOUGH_MEMORY
BITS = (32, 64)
ROOM: dict[str, Any] = {"paging_pages": 16_384}


def made(process: Any, flags: int = 0, initial: int = 0, maximum: int = 0) -> Steps:
    """A new heap, at a multiple of 64 KiB."""
    heap = yield from works(process.heap_create(flags, initial, maximum))
    equal(heap % 0x10000, 0, "alignment of the heap")
    return heap


def up(size: int, unit: int) -> int:
    """A size rounded up."""
    return -(-size // unit) * unit


def three(process: Any, heap: int, size: int) -> Steps:
    """Three blocks of one size: the shorter of the two distances from one to the next, and all their addresses' bits.
    They are freed again."""
    blocks = yield from several(works(process.heap_alloc(heap, 0, size)) for _ in range(3))
    distance = min(abs(blocks[2] - blocks[1]), abs(blocks[1] - blocks[0]))
    for block in reversed(blocks):
        yield from works(process.heap_free(heap, 0, block))
    return distance, blocks[0] | blocks[1] | blocks[2]


def region(process: Any, address: int) -> Steps:
    """Base and size of the allocation that an address is in."""
    base = end = (yield from process.virtual_query(address)).allocation_base
    while (found := (yield from process.virtual_query(end))).allocation_base == base and found.state in {
        COMMIT,
        RESERVE,
    }:
        end += found.region_size
    return base, end - base


def sized(process: Any, heap: int, block: int, size: int) -> Steps:
    """See that a block has this size."""
    equal((yield from process.heap_size(heap, 0, block)), size, "size")


for _bits in BITS:
    _pointer, _name = _bits // 8, f"of a {_bits}-bit process"

    @case(
        "HeapAlloc",
        f"a block {_name} takes 8 bytes more than its data, rounded up to two pointers",
        HEAP.format("3000-3033", LAYOUT),
        bits=_bits,
        **ROOM,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap = yield from made(process, w.HEAP_NO_SERIALIZE)
        size = 0x20000 * pointer - 0x3000
        while size:
            distance, address = yield from three(process, heap, size)
            equal(address % (2 * pointer), 0, f"alignment of {size:#x} bytes")
            equal(distance, up(max(size, 2 * pointer) + 8, 2 * pointer), f"distance of blocks of {size:#x} bytes")
            size >>= 1

    @case(
        "HeapAlloc",
        f"a block {_name} of 0xFE00 granules is the largest that comes from a segment",
        HEAP.format("3045-3097", LAYOUT),
        bits=_bits,
        **ROOM,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap = yield from made(process, w.HEAP_NO_SERIALIZE)
        _, address = yield from three(process, heap, 0x20000 * pointer - 0x2000)
        equal(address % (2 * pointer), 0, "alignment between the two thresholds")
        size = 0x20000 * pointer - 0x1000
        while size < 0x800000:
            distance, address = yield from three(process, heap, size)
            equal(address % (8 * pointer), 0, f"alignment of {size:#x} bytes")
            equal(distance > up(size + 8, 2 * pointer), True, f"blocks of {size:#x} bytes are regions of their own")
            size <<= 1

    @case(
        "HeapAlloc",
        f"blocks {_name} lie at odd multiples of two, and large ones of eight, pointers, too",
        HEAP.format("333-361", CREATE),
        bits=_bits,
        paging_pages=60_000,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap = yield from made(process)
        for size, unit in ((0x8000 * pointer, 2 * pointer), (4 * 0x8000 * pointer, 8 * pointer)):
            blocks = yield from several(works(process.heap_alloc(heap, 0, size)) for _ in range(128))
            bits = 0
            for block in blocks:
                bits |= block
                yield from works(process.heap_free(heap, 0, block))
            equal((bits % unit, bits & unit), (0, unit), f"alignment of {size:#x} bytes")

    @case(
        "HeapCreate",
        f"a growable heap {_name} reserves its initial size and 64 KiB, then 1 MiB, then twice as much each time",
        HEAP.format("3683-3731", SIZES),
        bits=_bits,
        paging_pages=14_000,
    )
    def _(process: Any) -> Steps:
        for initial in (0, 0x80000, 0x150000):
            heap = yield from made(process, w.HEAP_NO_SERIALIZE, initial)
            base, size = yield from region(process, heap)
            equal(size, initial + 0x10000, "first region")
            sizes = []
            for _ in range(100):
                block = yield from works(process.heap_alloc(heap, 0, 0x60000))
                mine = yield from region(process, block)
                if mine[0] != base:
                    base, size = mine[0], mine[1]
                    sizes.append(size)
                equal(mine[1], size, "region of a block")
            equal(sizes, [0x100000, 0x200000, 0x400000, 0x800000, 0xFD0000, 0xFD0000][: len(sizes)], "regions")
            equal(0xFD0000 in sizes, True, "the largest region is reached")
            yield from works(process.heap_destroy(heap))

    @case(
        "HeapCreate",
        f"the size of a fixed heap {_name} is rounded up to 0x400 pointers",
        HEAP.format("3733-3741", "test_heap_sizes"),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        for i in range(1, 0x100, 7):
            heap = yield from made(process, 0, i * 0x100, i * 0x100)
            _, size = yield from region(process, heap)
            equal(size, up(i * 0x100, 0x400 * pointer), f"region of a heap of {i * 0x100:#x} bytes")
            yield from works(process.heap_destroy(heap))

    @case(
        "HeapCreate",
        f"a new heap {_name} has 0x400 pointers committed",
        HEAP.format("576", CREATE),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        before = yield from charge(process)
        yield from made(process)
        tables = 1  # the page table of an address range that nothing else was committed in
        equal(
            (yield from charge(process)) - before in {pointer * 0x400 // PAGE, pointer * 0x400 // PAGE + tables}, True
        )

    @case(
        "HeapReAlloc",
        f"a large block {_name} is shrunk in place, and can't grow again",
        HEAP.format("410-425", CREATE),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap, unit = (yield from made(process)), 0x8000 * pointer
        block = yield from works(process.heap_alloc(heap, 0, MiB))
        before = yield from charge(process)
        equal((yield from process.heap_realloc(heap, IN_PLACE, block, unit * 3 // 2)), block)
        equal(before - (yield from charge(process)) >= (MiB - unit * 3 // 2) // PAGE - 1, True, "pages given back")
        yield from fails(process, NO_MEMORY, process.heap_realloc(heap, IN_PLACE, block, 2 * unit))
        yield from sized(process, heap, block, unit * 3 // 2)
        moved = yield from works(process.heap_realloc(heap, 0, block, 2 * unit))
        equal(moved != block, True, "it moves instead")

    @case(
        "HeapReAlloc",
        f"a block {_name} that isn't large shrinks in place and grows back",
        HEAP.format("383-415", CREATE),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        heap, unit = (yield from made(process)), 0x8000 * pointer
        block = yield from works(process.heap_alloc(heap, 0, unit))
        yield from sized(process, heap, block, unit)
        block = yield from works(process.heap_realloc(heap, 0, block, 3 * unit))
        yield from sized(process, heap, block, 3 * unit)
        equal((yield from process.heap_realloc(heap, IN_PLACE, block, unit * 3 // 2)), block)
        equal((yield from process.heap_realloc(heap, IN_PLACE, block, 2 * unit)), block)
        block = yield from works(process.heap_realloc(heap, 0, block, 1))
        yield from sized(process, heap, block, 1)
        block = yield from works(process.heap_realloc(heap, 0, block, MiB))
        yield from sized(process, heap, block, MiB)

    @case(
        "HeapAlloc",
        f"a fixed heap {_name} gives all but 0x400 bytes and 0x100 pointers, and not all but half of that",
        HEAP.format("436-459", CREATE),
        bits=_bits,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        unit = 0x8000 * pointer
        heap = yield from made(process, 0, unit, unit)
        size = unit - (0x400 + 0x100 * pointer)
        block = yield from works(process.heap_alloc(heap, 0, size))
        yield from sized(process, heap, block, size)
        yield from works(process.heap_free(heap, 0, block))
        yield from fails(process, NO_MEMORY, process.heap_alloc(heap, 0, unit - (0x200 + 0x80 * pointer)))

    @case(
        "HeapAlloc",
        f"a fixed heap {_name} has no block of 512 KB or 1 MB, but smaller ones that shrink and grow back in place",
        HEAP.format("461-516", CREATE),
        bits=_bits,
        **ROOM,
    )
    def _(process: Any, pointer: int = _pointer) -> Steps:
        unit = 0x8000 * pointer
        heap = yield from made(process, 0, 8 * unit, 8 * unit)
        block = yield from works(process.heap_alloc(heap, 0, 0))
        yield from sized(process, heap, block, 0)
        yield from works(process.heap_free(heap, 0, block))
        yield from fails(process, NO_MEMORY, process.heap_alloc(heap, 0, 4 * unit))
        block = yield from works(process.heap_alloc(heap, 0, unit))
        yield from sized(process, heap, block, unit)
        yield from fails(process, NO_MEMORY, process.heap_alloc(heap, 0, 4 * unit))
        yield from works(process.heap_free(heap, 0, block))
        block = yield from works(process.heap_alloc(heap, 0, unit))
        block = yield from works(process.heap_realloc(heap, 0, block, 2 * unit))
        yield from sized(process, heap, block, 2 * unit)
        equal((yield from process.heap_realloc(heap, IN_PLACE, block, unit * 3 // 2)), block)
        equal((yield from process.heap_realloc(heap, IN_PLACE, block, 2 * unit)), block)
        yield from works(process.heap_free(heap, 0, block))

    @case(
        "HeapReAlloc",
        f"a block {_name} has each size that it is given on the way from 0x78000 to 0x90000 bytes and back",
        "ros: apitests/ntdll/RtlReAllocateHeap.c:84-109",
        bits=_bits,
    )
    def _(process: Any) -> Steps:
        heap = yield from process.get_process_heap()
        block = yield from works(process.heap_alloc(heap, 0, 0x100))
        sizes = list(range(0x78000, 0x90000, 0x1100))
        for size in (*sizes, *reversed(sizes)):
            block = yield from works(process.heap_realloc(heap, 0, block, size))
            yield from sized(process, heap, block, size)
        yield from works(process.heap_free(heap, 0, block))

    @case(
        "HeapReAlloc",
        f"a small block {_name} shrinks in place and grows back",
        "ros: apitests/ntdll/RtlReAllocateHeap.c:148-184",
        bits=_bits,
    )
    def _(process: Any) -> Steps:
        heap = yield from process.get_process_heap()
        block = yield from works(process.heap_alloc(heap, 0, 0x100))
        equal((yield from process.heap_realloc(heap, IN_PLACE, block, 0x80)), block)
        equal((yield from process.heap_realloc(heap, IN_PLACE, block, 0xC0)), block)
        yield from sized(process, heap, block, 0xC0)

    @case(
        "HeapAlloc",
        f"blocks {_name} are{'' if _bits == 64 else ' not all'} aligned to 16 bytes",
        "ros: apitests/ntdll/RtlAllocateHeap.c:21-36",
        bits=_bits,
    )
    def _(process: Any, bits: int = _bits) -> Steps:
        heap = yield from process.get_process_heap()
        blocks = yield from several(works(process.heap_alloc(heap, 0, i % 16 + 1)) for i in range(0x100))
        equal(all(block % 16 == 0 for block in blocks), bits == 64)

    @case(
        "HeapAlloc",
        f"blocks {_name} of odd sizes and large ones have their sizes, and are valid",
        HEAP.format("3194-3332", "test_heap_checks"),
        bits=_bits,
        **ROOM,
    )
    def _(process: Any) -> Steps:
        heap = yield from process.get_process_heap()
        for size in (17, 37, 3000 * 1024 + 37):
            block = yield from works(process.heap_alloc(heap, w.HEAP_ZERO_MEMORY if size == 17 else 0, size))
            equal((yield from process.heap_validate(heap, 0, block)), True)
            yield from sized(process, heap, block, size)
            yield from works(process.heap_free(heap, 0, block))
