"""Phases: stretches of a trace during which it works on about the same pages.

The working sets of successive windows are compared by their relative distance, the share of the pages in either that
isn't in both; a distance of more than a threshold of 0.5 is a change of phase (Dhodapkar and Smith, "Managing
multi-configuration hardware via dynamic working set analysis", ISCA 2002, section 3). They compare hashed signatures of
windows of 100,000 instructions; here the sets themselves are compared, and a window is a 128th of the trace, so that
phases of any trace can be listed. Windows between changes that follow each other closely are a transition.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workloads.profile.timeline import Timeline

WINDOWS = 128
THRESHOLD = 0.5
LEAST = 4
"""Windows that a phase has at least; chosen: a 32nd of the trace is what can be seen on a plot."""


class Phase(NamedTuple):
    """A phase, or a transition between two."""

    start: int
    """number of the first reference, from 0"""
    length: int
    """in references"""
    pages: int
    """distinct pages referenced"""
    stable: bool
    """False: a transition"""


class Windows(NamedTuple):
    """The windows that are compared: arrays of one length."""

    first: NDArray[np.int64]
    """first interval of each"""
    last: NDArray[np.int64]
    """last interval of each"""
    pages: NDArray[np.int64]
    """distinct pages referenced"""
    distance: NDArray[np.float64]
    """from the window before, 0 to 1; that of the first is 0"""


def windows(timeline: Timeline) -> Windows:
    """Compare the working sets of successive windows; one in which no run begins is like the one before."""
    step = -(-timeline.intervals // WINDOWS)
    first = np.arange(0, timeline.intervals, step)
    last = np.minimum(first + step, timeline.intervals) - 1
    pages = np.array([timeline.distinct(int(a), int(b)) for a, b in zip(first, last, strict=True)], np.int64)
    distance = np.zeros(len(first))
    before = 0
    for number in range(1, len(first)):
        if pages[number]:
            both = timeline.common(int(first[before]), int(last[before]), int(first[number]), int(last[number]))
            either = pages[number] + pages[before] - both
            distance[number] = (either - both) / either
            before = number
    return Windows(first, last, pages, distance)


def phases(timeline: Timeline, compared: Windows, references: int) -> list[Phase]:
    """The phases and transitions in order; together they are the whole trace, of `references` references."""
    starts = [0, *np.flatnonzero(compared.distance > THRESHOLD).tolist()]
    ends = [*starts[1:], len(compared.first)]
    found: list[tuple[int, int, bool]] = []
    for start, end in zip(starts, ends, strict=True):
        stable = end - start >= min(LEAST, len(compared.first))
        if found and not stable and not found[-1][2]:
            start = found.pop()[0]
        found.append((start, end, stable))
    return [_phase(timeline, compared, references, *stretch) for stretch in found]


def _phase(timeline: Timeline, compared: Windows, references: int, start: int, end: int, stable: bool) -> Phase:
    first, last = int(compared.first[start]), int(compared.last[end - 1])
    begin, stop = first * timeline.width, min((last + 1) * timeline.width, references)
    return Phase(begin, stop - begin, timeline.distinct(first, last), stable)
