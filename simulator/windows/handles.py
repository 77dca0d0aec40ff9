"""A process's handles: small numbers for kernel objects, in a table that lies in paged pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.objects import KernelObject

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

T = TypeVar("T", bound=KernelObject)

TABLE_TAG = "Obtb"
"""The pool tag of handle tables [ros: ntoskrnl/include/internal/tag.h]."""
_PSEUDO = (c.CURRENT_PROCESS, c.CURRENT_THREAD)


class Opened(NamedTuple):
    """What an entry of the table holds."""

    item: KernelObject
    access: int
    """access rights as the call that opened it was asked for them; GENERIC_ALL: everything"""


class HandleTable:
    """The handles of one process: multiples of 4 from 4 on; the one closed last is given next (WI6 part 1, chapter 3).
    The two lowest bits of a handle are ignored.

    Entries of 16 bytes (8 on a 32-bit system) fill pages of paged pool, the first entry of each unused; with more than
    one page there are pages of pointers above them (WI6 part 1). Their pool is charged to the process's quota and kept
    until it ends.
    """

    def __init__(self, system: System, owner: ProcessState) -> None:
        """An empty table; its first page is taken with the first handle."""
        self._system = system
        self._owner = owner
        self._entries: dict[int, Opened] = {}
        self._free: list[int] = []
        self._blocks: list[list[int]] = [[], [], []]
        """addresses of the table's pages by level: entries, pointers to those, pointers to pointers"""
        self._per_page = system.page_size // (2 * system.pool.pointer)
        self._pointers = system.page_size // system.pool.pointer

    def __len__(self) -> int:
        """How many handles are open [GetProcessHandleCount]."""
        return len(self._entries)

    def add(self, item: KernelObject, access: int = c.GENERIC_ALL) -> int:
        """Open a handle to an object; raises Failure ERROR_NO_SYSTEM_RESOURCES, ERROR_PAGED_SYSTEM_RESOURCES or
        ERROR_NOT_ENOUGH_QUOTA when no more can be had: the table's limit, paged pool, or quota."""
        if not self._free:
            self._extend()
        handle = self._free.pop()
        self._entries[handle] = Opened(item, access)
        item.opened()
        self._touch(handle)
        return handle

    def give(self, item: KernelObject, access: int = c.GENERIC_ALL) -> int:
        """Open the first handle to an object just made, in place of its maker's reference; if that fails the object
        is deleted, and Failure raised."""
        try:
            return self.add(item, access)
        finally:
            item.dereference()

    def get(self, handle: int, kind: type[T], access: int = 0) -> T:
        """The object behind a handle; raises Failure ERROR_INVALID_HANDLE if there's none or it is of another kind,
        ERROR_ACCESS_DENIED if the handle was not opened for all the rights in `access`."""
        opened = self._find(handle)
        if opened is None or not isinstance(opened.item, kind):
            raise Failure(c.ERROR_INVALID_HANDLE)
        if access & ~opened.access and not opened.access & c.GENERIC_ALL:
            raise Failure(c.ERROR_ACCESS_DENIED)
        return opened.item

    def access(self, handle: int) -> int:
        """The rights that an open handle was opened for; raises Failure ERROR_INVALID_HANDLE."""
        opened = self._find(handle)
        if opened is None:
            raise Failure(c.ERROR_INVALID_HANDLE)
        return opened.access

    def close(self, handle: int) -> bool:
        """Close a handle; raises Failure ERROR_INVALID_HANDLE. Closing the handles that stand for the current process
        and thread does nothing [GetCurrentProcess]."""
        if handle in _PSEUDO:
            return True
        if self._find(handle) is None:
            raise Failure(c.ERROR_INVALID_HANDLE)
        opened = self._entries.pop(handle & ~3)
        self._free.append(handle & ~3)
        opened.item.closed()
        return True

    def duplicate(self, handle: int, target: HandleTable | None = None) -> int:
        """Open another handle with the same rights to the same object, here or in another process's table
        [DuplicateHandle]; raises Failure ERROR_INVALID_HANDLE, or as `add`."""
        item = self.get(handle, KernelObject)
        return (self if target is None else target).add(item, self.access(handle))

    def objects(self) -> list[KernelObject]:
        """The objects behind all open handles, in order of handle."""
        return [self._entries[handle].item for handle in sorted(self._entries)]

    def close_all(self) -> None:
        """Close every handle, in order, and give the table's pool back: the process has ended."""
        for handle in sorted(self._entries):
            self._entries.pop(handle).item.closed()
        for level in self._blocks:
            for address in level:
                self._system.pool.free(address)
            level.clear()
        self._free.clear()

    def _find(self, handle: int) -> Opened | None:
        """What a handle stands for; -1 stands for the process itself [GetCurrentProcess]."""
        if handle == c.CURRENT_PROCESS:
            return Opened(self._owner.object, c.GENERIC_ALL)
        opened = self._entries.get(handle & ~3)
        if opened is not None:
            self._touch(handle & ~3)
        return opened

    def _extend(self) -> None:
        """One more page of entries, and the pages of pointers that it needs: all of them or none."""
        first = len(self._blocks[0]) * self._per_page
        last = min(first + self._per_page, self._system.settings.pools.handles)
        if first + 1 >= last:
            raise Failure(c.ERROR_NO_SYSTEM_RESOURCES)
        taken: list[tuple[int, int]] = []
        wanted = len(self._blocks[0]) + 1
        try:
            for level in range(3):
                if level and wanted == 1:
                    break
                if level:
                    wanted = -(-wanted // self._pointers)
                if wanted > len(self._blocks[level]):
                    taken.append((level, self._page()))
        except Failure:
            for _, address in taken:
                self._system.pool.free(address)
            raise
        for level, address in taken:
            self._blocks[level].append(address)
        self._free = [4 * index for index in range(last - 1, first, -1)]

    def _page(self) -> int:
        pool = self._system.pool
        return pool.allocate(self._system.page_size, TABLE_TAG, paged=True, owner=self._owner)

    def _touch(self, handle: int) -> None:
        self._system.pool.touch(self._blocks[0][handle // 4 // self._per_page])
