"""A program that fragments a heap: what it frees lies between what it keeps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.rng import generator
from simulator.units import KiB, Size
from simulator.windows.constants import (
    ERROR_NOT_ENOUGH_MEMORY,
    ERROR_SUCCESS,
    HEAP_NO_SERIALIZE,
    HEAP_ZERO_MEMORY,
    PROCESS_HEAP_REGION,
)
from workloads.base import StreamContext, plugin

Steps = Generator[Any, Any, Any]


@plugin("workload", "heap-churn")
class HeapChurn:
    """Rounds on a private heap that leave small blocks behind, between those that come and go.

    A round allocates blocks of random sizes, with a small one, which is kept for good, after every few; frees every
    other one of the blocks; asks for as many that are twice as large; and frees all but the small ones. After each of
    these four steps it notes the bytes in use, what the heap has committed, its free blocks and the largest of them,
    as HeapWalk sees them, and the process's page faults. The heap zeroes every block, which touches it. The sizes
    depend on the seed and the parameters, not on the process's name, so that all heaps get the same.
    """

    front_end: bool = Field(
        default=True,
        description="whether the heap may have a low-fragmentation front end: without, it is a HEAP_NO_SERIALIZE heap",
    )
    rounds: int = Field(default=5, ge=1, le=1000)
    blocks: int = Field(default=800, ge=2, le=100_000, description="of a round, beside the larger ones that follow")
    smallest: Size = Field(default=960, ge=1, description="bytes of a block, at least")
    largest: Size = Field(default=1024, ge=1, description="... and at most")
    kept: Size = Field(default=48, ge=1, description="bytes of a block that is kept")
    every: int = Field(default=1, ge=1, description="one block is kept for so many others")

    @model_validator(mode="after")
    def _possible(self) -> HeapChurn:
        if self.smallest > self.largest:
            raise ValueError(f"smallest: found {self.smallest}, allowed is at most largest, {self.largest}")
        return self

    def sizes(self, seed: int) -> NDArray[np.int64]:
        """Bytes of each round's blocks (rounds x blocks)."""
        random = generator(seed, "workload/heap-churn")
        return random.integers(self.smallest, self.largest, (self.rounds, self.blocks), np.int64, endpoint=True)

    def program(self, context: StreamContext) -> Callable[[Any], Steps]:
        """The program; its exit code is ERROR_NOT_ENOUGH_MEMORY if a block can't be had."""
        sizes = self.sizes(context.seed).tolist()

        def main(process: Any) -> Steps:
            heap = yield process.heap_create(0 if self.front_end else HEAP_NO_SERIALIZE)
            blocks = _Blocks(process, heap)
            for mine in sizes:
                held = []
                for number, size in enumerate(mine):
                    held.append((yield from blocks.allocate(size)))
                    if number % self.every == 0:
                        yield from blocks.allocate(self.kept)
                yield from blocks.note()
                for address in held[::2]:
                    yield from blocks.free(address)
                yield from blocks.note()
                for place in range(0, len(held), 2):
                    held[place] = yield from blocks.allocate(2 * mine[place])
                yield from blocks.note()
                for address in held:
                    yield from blocks.free(address)
                yield from blocks.note()
            return ERROR_SUCCESS

        return main


class _Blocks:
    """The blocks of a heap that are in use."""

    def __init__(self, process: Any, heap: int) -> None:
        self._process = process
        self._heap = heap
        self._sizes: dict[int, int] = {}

    def allocate(self, size: int) -> Generator[Any, Any, int]:
        """A block of zeros; ends the process if there's none."""
        address: int = yield from self._process.heap_alloc(self._heap, HEAP_ZERO_MEMORY, size)
        if not address:
            yield from self._process.exit_process(ERROR_NOT_ENOUGH_MEMORY)
        self._sizes[address] = size
        return address

    def free(self, address: int) -> Steps:
        """Free a block."""
        del self._sizes[address]
        yield from self._process.heap_free(self._heap, 0, address)

    def note(self) -> Steps:
        """Note down how things are."""
        process = self._process
        entries = yield process.heap_walk(self._heap)
        faults = (yield process.get_process_memory_info()).page_fault_count
        free = [entry.size for entry in entries if not entry.flags]
        committed = sum(entry.committed for entry in entries if entry.flags == PROCESS_HEAP_REGION)
        yield process.note("in use (KiB)", sum(self._sizes.values()) / KiB)
        yield process.note("committed (KiB)", committed / KiB)
        yield process.note("free blocks", len(free))
        yield process.note("largest free block (KiB)", max(free, default=0) / KiB)
        yield process.note("page faults", faults)
