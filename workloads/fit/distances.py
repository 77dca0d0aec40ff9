"""From observed stack distances, holding times and sizes to distributions that a config can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 64
"""Most steps of a fitted distribution: what still reads well in a config."""

ABSOLUTE, RELATIVE = 5e-4, 0.02
"""Steps are added until the probability of a larger number, which is a miss ratio, is this close everywhere."""

NEGLIGIBLE = 1e-6
"""A smaller probability than this is taken to be this, where closeness is relative."""


def estimate(exact: NDArray[np.int64], beyond: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
    """The probability of each distance 1, 2, ..., and that of a longer one, from `exact[d]` observations of d and
    `beyond[v]` of which only is known that they were longer than v.

    A first request says no more than that its distance was beyond all pages visited so far. Leaving it out would make
    long distances too rare, so this is the maximum-likelihood estimate for observations cut off in this way: Kaplan
    and Meier, "Nonparametric estimation from incomplete observations", JASA 1958. `exact[0]` is not looked at.
    """
    observed = exact[1:]
    reached = np.cumsum((exact + beyond)[::-1])[::-1][1:]  # observations that would have shown a distance d
    stay = 1 - np.divide(observed, reached, out=np.zeros(len(observed)), where=reached > 0)
    survival = np.append(1.0, np.cumprod(stay))
    return -np.diff(survival), float(survival[-1])


def steps(probabilities: NDArray[np.float64], most: int = STEPS) -> list[list[Any]]:
    """The distribution over 1, 2, ... as [last, weight] of at most `most` steps, inside which it is uniform.

    Ends of steps are put where the probability of a larger number deviates most from the straight line between the
    ends on either side, measured by the tolerances, one after the other (after Ramer 1972; Douglas and Peucker 1973).
    """
    tail = np.append(np.cumsum(probabilities[::-1])[::-1], 0.0)
    last = int(np.flatnonzero(probabilities)[-1]) + 1
    ends, parts = [0, last], [(*_worst(tail, 0, last), 0, last)]
    while len(ends) <= most and parts:
        parts.sort()
        off, at, start, end = parts.pop()
        if off <= 1:
            break
        ends.append(at)
        parts += [(*_worst(tail, a, b), a, b) for a, b in ((start, at), (at, end)) if b - a > 1]
    ends.sort()
    weights = tail[ends[:-1]] - tail[ends[1:]]
    return [[end, float(f"{weight:.6g}")] for end, weight in zip(ends[1:], weights.tolist(), strict=True)]


def _worst(tail: NDArray[np.float64], start: int, end: int) -> tuple[float, int]:
    """The largest deviation from a straight line between two places, in tolerances, and where it is."""
    piece = tail[start : end + 1]
    allowed = np.minimum(ABSOLUTE, RELATIVE * np.maximum(piece, NEGLIGIBLE))
    off = np.abs(piece - np.linspace(piece[0], piece[-1], len(piece))) / allowed
    at = int(np.argmax(off[1:-1])) + 1 if end - start > 1 else 0
    return float(off[at]), start + at


def histogram_steps(values: NDArray[np.int64], most: int = STEPS) -> list[list[Any]]:
    """The distribution of some values, each at least 1, as `steps`: at each end of a step is one of the values, and
    steps that hold none have no weight."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) > most // 2:
        places = np.linspace(0, len(values), most // 2 + 1).round().astype(int)[1:] - 1
        distinct = np.unique(np.sort(values)[places])
        counts = np.diff(np.searchsorted(np.sort(values), distinct, "right"), prepend=0)
        return [[int(end), int(count)] for end, count in zip(distinct, counts, strict=True)]
    made: list[list[Any]] = []
    for value, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        if value - 1 > (made[-1][0] if made else 0):
            made.append([value - 1, 0])
        made.append([value, count])
    return made
