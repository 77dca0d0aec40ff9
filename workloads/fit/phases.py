"""Phases of a trace, found by its working sets: A. S. Dhodapkar and J. E. Smith, "Managing multi-configuration hardware
via dynamic working set analysis", ISCA 2002.

The trace is cut into windows of one length. Where the working sets of two windows, one after the other, have a relative
distance |symmetric difference| / |union| over 0.5, a phase ends. (The paper compares hashed signatures of the sets;
here they are the sets themselves.)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import ReferenceStream
from workloads.profile.lru import LruStack

THRESHOLD = 0.5
"""Relative distance over which a working set is another: the paper's."""

NONE = -1


class Phases(NamedTuple):
    """The phases of a trace: arrays with an entry for each, and what happens inside them."""

    holding: NDArray[np.int64]
    """requests"""
    size: NDArray[np.int64]
    """distinct pages"""
    common: NDArray[np.int64]
    """pages that the phase before has, too; one entry less"""
    distances: NDArray[np.int64]
    """requests by stack distance inside their phase, as far as it is known: from 0 (first requests of a phase) on"""
    beyond: NDArray[np.int64]
    """requests of which only is known that their distance is longer than this: first requests, and those to the page
    that was visited longest ago, which a model that keeps to the phase's pages makes of any longer distance"""


class Cut:
    """Pieces of a stream, each with its distinct pages and those that the piece before has, too."""

    def __init__(self, pages: int) -> None:
        """No pieces yet; page indices are below `pages`."""
        self._seen = np.full(pages, NONE, np.int64)
        self._counts: NDArray[np.int64] = np.zeros(2, np.int64)
        self.number = 0
        self.size: list[int] = []
        self.common: list[int] = []

    def add(self, page: NDArray[np.uint32]) -> None:
        """Take further requests of the current piece."""
        _add(page, self.number, self._seen, self._counts)

    def end(self) -> None:
        """End the piece."""
        self.size.append(int(self._counts[0]))
        self.common.append(int(self._counts[1]))
        self._counts[:] = 0
        self.number += 1


def lengths(stream: ReferenceStream, window: int) -> NDArray[np.int64]:
    """How many requests each phase has, told by windows of `window` requests."""
    cut, runs = Cut(len(stream.pages)), 0
    for page, ends in pieces(stream, window):
        cut.add(page)
        runs += len(page)
        if ends:
            cut.end()
    size, common = np.array(cut.size), np.array(cut.common)
    union = size[1:] + size[:-1] - common[1:]
    change = (union - common[1:]) > THRESHOLD * union
    starts = np.append(0, (np.flatnonzero(change) + 1) * window)
    return np.diff(np.append(starts, runs))


def phases(stream: ReferenceStream, length: NDArray[np.int64]) -> Phases:
    """The phases of a stream, whose lengths are given."""
    pages = len(stream.pages)
    cut, stack = Cut(pages), LruStack(pages)
    distances, beyond = np.zeros(pages + 1, np.int64), np.zeros(pages + 1, np.int64)
    for page, ends in pieces(stream, length):
        cut.add(page)
        stack.add(page)
        if ends:
            cut.end()
            size = cut.size[-1]
            beyond[:size] += 1
            beyond[size - 1] += stack.histogram[size]
            stack.histogram[size] = 0
            distances += stack.histogram
            stack = LruStack(pages)
    return Phases(length, np.array(cut.size), np.array(cut.common[1:], np.int64), distances, beyond)


def pieces(stream: ReferenceStream, length: int | NDArray[np.int64]) -> Iterator[tuple[NDArray[np.uint32], bool]]:
    """The pages of a stream in pieces of one length, or of given lengths that add up to all: parts of pieces, each with
    whether its piece ends there."""
    lengths = repeat(length) if isinstance(length, int) else iter(length.tolist())
    left = next(lengths)
    for block in stream.blocks():
        taken = 0
        while taken < len(block.page):
            step = min(left, len(block.page) - taken)
            left -= step
            yield block.page[taken : taken + step], left == 0
            taken += step
            if left == 0:
                left = next(lengths, 0)


@compiled
def _add(page: Any, number: int, seen: Any, counts: Any) -> None:
    for wanted in page:
        last = seen[wanted]
        if last != number:
            seen[wanted] = number
            counts[0] += 1
            counts[1] += last == number - 1 and last >= 0
