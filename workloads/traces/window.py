"""A part of a trace: the references after the first `skip`, at most `limit` of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from workloads.base import InputError
from workloads.traces.runs import Runs
from workloads.traces.store import NativeTrace
from workloads.traces.tally import MOST_TIME

_NO_TIME = np.empty(0, np.int64)
_AT, _FIRST, _DROPPED, _END, _CUT, _EARLIEST, _LATEST = range(7)


def window(chunks: Iterable[Runs], skip: int, limit: int | None) -> Iterator[Runs]:
    """Runs cut to a range of references; the first and last run may keep only a part of theirs."""
    end = None if limit is None else skip + limit
    at = 0
    for chunk in chunks:
        if end is not None and at >= end:
            return
        ends = at + np.cumsum(chunk.fetches.astype(np.int64) + chunk.loads + chunk.stores)
        if not len(ends):
            continue
        start, at = at, int(ends[-1])
        if at > skip:
            whole = start >= skip and (end is None or at <= end)
            yield chunk if whole else _cut(chunk, ends, start, skip, end)
        if end is not None and at >= end:
            return


def _cut(chunk: Runs, ends: NDArray[np.int64], start: int, skip: int, end: int | None) -> Runs:
    first = int(np.searchsorted(ends, skip, "right"))
    last = len(ends) if end is None else min(int(np.searchsorted(ends, end, "left")) + 1, len(ends))
    columns: list[Any] = [None if column is None else column[first:last].copy() for column in chunk]
    kept = Runs(*columns)
    drop_first(kept, 0, skip - (int(ends[first - 1]) if first else start))
    if end is not None:
        drop_last(kept, -1, int(ends[last - 1]) - end)
    return kept


def drop_first(chunk: Any, row: int, references: int) -> None:
    """Take the first references out of a run, which is its fetches, then its loads, then its stores; in place."""
    _drop(chunk, row, references, ("fetches", "loads", "stores"))


def drop_last(chunk: Any, row: int, references: int) -> None:
    """Take the last references out of a run; in place."""
    _drop(chunk, row, references, ("stores", "loads", "fetches"))


def _drop(chunk: Any, row: int, references: int, order: tuple[str, ...]) -> None:
    for name in order:
        column = getattr(chunk, name)
        taken = max(0, min(references, int(column[row])))
        column[row] -= taken
        references -= taken


class Extent(NamedTuple):
    """A range of references of a trace, those of chosen threads, and what is in it."""

    first: int
    """number of its first run in the file"""
    dropped: int
    """references of that run that come before"""
    end: int
    """number of the run after its last"""
    cut: int
    """references of the last run that come after"""
    references: NDArray[np.int64]
    """how many each thread of the file makes"""
    used: NDArray[np.bool_]
    """whether a page of a process, by its place in `Facts.keys`, is referenced"""
    earliest: int
    """least time of a run, in nanoseconds since the file's first reference; 0 without times"""
    latest: int


def extent(trace: NativeTrace, chosen: NDArray[np.bool_], skip: int = 0, limit: int | None = None) -> Extent:
    """The references of the chosen threads (a flag for each of `trace.origins`, at least one), in the file's order,
    after the first `skip`, at most `limit`.

    Reads the runs only if there is a skip or limit. Raises InputError if nothing is left.
    """
    if not skip and limit is None:
        return _whole(trace, chosen)
    state = np.array([0, -1, 0, trace.runs, 0, MOST_TIME, -MOST_TIME], np.int64)
    used = np.zeros(len(trace.facts.keys), np.bool_)
    references = np.zeros(len(trace.origins), np.int64)
    end = skip + limit if limit is not None else 1 << 62
    for batch in trace.batches():
        time = _NO_TIME if batch.time is None else batch.time
        origin = np.empty(0, np.uint16) if batch.origin is None else batch.origin
        _survey((*batch[1:5], origin, time), batch.first, chosen, skip, end, state, used, references)
        if state[_AT] >= end:
            break
    if state[_FIRST] < 0:
        raise InputError(f"{trace.name}: skip: found {skip}, allowed is less than the trace's {state[_AT]} references")
    earliest, latest = (0, 0) if state[_LATEST] < state[_EARLIEST] else (int(state[_EARLIEST]), int(state[_LATEST]))
    first, dropped, last, cut = state[_FIRST : _CUT + 1].tolist()
    return Extent(first, dropped, last, cut, references, used, earliest, latest)


def _whole(trace: NativeTrace, chosen: NDArray[np.bool_]) -> Extent:
    facts = trace.facts
    references = np.array([origin.references for origin in trace.origins], np.int64) * chosen
    used = np.ones(len(facts.keys), np.bool_)
    origins = [origin for origin, is_chosen in zip(trace.origins, chosen, strict=True) if is_chosen]
    processes = {origin.process for origin in origins}
    for process, span in zip(facts.processes, facts.spans(), strict=True):
        used[slice(*span)] = process in processes
    earliest, latest = min(origin.first for origin in origins), max(origin.last for origin in origins)
    return Extent(0, 0, trace.runs, 0, references, used, earliest, latest)


@compiled
def _survey(
    columns: Any, number: int, chosen: Any, skip: int, end: int, state: Any, used: Any, references: Any
) -> None:
    page, fetches, loads, stores, origin, time = columns
    at = state[_AT]
    for row in range(len(page)):
        maker = origin[row] if len(origin) else 0
        if not chosen[maker]:
            continue
        start = at
        at += np.int64(fetches[row]) + loads[row] + stores[row]
        if at <= skip:
            continue
        if state[_FIRST] < 0:
            state[_FIRST], state[_DROPPED] = number + row, skip - start
        used[page[row]] = True
        references[maker] += min(at, end) - max(start, skip)
        if len(time):
            state[_EARLIEST], state[_LATEST] = min(state[_EARLIEST], time[row]), max(state[_LATEST], time[row])
        if at >= end:
            state[_END], state[_CUT] = number + row + 1, at - end
            break
    state[_AT] = at
