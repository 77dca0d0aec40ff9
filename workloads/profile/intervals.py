"""Interreference intervals: the time from one reference to a page to its next, counted by length.

Two clocks run side by side: requests (runs), and references. Denning's working-set curve and the histogram of reuse
times come from these counts alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import Block

EXACT_BITS = 20
"""Intervals up to 2^20 are counted each for itself, which takes 8 MiB a clock."""
STEP_BITS = 12
"""Longer ones are counted in 2^12 groups for each factor of two."""
_CLASSES = (1 << EXACT_BITS) + ((63 - EXACT_BITS) << STEP_BITS)

NEVER = -1


class Counted:
    """Intervals of one clock, counted by length. Memory: 17 MiB, however many there are and however long."""

    def __init__(self) -> None:
        """None counted."""
        self.number: NDArray[np.int64] = np.zeros(_CLASSES + 1, np.int64)
        """how many in each class; class k - 1 holds length k up to 2^20"""
        self.total: NDArray[np.int64] = np.zeros(_CLASSES + 1, np.int64)
        """their sum, in each class of several lengths (otherwise 0)"""

    def classes(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The longest length of each class that holds an interval, their number, and the sum of their lengths."""
        used = np.flatnonzero(self.number)
        longest = longest_of(used)
        exact = used < 1 << EXACT_BITS
        return longest, self.number[used], np.where(exact, self.number[used] * longest, self.total[used])


def longest_of(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """The longest length in each class: the windows at which a working set is known exactly."""
    beyond = np.maximum(number - (1 << EXACT_BITS), 0)
    octave = beyond >> STEP_BITS
    step = (beyond & ((1 << STEP_BITS) - 1)) + 1
    lengths = (np.int64(1) << (EXACT_BITS + octave)) + (step << (EXACT_BITS - STEP_BITS + octave))
    return np.where(number < 1 << EXACT_BITS, number + 1, lengths)


class Intervals:
    """The intervals of a stream of runs, in requests and in references, and when each page was last seen.

    Memory: 16 bytes for each page, beside what is counted.
    """

    def __init__(self, pages: int) -> None:
        """Nothing referenced yet; page indices are below `pages`."""
        self.requests, self.references = Counted(), Counted()
        self.last: NDArray[np.int64] = np.full((2, pages), NEVER, np.int64)
        """the numbers of each page's last run and of its last reference, from 0; -1: none"""
        self.runs = 0
        self.count = 0
        """references so far"""

    def add(self, block: Block) -> NDArray[np.int64]:
        """Take further runs, in order; for each, how many runs ago its page was referenced before, 0 if never."""
        back = np.empty(len(block.page), np.int64)
        self.count = int(
            _add(
                block.page, block.fetches, block.loads, block.stores, self.runs, self.count, self.last,
                self.requests.number, self.requests.total, self.references.number, self.references.total, back,
            )
        )  # fmt: skip
        self.runs += len(back)
        return back


@compiled
def _add(
    page: Any, fetches: Any, loads: Any, stores: Any, runs: int, clock: int, last: Any, number: Any, total: Any,
    reference_number: Any, reference_total: Any, back: Any,
) -> int:  # fmt: skip
    repeats = 0
    for row in range(len(page)):
        wanted = page[row]
        references = np.int64(fetches[row]) + loads[row] + stores[row]
        if last[0, wanted] < 0:
            back[row] = 0
        else:
            length = runs + row - last[0, wanted]
            back[row] = length
            if length <= 1 << EXACT_BITS:
                number[length - 1] += 1
            else:
                _count_long(length, number, total)
            length = clock - last[1, wanted]
            if length <= 1 << EXACT_BITS:
                reference_number[length - 1] += 1
            else:
                _count_long(length, reference_number, reference_total)
        clock += references
        repeats += references - 1
        last[0, wanted], last[1, wanted] = runs + row, clock - 1
    reference_number[0] += repeats
    return clock


@compiled
def _count_long(length: int, number: Any, total: Any) -> None:
    octave = 0
    while (length - 1) >> (EXACT_BITS + octave + 1):
        octave += 1
    step = ((length - 1) >> (EXACT_BITS - STEP_BITS + octave)) - (1 << STEP_BITS)
    index = (1 << EXACT_BITS) + (octave << STEP_BITS) + step
    number[index] += 1
    total[index] += length
