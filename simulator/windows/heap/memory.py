"""The memory under a heap: what it takes from its process's address space, and what it touches there.

A heap's code runs in user mode, so its touches are references that the MMU executes. They are collected as rows, one
integer each, and executed together: `windows.calls.base`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.windows.constants import (
    MEM_COMMIT,
    MEM_DECOMMIT,
    MEM_RELEASE,
    MEM_RESERVE,
    PAGE_EXECUTE_READWRITE,
    PAGE_READWRITE,
)

if TYPE_CHECKING:
    from simulator.windows.owner import Owner
    from simulator.windows.system import System

Touch = Callable[[int], None]
"""Takes one row: `(entry << ENTRY) + calls * CALL + loads * LOAD + stores * STORE`, or, negative, ns of processor time.
"""

STORE = 1
"""one store; up to 255"""
LOAD = 1 << 8
"""one load; up to 255"""
CALL = 1 << 16
"""one heap call, whose own work is charged (`Costs.heap_call`); up to 15"""
ENTRY = 20
"""how far left the number of the page-table entry stands"""
LINE = 64
"""bytes of memory that one reference copies or zeroes: a cache line, so that a page takes 64"""


class Rows(dict[int, int]):
    """By page number: the row of one load and one store in that page of the heap, looked up when first asked for."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self._memory = memory

    def __missing__(self, page: int) -> int:
        row = self[page] = self._memory.entry(page) << ENTRY | LOAD | STORE
        return row


class Memory:
    """The address space as a heap uses it: plain VirtualAlloc and VirtualFree, each charged as a system call."""

    def __init__(self, system: System, own: Owner, *, execute: bool) -> None:
        self._system = system
        self._space = own.space
        self._protect = PAGE_EXECUTE_READWRITE if execute else PAGE_READWRITE
        self.page = system.page_size
        self.shift = system.page_size.bit_length() - 1
        self.granularity = system.granularity
        self.rows = Rows(self)
        self.committed = 0
        """bytes"""

    def entry(self, page: int) -> int:
        """The page-table entry of a page."""
        return int(self._space.entries(page << self.shift, 1)[0])

    def pages(self, size: int) -> int:
        """`size` rounded up to whole pages, in bytes."""
        return -(-size // self.page) * self.page

    def reserve(self, size: int, touch: Touch) -> int:
        """Reserve address space, give its base; raises Failure."""
        return self._charged(touch, self._space.virtual_alloc(0, size, MEM_RESERVE, self._protect))

    def commit(self, address: int, size: int, touch: Touch) -> None:
        """Commit whole pages of what is reserved; raises Failure: then nothing has changed."""
        self._charged(touch, self._space.virtual_alloc(address, size, MEM_COMMIT, self._protect))
        self.committed += size

    def take(self, size: int, touch: Touch) -> int:
        """Reserve and commit whole pages at once, give their base; raises Failure."""
        base = self._charged(touch, self._space.virtual_alloc(0, size, MEM_RESERVE | MEM_COMMIT, self._protect))
        self.committed += size
        return base

    def decommit(self, address: int, size: int, touch: Touch) -> None:
        """Give whole committed pages back, keep the address space."""
        self._space.virtual_free(address, size, MEM_DECOMMIT)
        self._forget(address, size)
        self._charged(touch, 0)

    def release(self, base: int, size: int, touch: Touch) -> None:
        """Give a reservation of `size` bytes back; what was committed in it is the caller's to subtract."""
        self._space.virtual_free(base, 0, MEM_RELEASE)
        self._forget(base, size, committed=0)
        self._charged(touch, 0)

    def store(self, address: int, touch: Touch) -> None:
        """Touch what lies at an address: a load and a store."""
        touch(self.rows[address >> self.shift])

    def load(self, address: int, touch: Touch) -> None:
        """Read what lies at an address."""
        touch(self.rows[address >> self.shift] - STORE)

    def fill(self, address: int, size: int, touch: Touch, unit: int = STORE) -> None:
        """Zero a range, or, with `unit` LOAD, read it to copy it: a reference for each line."""
        page, rows, stop = self.page, self.rows, address + size
        while address < stop:
            end = min(stop, (address // page + 1) * page)
            lines = -(-end // LINE) - address // LINE
            row = rows[address >> self.shift]
            for first in range(0, lines, 255):
                touch(row - LOAD - STORE + unit * min(255, lines - first))
            address = end

    def _forget(self, address: int, size: int, committed: int | None = None) -> None:
        first, last = address >> self.shift, (address + size - 1) >> self.shift
        rows = self.rows
        if last - first < len(rows):
            for page in range(first, last + 1):
                rows.pop(page, None)
        else:
            for page in [page for page in rows if first <= page <= last]:
                del rows[page]
        self.committed -= size if committed is None else committed

    def _charged(self, touch: Touch, result: int) -> int:
        cost = self._system.costs.system_call + self._system.pages.spent()
        if cost > 0:
            touch(-cost)
        return result
