"""Free address space: which allocation units no region has, and where the next region goes.

Windows keeps a bitmap of 64 KiB units (MiFindEmptyAddressRange; ros walks the VAD tree); the answer is the same: the
lowest place that is large enough, or the highest. Here the gaps lie in a sorted list cut into blocks that know their
largest gap, so that a search looks at about the square root of the number of gaps.
"""

from __future__ import annotations

from bisect import bisect_right

FULL = 256
"""Gaps in a block that is split in two; chosen by measurement for 10,000 gaps."""


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
        found = -1
        for starts, sizes in zip(self._starts, self._sizes, strict=True):
            for start, size in zip(starts, sizes, strict=True):
                first = -(-max(start, low) // align) * align
                last = (min(start + size, high) - count) // align * align
                if first <= last and not top_down:
                    return first
                found = last if first <= last else found
        return found

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
