"""A heap: the front end, the back end and the large blocks, and which blocks are allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.windows.constants import (
    HEAP_CREATE_ENABLE_EXECUTE,
    HEAP_GENERATE_EXCEPTIONS,
    HEAP_NO_SERIALIZE,
    HEAP_REALLOC_IN_PLACE_ONLY,
    HEAP_ZERO_MEMORY,
)
from simulator.windows.heap.back_end import BackEnd
from simulator.windows.heap.large import LargeBlocks
from simulator.windows.heap.lock import Lock
from simulator.windows.heap.low_fragmentation import BUCKET_OF, LARGEST, Bucket, FrontEnd
from simulator.windows.heap.memory import CALL, LOAD, Memory, Touch
from simulator.windows.heap.sizes import HEADER, sizes

if TYPE_CHECKING:
    from simulator.windows.owner import Owner
    from simulator.windows.system import System

KEPT = HEAP_NO_SERIALIZE | HEAP_GENERATE_EXCEPTIONS | HEAP_ZERO_MEMORY | HEAP_REALLOC_IN_PLACE_ONLY
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

    def __init__(self, system: System, own: Owner, flags: int, initial: int, maximum: int, touch: Touch) -> None:
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
        self.memory = Memory(system, own, execute=bool(flags & HEAP_CREATE_ENABLE_EXECUTE))
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
        if self.growable and not flags & HEAP_NO_SERIALIZE and settings.low_fragmentation != "off":
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
                if (flags | self.force) & HEAP_ZERO_MEMORY:
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
        if (flags | self.force) & HEAP_ZERO_MEMORY:
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
            if flags & HEAP_ZERO_MEMORY and size > old:
                self.memory.fill(address + old, size - old, touch)
            return address
        if flags & HEAP_REALLOC_IN_PLACE_ONLY:
            return 0
        moved = self.allocate(0, size, touch)
        if moved:
            self.copy(address, moved, touch)
            if flags & ~self.force & HEAP_ZERO_MEMORY and size > old and moved not in self.large.blocks:
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
