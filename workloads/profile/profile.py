"""Profiling: one pass over a stream of references, in which every analysis takes its share of each block.

Memory is proportional to the footprint (about 200 bytes for each distinct page) beside fixed tables of 50 MiB. Only the
curve of optimal replacement needs the trace a second time, from its end: for that the runs are kept in a temporary
file, 8 bytes each.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import Block, ReferenceStream
from workloads.base import InputError
from workloads.profile.intervals import Intervals
from workloads.profile.lru import LruStack
from workloads.profile.optimal import OptimalStack
from workloads.profile.sampled import MOST_RATE, Shards
from workloads.profile.timeline import Timeline
from workloads.traces.runs import count

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done and how much there is, both in references or in runs."""


@dataclass
class Profile:
    """What the analyses of a trace counted; see their modules. A request is a run."""

    pages: NDArray[np.uint64]
    """the page numbers, ascending: pages are named by their place here"""
    runs: int
    references: int
    intervals: Intervals
    timeline: Timeline
    popularity: Popularity
    lru: NDArray[np.int64] | None
    """histogram of exact LRU stack distances; at 0: first requests"""
    optimal: NDArray[np.int64] | None
    """histogram of the stack distances of optimal replacement; at 0: first requests"""
    shards: Shards | None


def profile(
    stream: ReferenceStream,
    *,
    exact: bool = True,
    shards: float | None = None,
    seed: int = 1,
    scratch: Path | None = None,
    progress: Progress | None = None,
) -> Profile:
    """Take a stream's profile.

    `exact`: with the exact curves of LRU and of optimal replacement; `shards`: the rate of each sample, for the sampled
    LRU curve, whose choice of pages `seed` decides; `scratch`: where the temporary file is made, by default where the
    system keeps them. Raises InputError for a rate that isn't allowed, and for a stream without references.
    """
    if shards is not None and not 0 < shards <= MOST_RATE:
        raise InputError(f"shards: found a rate of {shards:g}, allowed is more than 0 and at most {MOST_RATE:g}")
    total = stream.references
    if total is None:
        total = sum(count(block) for block in stream.blocks())
    if not total:
        raise InputError("trace: found no references, allowed is a stream with at least one")
    pages = len(stream.pages)
    intervals, timeline, popularity = Intervals(pages), Timeline(pages, total), Popularity(pages)
    lru = LruStack(pages) if exact else None
    samples = Shards(stream.pages, shards, seed) if shards is not None else None
    with ExitStack() as cleanup:
        optimal = cleanup.enter_context(OptimalStack(pages, scratch)) if exact else None
        for block in stream.blocks():
            _take(block, intervals, timeline, popularity, lru, optimal, samples)
            if progress:
                progress("profile", intervals.count, total)
        if optimal:
            optimal.work_out((lambda done: progress("optimal", done, intervals.runs)) if progress else None)
    return Profile(
        stream.pages, intervals.runs, intervals.count, intervals, timeline, popularity,
        lru.histogram if lru else None, optimal.histogram if optimal else None, samples,
    )  # fmt: skip


def _take(
    block: Block, intervals: Intervals, timeline: Timeline, popularity: Popularity, lru: LruStack | None,
    optimal: OptimalStack | None, samples: Shards | None,
) -> None:  # fmt: skip
    back = intervals.add(block)
    timeline.add(block)
    popularity.add(block)
    if lru:
        lru.add(block.page)
    if optimal:
        optimal.keep(block.page, back)
    if samples:
        samples.add(block.page)


class Popularity:
    """Counters of each page. Memory: 32 bytes for each."""

    def __init__(self, pages: int) -> None:
        """Nothing counted yet; page indices are below `pages`."""
        self.counts: NDArray[np.int64] = np.zeros((pages, 4), np.int64)
        """for each page its runs, fetches, loads and stores"""

    def add(self, block: Block) -> None:
        """Take further runs."""
        _add(block.page, block.fetches, block.loads, block.stores, self.counts)


@compiled
def _add(page: Any, fetches: Any, loads: Any, stores: Any, counts: Any) -> None:
    for row in range(len(page)):
        wanted = page[row]
        counts[wanted, 0] += 1
        counts[wanted, 1] += fetches[row]
        counts[wanted, 2] += loads[row]
        counts[wanted, 3] += stores[row]
