"""The low-fragmentation heap: when it takes over, and for what."""

from __future__ import annotations

import itertools
from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import Steps, Table, equal, fails, several, works

case = Table()
LFH, SET = "[Low-fragmentation Heap]", "[HeapSetInformation]"
COMPATIBILITY = w.HEAP_COMPATIBILITY_INFORMATION
OPT_IN: dict[str, Any] = {"settings": {"heap": {"low_fragmentation": "opt-in"}}}


def heap_kind(process: Any, heap: int) -> Steps:
    """0 for a standard heap, 2 for one with the low-fragmentation heap."""
    return (yield from process.heap_query_information(heap, COMPATIBILITY))


def enable(process: Any, heap: int, kind: int = w.HEAP_LFH) -> Steps:
    """Ask for a kind of heap."""
    return (yield from process.heap_set_information(heap, COMPATIBILITY, kind))


@case("HeapQueryInformation", "the default heap has it since Vista, when it is needed", LFH)
def _(process: Any) -> Steps:
    heap = yield from process.get_process_heap()
    yield from several(works(process.heap_alloc(heap, 0, 64)) for _ in range(18))
    equal((yield from heap_kind(process, heap)), w.HEAP_LFH)


@case("HeapQueryInformation", "a new growable heap has it since Vista, when it is needed", LFH)
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    yield from several(works(process.heap_alloc(heap, 0, 64)) for _ in range(18))
    equal((yield from heap_kind(process, heap)), w.HEAP_LFH)


@case("HeapQueryInformation", "a heap without serialisation has none", LFH)
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(w.HEAP_NO_SERIALIZE, 0, 0))
    equal((yield from heap_kind(process, heap)), w.HEAP_STANDARD)


@case("HeapQueryInformation", "a fixed heap has none", LFH)
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 1 << 20))
    equal((yield from heap_kind(process, heap)), w.HEAP_STANDARD)


for _name, _flags, _maximum in (("without serialisation", w.HEAP_NO_SERIALIZE, 0), ("of fixed size", 0, 1 << 20)):

    @case("HeapSetInformation", f"it can't be had for a heap {_name}", SET)
    def _(process: Any, flags: int = _flags, maximum: int = _maximum) -> Steps:
        heap = yield from works(process.heap_create(flags, 0, maximum))
        yield from fails(process, 0, enable(process, heap))
        equal((yield from heap_kind(process, heap)), w.HEAP_STANDARD)


@case("HeapSetInformation", "by the older rule a heap has none until it is asked for", SET, **OPT_IN)
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    equal((yield from heap_kind(process, heap)), w.HEAP_STANDARD)
    yield from works(enable(process, heap))
    equal((yield from heap_kind(process, heap)), w.HEAP_LFH)


@case("HeapSetInformation", "it is never disabled", SET, **OPT_IN)
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    yield from works(enable(process, heap))
    yield from fails(process, 0, enable(process, heap, w.HEAP_STANDARD))
    equal((yield from heap_kind(process, heap)), w.HEAP_LFH)


@case("HeapAlloc", "blocks of one size lie in order before the front end takes over", "MODEL section 9")
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    found = yield from several(works(process.heap_alloc(heap, 0, 200)) for _ in range(17))
    steps = {b - a for a, b in itertools.pairwise(found)}
    equal(len(steps), 1, "one distance from block to block")


@case(
    "HeapAlloc",
    "the 19th block of a size lies in the front end, elsewhere than those of the back end",
    "MODEL section 9",
)
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    found = yield from several(works(process.heap_alloc(heap, 0, 200)) for _ in range(24))
    step = found[1] - found[0]
    equal(all(block - found[0] <= 40 * step for block in found[:17]), True)
    front = sorted(found[19:])
    equal(all(b - a == front[1] - front[0] for a, b in itertools.pairwise(front)) or len(front) == 5, True)
    equal(min(front) > max(found[:17]) + step or max(front) < min(found[:17]), True)


@case("HeapAlloc", "blocks above 16 KB never lie in the front end", LFH)
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    blocks = yield from several(works(process.heap_alloc(heap, 0, 17 * 1024)) for _ in range(30))
    yield from works(process.heap_free(heap, 0, blocks[29]))
    equal((yield from works(process.heap_alloc(heap, 0, 17 * 1024))), blocks[29])


@case("HeapSize", "a block of the front end has the size that was asked for", "[HeapSize]")
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    for _ in range(40):
        block = yield from works(process.heap_alloc(heap, 0, 201))
    equal((yield from process.heap_size(heap, 0, block)), 201)
    yield from works(process.heap_free(heap, 0, block))
    equal(bool((yield from process.heap_validate(heap, 0))), True)
