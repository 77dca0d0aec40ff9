"""Runs: the unit of a trace, consecutive references to one page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled

MAX_FETCHES = 0xFFFF
MAX_LOADS = MAX_STORES = 0xFF


class Runs(NamedTuple):
    """Consecutive runs as a program made them: four arrays of one length; a run has at least one reference, and
    stands for its fetches, then its loads, then its stores."""

    page: NDArray[np.uint64]
    """virtual page numbers"""
    fetches: NDArray[np.uint16]
    loads: NDArray[np.uint8]
    stores: NDArray[np.uint8]


def select(runs: Runs, rows: slice) -> Runs:
    """Some of the runs, as views."""
    return Runs._make(column[rows] for column in runs)


def concatenated(pieces: Sequence[Runs]) -> Runs:
    """All the runs of several pieces, copied."""
    return Runs._make(np.concatenate(columns) for columns in zip(*pieces, strict=True))


def empty(rows: int) -> Runs:
    """Room for runs, not initialised."""
    return Runs(
        np.empty(rows, np.uint64), np.empty(rows, np.uint16), np.empty(rows, np.uint8), np.empty(rows, np.uint8)
    )


def count(runs: Any) -> int:
    """How many references are in `runs` (a Runs, or a Block of a stream)."""
    return int(_count(runs.fetches, runs.loads, runs.stores))


def merged(chunks: Iterable[Runs]) -> Iterator[Runs]:
    """The same references with adjacent runs on one page made one, as far as the counts can hold them.

    Inside a merged run the order of kinds is lost: a run is its fetches, then its loads, then its stores.
    """
    pending = empty(0)
    for chunk in chunks:
        joined = concatenated([pending, chunk])
        rows = int(_merge(*joined))
        if rows > 1:
            yield select(joined, slice(0, rows - 1))
        pending = select(joined, slice(max(rows - 1, 0), rows))
    if len(pending.page):
        yield pending


@compiled
def _merge(page: Any, fetches: Any, loads: Any, stores: Any) -> int:
    # In place: the row written is never ahead of the row read.
    last = -1
    for row in range(len(page)):
        if last >= 0 and page[row] == page[last]:
            all_fetches = np.int64(fetches[last]) + fetches[row]
            all_loads = np.int64(loads[last]) + loads[row]
            all_stores = np.int64(stores[last]) + stores[row]
            if all_fetches <= MAX_FETCHES and all_loads <= MAX_LOADS and all_stores <= MAX_STORES:
                fetches[last], loads[last], stores[last] = all_fetches, all_loads, all_stores
                continue
        last += 1
        page[last], fetches[last], loads[last], stores[last] = page[row], fetches[row], loads[row], stores[row]
    return last + 1


@compiled
def _count(fetches: Any, loads: Any, stores: Any) -> Any:
    references = np.int64(0)
    for row in range(len(fetches)):
        references += np.int64(fetches[row]) + loads[row] + stores[row]
    return references
