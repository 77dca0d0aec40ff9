"""The memory of other processes: reading and writing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.windows import remote
from simulator.windows.calls.base import Steps
from simulator.windows.calls.memory import WORD, MemoryCalls
from simulator.windows.calls.virtual import owner_of
from simulator.windows.constants import ERROR_PARTIAL_COPY
from simulator.windows.failure import WindowsException

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

_LOAD, _STORE = 1, 2


class RemoteCalls(MemoryCalls):
    """ReadProcessMemory and WriteProcessMemory. They touch the pages on both sides, each in its process's working
    set; the faults count for the process that copies, whose time they take."""

    def read_process_memory(self, process_handle: int, address: int, buffer: int, size: int) -> Steps[int | None]:
        """Copy memory of a process to a buffer of this one; the bytes copied [ReadProcessMemory]. None with last error
        6 or 5 for a bad handle, 299 if a part of either side can't be touched: what lies before it has been copied."""
        space = yield from self._space(process_handle)
        if space is None:
            return None
        possible = min(
            remote.accessible(space, address, size), remote.accessible(self.own.space, buffer, size, store=True)
        )
        done = yield from self._copy(space, address, self.own.space, buffer, possible)
        return self._copied(done, size)

    def write_process_memory(self, process_handle: int, address: int, buffer: int, size: int) -> Steps[int | None]:
        """Copy a buffer of this process to memory of another one; the bytes copied [WriteProcessMemory]. Code is made
        writable for the while.

        None with last error 6 or 5 for a bad handle, 998 if the memory is read-only or inaccessible, 487 if none is
        committed, 299 if a part of it can't be written, what lies before it being so, or the buffer can't be read.
        """
        space = yield from self._space(process_handle)
        if space is None or not size:
            return None if space is None else 0
        before = yield from self._call(remote.open_code, space, address, size, failed=None)
        if before is None:
            return None
        whole = remote.accessible(self.own.space, buffer, size) == size
        possible = remote.accessible(space, address, size, store=True) if whole else 0
        done = yield from self._copy(self.own.space, buffer, space, address, possible)
        if before:
            yield from self._call(space.protect, address, size, before)
        return self._copied(done, size)

    def _space(self, handle: int) -> Steps[AddressSpace | None]:
        owner = yield from self._call(owner_of, self.own, handle, failed=None)
        return None if owner is None else owner.space

    def _copy(self, source: AddressSpace, start: int, target: AddressSpace, to: int, size: int) -> Steps[int]:
        """Load the words of one range and store to those of another; the bytes copied: all or, if somebody takes memory
        away meanwhile, none (chosen)."""
        if not size:
            return 0
        remote.note_stores(target, to, size)
        try:
            yield from self._reference(start, size, WORD, _LOAD, source)
            yield from self._reference(to, size, WORD, _STORE, target)
        except WindowsException:
            return 0
        return size

    def _copied(self, done: int, size: int) -> int | None:
        if done == size:
            return done
        self.last_error = ERROR_PARTIAL_COPY
        return None
