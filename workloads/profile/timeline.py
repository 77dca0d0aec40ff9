"""A trace over time: in up to 1,024 intervals of equal length, how many references of each kind, to which pages, and
when each page had been referenced before. Time is counted in references."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import Block

INTERVALS = 1024
ROWS = 512
"""Most groups of neighbouring pages on the heat map."""


class Timeline:
    """What happened in each interval. A run counts where it begins. Memory: 6 MiB, and 4 bytes for each page."""

    def __init__(self, pages: int, references: int) -> None:
        """Nothing yet, of `references` to come, at least one."""
        self.width = -(-references // INTERVALS)
        """references in an interval; the last may have fewer"""
        self.intervals = -(-references // self.width)
        self.kinds: NDArray[np.int64] = np.zeros((self.intervals, 3), np.int64)
        """fetches, loads and stores in each interval"""
        self.group = -(-pages // ROWS)
        """pages, neighbours in the order of their numbers, in a row of the heat map"""
        self.heat: NDArray[np.int64] = np.zeros((self.intervals, -(-pages // self.group)), np.int64)
        """references in each interval to each group of pages"""
        self.since: NDArray[np.uint32] = np.zeros((self.intervals, self.intervals + 1), np.uint32)
        """[k, j + 1]: pages referenced in interval k, and before that last in interval j; [k, 0]: for the first time"""
        self._row = (np.arange(pages) // self.group).astype(np.uint16)
        self._last = np.zeros(pages, np.uint16)  # one more than the interval of the last reference; 0: none
        self._clock = 0

    def add(self, block: Block) -> None:
        """Take further runs, in order."""
        self._clock = int(
            _add(
                block.page, block.fetches, block.loads, block.stores, self._clock, self.width, self._row, self._last,
                self.kinds, self.heat, self.since,
            )
        )  # fmt: skip

    def footprint(self) -> NDArray[np.int64]:
        """Distinct pages referenced up to each interval's end."""
        return np.cumsum(self.since[:, 0], dtype=np.int64)

    def working_set(self) -> NDArray[np.int64]:
        """Distinct pages referenced in each interval."""
        return self.since.sum(axis=1, dtype=np.int64)

    def distinct(self, first: int, last: int) -> int:
        """Distinct pages referenced from interval `first` up to `last`, itself included."""
        return int(self.since[first : last + 1, : first + 1].sum(dtype=np.int64))

    def common(self, first: int, last: int, start: int, end: int) -> int:
        """Distinct pages referenced both from interval `first` up to `last` and, later, from `start` up to `end`, with
        no reference in between."""
        return int(self.since[start : end + 1, first + 1 : last + 2].sum(dtype=np.int64))


@compiled
def _add(
    page: Any, fetches: Any, loads: Any, stores: Any, clock: int, width: int, row_of: Any, last: Any, kinds: Any,
    heat: Any, since: Any,
) -> int:  # fmt: skip
    interval = edge = 0
    for row in range(len(page)):
        if clock >= edge:
            interval = min(clock // width, len(kinds) - 1)
            edge = (interval + 1) * width
        wanted = page[row]
        references = np.int64(fetches[row]) + loads[row] + stores[row]
        kinds[interval, 0] += fetches[row]
        kinds[interval, 1] += loads[row]
        kinds[interval, 2] += stores[row]
        heat[interval, row_of[wanted]] += references
        before = last[wanted]
        if before != interval + 1:
            since[interval, before] += 1
            last[wanted] = interval + 1
        clock += references
    return clock
