"""Which region has which addresses, and where there is room for another.

Windows keeps VADs in a tree, and a bitmap of 64 KiB units (MiFindEmptyAddressRange; ros walks the VAD tree); the answer
is the same: the lowest place that is large enough, or the highest. Here the gaps lie in a sorted list cut into blocks
that know their largest gap, so that a search looks at about the square root of the number of gaps.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from simulator.windows.regions.region import Region

FULL = 256
"""Gaps in a block that is split in two; chosen by measurement for 10,000 gaps."""


class Vads:
    """All regions of an address space, in the order of their addresses; none overlap."""

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.regions: list[Region] = []

    def at(self, page: int) -> Region | None:
        """The region that holds a page."""
        i = bisect_right(self.firsts, page) - 1
        if i < 0:
            return None
        region = self.regions[i]
        return region if page < region.end else None

    def add(self, region: Region) -> None:
        """A new region."""
        i = bisect_left(self.firsts, region.first)
        self.firsts.insert(i, region.first)
        self.regions.insert(i, region)

    def remove(self, region: Region) -> None:
        """A region is gone."""
        i = bisect_left(self.firsts, region.first)
        del self.firsts[i], self.regions[i]

    def next_first(self, page: int, default: int) -> int:
        """First page of the first region after a free page."""
        i = bisect_right(self.firsts, page)
        return self.firsts[i] if i < len(self.firsts) else default

    def overlapping(self, first: int, end: int) -> Iterator[Region]:
        """Regions with pages in [first, end)."""
        i = max(bisect_right(self.firsts, first) - 1, 0)
        while i < len(self.regions) and self.firsts[i] < end:
            if self.regions[i].end > first:
                yield self.regions[i]
            i += 1

    def tables(self, first: int, end: int, span: int) -> int:
        """How many page tables (each of `span` pages) [first, end), whole tables, has committed pages in.

        Commit is charged for page tables though they are built on the first touch only (MODEL.md section 5). All pages
        of a view count, as those of SEC_RESERVE sections become committed from elsewhere.
        """
        count, last, whole = 0, -1, (end - first) // span
        for region in self.overlapping(first, end):
            if region.fixed:
                continue
            for start, stop, value in region.runs.within(max(first, region.first), min(end, region.end)):
                if value:
                    lowest, highest = max(start // span, last + 1), (stop - 1) // span
                    if highest >= lowest:
                        count += highest - lowest + 1
                        last = highest
                        if count == whole:
                            return count
        return count


class FreeSpace:
    """Gaps among the units [first, end); no two touch."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end
        self._starts: list[list[int]] = [[first]]
        self._sizes: list[list[int]] = [[end - first]]
        self._least: list[int] = [first]
        self._most: list[int] = [end - first]

    def lowest(self, count: int) -> int:
        """First unit of the lowest `count` free units, or -1."""
        for block, most in enumerate(self._most):
            if most >= count:
                for i, size in enumerate(self._sizes[block]):
                    if size >= count:
                        return self._starts[block][i]
        return -1

    def highest(self, count: int) -> int:
        """First unit of the highest `count` free units, or -1."""
        for block in range(len(self._most) - 1, -1, -1):
            if self._most[block] >= count:
                sizes = self._sizes[block]
                i = next(i for i in range(len(sizes) - 1, -1, -1) if sizes[i] >= count)
                return self._starts[block][i] + sizes[i] - count
        return -1

    def within(self, count: int, low: int, high: int, align: int, top_down: bool) -> int:
        """First unit of the lowest (or highest) `count` free units among [low, high) that begin at a multiple of
        `align`, or -1; looks at all gaps."""
        place = -1
        for starts, sizes in zip(self._starts, self._sizes, strict=True):
            for start, size in zip(starts, sizes, strict=True):
                first = -(-max(start, low) // align) * align
                last = (min(start + size, high) - count) // align * align
                if first <= last and not top_down:
                    return first
                place = last if first <= last else place
        return place

    def holds(self, start: int, count: int) -> bool:
        """Whether all of `count` units from `start` on are free."""
        block, i = self._find(start)
        return i >= 0 and start + count <= self._starts[block][i] + self._sizes[block][i]

    def take(self, start: int, count: int) -> None:
        """Free units, all of one gap, get a region."""
        block, i = self._find(start)
        gap, size = self._starts[block][i], self._sizes[block][i]
        before, after = start - gap, gap + size - start - count
        if before:
            self._sizes[block][i] = before
            if self._most[block] == size:
                self._most[block] = max(self._sizes[block])
            if after:
                self._insert(block, i + 1, start + count, after)
        elif after:
            self._starts[block][i] = start + count
            self._sizes[block][i] = after
            if i == 0:
                self._least[block] = start + count
            if self._most[block] == size:
                self._most[block] = max(self._sizes[block])
        else:
            self._remove(block, i)

    def give(self, start: int, count: int) -> None:
        """Units that had a region are free again."""
        block, i = self._find(start)
        if i >= 0 and self._starts[block][i] + self._sizes[block][i] == start:
            start, count = self._starts[block][i], self._sizes[block][i] + count
            self._remove(block, i)
        block, i = self._find(start + count)
        if i >= 0 and self._starts[block][i] == start + count:
            count += self._sizes[block][i]
            self._remove(block, i)
        block, i = self._find(start)
        self._insert(block, i + 1, start, count)

    def _find(self, unit: int) -> tuple[int, int]:
        """Block and index of the last gap that begins at or before a unit; index -1: none."""
        block = max(bisect_right(self._least, unit) - 1, 0)
        return block, bisect_right(self._starts[block], unit) - 1

    def _insert(self, block: int, i: int, start: int, count: int) -> None:
        starts, sizes = self._starts[block], self._sizes[block]
        starts.insert(i, start)
        sizes.insert(i, count)
        self._least[block] = starts[0]
        self._most[block] = max(self._most[block], count)
        if len(starts) >= FULL:
            half = FULL // 2
            self._starts[block : block + 1] = [starts[:half], starts[half:]]
            self._sizes[block : block + 1] = [sizes[:half], sizes[half:]]
            self._least[block : block + 1] = [starts[0], starts[half]]
            self._most[block : block + 1] = [max(sizes[:half]), max(sizes[half:])]

    def _remove(self, block: int, i: int) -> None:
        starts, sizes = self._starts[block], self._sizes[block]
        del starts[i]
        size = sizes.pop(i)
        if not starts and len(self._starts) > 1:
            del self._starts[block], self._sizes[block], self._least[block], self._most[block]
        elif not starts:
            self._most[block] = 0
        else:
            self._least[block] = starts[0]
            if self._most[block] == size:
                self._most[block] = max(sizes)
