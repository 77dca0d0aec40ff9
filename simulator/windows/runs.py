"""What each page of a region is, kept as runs of equal pages: a region's size costs nothing, only its variety does."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class Runs:
    """A map from the pages [first, end) to integers, such as protections; neighbours of equal value are one run."""

    __slots__ = ("_starts", "_values", "end", "first")

    def __init__(self, first: int, end: int, value: int) -> None:
        """All pages have `value`."""
        self.first, self.end = first, end
        self._starts, self._values = [first], [value]

    def at(self, page: int) -> int:
        """The value of a page."""
        return self._values[bisect_right(self._starts, page) - 1]

    def run(self, page: int) -> tuple[int, int, int]:
        """(first page, end, value) of the run that holds a page."""
        i = bisect_right(self._starts, page) - 1
        return self._starts[i], self._starts[i + 1] if i + 1 < len(self._starts) else self.end, self._values[i]

    def within(self, first: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(first page, end, value) of each run in [first, end), cut to it; the map may not change meanwhile."""
        starts, values = self._starts, self._values
        i = bisect_right(starts, first) - 1
        last = len(starts) - 1
        while first < end:
            stop = min(end, starts[i + 1]) if i < last else end
            yield first, stop, values[i]
            first = stop
            i += 1

    def set(self, first: int, end: int, value: int) -> None:
        """Give the pages [first, end), at least one, a value."""
        starts, values = self._starts, self._values
        i = bisect_left(starts, first)
        j = bisect_left(starts, end, i)
        after = values[j - 1]
        tail_end = starts[j] if j < len(starts) else self.end
        new_starts, new_values = [first], [value]
        if i > 0 and values[i - 1] == value:
            new_starts, new_values = [], []
        if tail_end > end:
            if after != value:
                new_starts.append(end)
                new_values.append(after)
        elif j < len(starts) and values[j] == value:
            j += 1
        starts[i:j] = new_starts
        values[i:j] = new_values

    def __len__(self) -> int:
        return len(self._starts)
