"""Moveable objects of the Global and Local functions: handles that find blocks of the process heap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.heap.memory import Memory, Touch

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

MOST = 0x10000
"""moveable objects that a process can have [k32/heap.c:1325, test_GlobalAlloc]; the documentation has
one less [GlobalAlloc]"""


def looks_like_handle(memory: int, bits: int) -> bool:
    """Whether something is aligned as handles are, in the middle of an entry of two pointers; blocks of a heap never
    are."""
    return memory % (bits // 4) == bits // 8


@dataclass
class Moveable:
    """A moveable object."""

    pointer: int
    """its block of the process heap; 0: it is discarded"""
    discardable: bool = False
    shared: bool = False
    """GMEM_DDESHARE: only GlobalFlags shows it"""
    locks: int = 0


class Objects:
    """The table of a process's moveable objects, in memory of its own, committed page by page [ros: RtlAllocateHandle].

    A handle is an address in the middle of its entry, so that it can't be that of a block of a heap.
    """

    def __init__(self, system: System, own: ProcessState, touch: Touch) -> None:
        """Reserves the table, and commits its first page; raises Failure."""
        self._memory = Memory(system, own, execute=False)
        self._pointer = own.bits // 8
        self._entry = 2 * self._pointer
        self._free: list[int] = []
        size = self._memory.pages(MOST * self._entry)
        self._end = self._base = self._memory.reserve(size, touch)
        try:
            self._extend(touch)
        except Failure:
            self._memory.release(self._base, size, touch)
            raise
        self.by_handle: dict[int, Moveable] = {}
        self.by_pointer: dict[int, int] = {}

    def add(self, pointer: int, touch: Touch, *, discardable: bool, shared: bool) -> int:
        """The handle of a new object; raises Failure ERROR_NOT_ENOUGH_MEMORY if there's no room in the table, or no
        memory for it."""
        if not self._free:
            self._extend(touch)
        handle = self._free.pop()
        self.by_handle[handle] = Moveable(0, discardable, shared)
        self.point(handle, pointer, touch)
        return handle

    def point(self, handle: int, pointer: int, touch: Touch) -> None:
        """Let an object have its block elsewhere, or, with 0, none."""
        item = self.by_handle[handle]
        self.by_pointer.pop(item.pointer, None)
        item.pointer = pointer
        if pointer:
            self.by_pointer[pointer] = handle
        self.touch(handle, touch)

    def remove(self, handle: int, touch: Touch) -> None:
        """The object is gone; its handle will be another's."""
        self.point(handle, 0, touch)
        del self.by_handle[handle]
        self._free.append(handle)

    @property
    def span(self) -> tuple[int, int]:
        """Where the committed part of the table begins and ends."""
        return self._base, self._end

    def touch(self, handle: int, touch: Touch) -> None:
        """Touch an object's entry."""
        self._memory.store(handle, touch)

    def _extend(self, touch: Touch) -> None:
        page = self._memory.page
        first = (self._end - self._base) // self._entry
        last = min((self._end + page - self._base) // self._entry, MOST)
        if first >= last:
            raise Failure(c.ERROR_NOT_ENOUGH_MEMORY)
        try:
            self._memory.commit(self._end, page, touch)
        except Failure as failure:
            raise Failure(c.ERROR_NOT_ENOUGH_MEMORY) from failure
        self._end += page
        middle = self._base + self._pointer
        self._free.extend(middle + i * self._entry for i in reversed(range(first, last)))
