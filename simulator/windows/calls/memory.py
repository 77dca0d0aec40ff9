"""What a program does to memory itself: read, write, execute, lock, and copy to and from other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.stream import ReferenceStream
from simulator.windows import constants as c
from simulator.windows import locking
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.failure import Failure, WindowsException
from simulator.windows.protection import BASE, rights
from simulator.windows.regions.region import Numbers
from simulator.windows.requests import References

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

WORD = 8
"""Bytes that one load or store moves: a 64-bit register."""
INSTRUCTION = 4
"""Bytes of a machine instruction on average; chosen."""
_MOST = 255
"""Loads or stores in one run."""
_PAGES = 1 << 14
"""Pages that are referenced in one block."""
_FETCH, _LOAD, _STORE = 0, 1, 2
"""Columns of References."""
_CODE = (c.PAGE_EXECUTE, c.PAGE_EXECUTE_READ)
_CLOSED = (c.PAGE_NOACCESS, c.PAGE_READONLY)


class MemoryCalls(Calls):
    """References to memory, in order of address. Addresses are taken modulo the process's pointers' range; the system's
    half can't be touched.

    What copies between processes touches the pages on both sides, each in its process's working set; the faults count
    for the process that copies, whose time they take.
    """

    def read(self, address: int, size: int = 1) -> Steps[None]:
        """Load every word of a range."""
        yield from self._reference(address, size, WORD, _LOAD)

    def write(self, address: int, size: int = 1) -> Steps[None]:
        """Store to every word of a range."""
        yield from self._reference(address, size, WORD, _STORE)

    def execute(self, address: int, size: int = 1) -> Steps[None]:
        """Fetch every instruction of a range."""
        yield from self._reference(address, size, INSTRUCTION, _FETCH)

    def touch(self, address: int, stream: ReferenceStream) -> Steps[None]:
        """Make the references of a stream, its first page being the one at `address`, the others at their distances
        from it."""
        size = self.system.page_size
        address %= 1 << self.own.bits
        pages = np.asarray(stream.pages, np.uint64)
        offsets = (pages - pages[0]).astype(np.int64)
        entries = self.own.space.entries_of(address // size + offsets)
        for block in stream.blocks():
            yield from self._flush()
            yield References(entries[block.page], block.fetches, block.loads, block.stores, address, block.waits)

    def _reference(
        self, address: int, size: int, unit: int, column: int, space: AddressSpace | None = None
    ) -> Steps[None]:
        """Touch a range of an address space, its own unless given, `unit` bytes at a time; column 0 fetches, 1 loads,
        2 stores."""
        yield from self._flush()
        page = self.system.page_size
        address %= 1 << self.own.bits
        while size > 0:
            here = min(size, _PAGES * page - address % page)
            entries = (space or self.own.space).entries(address, here)
            counts = _units(address, here, page, unit)
            yield References(*_runs(entries, counts, column), address)
            address += here
            size -= here

    def virtual_lock(self, address: int, size: int) -> Steps[bool]:
        """Bring pages into the working set to stay there; all or none [VirtualLock]. False with last error as
        `locking.begin`, or ERROR_SWAPERROR if one can't be read."""
        started = yield from self._call(locking.begin, self.own.space, address, size, failed=None)
        if started is None:
            return False
        entries, stores = started
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
            self.last_error = c.ERROR_SWAPERROR
            return False

    def read_process_memory(self, process_handle: int, address: int, buffer: int, size: int) -> Steps[int | None]:
        """Copy memory of a process to a buffer of this one; the bytes copied [ReadProcessMemory]. None with last error
        ERROR_INVALID_HANDLE or ERROR_ACCESS_DENIED for a bad handle, ERROR_PARTIAL_COPY if a part of either side
        can't be touched: what lies before it has been copied."""
        space = yield from self._space(process_handle)
        if space is None:
            return None
        possible = min(_accessible(space, address, size), _accessible(self.own.space, buffer, size, store=True))
        done = yield from self._copy(space, address, self.own.space, buffer, possible)
        return self._copied(done, size)

    def write_process_memory(self, process_handle: int, address: int, buffer: int, size: int) -> Steps[int | None]:
        """Copy a buffer of this process to memory of another one; the bytes copied [WriteProcessMemory]. Code is made
        writable for the while.

        None with last error ERROR_INVALID_HANDLE or ERROR_ACCESS_DENIED for a bad handle, ERROR_NOACCESS if the memory
        is read-only or inaccessible, ERROR_INVALID_ADDRESS if none is committed, ERROR_PARTIAL_COPY if a part of it
        can't be written, what lies before it being so, or the buffer can't be read.
        """
        space = yield from self._space(process_handle)
        if space is None or not size:
            return None if space is None else 0
        before = yield from self._call(_open_code, space, address, size, failed=None)
        if before is None:
            return None
        whole = _accessible(self.own.space, buffer, size) == size
        possible = _accessible(space, address, size, store=True) if whole else 0
        done = yield from self._copy(self.own.space, buffer, space, address, possible)
        if before:
            yield from self._call(space.protect, address, size, before)
        return self._copied(done, size)

    def _space(self, handle: int) -> Steps[AddressSpace | None]:
        owner = yield from self._call(self.own.process, handle, failed=None)
        return None if owner is None else owner.space

    def _copy(self, source: AddressSpace, start: int, target: AddressSpace, to: int, size: int) -> Steps[int]:
        """Load the words of one range and store to those of another; the bytes copied: all or, if somebody takes memory
        away meanwhile, none (chosen)."""
        if not size:
            return 0
        _note_stores(target, to, size)
        try:
            yield from self._reference(start, size, WORD, _LOAD, source)
            yield from self._reference(to, size, WORD, _STORE, target)
        except WindowsException:
            return 0
        return size

    def _copied(self, done: int, size: int) -> int | None:
        if done == size:
            return done
        self.last_error = c.ERROR_PARTIAL_COPY
        return None


def _touched(entries: Numbers, address: int, *, store: bool) -> References:
    """One load or store of each page."""
    none, one = np.zeros(len(entries), np.uint8), np.ones(len(entries), np.uint8)
    return References(entries, none.astype(np.uint16), none if store else one, one if store else none, address)


def _units(address: int, size: int, page: int, unit: int) -> NDArray[np.int64]:
    """How many units of a range begin on each of its pages; at least one on each."""
    within = address % page
    edges = np.arange((within + size - 1) // page + 2) * page - within
    edges[0], edges[-1] = 0, size
    begun = -(-edges // unit)
    counts: NDArray[np.int64] = np.maximum(np.diff(begun), 1)
    return counts


def _runs(entries: NDArray[np.int64], counts: NDArray[np.int64], column: int) -> tuple[Any, Any, Any, Any]:
    """Runs with so many references each, a page with more than a run holds in several."""
    most = 0xFFFF if column == 0 else _MOST
    pieces = -(-counts // most)
    repeated = np.repeat(entries, pieces)
    full = np.full(len(repeated), most, np.int64)
    full[np.cumsum(pieces) - 1] = counts - (pieces - 1) * most
    columns = [np.zeros(len(repeated), np.uint16), *np.zeros((2, len(repeated)), np.uint8)]
    columns[column][:] = full
    return repeated, columns[0], columns[1], columns[2]


def _accessible(space: AddressSpace, address: int, size: int, store: bool = False) -> int:
    """How many bytes of a range, from its first one on, can be read or written without an exception. Those of AWE
    regions can't (chosen)."""
    page, last = address // space.page_size, (address + size - 1) // space.page_size
    while page <= last:
        region = space.vads.at(page)
        if region is None:
            break
        value, end = region.state(page)
        readable, writable, _ = rights(region.runs.at(page), no_execute=False)
        if not value or not (writable if store else readable):
            break
        page = min(end, region.runs.run(page)[1])
    return max(min(page * space.page_size - address, size), 0)


def _open_code(space: AddressSpace, address: int, size: int) -> int:
    """Make code writable, for who writes to it; its protection until then, 0 if it is writable anyway. The first page
    decides for all [ros: kernel32/client/proc.c, WriteProcessMemory].

    Raises Failure ERROR_NOACCESS if it is read-only or inaccessible, ERROR_INVALID_ADDRESS if nothing is committed
    there, and as VirtualProtect.
    """
    there = space.virtual_query(address)
    base = there.protect & BASE
    if there.state != c.MEM_COMMIT:
        raise Failure(c.ERROR_INVALID_ADDRESS)
    if base in _CLOSED:
        raise Failure(c.ERROR_NOACCESS)
    if base not in _CODE:
        return 0
    private = there.type == c.MEM_PRIVATE
    return space.protect(address, size, c.PAGE_EXECUTE_READWRITE if private else c.PAGE_EXECUTE_WRITECOPY)


def _note_stores(space: AddressSpace, address: int, size: int) -> None:
    """Pages are about to be stored to by another process: their write watch is told so, and their entries say what is
    allowed now."""
    first, end = address // space.page_size, (address + size - 1) // space.page_size + 1
    for region in space.vads.overlapping(first, end):
        low, high = max(first, region.first), min(end, region.end)
        region.note_stores(low, high)
        space.tables.allow(region, low, high)
