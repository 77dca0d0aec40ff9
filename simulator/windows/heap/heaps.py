"""The heaps of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.windows import constants
from simulator.windows.failure import Failure
from simulator.windows.heap.heap import Heap
from simulator.windows.heap.memory import Touch
from simulator.windows.heap.objects import Objects

if TYPE_CHECKING:
    from simulator.windows.owner import Owner
    from simulator.windows.system import System


class Heaps(dict[int, Heap]):
    """By handle, which is the heap's address, in order of creation. The process heap is made when first asked for, with
    the default sizes, as linkers have it unless told otherwise [/HEAP]."""

    def __init__(self) -> None:
        super().__init__()
        self.process = 0
        """handle of the process heap; 0: not made yet"""
        self.objects: Objects | None = None
        """moveable objects of the Global and Local functions; None: none made yet"""
        self.terminate = False
        """whether an error in a heap ends the process [HeapSetInformation: HeapEnableTerminationOnCorruption]"""
        self.exposed = False
        """whether the program has changed the protection of a heap's page, so that heap calls may raise exceptions"""

    def create(self, system: System, own: Owner, flags: int, initial: int, maximum: int, touch: Touch) -> int:
        """A heap with `initial` bytes committed and `maximum` reserved, both rounded up; `maximum` 0: it grows.
        Raises Failure 87 if initial > maximum > 0, and 8 if there's no memory [HeapCreate]."""
        if initial < 0 or maximum < 0 or 0 < maximum < initial:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        try:
            heap = Heap(system, own, flags, initial, maximum, touch)
        except Failure as failure:
            raise Failure(constants.ERROR_NOT_ENOUGH_MEMORY) from failure
        self[heap.base] = heap
        return heap.base

    def of_process(self, system: System, own: Owner, touch: Touch) -> Heap:
        """The process heap; raises Failure 8 if it can't be made."""
        if not self.process:
            self.process = self.create(system, own, 0, 0, 0, touch)
        return self[self.process]

    def protect(self, first: int, end: int) -> None:
        """The program has changed the protection of a range of addresses."""
        segments = (segment for heap in self.values() for segment in heap.back.segments)
        large = (block for heap in self.values() for block in heap.large.blocks.values())
        spans = [(s.base, s.end) for s in segments] + [(b.base, b.base + b.reserved) for b in large]
        spans += [self.objects.span] if self.objects else []
        self.exposed = self.exposed or any(base < end and first < stop for base, stop in spans)

    def destroy(self, handle: int, touch: Touch) -> bool:
        """Release a heap and all that is in it; raises Failure 6 if it is none, or the process heap [HeapDestroy]."""
        if handle not in self or handle == self.process:
            raise Failure(constants.ERROR_INVALID_HANDLE)
        self.pop(handle).destroy(touch)
        return True
