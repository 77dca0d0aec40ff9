"""What is built on the process heap: C's malloc and C++'s new, and the Global and Local functions.

malloc is the C runtime's of Visual Studio 2015 and later, which uses the process heap; the headers that its debug
version puts around blocks aren't modelled, nor is errno.
"""

from __future__ import annotations

from typing import TypeVar

from simulator.windows import constants as c
from simulator.windows.calls.base import Steps
from simulator.windows.calls.heaps import HeapCalls
from simulator.windows.failure import Failure, WindowsException
from simulator.windows.heap.heap import Heap
from simulator.windows.heap.memory import CALL
from simulator.windows.heap.objects import Moveable, Objects

R = TypeVar("R")
STATUS_CPP_EXCEPTION = 0xE06D7363
"""What a C++ exception, such as std::bad_alloc, is to Windows."""
_VALID = 0x7F72
"""GMEM_VALID_FLAGS and LMEM_VALID_FLAGS together (winbase.h)"""


class HeapWrapperCalls(HeapCalls):
    """C, C++, Global and Local allocation."""

    def malloc(self, size: int) -> Steps[int]:
        """A block of the process heap, of at least a byte; 0 if there's no memory."""
        heap = yield from self._process_heap()
        return 0 if heap is None else (yield from self.heap_alloc(heap.base, 0, size or 1))

    def calloc(self, count: int, size: int) -> Steps[int]:
        """`malloc` of count x size bytes, zeroed."""
        heap = yield from self._process_heap()
        if heap is None:
            return 0
        return (yield from self.heap_alloc(heap.base, c.HEAP_ZERO_MEMORY, count * size or 1))

    def realloc(self, address: int, size: int) -> Steps[int]:
        """Give a block another size: its address, or 0 with the block as it was; for NULL `malloc`, and for size 0
        `free`."""
        if not address:
            return (yield from self.malloc(size))
        if not size:
            yield from self.free(address)
            return 0
        return (yield from self.heap_realloc(self.own.heaps.process, 0, address, size))

    def free(self, address: int) -> Steps[None]:
        """Free a block of `malloc`; NULL is fine."""
        if address:
            yield from self.heap_free(self.own.heaps.process, 0, address)

    def new(self, size: int) -> Steps[int]:
        """`malloc`, but std::bad_alloc (a WindowsException, 0xE06D7363) if there's no memory."""
        address = yield from self.malloc(size)
        if not address:
            raise WindowsException(STATUS_CPP_EXCEPTION)
        return address

    def delete(self, address: int) -> Steps[None]:
        """`free`."""
        yield from self.free(address)

    def global_alloc(self, flags: int, size: int) -> Steps[int]:
        """A block of the process heap: its address, or, with GMEM_MOVEABLE, a handle, of a discarded object if the size
        is 0 [GlobalAlloc]. 0 on failure: 87 for flags that aren't defined, 8 if there's no memory."""
        if flags & ~_VALID:
            return self._failed(c.ERROR_INVALID_PARAMETER, 0)
        heap = yield from self._process_heap()
        if heap is None:
            return 0
        pointer = 0
        if size or not flags & c.GMEM_MOVEABLE:
            pointer = yield from self.heap_alloc(heap.base, _zero(flags), size)
            if not pointer:
                return self._failed(c.ERROR_NOT_ENOUGH_MEMORY, 0)
        if not flags & c.GMEM_MOVEABLE:
            return pointer
        return (yield from self._add(pointer, flags))

    def global_free(self, memory: int) -> Steps[int]:
        """Free a block or an object, locked or not [GlobalFree]: 0, or `memory` (6) if it is none."""
        found = self._object(memory)
        if found is not None:
            pointer = found.pointer
            self._objects().remove(memory, self._touch)
            yield from self._bound()
            yield from self.free(pointer)
            return 0
        if not memory or (yield from self.heap_free(self.own.heaps.process, 0, memory)):
            return 0
        return self._failed(c.ERROR_INVALID_HANDLE, memory)

    def global_lock(self, memory: int) -> Steps[int]:
        """The address of an object's block, which stays until as many unlocks [GlobalLock]; of a fixed block its own.
        0 if the object is discarded (157), or there's none (6)."""
        found = self._object(memory)
        if found is None:
            return memory if self._fixed(memory) else self._failed(c.ERROR_INVALID_HANDLE, 0)
        if not found.pointer:
            return self._failed(c.ERROR_DISCARDED, 0)
        found.locks = min(found.locks + 1, c.GMEM_LOCKCOUNT)
        yield from self._touch_object(memory)
        return found.pointer

    def global_unlock(self, memory: int) -> Steps[bool]:
        """Take back one lock [GlobalUnlock]: whether the object is still locked; False also (158) if it wasn't, or (6)
        if there's none; True for a fixed block."""
        found = self._object(memory)
        if found is None:
            return True if self._fixed(memory) else self._failed(c.ERROR_INVALID_HANDLE, failed=False)
        if not found.locks:
            return self._failed(c.ERROR_NOT_LOCKED, failed=False)
        found.locks -= 1
        yield from self._touch_object(memory)
        return True if found.locks else self._failed(c.ERROR_SUCCESS, failed=False)

    def global_realloc(self, memory: int, size: int, flags: int) -> Steps[int]:
        """Another size, or, with GMEM_MODIFY, other attributes [GlobalReAlloc; ros: heapmem.c]: the handle or address
        now, 0 on failure (6, 8), with nothing changed.

        A fixed block moves only with GMEM_MOVEABLE; a moveable object's block may move unless it is locked and
        GMEM_MOVEABLE isn't given. Size 0 with GMEM_MOVEABLE discards an object that isn't locked. GMEM_MODIFY sets or
        clears GMEM_DISCARDABLE, or, with GMEM_MOVEABLE, makes a fixed block an object, its data copied.
        """
        found = self._object(memory)
        if found is None:
            if not self._fixed(memory):
                return self._failed(c.ERROR_INVALID_HANDLE, 0)
            if flags & c.GMEM_MODIFY:
                return (yield from self._make_moveable(memory, flags)) if flags & c.GMEM_MOVEABLE else memory
            return (yield from self._resize(memory, size, flags, stay=not flags & c.GMEM_MOVEABLE))
        if flags & c.GMEM_MODIFY:
            found.discardable = bool(flags & c.GMEM_DISCARDABLE)
            return memory
        if not size:
            return (yield from self._discard(memory, found, flags))
        if found.pointer:
            stay = found.locks > 0 and not flags & c.GMEM_MOVEABLE
            pointer = yield from self._resize(found.pointer, size, flags, stay=stay)
        else:
            pointer = yield from self.heap_alloc(self.own.heaps.process, _zero(flags), size)
        if not pointer:
            return self._failed(c.ERROR_NOT_ENOUGH_MEMORY, 0)
        self._objects().point(memory, pointer, self._touch)
        yield from self._bound()
        return memory

    def global_size(self, memory: int) -> Steps[int]:
        """The bytes of an object or a block [GlobalSize]; 0 if it is discarded, or (6) none."""
        found = self._object(memory)
        pointer = memory if found is None else found.pointer
        if found is not None and not pointer:
            return 0
        size = yield from self.heap_size(self.own.heaps.process, 0, pointer)
        return size if size >= 0 else self._failed(c.ERROR_INVALID_HANDLE, 0)

    def global_flags(self, memory: int) -> Steps[int]:
        """Lock count, GMEM_DISCARDABLE and GMEM_DISCARDED of an object, 0 of a fixed block [GlobalFlags];
        GMEM_INVALID_HANDLE (6) if it is neither."""
        yield from ()
        found = self._object(memory)
        if found is None:
            return 0 if self._fixed(memory) else self._failed(c.ERROR_INVALID_HANDLE, c.GMEM_INVALID_HANDLE)
        discarded = 0 if found.pointer else c.GMEM_DISCARDED
        return found.locks | discarded | (c.GMEM_DISCARDABLE if found.discardable else 0)

    def global_handle(self, pointer: int) -> Steps[int]:
        """The handle of the object whose block is at an address; a fixed block's own address; else 0 (6)
        [GlobalHandle]."""
        yield from ()
        objects = self.own.heaps.objects
        handle = objects.by_pointer.get(pointer, 0) if objects else 0
        return handle or (pointer if self._fixed(pointer) else self._failed(c.ERROR_INVALID_HANDLE, 0))

    local_alloc = global_alloc
    local_free = global_free
    local_lock = global_lock
    local_unlock = global_unlock
    local_size = global_size
    local_flags = global_flags
    local_handle = global_handle
    local_realloc = global_realloc
    # The Local functions do the same: there's one heap [Global and Local Functions].

    def _object(self, memory: int) -> Moveable | None:
        objects = self.own.heaps.objects
        return objects.by_handle.get(memory) if objects else None

    def _objects(self) -> Objects:
        found = self.own.heaps.objects
        assert found is not None
        return found

    def _heap(self) -> Heap | None:
        return self.own.heaps.get(self.own.heaps.process)

    def _fixed(self, memory: int) -> bool:
        heap = self._heap()
        return heap is not None and heap.has(memory)

    def _touch_object(self, memory: int) -> Steps[None]:
        self._objects().touch(memory, lambda row: self._touch(row + CALL))
        yield from self._bound()

    def _add(self, pointer: int, flags: int) -> Steps[int]:
        heaps = self.own.heaps
        try:
            if heaps.objects is None:
                heaps.objects = Objects(self.system, self.own, self._touch)
            handle = heaps.objects.add(pointer, self._touch, discardable=bool(flags & c.GMEM_DISCARDABLE))
            yield from self._touch_object(handle)
        except Failure:
            yield from self.free(pointer)
            return self._failed(c.ERROR_NOT_ENOUGH_MEMORY, 0)
        return handle

    def _resize(self, pointer: int, size: int, flags: int, *, stay: bool) -> Steps[int]:
        wanted = _zero(flags) | (c.HEAP_REALLOC_IN_PLACE_ONLY if stay else 0)
        moved = yield from self.heap_realloc(self.own.heaps.process, wanted, pointer, size)
        return moved or self._failed(c.ERROR_NOT_ENOUGH_MEMORY, 0)

    def _discard(self, memory: int, found: Moveable, flags: int) -> Steps[int]:
        pointer = found.pointer
        if pointer:
            if found.locks or not flags & c.GMEM_MOVEABLE:
                return 0
            self._objects().point(memory, 0, self._touch)
            yield from self.free(pointer)
        return memory

    def _make_moveable(self, pointer: int, flags: int) -> Steps[int]:
        """A fixed block becomes an object: it is copied to one, and freed."""
        if pointer in self._pointers():
            return pointer
        heap = self._heap()
        assert heap is not None
        size = heap.size(pointer)
        handle = yield from self.global_alloc((flags & c.GMEM_DISCARDABLE) | c.GMEM_MOVEABLE, max(size, 1))
        if handle:
            yield from self._inside(heap, 0, heap.copy, pointer, self._objects().by_handle[handle].pointer, self._touch)
            yield from self.free(pointer)
        return handle

    def _pointers(self) -> dict[int, int]:
        objects = self.own.heaps.objects
        return objects.by_pointer if objects else {}


def _zero(flags: int) -> int:
    return c.HEAP_ZERO_MEMORY if flags & c.GMEM_ZEROINIT else 0
