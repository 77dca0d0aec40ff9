"""A process's heaps: of each the front end, the back end and the large blocks, and which blocks are allocated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.heap.back_end import BackEnd
from simulator.windows.heap.lock import Lock
from simulator.windows.heap.low_fragmentation import BUCKET_OF, LARGEST, Bucket, FrontEnd
from simulator.windows.heap.memory import CALL, HEADER, LOAD, Memory, Sizes, Touch, sizes
from simulator.windows.heap.objects import Objects

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System


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


_ZERO = c.HEAP_ZERO_MEMORY
KEPT = c.HEAP_NO_SERIALIZE | c.HEAP_GENERATE_EXCEPTIONS | c.HEAP_ZERO_MEMORY | c.HEAP_REALLOC_IN_PLACE_ONLY
"""flags of HeapCreate that hold for every call [ros: RtlpInitializeHeap, ForceFlags]"""
_SIZE = (1 << 32) - 1
_RESERVE = 0x10000
"""bytes that a growable heap reserves beyond its initial size [k32/heap.c:3689, test_heap_size]"""


class Heap:
    """A heap of a process. Its functions never wait: what they touch goes, row by row, to `touch`, and what must come
    after those touches (giving memory back) is left in `late`, for `finish`.

    `busy` has, by the address of its data, the size asked for of each allocated block that isn't large, and, 32 bits
    higher, the size of the back end's block, or 0 if it is the front end's.
    """

    def __init__(self, system: System, own: ProcessState, flags: int, initial: int, maximum: int, touch: Touch) -> None:
        """A heap with `initial` bytes committed and `maximum` reserved (0: growable); raises Failure, with nothing
        changed, if there's no memory."""
        settings = system.settings.heap
        self.flags = flags
        self.force = flags & KEPT
        self.growable = maximum == 0
        self.bits = own.bits
        self.late: list[int] = []
        """free blocks to be decommitted, and, negative, large blocks to be released"""
        self._always = False
        self.lock = Lock(system.wake)
        """held while a process with several threads is in the heap"""
        self.memory = Memory(system, own, execute=bool(flags & c.HEAP_CREATE_ENABLE_EXECUTE))
        self.sizes = sizes(own.bits)
        self._granule = self.sizes.granule
        self._smallest = self.sizes.smallest
        self._round = HEADER + self._granule - 1
        self._mask = -self._granule
        largest = (settings.direct if self.growable else 0) or self.sizes.largest
        self._most = (largest & self._mask) - HEADER
        """bytes of a block that comes from a segment"""
        self.back = BackEnd(self.memory, settings, self.sizes, growable=self.growable)
        self.large = LargeBlocks(self.memory, self.sizes)
        self.busy: dict[int, int] = {}
        self.front: FrontEnd | None = None
        if self.growable and not flags & c.HEAP_NO_SERIALIZE and settings.low_fragmentation != "off":
            self.front = FrontEnd(self.memory, settings, self.sizes, self.back)
        commit = self._pieces(max(initial, 1))
        reserve = self._pieces(maximum) if maximum else self._pieces(initial) + _RESERVE
        self.base = self.back.start(max(self.memory.pages(reserve), commit), commit, touch)
        self._buckets = self.front.buckets if self.front else ()
        self._rows, self._shift = self.memory.rows, self.memory.shift

    def allocate(self, flags: int, size: int, touch: Touch) -> int:
        """The address of a new block of `size` bytes; 0 if there's no memory [HeapAlloc]."""
        if 0 <= size <= LARGEST and self._buckets:
            bucket = self._buckets[BUCKET_OF[size]]
            if bucket.free or self._fill(bucket, touch):
                address = bucket.free.pop()
                self.busy[address] = size
                touch(bucket.row)
                touch(bucket.unit_row)
                touch(self._rows[(address - HEADER) >> self._shift])
                if (flags | self.force) & _ZERO:
                    self.memory.fill(address, size, touch)
                return address
        if size < 0:
            return 0
        if size > self._most:
            return self.large.allocate(size, touch) if self.growable else 0
        block = (size + self._round) & self._mask if size > self._granule else self._smallest
        start, block = self.back.allocate(block, touch)
        if not start:
            return 0
        address = start + HEADER
        self.busy[address] = block << 32 | size
        if (flags | self.force) & _ZERO:
            self.memory.fill(address, size, touch)
        return address

    def free(self, address: int, touch: Touch) -> bool:
        """Free a block; False if there's none at that address [HeapFree]."""
        value = self.busy.pop(address, None)
        if value is None:
            if address not in self.large.blocks:
                return False
            self.memory.store(address - HEADER, touch)
            self.late.append(-address)
            return True
        if value <= _SIZE:
            assert self.front is not None
            unit = self.front.units[address]
            free = unit.free
            touch(unit.row + CALL)
            touch(self._rows[(address - HEADER) >> self._shift])
            free.append(address)
            freed = len(free)
            if freed in (1, unit.count):
                surplus = self.front.freed(unit, touch)
                if surplus:
                    self.late.append(surplus)
            return True
        surplus = self.back.release(address - HEADER, value >> 32, touch)
        if surplus:
            self.late.append(surplus)
        return True

    def serves(self, size: int) -> bool:
        """Whether the front end has a free block for a size, so that the back end isn't needed."""
        return 0 <= size <= LARGEST and bool(self._buckets) and bool(self._buckets[BUCKET_OF[size]].free)

    def takes(self, address: int) -> bool:
        """Whether the front end takes a block back and keeps it, so that the back end isn't needed."""
        unit = self.front.units.get(address) if self.front is not None and address in self.busy else None
        return unit is not None and (unit is unit.bucket.active or len(unit.free) + 1 < unit.count)

    def finish(self, touch: Touch) -> None:
        """Give memory back, after all that was touched before."""
        late, self.late = self.late, []
        always, self._always = self._always, False
        for item in late:
            if item < 0:
                self.large.release(-item, touch)
            else:
                self.back.decommit(item, touch, always=always)

    @property
    def low_fragmentation(self) -> bool:
        """Whether the front end has been made."""
        return self.front is not None and self.front.header > 0

    def has(self, address: int) -> bool:
        """Whether there is an allocated block at that address."""
        return address in self.busy or address in self.large.blocks

    def size(self, address: int) -> int:
        """The bytes asked for of a block; -1 if there's none at that address [HeapSize]."""
        value = self.busy.get(address)
        if value is not None:
            return value & _SIZE
        large = self.large.blocks.get(address)
        return -1 if large is None else large.size

    def padded(self, size: int) -> int:
        """The size of a block that has a user value, two pointers, behind `size` bytes of data; a large block has room
        for it in its header [k32/heap.c: test_block_layout; ros: HEAP_SETTABLE_USER_VALUE]."""
        return size + self._granule if size + self._granule <= self._most else size

    def hide(self, address: int, size: int) -> None:
        """Of a block that was asked for with its `padded` size only `size` bytes are data."""
        if address in self.busy:
            self.busy[address] = self.busy[address] & ~_SIZE | size

    def resize(self, flags: int, address: int, size: int, touch: Touch) -> int:
        """Give a block that `has` another size, here or elsewhere: its address, or 0, with nothing changed, if there's
        no memory [HeapReAlloc]. A large block's touches must be over before."""
        flags |= self.force
        old = self.size(address)
        resize = self.large.resize if address in self.large.blocks else self._resize_here
        done = resize(address, size, touch)
        if done:
            if flags & c.HEAP_ZERO_MEMORY and size > old:
                self.memory.fill(address + old, size - old, touch)
            return address
        if flags & c.HEAP_REALLOC_IN_PLACE_ONLY:
            return 0
        moved = self.allocate(0, size, touch)
        if moved:
            self.copy(address, moved, touch)
            if flags & ~self.force & c.HEAP_ZERO_MEMORY and size > old and moved not in self.large.blocks:
                self.memory.fill(moved + old, size - old, touch)
            self.free(address, touch)
        return moved

    def copy(self, source: int, target: int, touch: Touch) -> None:
        """Copy as much of a block's data to another as both have."""
        size = min(self.size(source), self.size(target))
        self.memory.fill(source, size, touch, LOAD)
        self.memory.fill(target, size, touch)

    def compact(self, touch: Touch) -> None:
        """Give units of the front end that are wholly free back to the back end."""
        if self.front is not None:
            self.late += self.front.trim(touch)

    def largest(self) -> int:
        """Bytes that the largest free block that is committed holds; 0 if there's none."""
        return max(self.back.free.largest() - HEADER, 0)

    def optimize(self, touch: Touch) -> None:
        """Decommit all that is free, whatever the thresholds, in the next `finish`
        [HEAP_INFORMATION_CLASS: HeapOptimizeResources]."""
        self.compact(touch)
        self.late = list(self.back.free.starts)
        self._always = True

    def destroy(self, touch: Touch) -> None:
        """Release all of the heap's memory, allocated or not [HeapDestroy]."""
        for address in list(self.large.blocks):
            self.large.release(address, touch)
        self.back.destroy(touch)

    def _fill(self, bucket: Bucket, touch: Touch) -> bool:
        """Whether the front end serves a bucket, which has a free block then."""
        assert self.front is not None
        if not bucket.on and not self.front.counted(bucket, touch):
            return False
        return self.front.refill(bucket, touch)

    def _pieces(self, size: int) -> int:
        """A size of a whole heap, rounded up."""
        piece = self.memory.pages(self.sizes.piece)
        return -(-size // piece) * piece

    def _resize_here(self, address: int, size: int, touch: Touch) -> bool:
        """A block of the front end never stays [k32/heap.c:1787-1796, test_GlobalAlloc]."""
        start, value = address - HEADER, self.busy[address]
        if value <= _SIZE or size > self._most:
            return False
        block, wanted = value >> 32, self.sizes.block(size)
        if wanted > block:
            block = self.back.grow(start, block, wanted, touch)
            if not block:
                return False
        else:
            self.memory.store(start, touch)
            block, surplus = self.back.shrink(start, block, wanted, touch)
            if surplus:
                self.late.append(surplus)
        self.busy[address] = block << 32 | size
        return True


class Heaps(dict[int, Heap]):
    """By handle, which is the heap's address, in order of creation. The process heap is made when first asked for, with
    the default sizes, as linkers have it unless told otherwise [/HEAP]."""

    def __init__(self, system: System, own: ProcessState) -> None:
        super().__init__()
        self._system, self._own = system, own
        self.process = 0
        """handle of the process heap; 0: not made yet"""
        self.objects: Objects | None = None
        """moveable objects of the Global and Local functions; None: none made yet"""
        self.terminate = False
        """whether an error in a heap ends the process [HeapSetInformation: HeapEnableTerminationOnCorruption]"""
        self.exposed = False
        """whether the program has changed the protection of a heap's page, so that heap calls may raise exceptions"""

    def create(self, flags: int, initial: int, maximum: int, touch: Touch) -> int:
        """A heap with `initial` bytes committed and `maximum` reserved, both rounded up; `maximum` 0: it grows.
        Raises Failure ERROR_INVALID_PARAMETER if initial > maximum > 0, and ERROR_NOT_ENOUGH_MEMORY if there's no
        memory [HeapCreate]."""
        if initial < 0 or maximum < 0 or 0 < maximum < initial:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        try:
            heap = Heap(self._system, self._own, flags, initial, maximum, touch)
        except Failure as failure:
            raise Failure(c.ERROR_NOT_ENOUGH_MEMORY) from failure
        self[heap.base] = heap
        return heap.base

    def of_process(self, touch: Touch) -> Heap:
        """The process heap; raises Failure ERROR_NOT_ENOUGH_MEMORY if it can't be made."""
        if not self.process:
            self.process = self.create(0, 0, 0, touch)
        return self[self.process]

    def protect(self, first: int, end: int) -> None:
        """The program has changed the protection of a range of addresses."""
        segments = (segment for heap in self.values() for segment in heap.back.segments)
        large = (block for heap in self.values() for block in heap.large.blocks.values())
        spans = [(s.base, s.end) for s in segments] + [(b.base, b.base + b.reserved) for b in large]
        spans += [self.objects.span] if self.objects else []
        self.exposed = self.exposed or any(base < end and first < stop for base, stop in spans)

    def destroy(self, handle: int, touch: Touch) -> bool:
        """Release a heap and all that is in it; raises Failure ERROR_INVALID_HANDLE if it is none, or the process heap
        [HeapDestroy]."""
        if handle not in self or handle == self.process:
            raise Failure(c.ERROR_INVALID_HANDLE)
        self.pop(handle).destroy(touch)
        return True
