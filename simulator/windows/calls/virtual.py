"""VirtualAlloc and its relatives: address space, protection, locking, AWE, write watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.windows import awe, locking, losable, placeholders, write_watch
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.constants import CURRENT_PROCESS, ERROR_ACCESS_DENIED, ERROR_SWAPERROR
from simulator.windows.failure import Failure, WindowsException
from simulator.windows.owner import Owner, ProcessObject
from simulator.windows.page_tables import Numbers
from simulator.windows.placeholders import Requirements
from simulator.windows.requests import References

if TYPE_CHECKING:
    from simulator.windows.address_space import MemoryBasicInformation


def owner_of(own: Owner, handle: int) -> Owner:
    """The process that a handle refers to; raises Failure 6 if it's no process's, 5 if the process has ended."""
    if handle == CURRENT_PROCESS:
        return own
    found: Owner = own.handles.get(handle, ProcessObject).owner
    if found.ended:
        raise Failure(ERROR_ACCESS_DENIED)
    return found


def _touched(entries: Numbers, address: int, *, store: bool) -> References:
    """One load or store of each page."""
    none, one = np.zeros(len(entries), np.uint8), np.ones(len(entries), np.uint8)
    return References(entries, none.astype(np.uint16), none if store else one, one if store else none, address)


class VirtualCalls(Calls):
    """The Virtual* functions, for the process itself (handle -1) or another one; codes as the functions of
    `windows.address_space` and its neighbours raise them."""

    def virtual_alloc(self, address: int, size: int, allocation_type: int, protect: int) -> Steps[int]:
        """The address of pages that are reserved, committed or reset now, or 0 [VirtualAlloc]."""
        return (yield from self._call(self.own.space.virtual_alloc, address, size, allocation_type, protect))

    def virtual_alloc_ex(
        self, process_handle: int, address: int, size: int, allocation_type: int, protect: int
    ) -> Steps[int]:
        """`virtual_alloc` in another process [VirtualAllocEx]."""
        call = (process_handle, "virtual_alloc", address, size, allocation_type, protect)
        return (yield from self._call(self._elsewhere, *call))

    def virtual_alloc2(
        self,
        process_handle: int,
        address: int,
        size: int,
        allocation_type: int,
        protect: int,
        lowest_starting_address: int = 0,
        highest_ending_address: int = 0,
        alignment: int = 0,
    ) -> Steps[int]:
        """`virtual_alloc` in a process (0 or -1: this one) where requirements allow, of a placeholder
        (MEM_RESERVE_PLACEHOLDER), or in the place of one (MEM_REPLACE_PLACEHOLDER) [VirtualAlloc2]; see
        `windows.placeholders`. The highest address counts as one that it may have."""
        wanted = Requirements(lowest_starting_address, highest_ending_address, alignment)
        call = (process_handle or CURRENT_PROCESS, address, size, allocation_type, protect, wanted)
        return (yield from self._call(self._allocate_where, *call))

    def virtual_free(self, address: int, size: int, free_type: int) -> Steps[bool]:
        """Decommit or release pages, split, join or restore placeholders [VirtualFree]."""
        return (yield from self._call(self.own.space.virtual_free, address, size, free_type, failed=False))

    def virtual_free_ex(self, process_handle: int, address: int, size: int, free_type: int) -> Steps[bool]:
        """`virtual_free` in another process [VirtualFreeEx]."""
        call = (process_handle, "virtual_free", address, size, free_type)
        return (yield from self._call(self._elsewhere, *call, failed=False))

    def virtual_query(self, address: int) -> Steps[MemoryBasicInformation | None]:
        """The run of like pages that begins at an address, or None [VirtualQuery]."""
        return (yield from self._call(self.own.space.virtual_query, address, failed=None))

    def virtual_query_ex(self, process_handle: int, address: int) -> Steps[MemoryBasicInformation | None]:
        """`virtual_query` of another process [VirtualQueryEx]."""
        return (yield from self._call(self._elsewhere, process_handle, "virtual_query", address, failed=None))

    def virtual_protect(self, address: int, size: int, new_protect: int) -> Steps[int]:
        """Change pages' protection; the first one's old protection, or 0 [VirtualProtect]."""
        return (yield from self._call(self._protect, CURRENT_PROCESS, address, size, new_protect))

    def virtual_protect_ex(self, process_handle: int, address: int, size: int, new_protect: int) -> Steps[int]:
        """`virtual_protect` in another process [VirtualProtectEx]."""
        return (yield from self._call(self._protect, process_handle, address, size, new_protect))

    def virtual_lock(self, address: int, size: int) -> Steps[bool]:
        """Bring pages into the working set to stay there; all or none [VirtualLock]. 999 if one can't be read."""
        found = yield from self._call(locking.begin, self.own.space, address, size, failed=None)
        if found is None:
            return False
        entries, stores = found
        pages = self.system.pages
        before = entries[pages.state_of(entries)["locked"]]
        try:
            if stores.any():
                yield _touched(entries[stores > 0], address, store=True)
            while True:
                state = pages.state_of(entries)
                pages.lock(entries[state["valid"]])
                missing = entries[~state["valid"]]
                if not len(missing):
                    return True
                yield _touched(missing, address, store=False)
        except WindowsException:
            pages.unlock(entries[~np.isin(entries, before)])
            self.last_error = ERROR_SWAPERROR
            return False

    def virtual_unlock(self, address: int, size: int) -> Steps[bool]:
        """Let pages leave the working set again; those not locked leave it at once, and the call fails
        [VirtualUnlock]."""
        return (yield from self._call(locking.unlock, self.own.space, address, size, failed=False))

    def offer_virtual_memory(self, address: int, size: int, priority: int) -> Steps[int]:
        """Offer memory that can be done without: 0 or an error code [OfferVirtualMemory]."""
        return (yield from self._code(losable.offer, self.own.space, address, size, priority))

    def reclaim_virtual_memory(self, address: int, size: int) -> Steps[int]:
        """Take offered memory back: 0 if intact, 170 if not, or an error code [ReclaimVirtualMemory]."""
        return (yield from self._code(losable.reclaim, self.own.space, address, size))

    def discard_virtual_memory(self, address: int, size: int) -> Steps[int]:
        """Give up what memory holds: 0 or an error code [DiscardVirtualMemory]."""
        return (yield from self._code(losable.discard, self.own.space, address, size))

    def prefetch_virtual_memory(self, ranges: Sequence[tuple[int, int]]) -> Steps[bool]:
        """Start reading (address, size) ranges into memory [PrefetchVirtualMemory]."""
        return (yield from self._call(losable.prefetch, self.own.space, ranges, failed=False))

    def get_large_page_minimum(self) -> Steps[int]:
        """Bytes of a large page [GetLargePageMinimum]."""
        return (yield from self._call(lambda: self.system.settings.large_page_minimum))

    def allocate_user_physical_pages(self, count: int) -> Steps[list[int] | None]:
        """Frames for AWE, perhaps fewer than asked for, or None [AllocateUserPhysicalPages]."""
        return (yield from self._call(awe.allocate, self.own.space, count, failed=None))

    def map_user_physical_pages(self, address: int, count: int, frames: Sequence[int] | None) -> Steps[bool]:
        """Show frames at an address, or none [MapUserPhysicalPages]."""
        return (yield from self._call(awe.map_frames, self.own.space, address, count, frames, failed=False))

    def free_user_physical_pages(self, frames: Sequence[int]) -> Steps[bool]:
        """Give AWE frames back [FreeUserPhysicalPages]."""
        return (yield from self._call(awe.free, self.own.space, frames, failed=False))

    def get_write_watch(
        self, address: int, size: int, reset: int = 0, count: int | None = None
    ) -> Steps[list[int] | None]:
        """Addresses of the pages written in a range, ascending and at most `count` of them, or None [GetWriteWatch].
        `reset`: WRITE_WATCH_FLAG_RESET (1): those that are returned count as unwritten from now on."""
        return (yield from self._call(write_watch.get, self.own.space, address, size, reset, count, failed=None))

    def reset_write_watch(self, address: int, size: int) -> Steps[bool]:
        """Forget what was written [ResetWriteWatch]."""
        return (yield from self._call(write_watch.reset, self.own.space, address, size, failed=False))

    def _allocate_where(
        self, handle: int, address: int, size: int, kind: int, protect: int, wanted: Requirements
    ) -> int:
        return placeholders.allocate(owner_of(self.own, handle).space, address, size, kind, protect, wanted)

    def _protect(self, handle: int, address: int, size: int, new_protect: int) -> int:
        """Change protection in a process, whose heaps may have to look out from now on."""
        owner = owner_of(self.own, handle)
        old = owner.space.protect(address, size, new_protect)
        owner.protected(address, size)
        return old

    def _elsewhere(self, handle: int, name: str, *arguments: int) -> Any:
        """A method of another process's address space."""
        return getattr(owner_of(self.own, handle).space, name)(*arguments)

    def _code(self, function: Any, *arguments: Any) -> Steps[int]:
        """A call that gives its error as its result; the last error stays."""
        kept = self.last_error
        found = yield from self._call(function, *arguments, failed=None)
        if found is not None:
            return int(found)
        code, self.last_error = self.last_error, kept
        return code
