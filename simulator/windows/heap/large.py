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
    data. They grow and shrink in place within what they reserved [ros: RtlReAllocateHeap]."""

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

    def fits(self, address: int, size: int) -> bool:
        """Whether a block can have a new size where it is."""
        return size + self._header <= self.blocks[address].reserved

    def resize(self, address: int, size: int, touch: Touch) -> bool:
        """Give a block that `fits` its new size, committing or decommitting; False if there's no memory."""
        block = self.blocks[address]
        touch(self._memory.rows[block.base >> self._memory.shift] + CALL)
        pages = self._memory.pages(size + self._header)
        if pages > block.committed:
            try:
                self._memory.commit(block.base + block.committed, pages - block.committed, touch)
            except Failure:
                return False
        elif pages < block.committed:
            self._memory.decommit(block.base + pages, block.committed - pages, touch)
        block.committed, block.size = pages, size
        return True
