"""The small blocks of one pool: parts of pages, split off free blocks and joined again when they are freed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
            found = units + (enough & -enough).bit_length() - 1
            block = self._blocks[next(reversed(self._lists[found]))]
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
