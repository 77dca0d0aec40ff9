"""The low-fragmentation front end: blocks of 128 sizes, many of a size together."""

from __future__ import annotations

from simulator.windows.heap.back_end import BackEnd
from simulator.windows.heap.memory import CALL, HEADER, LOAD, Memory, Sizes, Touch
from simulator.windows_config import Heap as Settings

BUCKETS = 128
LARGEST = 16_384
"""bytes that a block of the front end holds at most"""
FIRST_UNIT = 32
"""blocks of a bucket's first unit: more than 18 [k32/heap.c:975, test_HeapCreate], else chosen"""
_STEPS = ((256, 8), (512, 16), (1024, 32), (2048, 64), (4096, 128), (8192, 256), (16_384, 512))
"""up to how many bytes, in which steps [Low-fragmentation Heap; from 1024 on as MODEL.md section 9 has it]"""

CAPACITIES: tuple[int, ...] = tuple(
    size
    for before, (last, step) in zip((0, *(last for last, _ in _STEPS)), _STEPS, strict=False)
    for size in range(before + step, last + 1, step)
)
"""the bytes that a block of each bucket holds"""

BUCKET_OF: bytes = bytes(
    bucket
    for bucket, (before, last) in enumerate(zip((-1, *CAPACITIES), CAPACITIES, strict=False))
    for _ in range(last - before)
)
"""the bucket of a size in bytes, 0 to LARGEST, from 0 on (the documentation counts from 1)"""


class Unit:
    """Blocks of one bucket that the back end gave as one block: a header, then `count` blocks of `stride` bytes."""

    __slots__ = ("bucket", "count", "free", "row", "size", "start")

    def __init__(self, bucket: Bucket, start: int, size: int, free: list[int], row: int) -> None:
        self.bucket = bucket
        self.start = start
        self.size = size
        self.free = free
        """addresses of free blocks' data, the next one to be used last"""
        self.count = len(free)
        self.row = row
        """touches the header"""


class Bucket:
    """Blocks of one size: the unit that allocations come from, and others that have a free block."""

    __slots__ = ("active", "capacity", "counted", "free", "on", "others", "row", "stride", "total", "unit_row")

    def __init__(self, capacity: int, sizes: Sizes) -> None:
        self.capacity = capacity
        """bytes that a block holds"""
        self.stride = sizes.block(capacity)
        self.counted = 0
        """allocations of this size that the back end served"""
        self.on = False
        self.free: list[int] = []
        """those of the active unit"""
        self.active: Unit | None = None
        self.others: dict[Unit, None] = {}
        self.total = 0
        """blocks in all units"""
        self.row = 0
        """touches the bucket's record"""
        self.unit_row = 0
        """touches the active unit's header"""


class FrontEnd:
    """The buckets of a heap.

    A size turns on when the back end has served it `activation` times: the next allocation is the front end's, or, if
    it is the heap's first to turn on, the one after the next, as the front end's own data must be made before
    (debugoff.com), and the first unit with them: the allocation that follows doesn't need the back end
    [k32/heap.c:1234-1243, test_HeapCreate]. That larger sizes aren't counted until the heap has a few segments, as that
    source says, isn't modelled. A unit has as many blocks as the bucket has already, at least 32, in at most
    `Heap.bucket_memory` bytes, at least 4 (chosen). A unit whose blocks are all free goes back to the back end unless
    it is the active one (chosen). The block freed last is used first, as up to Windows 7; Windows 8 chooses at random.

    An allocation touches the bucket's record, the unit's header and the block's; a free the latter two.
    """

    def __init__(self, memory: Memory, settings: Settings, sizes: Sizes, back: BackEnd) -> None:
        self._memory = memory
        self._settings = settings
        self._sizes = sizes
        self._back = back
        self.buckets = [Bucket(capacity, sizes) for capacity in CAPACITIES]
        self.units: dict[int, Unit] = {}
        """by the data address of each of its blocks"""
        self.header = 0
        """the back end's block with the buckets' records; 0: not made yet"""
        self.header_size = 0
        self.opened = settings.low_fragmentation == "automatic"
        """whether sizes may turn on"""

    def counted(self, bucket: Bucket, touch: Touch) -> bool:
        """Count an allocation of a bucket that isn't on; whether the front end serves it."""
        if not self.opened:
            return False
        bucket.counted += 1
        if bucket.counted <= self._settings.activation:
            return False
        if self.header:
            bucket.on = True
            return True
        bucket.on = self._make_header(touch) and self.refill(bucket, touch)
        return False

    def enable(self, touch: Touch) -> bool:
        """HeapSetInformation's value 2: make the front end now; where it is opt-in, all sizes are on from now on. False
        if there's no memory."""
        if not self.header and not self._make_header(touch):
            return False
        self.opened = True
        if self._settings.low_fragmentation == "opt-in":
            for bucket in self.buckets:
                bucket.on = True
        return True

    def refill(self, bucket: Bucket, touch: Touch) -> bool:
        """Give a bucket another active unit; False if there's no memory for one."""
        unit = bucket.others.popitem()[0] if bucket.others else self._new_unit(bucket, touch)
        if unit is None:
            return False
        bucket.active = unit
        bucket.free = unit.free
        bucket.unit_row = unit.row
        return True

    def freed(self, unit: Unit, touch: Touch) -> int:
        """A unit has its first free block, or its last: what `BackEnd.release` gives if the unit goes back, else 0."""
        bucket = unit.bucket
        if unit is bucket.active:
            return 0
        if len(unit.free) < unit.count:
            bucket.others[unit] = None
            return 0
        return self._drop(unit, touch)

    def trim(self, touch: Touch) -> list[int]:
        """Give all units back that are wholly free, the active ones too: the free blocks to decommit."""
        surplus = []
        for bucket in self.buckets:
            active = bucket.active
            if active is not None and len(active.free) == active.count:
                bucket.active = None
                bucket.free = []
                surplus.append(self._drop(active, touch))
        return [start for start in surplus if start]

    def _drop(self, unit: Unit, touch: Touch) -> int:
        unit.bucket.others.pop(unit, None)
        unit.bucket.total -= unit.count
        for address in unit.free:
            del self.units[address]
        return self._back.release(unit.start, unit.size, touch)

    def _new_unit(self, bucket: Bucket, touch: Touch) -> Unit | None:
        count = max(4, min(max(FIRST_UNIT, bucket.total), self._settings.bucket_memory // bucket.stride))
        start, size = self._back.allocate(self._sizes.unit + self._sizes.granule + count * bucket.stride, touch)
        if not start:
            return None
        header = start + HEADER
        first = header + self._sizes.unit + self._sizes.granule
        free = list(range(first + (count - 1) * bucket.stride, first - 1, -bucket.stride))
        unit = Unit(bucket, start, size, free, self._memory.rows[header >> self._memory.shift])
        bucket.total += count
        self.units.update(dict.fromkeys(free, unit))
        return unit

    def _make_header(self, touch: Touch) -> bool:
        size = self._sizes.block(BUCKETS * self._sizes.bucket)
        self.header, self.header_size = self._back.allocate(size, touch)
        if not self.header:
            return False
        for i, bucket in enumerate(self.buckets):
            page = (self.header + HEADER + i * self._sizes.bucket) >> self._memory.shift
            bucket.row = self._memory.rows[page] + CALL
        for row in sorted({bucket.row for bucket in self.buckets}):
            touch(row - CALL - LOAD)
        return True
