"""The threads of a run as slices, from its thread log: what each of them did at every moment, and what each processor
ran.

A thread's slices touch from its start to its end and are those of the log, so by name they add up to the process's
`run_ns`, `ready_ns`, `stall_read_ns` and so on. The same times of running are shown once more on the processors. The
daemons' threads are shown where they run or are ready; in between they have nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.present.export.events import Event, slice_event, text

Longs = NDArray[np.int64]
Who = tuple[str, int]
"""A thread: its process's name and its number there, or a daemon's name and DAEMON."""
DAEMON = -1

PIECE = 1 << 16
"""rows turned into text at a time"""
RUNNING = "running"
COLOURS = {
    RUNNING: "thread_state_running",
    "ready": "thread_state_runnable",
    "asleep": "thread_state_sleeping",
}
"""Colours by their names in chrome://tracing, which has those of thread states in Trace Event Format; others stall."""
STALLED = "thread_state_iowait"


def grouped(names: Any, numbers: Any) -> tuple[list[Who], Longs]:
    """The different threads in two columns of n rows, and for each row which of them it is of."""
    codes, found = pd.factorize(pd.MultiIndex.from_arrays([names, numbers]))
    return [(str(name), int(number)) for name, number in found], codes.astype(np.int64)


def owners(threads: pd.DataFrame) -> tuple[list[Who], Longs]:
    """All threads of a thread log, and for each row whose it is, by place among them."""
    daemon = threads["daemon"].astype(object)
    name = threads["process"].astype(object).where(daemon.isna(), daemon)
    return grouped(name, threads["thread"].fillna(DAEMON).astype(np.int64))


def state_events(threads: pd.DataFrame, places: Mapping[Who, str], processors: Mapping[int, str]) -> Iterator[Event]:
    """The rows of a thread log on the threads' tracks and on the processors'; both are of `events.track`."""
    whose, codes = owners(threads)
    labels = [text(f"{name}, thread {number}" if number > 0 else name) for name, number in whose]
    for at in range(0, len(threads), PIECE):
        piece = threads.iloc[at : at + PIECE]
        columns: list[list[Any]] = [
            codes[at : at + PIECE].tolist(),
            piece["start_ns"].tolist(),
            piece["end_ns"].tolist(),
            piece["state"].astype(object).tolist(),
            piece["processor"].fillna(-1).astype(np.int64).tolist(),
        ]
        for who, start, end, state, processor in zip(*columns, strict=True):
            place, name = places[whose[who]], text(state)
            colour = COLOURS.get(state, STALLED)
            if state == RUNNING:
                yield slice_event(place, "state", name, start, end, f'{{"processor":{processor}}}', colour)
                yield slice_event(processors[processor], "processor", labels[who], start, end)
            else:
                yield slice_event(place, "state", name, start, end, colour=colour)


@dataclass(frozen=True)
class Turns:
    """When a thread ran: n intervals in order of time, that don't overlap."""

    start: Longs
    end: Longs

    def spent(self, begin: Longs, needed: Longs) -> Longs:
        """When a thread has run for so long, counted from each time `begin`; its last moment if it never did."""
        length = self.end - self.start
        after = np.cumsum(length)
        at = np.searchsorted(self.end, begin, side="right")
        inside = at < len(self.start)
        here = np.minimum(at, len(self.start) - 1)
        before = after[here] - length[here] + np.maximum(0, begin - self.start[here])
        goal = np.where(inside, before, after[-1]) + needed
        last = np.searchsorted(after, goal)
        reached = np.minimum(last, len(self.start) - 1)
        time = self.end[reached] - (after[reached] - goal)
        return np.where(needed == 0, begin, np.where(last < len(self.start), time, np.maximum(begin, self.end[-1])))


def turns(threads: pd.DataFrame) -> dict[Who, Turns]:
    """When each thread ran, from the thread log; those that never did are missing."""
    ran = threads[(threads["state"] == RUNNING).to_numpy()]
    whose, codes = owners(ran)
    order = np.lexsort((ran["start_ns"].to_numpy(), codes))
    start, end = (ran[name].to_numpy(np.int64)[order] for name in ("start_ns", "end_ns"))
    ends = np.searchsorted(codes[order], np.arange(len(whose)), side="right")
    begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    return {who: Turns(start[a:b], end[a:b]) for who, a, b in zip(whose, begins.tolist(), ends.tolist(), strict=True)}
