"""The free blocks of a heap's segments: lists by size, and both ends of every block."""

from __future__ import annotations

from bisect import bisect_left, insort

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
        start, found = self._take(size)
        if not start:
            return 0, 0, False
        del self.starts[start]
        rest = found - size
        if rest < self._smallest:
            del self.ends[start + found]
            self.total -= found
            return start, found, False
        self._list(start + size, rest)
        self.starts[start + size] = rest
        self.ends[start + found] = start + size
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

    def listed(self) -> list[tuple[int, int]]:
        """Size and start of all blocks as the lists have them, in order; only to check them."""
        blocks = [(i << self._shift, start) for i, found in enumerate(self._dedicated) for start in found]
        assert all(self._bits >> i & 1 for i, found in enumerate(self._dedicated) if found)
        assert self._sizes == sorted(self._large)
        assert all(self._large.values())
        return sorted(blocks + [(size, start) for size, found in self._large.items() for start in found])

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
        found = self._sizes[index]
        blocks = self._large[found]
        start = blocks.popitem()[0]
        if not blocks:
            del self._large[found]
            del self._sizes[index]
        return start, found

    def _list(self, start: int, size: int) -> None:
        units = size >> self._shift
        if units < DEDICATED:
            blocks = self._dedicated[units]
            if not blocks:
                self._bits |= 1 << units
            blocks[start] = None
            return
        found = self._large.get(size)
        if found is None:
            self._large[size] = {start: None}
            insort(self._sizes, size)
        else:
            found[start] = None

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
