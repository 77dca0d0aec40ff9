"""What heap functions answer, where tests that pass on Windows see it: lists of heaps, last errors, the front end."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import Steps, Table, equal, fails, several, works

case = Table()
WINE = "[k32/heap.c:{}, test_HeapCreate]"
COMPATIBILITY, NO_MEMORY = w.HEAP_COMPATIBILITY_INFORMATION, w.ERROR_NOT_ENOUGH_MEMORY
MOST = (1 << 64) - 1
"""the largest size that can be asked for"""


def untouched(process: Any, expected: Any, call: Steps) -> Steps:
    """See that a call gives this, and that the last error stays."""
    process.set_last_error(0xDEADBEEF)
    equal((yield from call), expected)
    equal(process.get_last_error(), 0xDEADBEEF, "last error")


def answers(process: Any, expected: Any, code: int, call: Steps) -> Steps:
    """See that a call gives this, and sets this last error."""
    process.set_last_error(0xDEADBEEF)
    equal((yield from call), expected)
    equal(process.get_last_error(), code, "last error")


def kind(process: Any, heap: int, expected: int) -> Steps:
    """See what HeapCompatibilityInformation is."""
    equal((yield from process.heap_query_information(heap, COMPATIBILITY)), expected, "HeapCompatibilityInformation")


@case("GetProcessHeaps", "the process heap comes first, and new heaps at the end", WINE.format("202-229"))
def _(process: Any) -> Steps:
    default = yield from process.get_process_heap()
    before = yield from process.get_process_heaps()
    equal(len(before) <= 6, True)
    first = yield from works(process.heap_create(0, 0, 0))
    equal(len((yield from process.get_process_heaps())), len(before) + 1)
    second = yield from works(process.heap_create(0, 0, 0))
    equal((first % 0x10000, second % 0x10000), (0, 0), "alignment")
    found = yield from process.get_process_heaps()
    equal((found[0], found[-2:]), (default, [first, second]))
    yield from works(process.heap_destroy(second))
    yield from works(process.heap_destroy(first))
    equal((yield from process.get_process_heaps()), before)


@case(
    "GetProcessHeaps",
    "there is at least one heap, fewer than 40, and none is NULL",
    "ros: apitests/ntdll/RtlGetProcessHeaps.c:15-43",
)
def _(process: Any) -> Steps:
    yield from process.get_process_heap()
    before = yield from process.get_process_heaps()
    equal(0 < len(before) < 40, True)
    equal(0 in before, False)
    heap = yield from works(process.heap_create(0, 0, 0x10000))
    equal((yield from process.get_process_heaps()), [*before, heap])


@case("HeapFree", "NULL may be freed, even of no heap", WINE.format("239-242"))
def _(process: Any) -> Steps:
    yield from works(process.heap_free(0, 0, 0))
    yield from works(process.heap_free((yield from works(process.heap_create(0, 0, 0))), 0, 0))


@case("HeapReAlloc", "NULL isn't reallocated, and that is no error", WINE.format("256-260"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    yield from answers(process, 0, w.ERROR_SUCCESS, process.heap_realloc(heap, 0, 0, 1))


@case(
    "HeapReAlloc",
    "NULL isn't reallocated with HEAP_ZERO_MEMORY either",
    "ros: apitests/ntdll/RtlReAllocateHeap.c:76-81",
)
def _(process: Any) -> Steps:
    heap = yield from process.get_process_heap()
    equal((yield from process.heap_realloc(heap, w.HEAP_ZERO_MEMORY, 0, 0x100)), 0)


@case("HeapValidate", "sets no error, for the heap, other memory, and a freed block", WINE.format("277-301"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    other = yield from works(process.virtual_alloc(0, 512, w.MEM_RESERVE | w.MEM_COMMIT, w.PAGE_READWRITE))
    yield from untouched(process, True, process.heap_validate(heap, 0, 0))
    yield from untouched(process, False, process.heap_validate(heap, 0, other + 64))
    block = yield from works(process.heap_alloc(heap, 0, 0))
    equal((yield from process.heap_validate(heap, 0, block)), True)
    yield from works(process.heap_free(heap, 0, block))
    yield from untouched(process, False, process.heap_validate(heap, 0, block))


@case("HeapReAlloc", "a block of 0 bytes can't have all of memory, and stays valid", WINE.format("286-297"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    block = yield from works(process.heap_alloc(heap, 0, 0))
    equal((yield from process.heap_size(heap, 0, block)), 0)
    for size in (MOST - 7, MOST):
        yield from fails(process, NO_MEMORY, process.heap_realloc(heap, 0, block, size))
    equal((yield from process.heap_validate(heap, 0, block)), True)
    yield from works(process.heap_free(heap, 0, block))


@case("HeapAlloc", "no block is as large as all of memory", WINE.format("303-304"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    yield from fails(process, NO_MEMORY, process.heap_alloc(heap, 0, MOST))


@case("HeapReAlloc", "a block may have 0 bytes", WINE.format("306-313"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    block = yield from works(process.heap_alloc(heap, 0, 1))
    moved = yield from works(process.heap_realloc(heap, 0, block, 0))
    equal((yield from process.heap_size(heap, 0, moved)), 0)
    yield from works(process.heap_free(heap, 0, moved))


for _bits in (32, 64):

    @case(
        "HeapAlloc",
        f"large and other blocks of a {_bits}-bit process have the sizes asked for",
        WINE.format("315-329"),
        bits=_bits,
    )
    def _(process: Any, unit: int = 0x1000 * _bits) -> Steps:
        heap = yield from works(process.heap_create(0, 0, 0))
        yield from works(process.heap_free(heap, 0, (yield from works(process.heap_alloc(heap, 0, 5 * unit + 1)))))
        block = yield from works(process.heap_alloc(heap, 0, unit))
        equal((yield from process.heap_size(heap, 0, block)), unit)
        large = yield from works(process.heap_alloc(heap, 0, 4 * unit))
        yield from works(process.heap_free(heap, 0, large))
        yield from works(process.heap_free(heap, 0, block))


@case("HeapAlloc", "a zeroed block has the size asked for, small and large", WINE.format("365-382"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    for size in (1, 1 << 20):
        block = yield from works(process.heap_alloc(heap, w.HEAP_ZERO_MEMORY, size))
        equal((yield from process.heap_size(heap, 0, block)), size)
        yield from works(process.heap_free(heap, 0, block))


@case("HeapQueryInformation", "NULL is no heap", WINE.format("822-825"))
def _(process: Any) -> Steps:
    yield from answers(process, None, w.ERROR_NOACCESS, process.heap_query_information(0, COMPATIBILITY))


@case("HeapQueryInformation", "a new heap is a standard one", WINE.format("840-844"))
def _(process: Any) -> Steps:
    yield from kind(process, (yield from works(process.heap_create(0, 0, 0))), w.HEAP_STANDARD)


@case("HeapSetInformation", "the low-fragmentation heap is had at once, and for ever", WINE.format("850-884"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    yield from kind(process, heap, w.HEAP_STANDARD)
    yield from works(process.heap_set_information(heap, COMPATIBILITY, w.HEAP_LFH))
    yield from kind(process, heap, w.HEAP_LFH)
    for other in (w.HEAP_STANDARD, w.HEAP_LAL):
        yield from answers(
            process, False, w.ERROR_GEN_FAILURE, process.heap_set_information(heap, COMPATIBILITY, other)
        )
    yield from kind(process, heap, w.HEAP_LFH)


@case("HeapSetInformation", "a heap that isn't serialized can't have it", WINE.format("887-908"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(w.HEAP_NO_SERIALIZE, 0, 0))
    yield from kind(process, heap, w.HEAP_STANDARD)
    call = process.heap_set_information(heap, COMPATIBILITY, w.HEAP_LFH)
    yield from answers(process, False, w.ERROR_INVALID_PARAMETER, call)
    yield from kind(process, heap, w.HEAP_STANDARD)


for _size in (0, 1, 40, 1000, 16_384):

    @case(
        "HeapQueryInformation",
        f"18 blocks of {_size} bytes make a heap a low-fragmentation one",
        WINE.format("911-929"),
    )
    def _(process: Any, size: int = _size) -> Steps:
        heap = yield from works(process.heap_create(0, 0, 0))
        yield from kind(process, heap, w.HEAP_STANDARD)
        blocks = yield from several(works(process.heap_alloc(heap, 0, size)) for _ in range(0x11))
        yield from kind(process, heap, w.HEAP_STANDARD)
        blocks.append((yield from works(process.heap_alloc(heap, 0, size))))
        for block in blocks:
            yield from works(process.heap_free(heap, 0, block))
        yield from kind(process, heap, w.HEAP_LFH)


@case(
    "HeapQueryInformation",
    "18 blocks that the front end has none of leave a heap a standard one",
    "[Low-fragmentation Heap]",
)
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    yield from several(works(process.heap_alloc(heap, 0, 16_385)) for _ in range(0x12))
    yield from kind(process, heap, w.HEAP_STANDARD)
