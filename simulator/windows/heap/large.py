"""Large blocks: those above the threshold of a growable heap, each with a reservation of its own."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.windows.failure import Failure
from simulator.windows.heap.memory import CALL, Memory, Touch
from simulator.windows.heap.sizes import Sizes


@dataclass
class Large:
    """A large block."""

    base: int
    """of its reservation; its data follow a header"""
    size: int
    """bytes asked for"""
    committed: int
    reserved: int


class LargeBlocks:
    """A heap's blocks from VirtualAlloc [HeapCreate; RTL_HEAP_PARAMETERS: VirtualMemoryThreshold], by address of their
    data. They shrink in place and give the pages back, so that they can't grow in place beyond the last page
    [k32/heap.c:417-425, test_HeapCreate]."""

    def __init__(self, memory: Memory, sizes: Sizes) -> None:
        self._memory = memory
        self._header = sizes.large
        self.blocks: dict[int, Large] = {}

    def allocate(self, size: int, touch: Touch) -> int:
        """A block's address, 0 if there's no memory. Fresh pages are zero, so nobody zeroes them."""
        pages = self._memory.pages(size + self._header)
        try:
            base = self._memory.take(pages, touch)
        except Failure:
            return 0
        touch(self._memory.rows[base >> self._memory.shift] + CALL)
        self.blocks[base + self._header] = Large(base, size, pages, pages)
        return base + self._header

    def release(self, address: int, touch: Touch) -> None:
        """Free a block; the caller has seen to it that all it touched before has been touched."""
        block = self.blocks.pop(address, None)
        if block is not None:
            self._memory.release(block.base, block.reserved, touch)
            self._memory.committed -= block.committed

    def resize(self, address: int, size: int, touch: Touch) -> bool:
        """Give a block a new size where it is; False if it would need more pages than it has."""
        block = self.blocks[address]
        pages = self._memory.pages(size + self._header)
        if pages > block.committed:
            return False
        touch(self._memory.rows[block.base >> self._memory.shift] + CALL)
        if pages < block.committed:
            self._memory.decommit(block.base + pages, block.committed - pages, touch)
        block.committed, block.size = pages, size
        return True
