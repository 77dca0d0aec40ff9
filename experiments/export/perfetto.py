"""A result as a trace for ui.perfetto.dev and chrome://tracing, written piece by piece.

Memory, each process and the disks are the trace's processes; a thread's slices are those of `thread_slices`, a
channel's those of `disk_slices`. The fault log is read in pieces, so a log that doesn't fit into memory is no
hindrance. The same result gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.export import events
from experiments.export.counter_tracks import counter_events
from experiments.export.disk_slices import disk_events
from experiments.export.thread_slices import Fault, Reads, Thread, fault_rows, thread_events

MEMORY, FIRST_PROCESS = 1, 2
PIECE = 1 << 16
"""rows of the fault log read at a time"""


@dataclass
class Parts:
    """What is needed of a result; the fault log stays in its file."""

    summary: dict[str, Any]
    processes: pd.DataFrame
    samples: pd.DataFrame
    requests: pd.DataFrame
    faults: Path

    @classmethod
    def read(cls, directory: Path) -> Parts:
        """From a result's directory; raises FileNotFoundError if a part is missing."""
        summary = json.loads((directory / "summary.json").read_text("utf-8"))
        faults = directory / "faults.parquet"
        faults.stat()
        processes, samples, requests = (
            pd.read_parquet(directory / f"{name}.parquet") for name in ("processes", "samples", "io")
        )
        return cls(summary, processes, samples, requests, faults)


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
    disks = FIRST_PROCESS + len(names)
    yield from events.process_names(MEMORY, "memory", 0)
    for name, number in numbers.items():
        yield from events.process_names(number, name, number)
    yield from events.process_names(disks, "disks", disks)
    threads = dict(_threads(parts.processes, numbers, disks + 1))
    for (_, place), thread in threads.items():
        yield from events.thread_names(thread.process, thread.number, f"thread {place}", place)
    yield from counter_events(parts.samples, MEMORY, disks, numbers)
    if pq.read_metadata(parts.faults).num_rows or not parts.summary["page_faults"]:  # else there is no log
        end = int(parts.summary["simulated_ns"])
        yield from thread_events(threads, read_faults(parts.faults), reads_of(parts.requests), end)
    yield from disk_events(parts.requests, disks, disks + 1 + len(threads))


def _threads(processes: pd.DataFrame, numbers: dict[str, int], number: int) -> Iterator[tuple[tuple[str, int], Thread]]:
    """All threads, numbered from `number`: one with the number of a process would be taken for its main thread."""
    for row in processes.to_dict("records"):
        name, count = str(row["process"]), int(row["threads"])
        finish = None if pd.isna(row["finished_ns"]) else int(row["finished_ns"])
        between = "run, ready or asleep" if row["sleep_ns"] else "run or ready"
        for place in range(count):
            life = Thread(numbers[name], number, int(row["start_ns"]), finish, count == 1, events.text(between))
            yield (name, place), life
            number += 1


def read_faults(path: Path) -> Iterator[Fault]:
    """The rows of a fault log in order of time."""
    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows == 0:
            return
        for batch in file.iter_batches(PIECE):
            yield from fault_rows({name: _values(batch.column(name)) for name in batch.schema.names})


def _values(column: Any) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        words = column.dictionary.to_pylist()
        return [words[code] for code in column.indices.to_pylist()]
    values: list[Any] = column.to_pylist()
    return values


def reads_of(requests: pd.DataFrame) -> Reads:
    """The reads of an I/O log."""
    if not len(requests):
        none = np.zeros(0, np.int64)
        return Reads(none, none, none)
    reads = requests[(requests["kind"] == "read").to_numpy()]
    return Reads.of(*(reads[name].to_numpy(np.int64) for name in ("submit_ns", "start_ns", "end_ns")))
