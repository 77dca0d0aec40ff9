"""HeapLock and HeapUnlock, and which heap calls of other threads they keep waiting, as tests that pass on Windows see
it."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import Steps, Table, equal, fails, several, works

case = Table()
WINE = "[k32/heap.c:{}, test_HeapCreate]"


def use(process: Any, heap: int, flags: int, ready: int, lock: bool) -> Steps:
    """What another thread does: it allocates and frees a block, and says so."""
    if lock:
        yield from works(process.heap_lock(heap))
    block = yield from works(process.heap_alloc(heap, flags, 0))
    yield from works(process.heap_free(heap, flags, block))
    if lock:
        yield from works(process.heap_unlock(heap))
    yield from works(process.set_event(ready))


def waits(process: Any, heap: int, *, lock: bool, flags: int = 0) -> Steps:
    """Whether another thread has to wait with that while this one has locked the heap; it must be done afterwards."""
    ready = yield from works(process.create_event())
    yield from works(process.heap_lock(heap))
    yield from works(process.create_thread(use, heap=heap, flags=flags, ready=ready, lock=lock))
    during = yield from process.wait_for_single_object(ready, 100)
    equal(during in {w.WAIT_OBJECT_0, w.WAIT_TIMEOUT}, True, f"result of the wait: {during}")
    yield from works(process.heap_unlock(heap))
    if during == w.WAIT_TIMEOUT:
        equal((yield from process.wait_for_single_object(ready, 100)), w.WAIT_OBJECT_0, "once it is unlocked")
    yield from process.close_handle(ready)
    return during == w.WAIT_TIMEOUT


@case("HeapLock", "locks nothing of a heap that isn't serialized", WINE.format("1123-1152"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(w.HEAP_NO_SERIALIZE, 0, 0))
    for lock in (True, False):
        equal((yield from waits(process, heap, lock=lock)), False, "another thread waits")


@case(
    "HeapLock",
    "keeps other threads from locking and from the back end, unless they ask for no lock",
    WINE.format("1155-1199"),
)
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    equal((yield from waits(process, heap, lock=True)), True, "a thread that locks waits")
    equal((yield from waits(process, heap, lock=False)), True, "a thread that allocates waits")
    equal((yield from waits(process, heap, lock=False, flags=w.HEAP_NO_SERIALIZE)), False, "one with no lock waits")


@case("HeapLock", "doesn't keep other threads from the front end", WINE.format("1202-1249"))
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    equal((yield from process.heap_query_information(heap)), w.HEAP_STANDARD)
    blocks = yield from several(works(process.heap_alloc(heap, 0, 0)) for _ in range(0x12))
    for block in blocks:
        yield from works(process.heap_free(heap, 0, block))
    equal((yield from process.heap_query_information(heap)), w.HEAP_LFH)
    equal((yield from waits(process, heap, lock=True)), True, "a thread that locks waits")
    equal((yield from waits(process, heap, lock=False)), False, "a thread that allocates waits")


@case("HeapLock", "may be called again by the thread that has locked, and be undone as often", "[HeapLock]")
def _(process: Any) -> Steps:
    heap = yield from works(process.heap_create(0, 0, 0))
    yield from works(process.heap_lock(heap))
    equal((yield from waits(process, heap, lock=False, flags=w.HEAP_NO_SERIALIZE)), False)
    yield from works(process.heap_alloc(heap, 0, 100))
    yield from works(process.heap_unlock(heap))
    yield from fails(process, 0, process.heap_unlock(heap))
    equal((yield from waits(process, heap, lock=False)), True, "another thread waits")


@case("HeapLock", "there must be such a heap", "[HeapLock]")
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.heap_lock(16))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.heap_unlock(16))
