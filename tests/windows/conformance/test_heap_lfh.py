"""The low-fragmentation heap: when it takes over, and for what."""

from __future__ import annotations

import itertools
from typing import Any

from tests.windows.conformance.rules import *

LFH, SET = "[Low-fragmentation Heap]", "[HeapSetInformation]"
COMPATIBILITY = w.HEAP_COMPATIBILITY_INFORMATION
OPT_IN: dict[str, Any] = {"settings": {"heap": {"low_fragmentation": "opt-in"}}}


def heap_kind(p: Any, heap: int) -> Any:
    """0 for a standard heap, 2 for one with the low-fragmentation heap."""
    return p.heap_query_information(heap, COMPATIBILITY)


def enable(p: Any, heap: int, kind: int = w.HEAP_LFH) -> Any:
    """Ask for a kind of heap."""
    return p.heap_set_information(heap, COMPATIBILITY, kind)


def test_heap_query_information(rule: Rule) -> None:
    with rule("the default heap has it since Vista, when it is needed", LFH) as p:
        heap = p.get_process_heap()
        [works(p.heap_alloc(heap, 0, 64)) for _ in range(18)]
        assert heap_kind(p, heap) == w.HEAP_LFH
    with rule("a new growable heap has it since Vista, when it is needed", LFH) as p:
        heap = works(p.heap_create(0, 0, 0))
        [works(p.heap_alloc(heap, 0, 64)) for _ in range(18)]
        assert heap_kind(p, heap) == w.HEAP_LFH
    with rule("a heap without serialisation has none", LFH) as p:
        heap = works(p.heap_create(w.HEAP_NO_SERIALIZE, 0, 0))
        assert heap_kind(p, heap) == w.HEAP_STANDARD
    with rule("a fixed heap has none", LFH) as p:
        heap = works(p.heap_create(0, 0, 1 << 20))
        assert heap_kind(p, heap) == w.HEAP_STANDARD


def test_heap_set_information(rule: Rule) -> None:
    for name, flags, maximum in (("without serialisation", w.HEAP_NO_SERIALIZE, 0), ("of fixed size", 0, 1 << 20)):
        with rule(f"it can't be had for a heap {name}", SET) as p:
            heap = works(p.heap_create(flags, 0, maximum))
            p.fails(0).do(enable, p, heap)
            assert heap_kind(p, heap) == w.HEAP_STANDARD
    with rule("by the older rule a heap has none until it is asked for", SET, **OPT_IN) as p:
        heap = works(p.heap_create(0, 0, 0))
        assert heap_kind(p, heap) == w.HEAP_STANDARD
        works(enable(p, heap))
        assert heap_kind(p, heap) == w.HEAP_LFH
    with rule("it is never disabled", SET, **OPT_IN) as p:
        heap = works(p.heap_create(0, 0, 0))
        works(enable(p, heap))
        p.fails(0).do(enable, p, heap, w.HEAP_STANDARD)
        assert heap_kind(p, heap) == w.HEAP_LFH


def test_heap_alloc(rule: Rule) -> None:
    with rule("blocks of one size lie in order before the front end takes over", "MODEL section 9") as p:
        heap = works(p.heap_create(0, 0, 0))
        found = [works(p.heap_alloc(heap, 0, 200)) for _ in range(17)]
        steps = {b - a for a, b in itertools.pairwise(found)}
        assert len(steps) == 1
    with rule(
        "the 19th block of a size lies in the front end, elsewhere than those of the back end", "MODEL section 9"
    ) as p:
        heap = works(p.heap_create(0, 0, 0))
        found = [works(p.heap_alloc(heap, 0, 200)) for _ in range(24)]
        step = found[1] - found[0]
        assert all(block - found[0] <= 40 * step for block in found[:17])
        front = sorted(found[19:])
        assert all(b - a == front[1] - front[0] for a, b in itertools.pairwise(front)) or len(front) == 5
        assert min(front) > max(found[:17]) + step or max(front) < min(found[:17])
    with rule("blocks above 16 KB never lie in the front end", LFH) as p:
        heap = works(p.heap_create(0, 0, 0))
        blocks = [works(p.heap_alloc(heap, 0, 17 * 1024)) for _ in range(30)]
        works(p.heap_free(heap, 0, blocks[29]))
        assert works(p.heap_alloc(heap, 0, 17 * 1024)) == blocks[29]


def test_heap_size(rule: Rule) -> None:
    with rule("a block of the front end has the size that was asked for", "[HeapSize]") as p:
        heap = works(p.heap_create(0, 0, 0))
        for _ in range(40):
            block = works(p.heap_alloc(heap, 0, 201))
        assert p.heap_size(heap, 0, block) == 201
        works(p.heap_free(heap, 0, block))
        assert p.heap_validate(heap, 0)
