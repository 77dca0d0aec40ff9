"""Runs: the unit of a trace, consecutive references to one page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled

MAX_FETCHES = 0xFFFF
MAX_LOADS = MAX_STORES = 0xFF


class Runs(NamedTuple):
    """Consecutive runs as a program made them: arrays of one length; a run has at least one reference, and stands for
    its fetches, then its loads, then its stores.

    The last three columns are optional: a trace has each in all its pieces or in none.
    """

    page: NDArray[np.uint64]
    """virtual page numbers"""
    fetches: NDArray[np.uint16]
    loads: NDArray[np.uint8]
    stores: NDArray[np.uint8]
    process: NDArray[np.uint32] | None = None
    """the process that made each run, as it was recorded; None: the trace is of one process"""
    thread: NDArray[np.uint32] | None = None
    """the thread that made each run, as it was recorded; None: each process is one thread"""
    time: NDArray[np.int64] | None = None
    """nanoseconds at each run's first reference, from any origin; need not ascend"""


OPTIONAL: dict[str, type[np.generic]] = {"process": np.uint32, "thread": np.uint32, "time": np.int64}
"""The optional columns and their types, in order."""


def optional_columns(runs: Runs) -> tuple[str, ...]:
    """The names of the optional columns that `runs` has."""
    return tuple(name for name in OPTIONAL if getattr(runs, name) is not None)


def select(runs: Runs, rows: slice) -> Runs:
    """Some of the runs, as views."""
    return Runs(*(None if column is None else column[rows] for column in runs))  # type: ignore[arg-type]


def concatenated(pieces: Sequence[Runs]) -> Runs:
    """All the runs of several pieces, copied; raises ValueError if not all have the same optional columns."""
    columns: list[Any] = []
    for name, *parts in zip(Runs._fields, *pieces, strict=True):
        missing = sum(part is None for part in parts)
        if missing and missing < len(parts):
            raise ValueError(f"found the column {name} in some pieces of a trace, allowed is in all or none")
        columns.append(None if missing else np.concatenate(parts))
    return Runs(*columns)


def empty(rows: int, optional: Collection[str] = ()) -> Runs:
    """Room for runs, with those optional columns that are named; not initialised."""
    more: dict[str, Any] = {name: np.empty(rows, kind) for name, kind in OPTIONAL.items() if name in optional}
    return Runs(
        np.empty(rows, np.uint64),
        np.empty(rows, np.uint16),
        np.empty(rows, np.uint8),
        np.empty(rows, np.uint8),
        **more,
    )


def count(runs: Any) -> int:
    """How many references are in `runs` (a Runs, or a Block of a stream)."""
    return int(_count(runs.fetches, runs.loads, runs.stores))


def merged(chunks: Iterable[Runs]) -> Iterator[Runs]:
    """The same references with adjacent runs on one page, of one process and thread at one time, made one, as far as
    the counts can hold them.

    Inside a merged run the order of kinds is lost: a run is its fetches, then its loads, then its stores.
    """
    pending: list[Runs] = []
    for chunk in chunks:
        joined = concatenated([*pending, chunk])
        rows = int(_merge(*joined[:4], *present(joined)))
        if rows > 1:
            yield select(joined, slice(0, rows - 1))
        pending = [select(joined, slice(rows - 1, rows))] if rows else []
    yield from pending


def present(runs: Runs) -> Iterator[NDArray[Any]]:
    """The optional columns as compiled code takes them: one that isn't there is empty."""
    for name, kind in OPTIONAL.items():
        column = getattr(runs, name)
        yield np.empty(0, kind) if column is None else column


@compiled
def _merge(page: Any, fetches: Any, loads: Any, stores: Any, process: Any, thread: Any, time: Any) -> int:
    # In place: the row written is never ahead of the row read.
    processes, threads, times = len(process) > 0, len(thread) > 0, len(time) > 0
    last = -1
    for row in range(len(page)):
        if (
            last >= 0
            and page[row] == page[last]
            and not (processes and process[row] != process[last])
            and not (threads and thread[row] != thread[last])
            and not (times and time[row] != time[last])
        ):
            all_fetches = np.int64(fetches[last]) + fetches[row]
            all_loads = np.int64(loads[last]) + loads[row]
            all_stores = np.int64(stores[last]) + stores[row]
            if all_fetches <= MAX_FETCHES and all_loads <= MAX_LOADS and all_stores <= MAX_STORES:
                fetches[last], loads[last], stores[last] = all_fetches, all_loads, all_stores
                continue
        last += 1
        page[last], fetches[last], loads[last], stores[last] = page[row], fetches[row], loads[row], stores[row]
        if processes:
            process[last] = process[row]
        if threads:
            thread[last] = thread[row]
        if times:
            time[last] = time[row]
    return last + 1


@compiled
def _count(fetches: Any, loads: Any, stores: Any) -> Any:
    references = np.int64(0)
    for row in range(len(fetches)):
        references += np.int64(fetches[row]) + loads[row] + stores[row]
    return references
