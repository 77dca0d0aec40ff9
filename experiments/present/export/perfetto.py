"""A result as a trace for ui.perfetto.dev and chrome://tracing, written piece by piece.

Memory, the processors, each process, the daemons and the disks are the trace's processes; a thread's slices are those
of `thread_slices`, and beside them, on a track of their own, its faults, of `fault_slices`; a channel's are those of
`disk_slices`. The fault log is read in pieces, so that it needn't fit into memory. The same result gives the same
bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from experiments.present.export import events
from experiments.present.export.counter_tracks import counter_events
from experiments.present.export.disk_slices import disk_events
from experiments.present.export.fault_slices import fault_events
from experiments.present.export.thread_slices import DAEMON, Who, owners, state_events, turns

MEMORY, PROCESSORS, FIRST_PROCESS = 1, 2, 3
SYSTEM = "System"
"""What Windows calls the process whose threads the daemons' are."""


@dataclass
class Parts:
    """What is needed of a result; the fault log stays in its file."""

    summary: dict[str, Any]
    processes: pd.DataFrame
    samples: pd.DataFrame
    requests: pd.DataFrame
    threads: pd.DataFrame | None
    """the thread log, if there is one"""
    faults: Path

    @classmethod
    def read(cls, directory: Path) -> Parts:
        """From a result's directory; raises FileNotFoundError if a part is missing."""
        summary = json.loads((directory / "summary.json").read_text("utf-8"))
        faults, threads = directory / "faults.parquet", directory / "threads.parquet"
        faults.stat()
        processes, samples, requests = (
            pd.read_parquet(directory / f"{name}.parquet") for name in ("processes", "samples", "io")
        )
        log = pd.read_parquet(threads) if threads.exists() else None
        return cls(summary, processes, samples, requests, log, faults)

    @property
    def faults_logged(self) -> bool:
        """Whether there is a fault log: it has rows, or there is nothing that it could tell."""
        return pq.read_metadata(self.faults).num_rows > 0 or not self.summary["page_faults"]


def write_trace(directory: Path, path: Path) -> int:
    """Write a result's trace to a file, compressed if its name ends in .gz; returns the number of events.

    Raises FileNotFoundError if a part of the result is missing, OSError if the file can't be written.
    """
    parts = Parts.read(directory)
    about = {key: value for key, value in parts.summary.items() if key != "processes"}
    with events.opened(path) as file:
        return events.write(file, trace_events(parts), about)


def trace_events(parts: Parts) -> Iterator[events.Event]:
    """All events of a result."""
    names = [str(name) for name in parts.processes["process"]]
    numbers = {name: FIRST_PROCESS + place for place, name in enumerate(names)}
    system = FIRST_PROCESS + len(names)
    disks = system + 1
    yield from events.process_names(MEMORY, "memory", MEMORY)
    for name, number in numbers.items():
        yield from events.process_names(number, name, number)
    yield from events.process_names(disks, "disks", disks)
    yield from counter_events(parts.samples, MEMORY, disks, numbers)
    tracks = _Tracks(disks + 1)
    if parts.threads is not None:
        yield from _states(parts.threads, numbers, system, tracks)
    if parts.faults_logged:
        yield from _faults(parts, numbers, tracks)
    yield from disk_events(parts.requests, disks, tracks.number)


class _Tracks:
    """Numbers for tracks, no two alike and none that of a process: such a one would be taken for its main thread."""

    def __init__(self, first: int) -> None:
        self.number = first

    def take(self, process: int, name: str, place: int) -> tuple[str, Iterator[events.Event]]:
        """Where the events of a new track stand, and the events that name it; `place` orders those of a process."""
        number = self.number
        self.number += 1
        return events.track(process, number), events.thread_names(process, number, name, place)


def _states(threads: pd.DataFrame, numbers: dict[str, int], system: int, tracks: _Tracks) -> Iterator[events.Event]:
    """What threads did and processors ran."""
    yield from events.process_names(PROCESSORS, "processors", PROCESSORS)
    processors, places = {}, {}
    for processor in sorted(threads["processor"].dropna().unique().tolist()):
        processors[processor], named = tracks.take(PROCESSORS, f"processor {processor}", processor)
        yield from named
    daemons = threads["daemon"].cat.categories.tolist()
    if threads["daemon"].notna().any():
        yield from events.process_names(system, SYSTEM, system)
    for name, thread in sorted(owners(threads)[0]):
        if thread == DAEMON:
            where, called, place = system, name, daemons.index(name)
        else:
            where, called, place = numbers[name], f"thread {thread}", 2 * thread
        places[name, thread], named = tracks.take(where, called, place)
        yield from named
    yield from state_events(threads, places, processors)


def _faults(parts: Parts, numbers: dict[str, int], tracks: _Tracks) -> Iterator[events.Event]:
    """The faults of each thread, on a track that follows the thread's own."""
    places: dict[Who, str] = {}
    for row in parts.processes.to_dict("records"):
        name = str(row["process"])
        for thread in range(int(row["threads"])):
            places[name, thread], named = tracks.take(numbers[name], f"thread {thread}: faults", 2 * thread + 1)
            yield from named
    ran = {} if parts.threads is None else turns(parts.threads)
    yield from fault_events(parts.faults, places, ran, int(parts.summary["simulated_ns"]))
