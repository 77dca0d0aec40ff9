"""Heaps: what each call gives and refuses, and what they take from the system and give back."""

from __future__ import annotations

import itertools
from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import COMMIT, PAGE, RESERVE, MiB, Steps, Table, charge, equal, fails, raises, several, works

case = Table()
HEAP = "[HeapCreate]"
ALLOC, REALLOC, FREE = "[HeapAlloc]", "[HeapReAlloc]", "[HeapFree]"
KIB = 1024


def made(process: Any, flags: int = 0, initial: int = 0, maximum: int = 0) -> Steps:
    """A new heap."""
    return (yield from works(process.heap_create(flags, initial, maximum)))


def blocks(process: Any, heap: int, count: int, size: int) -> Steps:
    """The addresses of some new blocks."""
    found = yield from several(works(process.heap_alloc(heap, 0, size)) for _ in range(count))
    return found


@case("GetProcessHeap", "each process has a heap from the beginning", "[GetProcessHeap]")
def _(process: Any) -> Steps:
    heap = yield from process.get_process_heap()
    equal(heap != 0, True)
    yield from works(process.heap_alloc(heap, 0, 100))


@case("HeapCreate", "a heap with initial size 0 has a page committed", HEAP)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    found = yield from process.virtual_query(heap)
    equal((found.state, found.region_size >= PAGE), (COMMIT, True))


@case("HeapCreate", "the initial size is committed at once", HEAP)
def _(process: Any) -> Steps:
    before = yield from charge(process)
    yield from made(process, 0, 64 * PAGE)
    equal((yield from charge(process)) - before >= 64, True)


@case("HeapCreate", "the maximum size is reserved, the rest of it not committed", HEAP)
def _(process: Any) -> Steps:
    before = yield from charge(process)
    heap = yield from made(process, 0, PAGE, 4 * MiB)
    equal((yield from charge(process)) - before < 32, True)
    found = yield from process.virtual_query(heap)
    rest = yield from process.virtual_query(found.base_address + found.region_size)
    equal((rest.state, rest.allocation_base), (RESERVE, found.allocation_base))


@case("HeapCreate", "an initial size above the maximum is refused", HEAP)
def _(process: Any) -> Steps:
    yield from fails(process, 0, process.heap_create(0, 2 * MiB, MiB))


@case("HeapAlloc", "a fixed heap is exhausted at its maximum", HEAP)
def _(process: Any) -> Steps:
    heap = yield from made(process, 0, 0, 64 * KIB)
    count = 0
    while (yield from process.heap_alloc(heap, 0, 4000)):
        count += 1
    equal(10 <= count <= 16, True, f"{count} blocks of 4000 bytes in 64 KiB")


for _bits, _limit in ((32, 512 * KIB), (64, 1024 * KIB)):

    @case("HeapAlloc", f"a fixed heap of a {_bits}-bit process has no block of {_limit // KIB} KB", HEAP, bits=_bits)
    def _(process: Any, limit: int = _limit) -> Steps:
        heap = yield from made(process, 0, 0, 4 * MiB)
        yield from fails(process, 0, process.heap_alloc(heap, 0, limit))
        yield from works(process.heap_alloc(heap, 0, limit - 16 * KIB))


@case("HeapAlloc", "a growable heap has no limit but memory", HEAP)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    yield from blocks(process, heap, 20, 100 * KIB)


@case("HeapAlloc", "a big block of a growable heap is a region of its own", HEAP)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    block = yield from works(process.heap_alloc(heap, 0, MiB))
    found = yield from process.virtual_query(block)
    own = yield from process.virtual_query(heap)
    equal(found.allocation_base != own.allocation_base, True)
    yield from works(process.heap_free(heap, 0, block))
    equal((yield from process.virtual_query(block)).state, w.MEM_FREE)


@case("HeapAlloc", "a block of 0x7F000 bytes or less lies in a segment", "[RTL_HEAP_PARAMETERS]")
def _(process: Any) -> Steps:
    heap = yield from made(process)
    block = yield from works(process.heap_alloc(heap, 0, 400 * KIB))
    found = yield from process.virtual_query(block)
    equal((yield from process.virtual_query(found.allocation_base)).region_size > 0, True)
    yield from works(process.heap_free(heap, 0, block))
    equal((yield from process.virtual_query(block)).state in {COMMIT, RESERVE}, True)


for _bits, _grain in ((32, 8), (64, 16)):

    @case("HeapAlloc", f"blocks of a {_bits}-bit process lie at multiples of {_grain}", "MODEL section 9", bits=_bits)
    def _(process: Any, grain: int = _grain) -> Steps:
        heap = yield from process.get_process_heap()
        found = yield from blocks(process, heap, 5, 13)
        equal([block % grain for block in found], [0] * 5)


@case("HeapAlloc", "blocks don't overlap", ALLOC)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    sizes = (1, 13, 100, 4000, 17, 64, 5000, 3, 900)
    blocks_of = yield from several(works(process.heap_alloc(heap, 0, size)) for size in sizes)
    found = sorted(zip(blocks_of, sizes, strict=True))
    equal(all(a + size <= b for (a, size), (b, _) in itertools.pairwise(found)), True)


@case("HeapAlloc", "a block of 0 bytes is a block", ALLOC)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    block = yield from works(process.heap_alloc(heap, 0, 0))
    equal((yield from process.heap_size(heap, 0, block)), 0)
    yield from works(process.heap_free(heap, 0, block))


@case(
    "HeapAlloc",
    "failure gives NULL and last error 8, which the documentation denies",
    "[k32/heap.c:453, test_HeapCreate]",
)
def _(process: Any) -> Steps:
    heap = yield from made(process, 0, 0, 64 * KIB)
    process.set_last_error(77)
    equal((yield from process.heap_alloc(heap, 0, MiB)), 0)
    equal(process.get_last_error(), w.ERROR_NOT_ENOUGH_MEMORY)


@case("HeapAlloc", "failure raises STATUS_NO_MEMORY if the call asks for exceptions", ALLOC)
def _(process: Any) -> Steps:
    heap = yield from made(process, 0, 0, 64 * KIB)
    process.set_last_error(77)
    yield from raises(w.STATUS_NO_MEMORY, process.heap_alloc(heap, w.HEAP_GENERATE_EXCEPTIONS, MiB))
    equal(process.get_last_error(), 77)


@case("HeapAlloc", "failure raises STATUS_NO_MEMORY if the heap was made so", HEAP)
def _(process: Any) -> Steps:
    heap = yield from made(process, w.HEAP_GENERATE_EXCEPTIONS, 0, 64 * KIB)
    yield from raises(w.STATUS_NO_MEMORY, process.heap_alloc(heap, 0, MiB))


@case("HeapAlloc", "beyond the commit limit it fails", ALLOC, paging_pages=64)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    equal((yield from process.heap_alloc(heap, 0, 16 * MiB)), 0)
    yield from works(process.heap_alloc(heap, 0, 100))


@case("HeapAlloc", "HEAP_ZERO_MEMORY touches the whole block", ALLOC)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    before = (yield from process.get_process_memory_info()).working_set_size
    yield from works(process.heap_alloc(heap, w.HEAP_ZERO_MEMORY, 40 * PAGE))
    after = (yield from process.get_process_memory_info()).working_set_size
    equal(after - before >= 40 * PAGE, True)


@case("HeapAlloc", "without HEAP_ZERO_MEMORY a block isn't touched", ALLOC)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    before = (yield from process.get_process_memory_info()).working_set_size
    yield from works(process.heap_alloc(heap, 0, 40 * PAGE))
    after = (yield from process.get_process_memory_info()).working_set_size
    equal(after - before <= 8 * PAGE, True)


@case("HeapSize", "gives the size that was asked for", "[HeapSize]")
def _(process: Any) -> Steps:
    heap = yield from made(process)
    for size in (1, 13, 100, 5000, MiB):
        block = yield from works(process.heap_alloc(heap, 0, size))
        equal((yield from process.heap_size(heap, 0, block)), size)


@case("HeapReAlloc", "a smaller block stays where it is", REALLOC)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    block = yield from works(process.heap_alloc(heap, 0, 3000))
    equal((yield from process.heap_realloc(heap, 0, block, 100)), block)
    equal((yield from process.heap_size(heap, 0, block)), 100)


@case("HeapReAlloc", "a larger block may move", REALLOC)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    block, _ = yield from blocks(process, heap, 2, 100)
    moved = yield from works(process.heap_realloc(heap, 0, block, 8000))
    equal((yield from process.heap_size(heap, 0, moved)), 8000)


@case("HeapReAlloc", "in place only, it fails if the next block is in use, and keeps the old", REALLOC)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    block, _ = yield from blocks(process, heap, 2, 100)
    yield from fails(process, 0, process.heap_realloc(heap, w.HEAP_REALLOC_IN_PLACE_ONLY, block, 8000))
    equal((yield from process.heap_size(heap, 0, block)), 100)


@case("HeapReAlloc", "failure keeps the old block", REALLOC)
def _(process: Any) -> Steps:
    heap = yield from made(process, 0, 0, 64 * KIB)
    block = yield from works(process.heap_alloc(heap, 0, 1000))
    yield from fails(process, 0, process.heap_realloc(heap, 0, block, MiB))
    equal((yield from process.heap_size(heap, 0, block)), 1000)
    yield from works(process.heap_free(heap, 0, block))


@case("HeapFree", "a freed block can be allocated again", FREE)
def _(process: Any) -> Steps:
    heap = yield from made(process, 0, 0, 64 * KIB)
    for _ in range(100):
        block = yield from works(process.heap_alloc(heap, 0, 40 * KIB))
        yield from works(process.heap_free(heap, 0, block))


@case("HeapFree", "free neighbours coalesce", FREE)
def _(process: Any) -> Steps:
    heap = yield from made(process, 0, 0, 64 * KIB)
    found = yield from blocks(process, heap, 5, 9 * KIB)
    for block in (found[0], found[2], found[1], found[4], found[3]):
        yield from works(process.heap_free(heap, 0, block))
    yield from works(process.heap_alloc(heap, 0, 45 * KIB))


@case("HeapFree", "NULL may be freed", FREE)
def _(process: Any) -> Steps:
    heap = yield from made(process)
    yield from works(process.heap_free(heap, 0, 0))


@case("HeapFree", "large free blocks are decommitted", "[RTL_HEAP_PARAMETERS]")
def _(process: Any) -> Steps:
    heap = yield from made(process)
    found = yield from blocks(process, heap, 4, 100 * KIB)
    full = yield from charge(process)
    for block in found:
        yield from works(process.heap_free(heap, 0, block))
    equal(full - (yield from charge(process)) >= 50, True)


@case("HeapCompact", "gives the largest committed free block", "[HeapCompact]")
def _(process: Any) -> Steps:
    heap = yield from made(process, 0, 64 * KIB, 64 * KIB)
    found = yield from blocks(process, heap, 3, 10 * KIB)
    yield from works(process.heap_free(heap, 0, found[1]))
    largest = yield from process.heap_compact(heap, 0)
    equal(20 * KIB < largest < 40 * KIB, True, f"{largest} bytes")


@case("HeapValidate", "a heap and its blocks are valid", "[HeapValidate]")
def _(process: Any) -> Steps:
    heap = yield from made(process)
    found = yield from blocks(process, heap, 5, 100)
    equal(bool((yield from process.heap_validate(heap, 0))), True)
    equal(bool((yield from process.heap_validate(heap, 0, found[2]))), True)


@case("HeapValidate", "a freed block isn't valid, and no error is set", "[HeapValidate]")
def _(process: Any) -> Steps:
    heap = yield from made(process)
    found = yield from blocks(process, heap, 5, 100)
    yield from works(process.heap_free(heap, 0, found[2]))
    process.set_last_error(77)
    equal(bool((yield from process.heap_validate(heap, 0, found[2]))), False)
    equal(process.get_last_error(), 77)


@case("HeapWalk", "gives every block, and ends with error 259", "[HeapWalk]")
def _(process: Any) -> Steps:
    heap = yield from made(process)
    found = yield from blocks(process, heap, 5, 100)
    entries = yield from process.heap_walk(heap)
    equal(process.get_last_error(), w.ERROR_NO_MORE_ITEMS)
    equal(set(found) <= {entry.data for entry in entries}, True)


@case("HeapDestroy", "needs no frees and gives everything back", "[HeapDestroy]")
def _(process: Any) -> Steps:
    before = yield from charge(process)
    heap = yield from made(process)
    yield from blocks(process, heap, 50, 10 * KIB)
    yield from works(process.heap_destroy(heap))
    equal((yield from charge(process)) - before <= 2, True)
    equal((yield from process.virtual_query(heap)).state, w.MEM_FREE)


@case("HeapDestroy", "the process heap can't be destroyed", "[HeapDestroy]")
def _(process: Any) -> Steps:
    heap = yield from process.get_process_heap()
    yield from fails(process, 0, process.heap_destroy(heap))
    yield from works(process.heap_alloc(heap, 0, 100))


@case("HeapAlloc", "heap memory is that of VirtualAlloc", "[Heap Functions]")
def _(process: Any) -> Steps:
    heap = yield from made(process)
    block = yield from works(process.heap_alloc(heap, 0, 100))
    found = yield from process.virtual_query(block)
    equal((found.type, found.protect, found.state), (w.MEM_PRIVATE, w.PAGE_READWRITE, COMMIT))
