"""What is built on the process heap: C's malloc and C++'s new, and the Global and Local functions.

malloc is the C runtime's of Visual Studio 2015 and later, which uses the process heap; the headers that its debug
version puts around blocks aren't modelled, nor is errno.

Each Global and Local function does work of its own, whether or not it calls a heap function, and costs a heap call more
than that: they are wrappers with greater overhead [Comparing Memory Allocation Methods]; how much more is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.windows import constants as c
from simulator.windows.calls.base import Steps
from simulator.windows.calls.heaps import HeapCalls
from simulator.windows.failure import Failure, WindowsException
from simulator.windows.heap.heap import Heap
from simulator.windows.heap.objects import Moveable, Objects, looks_like_handle

STATUS_CPP_EXCEPTION = 0xE06D7363
"""What a C++ exception, such as std::bad_alloc, is to Windows."""


@dataclass(frozen=True)
class _Family:
    """In what the Global functions differ from the Local ones, beside the last errors for what is no object."""

    valid: int
    """GMEM_VALID_FLAGS or LMEM_VALID_FLAGS (winbase.h)"""
    discardable: int
    empty: int
    """bytes of a fixed block of size 0"""
    converts: bool
    """whether a fixed block can be made moveable"""
    unlocks: bool
    """whether unlocking what isn't moveable succeeds"""


_GLOBAL = _Family(valid=0x7F72, discardable=c.GMEM_DISCARDABLE, empty=1, converts=True, unlocks=True)
_LOCAL = _Family(valid=0x0F72, discardable=c.LMEM_DISCARDABLE, empty=0, converts=False, unlocks=False)


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
        is 0 [GlobalAlloc]. A fixed block has at least a byte; one that is moveable has its handle behind its data, two
        pointers [k32/heap.c: test_GlobalAlloc, test_block_layout]. 0 on failure: ERROR_INVALID_PARAMETER for flags that
        aren't defined, ERROR_NOT_ENOUGH_MEMORY also if there are 65,536 moveable objects."""
        return (yield from self._global_allocate(_GLOBAL, flags, size))

    def local_alloc(self, flags: int, size: int) -> Steps[int]:
        """As `global_alloc` [LocalAlloc], but a fixed block of 0 bytes has none, and only LMEM flags are defined."""
        return (yield from self._global_allocate(_LOCAL, flags, size))

    def global_free(self, memory: int) -> Steps[int]:
        """Free a block or an object, locked or not; NULL is fine [GlobalFree]: 0, or `memory` if it is neither
        (ERROR_INVALID_HANDLE, or ERROR_NOACCESS if it is no handle, and there's no memory at that address)."""
        self._work()
        item = self._object(memory)
        if item is not None:
            pointer = item.pointer
            self._objects().remove(memory, self._touch)
            yield from self._flush_if_due()
            yield from self.free(pointer)
            return 0
        if not memory or self._fixed(memory):
            yield from self.free(memory)
            return 0
        if not self._like_handle(memory):
            yield from self._wrong(0)
        return self._failed(self._not_found(memory), memory)

    local_free = global_free

    def global_lock(self, memory: int) -> Steps[int]:
        """The address of an object's block, which stays until as many unlocks, of which 255 are counted [GlobalLock];
        of a fixed block its own, and likewise of any memory [ros: heapmem.c]. 0 if the object is discarded
        (ERROR_DISCARDED), or there's none (ERROR_INVALID_HANDLE)."""
        return (yield from self._lock(memory, c.ERROR_INVALID_HANDLE))

    def local_lock(self, memory: int) -> Steps[int]:
        """As `global_lock` [LocalLock], but for an address at which there's no memory the last error stays."""
        untouched = self.last_error
        return (yield from self._lock(memory, c.ERROR_INVALID_HANDLE if self._like_handle(memory) else untouched))

    def global_unlock(self, memory: int) -> Steps[bool]:
        """Take back one lock [GlobalUnlock]: whether the object is still locked; False with last error 0 if it isn't
        any more, False (ERROR_NOT_LOCKED) if it wasn't. True for what is no handle, such as a fixed block, and
        (ERROR_INVALID_HANDLE) for a handle of no object."""
        return (yield from self._unlock(_GLOBAL, memory))

    def local_unlock(self, memory: int) -> Steps[bool]:
        """As `global_unlock` [LocalUnlock], but False (ERROR_NOT_LOCKED) for what is no handle, and False
        (ERROR_INVALID_HANDLE) for one of no object."""
        return (yield from self._unlock(_LOCAL, memory))

    def global_realloc(self, memory: int, size: int, flags: int) -> Steps[int]:
        """Another size, or, with GMEM_MODIFY, other attributes [GlobalReAlloc; k32/heap.c:1683-2040, test_GlobalAlloc]:
        the handle or address now, 0 on failure, with nothing changed: ERROR_NOT_ENOUGH_MEMORY; ERROR_INVALID_PARAMETER
        for GMEM_DISCARDABLE without GMEM_MODIFY (the code is chosen); ERROR_INVALID_HANDLE or ERROR_NOACCESS as
        `global_free`.

        A fixed block moves only with GMEM_MOVEABLE; a moveable object's block may move unless it is locked and
        GMEM_MOVEABLE isn't given. Size 0 with GMEM_MOVEABLE discards an object that isn't locked. GMEM_MODIFY sets or
        clears GMEM_DISCARDABLE, or, with GMEM_MOVEABLE, makes a fixed block an object, its data copied.
        """
        return (yield from self._reallocate(_GLOBAL, memory, size, flags))

    def local_realloc(self, memory: int, size: int, flags: int) -> Steps[int]:
        """As `global_realloc` [LocalReAlloc; k32/heap.c:2417-2850, test_LocalAlloc], but LMEM_MODIFY
        changes nothing of a fixed block, with LMEM_MOVEABLE neither."""
        return (yield from self._reallocate(_LOCAL, memory, size, flags))

    def global_size(self, memory: int) -> Steps[int]:
        """The bytes of an object or a block [GlobalSize]; 0 if it is discarded, or (ERROR_INVALID_HANDLE) none."""
        self._work()
        item = self._object(memory)
        pointer = memory if item is None else item.pointer
        if item is not None and not pointer:
            return 0
        size = yield from self.heap_size(self.own.heaps.process, 0, pointer)
        return size if size >= 0 else self._failed(c.ERROR_INVALID_HANDLE, 0)

    local_size = global_size

    def global_flags(self, memory: int) -> Steps[int]:
        """Lock count, GMEM_DISCARDABLE, GMEM_DISCARDED and GMEM_DDESHARE of an object, 0 of a fixed block
        [GlobalFlags]; GMEM_INVALID_HANDLE (ERROR_INVALID_HANDLE) if it is neither."""
        return (yield from self._flags(_GLOBAL, memory, c.ERROR_INVALID_HANDLE))

    def local_flags(self, memory: int) -> Steps[int]:
        """As `global_flags` [LocalFlags], with LMEM_DISCARDABLE and without GMEM_DDESHARE; for what is no object
        ERROR_INVALID_HANDLE or ERROR_NOACCESS as `global_free`."""
        return (yield from self._flags(_LOCAL, memory, self._not_found(memory)))

    def global_handle(self, pointer: int) -> Steps[int]:
        """The handle of the object whose block is at an address; a fixed block's own address; else 0
        (ERROR_INVALID_HANDLE) [GlobalHandle]."""
        return (yield from self._handle(pointer, c.ERROR_INVALID_HANDLE))

    def local_handle(self, pointer: int) -> Steps[int]:
        """As `global_handle` [LocalHandle], but else 0 (ERROR_INVALID_HANDLE or ERROR_NOACCESS as `global_free`)."""
        return (yield from self._handle(pointer, self._not_found(pointer)))

    def _global_allocate(self, family: _Family, flags: int, size: int) -> Steps[int]:
        if flags & ~family.valid:
            return self._failed(c.ERROR_INVALID_PARAMETER, 0)
        heap = yield from self._process_heap()
        if heap is None:
            return 0
        self._work()
        if not flags & c.GMEM_MOVEABLE:
            return (yield from self.heap_alloc(heap.base, _zero(flags), size or family.empty))
        pointer = (yield from self._moveable_block(heap, flags, size)) if size else 0
        if size and not pointer:
            return 0
        return (yield from self._add(family, pointer, flags))

    def _lock(self, memory: int, code: int) -> Steps[int]:
        self._work()
        yield from self._flush_if_due()
        item = self._object(memory)
        if item is None:
            there = self._fixed(memory) or (not self._like_handle(memory) and self._readable(memory))
            return memory if there else self._failed(code, 0)
        if not item.pointer:
            return self._failed(c.ERROR_DISCARDED, 0)
        item.locks = min(item.locks + 1, c.GMEM_LOCKCOUNT)
        yield from self._touch_object(memory)
        return item.pointer

    def _unlock(self, family: _Family, memory: int) -> Steps[bool]:
        self._work()
        yield from self._flush_if_due()
        item = self._object(memory)
        if item is None:
            if self._like_handle(memory):
                return self._failed(c.ERROR_INVALID_HANDLE, failed=family.unlocks)
            return family.unlocks or self._failed(c.ERROR_NOT_LOCKED, failed=False)
        if not item.locks:
            return self._failed(c.ERROR_NOT_LOCKED, failed=False)
        item.locks -= 1
        yield from self._touch_object(memory)
        return True if item.locks else self._failed(c.ERROR_SUCCESS, failed=False)

    def _reallocate(self, family: _Family, memory: int, size: int, flags: int) -> Steps[int]:
        self._work()
        item = self._object(memory)
        if item is None and not self._fixed(memory):
            return self._failed(self._not_found(memory), 0)
        discardable = bool(flags & family.discardable)
        if flags & c.GMEM_MODIFY:
            if item is not None:
                item.discardable = discardable
            elif family.converts and flags & c.GMEM_MOVEABLE:
                return (yield from self._make_moveable(memory, flags))
            return memory
        if discardable:
            return self._failed(c.ERROR_INVALID_PARAMETER, 0)
        if item is not None:
            return (yield from self._reallocate_object(memory, item, size, flags))
        return (yield from self._resize(memory, size, flags, stay=not flags & c.GMEM_MOVEABLE))

    def _reallocate_object(self, memory: int, item: Moveable, size: int, flags: int) -> Steps[int]:
        if not size:
            return (yield from self._discard(memory, item, flags))
        heap = self.own.heaps[self.own.heaps.process]
        if item.pointer:
            stay = item.locks > 0 and not flags & c.GMEM_MOVEABLE
            pointer = yield from self._resize(item.pointer, heap.padded(size), flags, stay=stay)
        else:
            pointer = yield from self.heap_alloc(heap.base, _zero(flags), heap.padded(size))
        if not pointer:
            return 0
        heap.hide(pointer, size)
        self._objects().point(memory, pointer, self._touch)
        yield from self._flush_if_due()
        return memory

    def _flags(self, family: _Family, memory: int, code: int) -> Steps[int]:
        self._work()
        yield from self._flush_if_due()
        item = self._object(memory)
        if item is None:
            return 0 if self._fixed(memory) else self._failed(code, c.GMEM_INVALID_HANDLE)
        discarded = 0 if item.pointer else c.GMEM_DISCARDED
        shared = c.GMEM_DDESHARE & family.valid if item.shared else 0
        return item.locks | discarded | shared | (family.discardable if item.discardable else 0)

    def _handle(self, pointer: int, code: int) -> Steps[int]:
        self._work()
        yield from self._flush_if_due()
        handle = self._pointers().get(pointer, 0)
        return handle or (pointer if self._fixed(pointer) else self._failed(code, 0))

    def _work(self) -> None:
        """Charge what a Global or Local function does beside calling heap functions."""
        cost = self.system.costs.heap_call
        if cost:
            self._touch(-cost)

    def _like_handle(self, memory: int) -> bool:
        return looks_like_handle(memory, self.own.bits)

    def _readable(self, address: int) -> bool:
        try:
            item = self.own.space.virtual_query(address)
        except Failure:
            return False
        return item.state == c.MEM_COMMIT and not item.protect & (c.PAGE_NOACCESS | c.PAGE_GUARD)

    def _not_found(self, memory: int) -> int:
        """The last error for what is no object: a pointer is followed, a handle isn't."""
        readable = self._like_handle(memory) or self._readable(memory)
        return c.ERROR_INVALID_HANDLE if readable else c.ERROR_NOACCESS

    def _object(self, memory: int) -> Moveable | None:
        objects = self.own.heaps.objects
        return objects.by_handle.get(memory) if objects else None

    def _objects(self) -> Objects:
        item = self.own.heaps.objects
        assert item is not None
        return item

    def _touch_object(self, memory: int) -> Steps[None]:
        self._objects().touch(memory, self._touch)
        yield from self._flush_if_due()

    def _fixed(self, memory: int) -> bool:
        heap = self.own.heaps.get(self.own.heaps.process)
        return heap is not None and heap.has(memory)

    def _moveable_block(self, heap: Heap, flags: int, size: int) -> Steps[int]:
        pointer = yield from self.heap_alloc(heap.base, _zero(flags), heap.padded(size))
        heap.hide(pointer, size)
        return pointer

    def _add(self, family: _Family, pointer: int, flags: int) -> Steps[int]:
        heaps = self.own.heaps
        kind = {"discardable": bool(flags & family.discardable), "shared": bool(flags & c.GMEM_DDESHARE)}
        try:
            if heaps.objects is None:
                heaps.objects = Objects(self.system, self.own, self._touch)
            handle = heaps.objects.add(pointer, self._touch, **kind)
        except Failure:
            yield from self.free(pointer)
            return self._failed(c.ERROR_NOT_ENOUGH_MEMORY, 0)
        yield from self._flush_if_due()
        return handle

    def _resize(self, pointer: int, size: int, flags: int, *, stay: bool) -> Steps[int]:
        wanted = _zero(flags) | (c.HEAP_REALLOC_IN_PLACE_ONLY if stay else 0)
        return (yield from self.heap_realloc(self.own.heaps.process, wanted, pointer, size))

    def _discard(self, memory: int, item: Moveable, flags: int) -> Steps[int]:
        pointer = item.pointer
        if pointer:
            if item.locks or not flags & c.GMEM_MOVEABLE:
                return 0
            self._objects().point(memory, 0, self._touch)
            yield from self.free(pointer)
        return memory

    def _make_moveable(self, pointer: int, flags: int) -> Steps[int]:
        """A fixed block becomes an object: it is copied to one, and freed."""
        if pointer in self._pointers():
            return pointer
        heap = self.own.heaps[self.own.heaps.process]
        attributes = flags & (c.GMEM_DISCARDABLE | c.GMEM_DDESHARE | c.GMEM_MOVEABLE)
        handle = yield from self._global_allocate(_GLOBAL, attributes, max(heap.size(pointer), 1))
        if handle:
            yield from self._inside(heap, 0, heap.copy, pointer, self._objects().by_handle[handle].pointer, self._touch)
            yield from self.free(pointer)
        return handle

    def _pointers(self) -> dict[int, int]:
        objects = self.own.heaps.objects
        return objects.by_pointer if objects else {}


def _zero(flags: int) -> int:
    return c.HEAP_ZERO_MEMORY if flags & c.GMEM_ZEROINIT else 0
