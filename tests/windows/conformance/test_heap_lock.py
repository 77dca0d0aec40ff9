"""HeapLock and HeapUnlock, and which heap calls of other threads they keep waiting, as tests that pass on Windows see
it."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

WINE = "[k32/heap.c:{}, test_HeapCreate]"


def use(p: Any, heap: int, flags: int, ready: int, lock: bool) -> None:
    """What another thread does: it allocates and frees a block, and says so."""
    if lock:
        works(p.heap_lock(heap))
    block = works(p.heap_alloc(heap, flags, 0))
    works(p.heap_free(heap, flags, block))
    if lock:
        works(p.heap_unlock(heap))
    works(p.set_event(ready))


def waits(p: Any, heap: int, *, lock: bool, flags: int = 0) -> Any:
    """Whether another thread has to wait with that while this one has locked the heap; it must be done afterwards."""
    ready = works(p.create_event())
    works(p.heap_lock(heap))
    works(p.create_thread(use, heap=heap, flags=flags, ready=ready, lock=lock))
    during = p.wait_for_single_object(ready, 100)
    assert during in {w.WAIT_OBJECT_0, w.WAIT_TIMEOUT}, f"result of the wait: {during}"
    works(p.heap_unlock(heap))
    if during == w.WAIT_TIMEOUT:
        assert p.wait_for_single_object(ready, 100) == w.WAIT_OBJECT_0
    p.close_handle(ready)
    return during == w.WAIT_TIMEOUT


def test_heap_lock(rule: Rule) -> None:
    with rule("locks nothing of a heap that isn't serialized", WINE.format("1123-1152")) as p:
        heap = works(p.heap_create(w.HEAP_NO_SERIALIZE, 0, 0))
        for lock in (True, False):
            assert waits(p, heap, lock=lock) is False
    with rule(
        "keeps other threads from locking and from the back end, unless they ask for no lock", WINE.format("1155-1199")
    ) as p:
        heap = works(p.heap_create(0, 0, 0))
        assert waits(p, heap, lock=True) is True
        assert waits(p, heap, lock=False) is True
        assert waits(p, heap, lock=False, flags=w.HEAP_NO_SERIALIZE) is False
    with rule("doesn't keep other threads from the front end", WINE.format("1202-1249")) as p:
        heap = works(p.heap_create(0, 0, 0))
        assert p.heap_query_information(heap) == w.HEAP_STANDARD
        blocks = [works(p.heap_alloc(heap, 0, 0)) for _ in range(0x12)]
        for block in blocks:
            works(p.heap_free(heap, 0, block))
        assert p.heap_query_information(heap) == w.HEAP_LFH
        assert waits(p, heap, lock=True) is True
        assert waits(p, heap, lock=False) is False
    with rule("may be called again by the thread that has locked, and be undone as often", "[HeapLock]") as p:
        heap = works(p.heap_create(0, 0, 0))
        works(p.heap_lock(heap))
        assert waits(p, heap, lock=False, flags=w.HEAP_NO_SERIALIZE) is False
        works(p.heap_alloc(heap, 0, 100))
        works(p.heap_unlock(heap))
        p.fails(0).heap_unlock(heap)
        assert waits(p, heap, lock=False) is True
    with rule("there must be such a heap", "[HeapLock]") as p:
        p.fails(w.ERROR_INVALID_HANDLE).heap_lock(16)
        p.fails(w.ERROR_INVALID_HANDLE).heap_unlock(16)
