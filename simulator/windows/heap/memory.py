"""The memory under a heap: what its own data takes of it, how it gets it from its process's address space, and what it
touches there.

A heap's code runs in user mode, so its touches are references that the MMU executes. They are collected as rows, one
integer each, and executed together: `windows.calls.base`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.windows import constants as c

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

HEADER = 8
"""Bytes before a block's data that are its own. In a 64-bit process a header takes 16, but the first 8 of them belong
to the data of the block before it: data run into the next header [k32/heap.c:3020, test_block_layout]. So blocks begin
8 bytes behind a multiple of 16 there."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of a heap's structures."""

    granule: int
    """two pointers: what data are aligned to, and block sizes multiples of [Windows Internals 6: heap manager]"""
    heap: int
    """what a heap starts with: its flags, parameters, lock and list heads; chosen, less than a page [ros: heap.c]"""
    segment: int
    """what every further segment starts with; chosen"""
    large: int
    """before the data of a block that VirtualAlloc gave [ros: HEAP_VIRTUAL_ALLOC_ENTRY]"""
    bucket: int
    """the front end's record of a bucket; chosen"""
    unit: int
    """what the front end puts before a bucket's blocks: counts and a bitmap; chosen"""

    @property
    def skew(self) -> int:
        """How far behind a multiple of the granule blocks begin."""
        return self.granule - HEADER

    @property
    def range(self) -> int:
        """What lies at the end of committed memory before an uncommitted range: a header and the range's descriptor, 8
        pointers in all, less what belongs to the last block [k32/heap.c:597, test_HeapCreate]."""
        return 4 * self.granule - self.skew

    @property
    def smallest(self) -> int:
        """The smallest block: a free one holds the links of its list [ros: HEAP_FREE_ENTRY]."""
        return self.block(0)

    @property
    def largest(self) -> int:
        """The largest block that the 16-bit size in a header is used for: 0xFE00 granules [ros: HEAP_MAX_BLOCK_SIZE],
        which is what makes the largest block of a fixed heap slightly less than 512 KB or 1 MB [HeapCreate]."""
        return 0xFE00 * self.granule

    @property
    def piece(self) -> int:
        """What a heap's first and maximum sizes are rounded up to: 0x400 pointers [k32/heap.c:3689,
        test_heap_sizes]."""
        return 0x200 * self.granule

    def block(self, size: int) -> int:
        """A block for `size` bytes of data: at least two pointers, and its header, rounded up to the granule
        [k32/heap.c:3020, test_block_layout]."""
        return -(-(max(size, self.granule) + HEADER) // self.granule) * self.granule


def sizes(bits: int) -> Sizes:
    """The sizes for a process of 32 or 64 bits."""
    if bits == 32:
        return Sizes(granule=8, heap=0x600, segment=0x40, large=0x20, bucket=0x20, unit=0x40)
    return Sizes(granule=16, heap=0xA00, segment=0x80, large=0x40, bucket=0x40, unit=0x80)


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

    def __init__(self, system: System, own: ProcessState, *, execute: bool) -> None:
        self._system = system
        self._space = own.space
        self._protect = c.PAGE_EXECUTE_READWRITE if execute else c.PAGE_READWRITE
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
        return self._charged(touch, self._space.virtual_alloc(0, size, c.MEM_RESERVE, self._protect))

    def commit(self, address: int, size: int, touch: Touch) -> None:
        """Commit whole pages of what is reserved; raises Failure: then nothing has changed."""
        self._charged(touch, self._space.virtual_alloc(address, size, c.MEM_COMMIT, self._protect))
        self.committed += size

    def take(self, size: int, touch: Touch) -> int:
        """Reserve and commit whole pages at once, give their base; raises Failure."""
        base = self._charged(touch, self._space.virtual_alloc(0, size, c.MEM_RESERVE | c.MEM_COMMIT, self._protect))
        self.committed += size
        return base

    def decommit(self, address: int, size: int, touch: Touch) -> None:
        """Give whole committed pages back, keep the address space."""
        self._space.virtual_free(address, size, c.MEM_DECOMMIT)
        self._forget(address, size)
        self._charged(touch, 0)

    def release(self, base: int, size: int, touch: Touch) -> None:
        """Give a reservation of `size` bytes back; what was committed in it is the caller's to subtract."""
        self._space.virtual_free(base, 0, c.MEM_RELEASE)
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
