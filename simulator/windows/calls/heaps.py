"""Heaps [Heap Functions].

All of it is user-mode code: a call costs `Costs.heap_call` and what it touches; only when the heap takes memory from
the system or gives it back are there system calls. While the process has one thread, touches are made together, before
the next call of another kind; with several threads each call's are made at once, under the heap's lock unless
HEAP_NO_SERIALIZE is given or the front end needs no help of the back end [k32/heap.c:1234-1243]. They are also made at
once if the program has changed the protection of a heap's page: what that raises is raised by the heap call that
touches the page; a block that it would have given is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from simulator.windows import constants as c
from simulator.windows.calls.base import MOST_PENDING, Calls, Steps
from simulator.windows.failure import Failure, WindowsException
from simulator.windows.heap.heap import Heap
from simulator.windows.heap.memory import CALL, HEADER
from simulator.windows.heap.walk import HeapEntry, HeapSummary, summary, walk
from simulator.windows.requests import Exit

R = TypeVar("R")
_RAISE = c.HEAP_GENERATE_EXCEPTIONS
_ALONE = c.HEAP_NO_SERIALIZE


class HeapCalls(Calls):
    """Private heaps and the process heap. A heap's handle is its address; a wrong one gives ERROR_INVALID_HANDLE,
    where Windows would fault."""

    def get_process_heap(self) -> Steps[int]:
        """The handle of the process heap [GetProcessHeap]; 0 if there's no memory for it (ERROR_NOT_ENOUGH_MEMORY)."""
        heap = yield from self._process_heap()
        return 0 if heap is None else heap.base

    def get_process_heaps(self) -> Steps[list[int]]:
        """The handles of all heaps [GetProcessHeaps]."""
        yield from ()
        return list(self.own.heaps)

    def heap_create(self, options: int = 0, initial: int = 0, maximum: int = 0) -> Steps[int]:
        """A private heap's handle [HeapCreate]. `initial` is rounded up to pages, in a 64-bit process to two, and at
        least as much is committed; `maximum` likewise, and reserved. If that is 0 the heap grows, and 64 KiB more than
        `initial` are reserved at first [k32/heap.c:3689, test_heap_sizes]. Options HEAP_NO_SERIALIZE,
        HEAP_GENERATE_EXCEPTIONS and HEAP_CREATE_ENABLE_EXECUTE, and ZERO_MEMORY and REALLOC_IN_PLACE_ONLY for all its
        calls. 0 on failure: ERROR_INVALID_PARAMETER if initial > maximum > 0, ERROR_NOT_ENOUGH_MEMORY."""
        try:
            handle = self.own.heaps.create(options, initial, maximum, self._touch)
        except Failure as failure:
            handle = self._failed(failure.code, 0)
        yield from self._flush()
        return handle

    def heap_destroy(self, heap: int) -> Steps[bool]:
        """Release a private heap with all that is in it [HeapDestroy]; False (ERROR_INVALID_HANDLE) for the process
        heap."""
        yield from self._flush()
        try:
            done = self.own.heaps.destroy(heap, self._touch)
        except Failure as failure:
            done = self._failed(failure.code, failed=False)
        yield from self._flush()
        return done

    def heap_alloc(self, heap: int, flags: int, size: int) -> Steps[int]:
        """A block's address [HeapAlloc]. On failure 0 (ERROR_NOT_ENOUGH_MEMORY), though the documentation says that
        there is no last error [k32/heap.c:453, test_HeapCreate], or, with HEAP_GENERATE_EXCEPTIONS,
        STATUS_NO_MEMORY."""
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(c.ERROR_INVALID_HANDLE, 0)
        if self.own.defers_touches:
            address = target.allocate(flags, size, self._touch)
            if len(self._rows) >= MOST_PENDING:
                yield from self._flush()
        elif target.serves(size):
            address = target.allocate(flags, size, self._touch)
            yield from self._flush()
        else:
            address = yield from self._inside(target, flags, target.allocate, flags, size, self._touch)
        return address or self._no_memory(target, flags, size)

    def heap_free(self, heap: int, flags: int, address: int) -> Steps[bool]:
        """Free a block; NULL is fine, even of no heap [HeapFree; k32/heap.c:240]. False (ERROR_INVALID_PARAMETER) if
        there's none at that address."""
        if not address:
            return True
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(c.ERROR_INVALID_HANDLE, failed=False)
        if self.own.defers_touches:
            done = target.free(address, self._touch)
            if target.late or len(self._rows) >= MOST_PENDING:
                yield from self._give_back(target)
        elif target.takes(address):
            done = target.free(address, self._touch)
            yield from self._flush()
        else:
            done = yield from self._inside(target, flags, target.free, address, self._touch)
        if not done:
            return (yield from self._wrong(failed=False))
        return True

    def heap_realloc(self, heap: int, flags: int, address: int, size: int) -> Steps[int]:
        """Give a block another size, where it is or, unless HEAP_REALLOC_IN_PLACE_ONLY is given, elsewhere, its data
        copied [HeapReAlloc]. Its address now, or, with nothing changed, 0 (ERROR_NOT_ENOUGH_MEMORY) or STATUS_NO_MEMORY
        as `heap_alloc`; 0 (ERROR_INVALID_PARAMETER) if there's no block at that address; 0 for NULL, with last error 0.

        A block of a segment shrinks, and grows into free memory behind it, in place. A large block shrinks in place and
        gives pages back, and doesn't get them again; one of the front end always moves [k32/heap.c:425
        and 1787-1796]."""
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(c.ERROR_INVALID_HANDLE, 0)
        if not address:
            return self._failed(c.ERROR_SUCCESS, 0)
        if not target.has(address):
            return (yield from self._wrong(0))
        if address in target.large.blocks:
            yield from self._flush()
        arguments = (flags, address, size, self._touch)
        moved = yield from self._inside(target, flags, target.resize, *arguments)
        return moved or self._no_memory(target, flags, size)

    def heap_size(self, heap: int, flags: int, address: int) -> Steps[int]:
        """The bytes that were asked for of a block [HeapSize]; -1 if there's none at that address, the last error
        untouched."""
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(c.ERROR_INVALID_HANDLE, -1)
        if target.has(address):
            yield from self._inside(target, flags, self._read_header, target, address)
        return target.size(address)

    def heap_validate(self, heap: int, flags: int = 0, address: int = 0) -> Steps[bool]:
        """Whether a heap is intact, which it always is here, or, given an address, whether an allocated block is there
        [HeapValidate]. Sets no error."""
        target = self.own.heaps.get(heap)
        if target is None:
            return False
        if not address:
            yield from self._inside(target, flags, self._read_all, target)
            return True
        if target.has(address):
            yield from self._inside(target, flags, self._read_header, target, address)
        return target.has(address)

    def heap_walk(self, heap: int) -> Steps[list[HeapEntry]]:
        """All elements of a heap, as successive calls of HeapWalk give them, which end with ERROR_NO_MORE_ITEMS
        as the last error."""
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(c.ERROR_INVALID_HANDLE, [])
        entries: list[HeapEntry] = yield from self._inside(target, 0, self._read_all, target)
        self.last_error = c.ERROR_NO_MORE_ITEMS
        return entries

    def heap_lock(self, heap: int) -> Steps[bool]:
        """Have the calling thread own a heap's lock, if need be after a wait, until as many calls of `heap_unlock`
        [HeapLock]. Nothing is locked of a heap that isn't serialized [k32/heap.c:1123-1149]. False
        (ERROR_INVALID_HANDLE) if there's no such heap."""
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(c.ERROR_INVALID_HANDLE, failed=False)
        yield from self._flush()
        if not target.flags & _ALONE:
            yield from target.lock.acquire(self)
        return True

    def heap_unlock(self, heap: int) -> Steps[bool]:
        """Take back one `heap_lock` [HeapUnlock]; False (ERROR_INVALID_HANDLE) if there's no such heap, and (chosen:
        ERROR_NOT_LOCKED) if the thread doesn't own its lock."""
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(c.ERROR_INVALID_HANDLE, failed=False)
        yield from self._flush()
        if target.flags & _ALONE:
            return True
        if not target.lock.owned(self):
            return self._failed(c.ERROR_NOT_LOCKED, failed=False)
        target.lock.release()
        return True

    def heap_summary(self, heap: int) -> Steps[HeapSummary | None]:
        """How much of a heap is allocated, committed and reserved [HEAP_SUMMARY]; None (ERROR_INVALID_HANDLE) if
        there's no such heap."""
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(c.ERROR_INVALID_HANDLE, None)
        yield from self._inside(target, 0, self._read_all, target)
        return summary(target)

    def heap_compact(self, heap: int, flags: int = 0) -> Steps[int]:
        """Bytes that the largest committed free block holds [HeapCompact]; 0 with no error if there's none. Free blocks
        are always joined here; units of the front end that are wholly free go back."""
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(c.ERROR_INVALID_HANDLE, 0)
        yield from self._inside(target, flags, target.compact, self._touch)
        size = target.largest()
        if not size:
            self.last_error = c.ERROR_SUCCESS
        return size

    def heap_set_information(self, heap: int, information_class: int, information: int = 0) -> Steps[bool]:
        """Enable a feature [HeapSetInformation]: class 0 with information 2 the low-fragmentation heap, False
        (ERROR_INVALID_PARAMETER) for a heap that can't have it, being not serialized or, chosen, of fixed size; with 0
        or 1, which nothing can be once it is enabled, False (ERROR_GEN_FAILURE) [k32/heap.c:873-901, test_HeapCreate];
        class 1 that an error in any heap ends the process; 3 decommits what is free, in all heaps if `heap` is 0. False
        (ERROR_INVALID_PARAMETER) for other classes, and (ERROR_NOACCESS) for class 0 of no heap."""
        if information_class == c.HEAP_ENABLE_TERMINATION_ON_CORRUPTION:
            self.own.heaps.terminate = True
            return True
        if information_class == c.HEAP_OPTIMIZE_RESOURCES:
            return (yield from self._optimize(heap))
        if information_class:
            return self._failed(c.ERROR_INVALID_PARAMETER, failed=False)
        target = self.own.heaps.get(heap)
        if target is None:
            return self._failed(_no_heap(heap), failed=False)
        if information != c.HEAP_LFH:
            nothing = information == c.HEAP_STANDARD and not target.low_fragmentation
            return nothing or self._failed(c.ERROR_GEN_FAILURE, failed=False)
        if target.front is None:
            return self._failed(c.ERROR_INVALID_PARAMETER, failed=False)
        done = yield from self._inside(target, 0, target.front.enable, self._touch)
        return done or self._failed(c.ERROR_GEN_FAILURE, failed=False)

    def heap_query_information(self, heap: int, information_class: int = 0) -> Steps[int | None]:
        """For class 0 what the heap is: 2 once it has the low-fragmentation front end, because a size was allocated
        often enough or it was asked for, and 0 before, and for ever if it can't have it (1, look-aside lists, isn't
        modelled) [k32/heap.c:844, 858, 918, test_HeapCreate]; for class 1 whether an error ends the process. None for
        other classes (ERROR_INVALID_PARAMETER), and for class 0 of no heap (ERROR_NOACCESS for NULL, else
        ERROR_INVALID_HANDLE) [HeapQueryInformation]."""
        yield from ()
        if information_class == c.HEAP_ENABLE_TERMINATION_ON_CORRUPTION:
            return int(self.own.heaps.terminate)
        target = self.own.heaps.get(heap)
        if target is None or information_class:
            return self._failed(c.ERROR_INVALID_PARAMETER if information_class else _no_heap(heap), None)
        return c.HEAP_LFH if target.low_fragmentation else c.HEAP_STANDARD

    def _optimize(self, heap: int) -> Steps[bool]:
        targets = [target for handle, target in self.own.heaps.items() if heap in (0, handle)]
        if heap and not targets:
            return self._failed(c.ERROR_INVALID_HANDLE, failed=False)
        for target in targets:
            yield from self._inside(target, 0, target.optimize, self._touch)
        return True

    def _process_heap(self) -> Steps[Heap | None]:
        if not self.own.heaps.process:
            yield from self._flush()
        try:
            return self.own.heaps.of_process(self._touch)
        except Failure as failure:
            return self._failed(failure.code, None)

    def _inside(self, heap: Heap, flags: int, function: Callable[..., R], *arguments: object) -> Steps[R]:
        """Call a heap's function, under its lock if that's needed, and give memory back when its touches are made."""
        several = not self.own.defers_touches
        lock = heap.lock if several and not (flags | heap.flags) & _ALONE else None
        if lock is not None:
            yield from lock.acquire(self)
        try:
            result = function(*arguments)
            if several or heap.late or len(self._rows) >= MOST_PENDING:
                yield from self._give_back(heap)
        finally:
            if lock is not None:
                lock.release()
        return result

    def _flush_if_due(self) -> Steps[None]:
        """Have what is pending executed if it's much, or if other threads may see it."""
        if len(self._rows) >= MOST_PENDING or not self.own.defers_touches:
            yield from self._flush()

    def _give_back(self, heap: Heap) -> Steps[None]:
        yield from self._flush()
        if heap.late:
            heap.finish(self._touch)
            yield from self._flush()

    def _read_header(self, heap: Heap, address: int) -> None:
        heap.memory.load(address - HEADER, lambda row: self._touch(row + CALL))

    def _read_all(self, heap: Heap) -> list[HeapEntry]:
        """Walk a heap: every header is read, the pages that have some once each."""
        entries = walk(heap)
        behind = HEADER + heap.sizes.granule
        headers = {0: behind, c.PROCESS_HEAP_ENTRY_BUSY: HEADER, c.PROCESS_HEAP_REGION: 0}
        starts = (e.data - headers[e.flags] for e in entries if e.flags in headers)
        for page in sorted({start >> heap.memory.shift for start in starts}):
            heap.memory.load(page << heap.memory.shift, self._touch)
        return entries

    def _no_memory(self, heap: Heap, flags: int, size: int) -> int:
        """A block can't be had."""
        if (flags | heap.flags) & _RAISE:
            raise WindowsException(c.STATUS_NO_MEMORY, (size,))
        return self._failed(c.ERROR_NOT_ENOUGH_MEMORY, 0)

    def _failed(self, code: int, failed: R) -> R:
        self.last_error = code
        return failed

    def _wrong(self, failed: R) -> Steps[R]:
        """There's no block where one should be [ros: RtlFreeHeap: STATUS_INVALID_PARAMETER]."""
        if self.own.heaps.terminate:
            yield from self._flush()
            yield Exit(c.STATUS_HEAP_CORRUPTION)
        return self._failed(c.ERROR_INVALID_PARAMETER, failed)


def _no_heap(heap: int) -> int:
    """The last error of a call that asks about no heap: NULL is looked at, and there's nothing."""
    return c.ERROR_INVALID_HANDLE if heap else c.ERROR_NOACCESS
