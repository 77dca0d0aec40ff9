"""The back end of a heap: blocks of any size, cut from segments and joined again."""

from __future__ import annotations

from bisect import bisect_left, insort

from simulator.windows.failure import Failure
from simulator.windows.heap.memory import CALL, Memory, Sizes, Touch
from simulator.windows_config import Heap as Settings


class Segment:
    """A reservation from `base` to `end`; its blocks lie one behind the other from `first` on, except where it isn't
    committed: the gaps, from `starts[i]` to `ends[i]`, in order of address."""

    __slots__ = ("base", "end", "ends", "first", "starts", "uncommitted", "unused")

    def __init__(self, base: int, end: int, first: int, committed: int) -> None:
        """`committed`: bytes from the base on."""
        self.base = base
        self.end = end
        self.first = first
        gap = base + committed < end
        self.starts: list[int] = [base + committed] if gap else []
        self.ends: list[int] = [end] if gap else []
        self.uncommitted = end - base - committed
        self.unused = False
        """whether there's no block in it, not even a free one"""

    def gap(self, size: int) -> int:
        """Where the first gap of at least `size` bytes starts; 0 if there's none [ros: RtlpFindAndCommitPages]."""
        if size <= self.uncommitted:
            for start, end in zip(self.starts, self.ends, strict=True):
                if end - start >= size:
                    return start
        return 0

    def gap_at(self, address: int) -> int:
        """The size of the gap that starts at an address; 0 if there's none."""
        index = bisect_left(self.starts, address)
        return self.ends[index] - address if index < len(self.starts) and self.starts[index] == address else 0

    def lasts(self, address: int) -> bool:
        """Whether nothing is committed from an address, where a committed stretch ends, to the segment's end."""
        return address == self.end or self.gap_at(address) == self.end - address

    def follows_gap(self, address: int) -> bool:
        """Whether a gap ends at an address."""
        index = bisect_left(self.ends, address)
        return index < len(self.ends) and self.ends[index] == address

    def committed(self, address: int, size: int) -> None:
        """The first bytes of the gap that starts at `address` are committed now."""
        index = bisect_left(self.starts, address)
        self.uncommitted -= size
        if address + size == self.ends[index]:
            del self.starts[index], self.ends[index]
        else:
            self.starts[index] = address + size

    def decommitted(self, address: int, size: int) -> int:
        """A range is no longer committed; gaps that touch it become one with it, whose start is given."""
        index = bisect_left(self.starts, address)
        start, end = address, address + size
        self.uncommitted += size
        if index < len(self.starts) and self.starts[index] == end:
            end = self.ends[index]
            del self.starts[index], self.ends[index]
        if index and self.ends[index - 1] == start:
            self.ends[index - 1] = end
            return self.starts[index - 1]
        self.starts.insert(index, start)
        self.ends.insert(index, end)
        return start


DEDICATED = 128
"""Sizes below so many granules have a list each that stays [ros: HEAP_FREELISTS]."""


class FreeLists:
    """Free blocks by size, so that the best fit is found at once, the one freed last first [ros: heap.c]; and by start
    and end, so that a block that is freed finds its free neighbours.

    The lists are dicts of header addresses used as ordered sets. `starts` has the size of the free block at an
    address, `ends` the address of the one that ends there.
    """

    __slots__ = ("_bits", "_dedicated", "_large", "_shift", "_sizes", "_smallest", "ends", "starts", "total")

    def __init__(self, granule: int, smallest: int) -> None:
        """No block is smaller than `smallest` bytes; all are multiples of `granule`, a power of two."""
        self._shift = granule.bit_length() - 1
        self._smallest = smallest
        self._dedicated: list[dict[int, None]] = [{} for _ in range(DEDICATED)]
        self._bits = 0
        """a bit for each dedicated list, not set only if it is empty"""
        self._large: dict[int, dict[int, None]] = {}
        self._sizes: list[int] = []
        """the keys of `_large`, in order"""
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.total = 0
        """bytes, headers included"""

    def cut(self, size: int) -> tuple[int, int, bool]:
        """Take `size` bytes from the smallest block that has them: where, how many (one granule more if that would be
        left over), and whether the rest follows as a free block; (0, 0, False) if no block is large enough."""
        start, length = self._take(size)
        if not start:
            return 0, 0, False
        del self.starts[start]
        rest = length - size
        if rest < self._smallest:
            del self.ends[start + length]
            self.total -= length
            return start, length, False
        self._list(start + size, rest)
        self.starts[start + size] = rest
        self.ends[start + length] = start + size
        self.total -= size
        return start, size, True

    def join(self, start: int, size: int) -> tuple[int, int]:
        """Add a block, joined with its free neighbours: where that starts, and its size."""
        starts, ends = self.starts, self.ends
        self.total += size
        end = start + size
        after = starts.pop(end, 0)
        if after:
            self._unlist(end, after)
            size += after
            end += after
        before = ends.pop(start, 0)
        if before:
            length = starts[before]
            self._unlist(before, length)
            size += length
            start = before
        self._list(start, size)
        starts[start] = size
        ends[end] = start
        return start, size

    def remove(self, start: int) -> int:
        """Take a block out, give its size."""
        size = self.starts.pop(start)
        del self.ends[start + size]
        self._unlist(start, size)
        self.total -= size
        return size

    def largest(self) -> int:
        """The size of the largest block; 0 if there's none."""
        if self._sizes:
            return self._sizes[-1]
        return max((units for units, blocks in enumerate(self._dedicated) if blocks), default=0) << self._shift

    def _take(self, size: int) -> tuple[int, int]:
        """Take the block that fits best out of its list: its start and size, (0, 0) if there's none."""
        units = size >> self._shift
        if units < DEDICATED:
            bits = self._bits >> units
            while bits:
                step = (bits & -bits).bit_length() - 1
                units += step
                blocks = self._dedicated[units]
                if blocks:
                    return blocks.popitem()[0], units << self._shift
                self._bits &= ~(1 << units)
                bits >>= step + 1
                units += 1
        index = bisect_left(self._sizes, size)
        if index == len(self._sizes):
            return 0, 0
        length = self._sizes[index]
        blocks = self._large[length]
        start = blocks.popitem()[0]
        if not blocks:
            del self._large[length]
            del self._sizes[index]
        return start, length

    def _list(self, start: int, size: int) -> None:
        units = size >> self._shift
        if units < DEDICATED:
            blocks = self._dedicated[units]
            if not blocks:
                self._bits |= 1 << units
            blocks[start] = None
            return
        if size not in self._large:
            self._large[size] = {}
            insort(self._sizes, size)
        self._large[size][start] = None

    def _unlist(self, start: int, size: int) -> None:
        units = size >> self._shift
        if units < DEDICATED:
            del self._dedicated[units][start]
            return
        blocks = self._large[size]
        del blocks[start]
        if not blocks:
            del self._large[size]
            del self._sizes[bisect_left(self._sizes, size)]


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
