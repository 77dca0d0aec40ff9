"""The back end: blocks of any size, cut from segments and joined again."""

from __future__ import annotations

from simulator.windows.failure import Failure
from simulator.windows.heap.free_lists import FreeLists
from simulator.windows.heap.memory import CALL, Memory, Touch
from simulator.windows.heap.segment import Segment
from simulator.windows.heap.sizes import Sizes
from simulator.windows_config import Heap as Settings


class BackEnd:
    """Best fit, splitting, coalescing with both neighbours, growth by committing and by further segments, decommit.

    The rules are those of ros: sdk/lib/rtl/heap.c, but that free blocks of any size are joined (there a block has at
    most 0xFE00 granules). The heap itself lies at the base of the first segment. What is touched: the heap's list
    heads, the headers of the block and of what is split from it or joined with it, and the next block's header when a
    block is freed; the links of other free blocks of the list aren't. In each stretch of committed memory blocks lie
    from `Sizes.skew` behind its start to `Sizes.range` before an uncommitted range, or to `Sizes.skew` before the
    segment's end. A further segment that is wholly free keeps its first page, for its own data; what else is in it
    isn't used until the heap needs the segment again (chosen: blocks that are allocated later lie side by side, which
    they wouldn't if there were a free block on that page [k32/heap.c:3020, test_block_layout]).
    """

    def __init__(self, memory: Memory, settings: Settings, sizes: Sizes, *, growable: bool) -> None:
        self._memory = memory
        self._settings = settings
        self._sizes = sizes
        self._skew, self._range, self._smallest = sizes.skew, sizes.range, sizes.smallest
        self._growable = growable
        self._reserve = settings.segment_reserve
        self._decommit_block, self._decommit_total = settings.decommit_block, settings.decommit_total
        self._rows, self._shift = memory.rows, memory.shift
        self._row = 0
        self.segments: list[Segment] = []
        self.free = FreeLists(sizes.granule, sizes.smallest)
        self.edges: dict[int, int] = {}
        """where the last block of a stretch ends, and no other follows -> where its committed memory ends"""

    def start(self, reserve: int, commit: int, touch: Touch) -> int:
        """Make the first segment, give its base, the heap's address; raises Failure, with nothing changed."""
        base = self._segment(reserve, commit, self._sizes.heap, touch)
        self._row = self._rows[base >> self._shift] + CALL
        return base

    def allocate(self, size: int, touch: Touch) -> tuple[int, int]:
        """A block of at least `size` bytes, a multiple of the granule: address of its header and true size (one granule
        more if that would remain); (0, 0) if there's no memory."""
        touch(self._row)
        start, got, more = self.free.cut(size)
        if not start:
            if not self._extend(size, touch):
                return 0, 0
            start, got, more = self.free.cut(size)
        shift, rows = self._shift, self._rows
        page = start >> shift
        touch(rows[page])
        if more:
            rest = (start + got) >> shift
            if rest != page:
                touch(rows[rest])
        return start, got

    def release(self, start: int, size: int, touch: Touch) -> int:
        """Free a block; give the address of the free block that it is part of now, if that should be decommitted, else
        0. The caller does that when all it touched before has been touched: `decommit`."""
        shift, rows, free = self._shift, self._rows, self.free
        page, end = start >> shift, start + size
        touch(self._row)
        touch(rows[page])
        if end >> shift != page and end not in self.edges:
            touch(rows[end >> shift])
        start, size = free.join(start, size)
        if start >> shift != page:
            touch(rows[start >> shift])
        if size >= self._decommit_block and free.total >= self._decommit_total:
            return start if self._pages_of(start, size)[1] else 0
        return 0

    def shrink(self, start: int, size: int, wanted: int, touch: Touch) -> tuple[int, int]:
        """Cut a block's end off if that makes a block: its true size, and what `release` gives."""
        if size - wanted < self._smallest:
            return size, 0
        return wanted, self.release(start + wanted, size - wanted, touch)

    def grow(self, start: int, size: int, wanted: int, touch: Touch) -> int:
        """Let a block grow where it is, into a free neighbour or a gap behind it: its true size, 0 if it can't
        [ros: RtlpGrowBlockInPlace]."""
        free, end = self.free, start + size
        touch(self._row)
        room = free.starts.get(end, 0)
        missing = self._memory.pages(wanted - size - room)
        if missing > 0 and not self._extend_at(end + room, missing, touch):
            return 0
        size += free.remove(end)
        self._memory.store(start, touch)
        if size - wanted >= self._smallest:
            free.join(start + wanted, size - wanted)
            self._memory.store(start + wanted, touch)
            return wanted
        return size

    def decommit(self, start: int, touch: Touch, *, always: bool = False) -> None:
        """Decommit the whole pages of the free block at an address, if it is (still) there and, unless `always`, past
        the thresholds; what remains at both ends stays free."""
        free = self.free
        size = free.starts.get(start, 0)
        if not size or (not always and (size < self._decommit_block or free.total < self._decommit_total)):
            return
        base, length = self._pages_of(start, size)
        if not length:
            return
        free.remove(start)
        segment, end, stop = self._segment_of(base), start + size, base + length
        segment.unused = start == segment.first and segment is not self.segments[0] and segment.lasts(stop)
        gap = segment.decommitted(base, length)
        if self.edges.pop(end, 0) == 0 and end > stop + self._skew:
            free.join(stop + self._skew, end - stop - self._skew)
        self.edges[gap - self._range] = gap
        if base - self._range > start and not segment.unused:
            free.join(start, base - self._range - start)
        self._memory.decommit(base, length, touch)

    def destroy(self, touch: Touch) -> None:
        """Release all segments, the first, where the heap itself lies, last."""
        for segment in reversed(self.segments):
            self._memory.release(segment.base, segment.end - segment.base, touch)
            self._memory.committed -= segment.end - segment.base - segment.uncommitted
        self.segments.clear()

    def _pages_of(self, start: int, size: int) -> tuple[int, int]:
        """Base and size of the whole pages of a free block that can go: what is left at either end is nothing or large
        enough for a block, and there's room for the descriptor of the range."""
        page, end = self._memory.page, start + size
        base = -(-(start + self._range) // page) * page
        if 0 < base - self._range - start < self._smallest:
            base += page
        if not (start - self._skew) % page and self._segment_of(start).follows_gap(start - self._skew):
            base = start - self._skew
        stop = self.edges.get(end, 0)
        if not stop:
            stop = (end - self._skew) // page * page
            if 0 < end - self._skew - stop < self._smallest:
                stop -= page
        return base, max(stop - base, 0)

    def _segment_of(self, address: int) -> Segment:
        return next(segment for segment in self.segments if segment.base < address < segment.end)

    def _extend(self, size: int, touch: Touch) -> bool:
        """Commit room for a block of `size` bytes: in a gap, else in a further segment [ros: RtlpExtendHeap]."""
        pages = self._memory.pages(size)
        for segment in self.segments:
            gap = segment.gap(pages)
            if gap and self._commit(segment, gap, pages, touch):
                return True
        if not self._growable:
            return False
        header = self._sizes.segment
        need = self._memory.pages(header + self._skew + size + self._range)
        commit = max(self._memory.pages(self._settings.segment_commit), need)
        reserve = max(self._reserve, need)
        while True:
            try:
                self._segment(reserve, min(commit, reserve), header, touch)
            except Failure:
                if reserve == need:
                    return False
                reserve = max(self._memory.pages(reserve // 2), need)
            else:
                break
        self._reserve = min(self._reserve + reserve, self._settings.segment_maximum)
        return True

    def _extend_at(self, end: int, size: int, touch: Touch) -> bool:
        """Commit `size` bytes of the gap behind the block that ends at an address, if there is one of that size."""
        gap = self.edges.get(end, 0)
        for segment in self.segments:
            if segment.base < gap < segment.end:
                return segment.gap_at(gap) >= size and self._commit(segment, gap, size, touch)
        return False

    def _commit(self, segment: Segment, gap: int, size: int, touch: Touch) -> bool:
        try:
            self._memory.commit(gap, size, touch)
        except Failure:
            return False
        segment.committed(gap, size)
        del self.edges[gap - self._range]
        self._join(segment, segment.first if segment.unused else gap - self._range, gap + size, touch)
        segment.unused = False
        return True

    def _segment(self, reserve: int, commit: int, header: int, touch: Touch) -> int:
        memory = self._memory
        base = memory.reserve(reserve, touch)
        try:
            memory.commit(base, commit, touch)
        except Failure:
            memory.release(base, reserve, touch)
            raise
        segment = Segment(base, base + reserve, base + header + self._skew, commit)
        self.segments.append(segment)
        memory.store(base, touch)
        self._join(segment, segment.first, base + commit, touch)
        return base

    def _join(self, segment: Segment, start: int, stop: int, touch: Touch) -> None:
        """Make new room, up to where memory was committed, a free block, together with its free neighbours."""
        if segment.gap_at(stop):
            end = stop - self._range
        elif stop == segment.end:
            end = stop - self._skew
        else:
            end = stop + self._skew
        if end < stop or stop == segment.end:
            self.edges[end] = stop
        start, _ = self.free.join(start, end - start)
        self._memory.store(start, touch)
