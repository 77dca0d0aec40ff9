"""What a fit must reproduce of a stream: its LRU miss-ratio curve, its working-set curve, and what visits do."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import ReferenceStream
from workloads.profile.intervals import Intervals
from workloads.profile.lru import LruStack
from workloads.profile.working_set import grid, working_set


class Measured(NamedTuple):
    """A stream, measured in one pass; requests are its runs."""

    pages: int
    runs: int
    references: int
    storing: int
    """runs with a store"""
    fetching: int
    """runs with a fetch and no store"""
    distances: NDArray[np.int64]
    """requests by stack distance, from 0 (first requests) to `pages`"""
    windows: NDArray[np.int64]
    """windows, in requests, at which the working set was measured"""
    working_set: NDArray[np.float64]
    """its mean size in pages, for each window"""

    @property
    def miss_ratio(self) -> NDArray[np.float64]:
        """The share of requests that miss under LRU, first requests among them, for each size from 1 to `pages`."""
        hits = np.cumsum(self.distances[1:])
        ratio: NDArray[np.float64] = 1 - hits / self.runs
        return ratio

    @property
    def visits(self) -> dict[str, Any]:
        """The parameters of `workloads.generator.Visits` and `references`, so that there are as many visits as runs.

        A visit stores where a run stores at all, since that is what makes a page dirty; a visit that doesn't, fetches
        where a run fetches; `burst` is the mean length of runs, rounded.
        """
        burst = min(max(round(self.references / self.runs), 1), 255)
        return {
            "pages": self.pages,
            "references": self.runs * burst,
            "writes": round(self.storing / self.runs, 6),
            "fetches": round(self.fetching / self.runs, 6),
            "burst": burst,
        }


class Closeness(NamedTuple):
    """How far a model's curves are from a trace's: largest and mean absolute difference."""

    miss_ratio_max: float
    """of the LRU miss ratios, over all sizes from 1 page to the footprint"""
    miss_ratio_mean: float
    miss_ratio_relative: float
    """the mean difference as a share of the trace's miss ratio"""
    working_set_max: float
    """of the mean working-set sizes, as a share of the footprint, over windows evenly spread on a logarithmic axis"""
    working_set_mean: float


def measure(stream: ReferenceStream) -> Measured:
    """One pass over a stream; raises InputError where it does. Memory doesn't depend on its length."""
    stack, intervals = LruStack(len(stream.pages)), Intervals(len(stream.pages))
    storing = fetching = 0
    for block in stream.blocks():
        stack.add(block.page)
        intervals.add(block)
        kinds = _kinds(block.fetches, block.stores)
        storing, fetching = storing + kinds[0], fetching + kinds[1]
    windows = grid(intervals.runs)
    curve = working_set(intervals.requests, intervals.last[0], intervals.runs, windows)
    return Measured(
        len(stream.pages), intervals.runs, intervals.count, storing, fetching, stack.histogram, windows, curve.size
    )


def closeness(trace: Measured, model: Measured) -> Closeness:
    """The distance between two streams of equal length and footprint."""
    misses = np.abs(trace.miss_ratio - model.miss_ratio)
    relative = misses / trace.miss_ratio  # never 0: first requests miss
    sizes = np.abs(trace.working_set - model.working_set) / trace.pages
    return Closeness(*(float(x) for x in (misses.max(), misses.mean(), relative.mean(), sizes.max(), sizes.mean())))


@compiled
def _kinds(fetches: Any, stores: Any) -> tuple[int, int]:
    storing = fetching = 0
    for row in range(len(stores)):
        storing += stores[row] > 0
        fetching += stores[row] == 0 and fetches[row] > 0
    return storing, fetching
