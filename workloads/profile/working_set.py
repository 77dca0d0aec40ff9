"""Denning's working set: how large it is, and how often a page is missing from it, for every window.

The working set W(t, T) is the set of pages among the last T references up to time t (Denning, "The working set model
for program behavior", CACM 1968). Its mean size s(T) and its miss rate m(T) follow from the interreference intervals:
a page stays in it for min(T, interval) after each reference, so s grows by m from T to T + 1 (Denning and Schwartz,
"Properties of the working-set model", CACM 1972). Here the ends are counted as they are, as if nothing preceded the
trace: a first reference is a miss, and a page's last reference keeps it until T has passed or the trace ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workloads.profile.intervals import EXACT_BITS, STEP_BITS, Counted


class Curve(NamedTuple):
    """The working set for a number of windows: arrays of one length."""

    window: NDArray[np.int64]
    """T, in requests or in references"""
    misses: NDArray[np.int64]
    """references to a page that the previous T references don't include; m(T) times the trace's length"""
    size: NDArray[np.float64]
    """s(T), the mean number of pages over the trace"""


def working_set(counted: Counted, last: NDArray[np.int64], length: int, windows: NDArray[np.int64]) -> Curve:
    """The working set at `windows`, each of which must pass `known`; exact.

    `last` holds when each page was referenced last, from 0 (below 0: never), `length` the time when the trace ended.
    """
    longest, number, total = counted.classes()
    ends = np.sort(length - last[last >= 0])
    held, shares = _limited(longest, number, total, windows)
    held_last, _ = _limited(ends, np.ones_like(ends), ends, windows)
    return Curve(windows, len(ends) + int(number.sum()) - shares, (held + held_last) / length)


def _limited(
    longest: NDArray[np.int64], number: NDArray[np.int64], total: NDArray[np.int64], windows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each window the sum of min(window, length) over all lengths, and how many lengths are at most the window."""
    place = np.searchsorted(longest, windows, "right")
    counts = np.concatenate(([0], np.cumsum(number)))
    sums = np.concatenate(([0], np.cumsum(total)))
    within = counts[place]
    return sums[place] + windows * (counts[-1] - within), within


def known(windows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The windows, each made the next longer one at which a working set is known exactly: all up to 2^20 are, beyond
    that 2^12 for each factor of two."""
    octave = np.maximum(np.frexp(np.maximum(windows - 1, 1).astype(np.float64))[1] - 1 - EXACT_BITS, -1)
    grain = np.int64(1) << np.where(octave < 0, 0, octave + EXACT_BITS - STEP_BITS)
    return -(-windows // grain) * grain


def grid(length: int, per_decade: int = 50) -> NDArray[np.int64]:
    """Windows from 1 to `length`, evenly spread on a logarithmic axis, all of them known; 1, 2, 5, 10, ... among
    them."""
    exponents = np.arange(0, np.log10(max(length, 1)) + 1 / per_decade, 1 / per_decade)
    round_ones = [digit * 10**power for power in range(19) for digit in (1, 2, 5) if digit * 10**power <= length]
    spread = np.round(10**exponents).astype(np.int64)
    return np.unique(known(np.concatenate((spread[spread <= length], round_ones, [length])).astype(np.int64)))
