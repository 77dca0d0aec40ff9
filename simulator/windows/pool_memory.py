"""What pools are made of: pages that come and go with commit charge, and blocks within them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.state.constants import DECOMMITTED
from simulator.windows import constants as c
from simulator.windows.failure import Failure

if TYPE_CHECKING:
    from simulator.windows.system import System

_GROWTH = 64
"""page-table entries made at a time, or a multiple"""


class FreeRuns:
    """Runs of free page indices: the shortest that is long enough is taken, of several the one freed first."""

    def __init__(self) -> None:
        self._length: dict[int, int] = {}
        self._start: dict[int, int] = {}
        self._by_length: dict[int, dict[int, None]] = {}

    def take(self, count: int) -> int | None:
        """The first of `count` indices in a row, or None if no run is long enough."""
        length = min((length for length in self._by_length if length >= count), default=0)
        if not length:
            return None
        start = next(iter(self._by_length[length]))
        self._remove(start)
        if length > count:
            self._insert(start + count, length - count)
        return start

    def give(self, start: int, count: int) -> None:
        """Free `count` indices from `start` on; they join the free runs on both sides."""
        end = start + count
        if end in self._length:
            end += self._remove(end)
        if start in self._start:
            before = self._start[start]
            self._remove(before)
            start = before
        self._insert(start, end - start)

    def _insert(self, start: int, length: int) -> None:
        self._length[start] = length
        self._start[start + length] = start
        self._by_length.setdefault(length, {})[start] = None

    def _remove(self, start: int) -> int:
        length = self._length.pop(start)
        del self._start[start + length]
        same = self._by_length[length]
        del same[start]
        if not same:
            del self._by_length[length]
        return length


class PoolPages:
    """One pool's pages, paged or nonpaged: taken when the pool needs more, given back as soon as they are free.

    Paged ones are pageable pages of the System process, in its working set when touched; nonpaged ones are frames that
    stay, mapped for good. Both are charged to the system's commit.
    """

    def __init__(self, system: System, base: int, *, paged: bool) -> None:
        """`base` is the address of the range's first page."""
        self._pages = system.pages
        self._kernel = system.kernel
        self._shift = system.page_size.bit_length() - 1
        self._base = base >> self._shift
        self._free = FreeRuns()
        self._entries: list[int] = []
        self._contents: list[int] = []
        self.paged = paged
        self.used = 0
        """pages in use"""
        self.peak = 0
        """the most that were ever in use"""

    def allocate(self, count: int, limit: int) -> int:
        """The address of `count` pages in a row, which must not make the pool larger than `limit` pages; raises
        Failure: ERROR_NONPAGED_SYSTEM_RESOURCES or ERROR_PAGED_SYSTEM_RESOURCES at the limit of a nonpaged or paged
        pool, ERROR_NO_SYSTEM_RESOURCES if commit charge or frames are lacking."""
        if self.used + count > limit:
            over = c.ERROR_PAGED_SYSTEM_RESOURCES if self.paged else c.ERROR_NONPAGED_SYSTEM_RESOURCES
            raise Failure(over)
        if not self._pages.charge(count):
            raise Failure(c.ERROR_NO_SYSTEM_RESOURCES)
        start = self._free.take(count)
        if start is None:
            self._grow(count)
            start = self._free.take(count)
            assert start is not None
        if not self.paged and not self._fix(start, count):
            self._free.give(start, count)
            self._pages.refund(count)
            raise Failure(c.ERROR_NO_SYSTEM_RESOURCES)
        self.used += count
        self.peak = max(self.peak, self.used)
        return (self._base + start) << self._shift

    def free(self, address: int, count: int) -> None:
        """Give `count` pages back: their frames or places in the paging files, and their commit charge."""
        start = self._index(address)
        entries = self._range(self._entries, start, count)
        if self.paged:
            self._pages.delete(entries, DECOMMITTED)
        else:
            self._pages.set_access(entries, False, False, False)
            self._pages.unmap_fixed(entries)
            self._pages.unfix(self._range(self._contents, start, count))
        self._pages.refund(count)
        self._free.give(start, count)
        self.used -= count

    def entry(self, address: int) -> int:
        """The page-table entry of the page at an address."""
        return self._entries[self._index(address)]

    def resident(self) -> int:
        """How many pages of the pool are in memory, in the System process's working set."""
        return int(self._pages.state_of(np.array(self._entries, np.int64))["valid"].sum())

    def _index(self, address: int) -> int:
        return (address >> self._shift) - self._base

    @staticmethod
    def _range(numbers: list[int], start: int, count: int) -> NDArray[np.int64]:
        return np.array(numbers[start : start + count], np.int64)

    def _grow(self, count: int) -> None:
        """Make the range longer. Paged entries may be touched from now on, for data only [Data Execution Prevention]:
        a thread that was about to touch a block when another freed its page must not fail."""
        start = len(self._entries)
        count = -(-count // _GROWTH) * _GROWTH
        vpns = np.arange(start, start + count, dtype=np.int64) + self._base
        first = self._pages.add_entries(self._kernel, vpns)
        entries = np.arange(first, first + count, dtype=np.int64)
        if self.paged:
            content = self._pages.add_contents(count, self._kernel, first)
            self._pages.bind(entries, np.arange(content, content + count, dtype=np.int64))
            self._pages.set_access(entries, True, True, False)
        else:
            content = self._pages.add_contents(count)
        self._entries += range(first, first + count)
        self._contents += range(content, content + count)
        self._free.give(start, count)

    def _fix(self, start: int, count: int) -> bool:
        """Give nonpaged pages frames; False, and none, if there aren't enough."""
        contents = self._range(self._contents, start, count)
        fixed = self._pages.fix(contents)
        if fixed < count:
            self._pages.unfix(contents[:fixed])
            return False
        entries = self._range(self._entries, start, count)
        self._pages.map_fixed(entries, contents)
        self._pages.set_access(entries, True, True, False)
        return True


@dataclass(slots=True)
class Block:
    """A block within a page, header included; sizes in units of a header."""

    address: int
    size: int
    previous: int
    """size of the block before it in the page; 0: it is the page's first"""
    used: bool = False


class PoolBlocks:
    """One pool descriptor: its pages hold blocks of up to a page, each behind a header of one unit (16 bytes on 64-bit
    Windows, 8 on 32-bit), with one list of free blocks for each size [ros: ntoskrnl/mm/ARM3/expool.c].

    A request takes the last freed block of the smallest size that is enough. What is left over of it becomes a free
    block: behind the new one if that is the page's first, else before it. A freed block joins its free neighbours; a
    page that is wholly free is given back.
    """

    def __init__(
        self, page_size: int, unit: int, take_page: Callable[[], int], give_page: Callable[[int], None]
    ) -> None:
        """`unit`: bytes of a header; `take_page` gives the address of a new page or raises Failure."""
        self._page_units = page_size // unit
        self._page_mask = ~(page_size - 1)
        self._unit = unit
        self._take_page = take_page
        self._give_page = give_page
        self._blocks: dict[int, Block] = {}
        self._lists: list[dict[int, None]] = [{} for _ in range(self._page_units + 1)]
        self._filled = 0
        """bit n is set if the list for size n has blocks"""

    def units(self, size: int) -> int:
        """The units that a block for `size` bytes takes: at least two, so that a free one has room for its links."""
        return max(2, -(-size // self._unit) + 1)

    def allocate(self, size: int) -> Block:
        """A block with room for `size` bytes behind its header; raises what `take_page` raises."""
        units = self.units(size)
        enough = self._filled >> units
        if enough:
            smallest = units + (enough & -enough).bit_length() - 1
            block = self._blocks[next(reversed(self._lists[smallest]))]
            self._unlist(block)
        else:
            address = self._take_page()
            block = self._blocks[address] = Block(address, self._page_units, 0)
        if block.size > units:
            block = self._split(block, units)
        block.used = True
        return block

    def free(self, block: Block) -> None:
        """Free a block; it joins free neighbours, and with its whole page free the page is given back."""
        block.used = False
        after = self._next(block)
        if after and not after.used:
            self._unlist(after)
            self._join(block, after)
        if block.previous:
            before = self._blocks[block.address - block.previous * self._unit]
            if not before.used:
                self._unlist(before)
                self._join(before, block)
                block = before
        if block.size == self._page_units:
            del self._blocks[block.address]
            self._give_page(block.address)
        else:
            self._list(block)

    def free_blocks(self) -> list[Block]:
        """All free blocks, in order of address."""
        return [self._blocks[address] for address in sorted(self._blocks) if not self._blocks[address].used]

    def _next(self, block: Block) -> Block | None:
        """The block behind one in its page."""
        end = block.address + block.size * self._unit
        return self._blocks[end] if end & self._page_mask == block.address & self._page_mask else None

    def _split(self, block: Block, units: int) -> Block:
        """Part of a free block that is in no list; the rest goes to its list."""
        after = self._next(block)
        rest = block.size - units
        if block.previous == 0:
            new = block
            left = Block(block.address + units * self._unit, rest, units)
            new.size = units
        else:
            left = block
            new = Block(block.address + rest * self._unit, units, rest)
            left.size = rest
        if after:
            after.previous = left.size if new is block else units
        for part in (new, left):
            self._blocks[part.address] = part
        self._list(left)
        return new

    def _join(self, block: Block, after: Block) -> None:
        del self._blocks[after.address]
        block.size += after.size
        following = self._next(block)
        if following:
            following.previous = block.size

    def _list(self, block: Block) -> None:
        self._lists[block.size][block.address] = None
        self._filled |= 1 << block.size

    def _unlist(self, block: Block) -> None:
        same = self._lists[block.size]
        del same[block.address]
        if not same:
            self._filled &= ~(1 << block.size)
