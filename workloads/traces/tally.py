"""What is in a trace, counted as it goes by: its pages, processes and threads, and the references of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from workloads.base import MAX_PAGE, InputError
from workloads.traces.distinct import Distinct
from workloads.traces.regions import Regions
from workloads.traces.runs import OPTIONAL, Runs, optional_columns

PAGE_BITS = 52
"""A page of a process is kept as (process's index << PAGE_BITS) + page number."""

MOST_PROCESSES = (1 << 64 - PAGE_BITS) - 1
MOST_ORIGINS = (1 << 16) - 1
MOST_TIME = 1 << 62
"""Nanoseconds that a trace may last, 146 years; so differences fit into 64 bits."""

_RUNS, _FETCHES, _LOADS, _STORES, _FIRST, _LAST = range(6)
_NO_ORIGIN = np.empty(0, np.uint16)
_NO_TIME = np.empty(0, np.int64)


FETCHED, LOADED, STORED = 1, 2, 4
"""How a page was referenced: bits of `Facts.uses`."""


class Origin(NamedTuple):
    """A thread that made references, and how many."""

    process: int | None
    """its process as recorded; None: the trace doesn't tell"""
    thread: int | None
    """itself as recorded; None: the trace doesn't tell"""
    runs: int
    fetches: int
    loads: int
    stores: int
    first: int = 0
    """earliest time of a run, in nanoseconds since the trace's first reference; 0 without times"""
    last: int = 0
    """latest time of a run; 0 without times"""

    @property
    def references(self) -> int:
        """Fetches, loads and stores."""
        return self.fetches + self.loads + self.stores


class Facts(NamedTuple):
    """What is known of a whole trace."""

    columns: tuple[str, ...]
    """the optional columns that it has"""
    origins: tuple[Origin, ...]
    """its threads by their first appearance"""
    processes: tuple[int | None, ...]
    """its processes as recorded, by their first appearance; one None if the trace doesn't tell"""
    keys: NDArray[np.uint64]
    """(index in `processes` << PAGE_BITS) + page number, ascending, each once"""
    epoch: int = 0
    """recorded time of the first reference, which times count from"""
    uses: NDArray[np.uint8] | None = None
    """for each key how its page was referenced, FETCHED | LOADED | STORED; None: not counted"""
    regions: Regions = ()
    """what pages were backed by, if the trace tells"""

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return sum(origin.runs for origin in self.origins)

    @property
    def references(self) -> int:
        """How many references there are."""
        return sum(origin.references for origin in self.origins)

    @property
    def duration(self) -> int | None:
        """Nanoseconds from the earliest to the latest run; None without times."""
        if "time" not in self.columns:
            return None
        return max(origin.last for origin in self.origins) - min(origin.first for origin in self.origins)

    def spans(self) -> list[tuple[int, int]]:
        """For each process where its pages begin and end in `keys`."""
        starts = np.arange(len(self.processes) + 1, dtype=np.uint64) << np.uint64(PAGE_BITS)
        ends = [*np.searchsorted(self.keys, starts[:-1]).tolist(), len(self.keys)]
        return list(pairwise(ends))


class Tally:
    """Counts runs as they are added, and turns pages and threads into indices by first appearance.

    Memory: 33 to 66 bytes for each page of each process.
    """

    def __init__(self, columns: Sequence[str], name: str) -> None:
        """`columns` are the optional columns of the runs that will come, `name` is what messages call the trace."""
        self.columns = tuple(column for column in OPTIONAL if column in columns)
        self._name = name
        self._pages = Distinct()
        self._processes, self._origins = Distinct(), Distinct()
        self._counts: NDArray[np.int64] = _none_counted(1)
        self._epoch: int | None = None
        self._uses: NDArray[np.uint8] = np.zeros(1 << 10, np.uint8)

    @property
    def told_apart(self) -> bool:
        """Whether the trace tells which process or thread made a run."""
        return "process" in self.columns or "thread" in self.columns

    def add(self, runs: Runs, page: NDArray[np.uint32], origin: Any = _NO_ORIGIN, time: Any = _NO_TIME) -> None:
        """Count runs; write the index of each one's page of its process into `page` and, if the trace has them, that
        of its thread into `origin` (uint16) and the time since the first reference into `time` (int64).

        Raises InputError if pieces of the trace differ in their columns, or there are too many pages, processes or
        threads, or the trace lasts too long.
        """
        if optional_columns(runs) != self.columns:
            raise InputError(f"{self._name}: found pieces with different columns, allowed are the same in all")
        keys = runs.page
        if len(keys) and int(keys.max()) > MAX_PAGE:
            raise InputError(f"{self._name}: found page {keys.max()}, allowed is at most {MAX_PAGE}")
        if self.told_apart:
            process = self._told_apart(runs, origin)
            keys = keys | (process.astype(np.uint64) << np.uint64(PAGE_BITS))
        if runs.time is not None and len(runs.time):
            self._since_first(runs.time, time)
        self._pages.encode(np.ascontiguousarray(keys), page)
        if self._pages.count > len(self._uses):
            more = np.zeros(2 * self._pages.count - len(self._uses), np.uint8)
            self._uses = np.concatenate([self._uses, more])
        note_uses(self._uses, page, runs.fetches, runs.loads, runs.stores)
        _add(self._counts, origin, runs.fetches, runs.loads, runs.stores, time)

    def facts(self) -> tuple[Facts, NDArray[np.uint32]]:
        """All that was counted, and for each page index that was given its place among `keys`."""
        keys, rank = self._pages.ranked()
        processes: tuple[int | None, ...] = (None,)
        if "process" in self.columns:
            processes = tuple(self._processes.seen().tolist())
        threads = [(None, None)] if not self.told_apart else [self._ids(int(key)) for key in self._origins.seen()]
        rows = self._counts[: len(threads)].tolist()
        origins = tuple(Origin(*ids, *row) for ids, row in zip(threads, rows, strict=True))
        if "time" not in self.columns:
            origins = tuple(origin._replace(first=0, last=0) for origin in origins)
        uses: NDArray[np.uint8] = np.empty(len(keys), np.uint8)
        uses[rank] = self._uses[: len(keys)]
        return Facts(self.columns, origins, processes, keys, self._epoch or 0, uses), rank

    def _ids(self, key: int) -> tuple[int | None, int | None]:
        process = int(self._processes.seen()[key >> 32]) if "process" in self.columns else None
        return process, key & 0xFFFF_FFFF if "thread" in self.columns else None

    def _told_apart(self, runs: Runs, origin: NDArray[np.uint16]) -> NDArray[np.uint32]:
        process: NDArray[np.uint32] = np.zeros(len(runs.page), np.uint32)
        if runs.process is not None:
            self._processes.encode(runs.process.astype(np.uint64), process)
            self._limit(self._processes.count, MOST_PROCESSES, "processes")
        keys = process.astype(np.uint64) << np.uint64(32)
        if runs.thread is not None:
            keys |= runs.thread
        index: NDArray[np.uint32] = np.empty(len(keys), np.uint32)
        self._origins.encode(keys, index)
        self._limit(self._origins.count, MOST_ORIGINS, "threads")
        origin[:] = index
        if self._origins.count > len(self._counts):
            more = _none_counted(2 * self._origins.count - len(self._counts))
            self._counts = np.concatenate([self._counts, more])
        return process

    def _limit(self, found: int, most: int, what: str) -> None:
        if found > most:
            raise InputError(f"{self._name}: found {found} {what}, allowed is at most {most}")

    def _since_first(self, recorded: NDArray[np.int64], time: NDArray[np.int64]) -> None:
        if self._epoch is None:
            self._epoch = int(recorded[0])
        reach = max(int(recorded.max()) - self._epoch, self._epoch - int(recorded.min()))
        if reach >= MOST_TIME:
            raise InputError(f"{self._name}: found times that are {reach} ns apart, allowed is less than {MOST_TIME}")
        np.subtract(recorded, self._epoch, out=time)


def _none_counted(origins: int) -> NDArray[np.int64]:
    counts = np.zeros((origins, 6), np.int64)
    counts[:, _FIRST], counts[:, _LAST] = MOST_TIME, -MOST_TIME
    return counts


@compiled
def note_uses(uses: Any, page: Any, fetches: Any, loads: Any, stores: Any) -> None:
    """Enter into `uses`, by page index, how runs refer to their pages."""
    for row in range(len(page)):
        use = FETCHED * (fetches[row] > 0) | LOADED * (loads[row] > 0) | STORED * (stores[row] > 0)
        uses[page[row]] |= np.uint8(use)


@compiled
def _add(counts: Any, origin: Any, fetches: Any, loads: Any, stores: Any, time: Any) -> None:
    if len(origin) == 0 and len(time) == 0:
        sums = np.zeros(3, np.int64)
        for row in range(len(fetches)):
            sums[0] += fetches[row]
            sums[1] += loads[row]
            sums[2] += stores[row]
        counts[0, _RUNS] += len(fetches)
        counts[0, _FETCHES : _STORES + 1] += sums
        return
    for row in range(len(fetches)):
        count = counts[origin[row] if len(origin) else 0]
        count[_RUNS] += 1
        count[_FETCHES] += fetches[row]
        count[_LOADS] += loads[row]
        count[_STORES] += stores[row]
        if len(time):
            count[_FIRST] = min(count[_FIRST], time[row])
            count[_LAST] = max(count[_LAST], time[row])
