"""What a program does to memory itself: read, write, execute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.stream import ReferenceStream
from simulator.windows.calls.base import Calls, Steps
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


class MemoryCalls(Calls):
    """References to memory, in order of address. Addresses are taken modulo the process's pointers' range; the system's
    half can't be touched."""

    def read(self, address: int, size: int = 1) -> Steps[None]:
        """Load every word of a range."""
        yield from self._reference(address, size, WORD, 1)

    def write(self, address: int, size: int = 1) -> Steps[None]:
        """Store to every word of a range."""
        yield from self._reference(address, size, WORD, 2)

    def execute(self, address: int, size: int = 1) -> Steps[None]:
        """Fetch every instruction of a range."""
        yield from self._reference(address, size, INSTRUCTION, 0)

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


def _units(address: int, size: int, page: int, unit: int) -> NDArray[np.int64]:
    """How many units of a range begin on each of its pages; at least one on each."""
    within = address % page
    edges = np.arange((within + size - 1) // page + 2) * page - within
    edges[0], edges[-1] = 0, size
    begun = -(-edges // unit)
    found: NDArray[np.int64] = np.maximum(np.diff(begun), 1)
    return found


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
