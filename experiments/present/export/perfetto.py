"""A result as a trace for ui.perfetto.dev and chrome://tracing, written piece by piece.

Memory, the processors, each process, the daemons and the disks are the trace's processes. A thread's slices are those
of the thread log: they touch from its start to its end, and by name they add up to the process's `run_ns`, `ready_ns`,
`stall_read_ns` and so on; the same times of running are shown once more on the processors. Beside them, on a track of
their own, are its faults: each begins where the thread trapped, and ends when the thread has spent the processor time
that the fault is charged, right after the trap or, of a fault with a stall, after the thread has been given a processor
again. The log of requests doesn't tell which channel of a disk served one, and channels are alike: each is drawn on the
lowest one that was free; requests in the queue overlap, so they are slices with a number of their own. A sample of a
level holds from its moment on, a rate from the beginning of the interval that it was measured in.

The format is JSON: Google, "Trace Event Format" (2016). Its times are microseconds, with three decimals here, so that
every nanosecond is kept. The fault log is read in pieces, so that it needn't fit into memory. The same result gives the
same bytes.
"""

from __future__ import annotations

import gzip
import heapq
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.present.export.perfmon import is_rate
from experiments.present.plots.style import LISTS

MEMORY, PROCESSORS, FIRST_PROCESS = 1, 2, 3
SYSTEM = "System"
"""What Windows calls the process whose threads the daemons' are."""
STACK = "Page lists"
PIECE = 1 << 16
"""rows turned into text at a time"""
LEVEL = 6
"""of gzip: higher ones cost more time than they save"""
RUNNING = "running"
COLOURS = {RUNNING: "thread_state_running", "ready": "thread_state_runnable", "asleep": "thread_state_sleeping"}
"""Colours by their names in chrome://tracing, which has those of thread states in Trace Event Format; others stall."""
STALLED = "thread_state_iowait"
DAEMON = -1
_INSTANCE = re.compile(r"(\w[\w ]*)\((.*)\)", re.DOTALL)

Event = dict[str, Any]
Longs = NDArray[np.int64]
Who = tuple[str, int]
"""A thread: its process's name and its number there, or a daemon's name and DAEMON."""
Track = tuple[int, int]
"""Numbers of a process and of a thread of it."""


def write_trace(directory: Path, path: Path) -> int:
    """Write a result's trace to a file, compressed if its name ends in .gz; returns the number of events.

    Raises FileNotFoundError if a part of the result is missing, OSError if the file can't be written.
    """
    summary = json.loads((directory / "summary.json").read_text("utf-8"))
    about = {key: value for key, value in summary.items() if key != "processes"}
    count = 0
    with _opened(path) as file:
        file.write('{"displayTimeUnit":"ns","otherData":' + _json(about) + ',"traceEvents":[')
        for event in trace_events(directory, summary):
            file.write((",\n" if count else "\n") + _json(event))
            count += 1
        file.write("\n]}\n")
    return count


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """A file to write text into, compressed if its name ends in .gz; the same text gives the same bytes."""
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            with io.TextIOWrapper(raw, "utf-8", newline="\n") as file:
                yield file
            return
        with gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as packed, io.TextIOWrapper(packed, "utf-8") as file:
            yield file


class Tracks:
    """Numbers for tracks, no two alike and none that of a process: such a one would be taken for its main thread; and
    the events that name them."""

    def __init__(self, first: int) -> None:
        self._next = first
        self.names: list[Event] = []

    def process(self, number: int, name: str) -> None:
        """Name a process; they are ordered by their numbers."""
        self._name({"ph": "M", "pid": number}, "process", name, number)

    def thread(self, process: int, name: str, place: int) -> Track:
        """A new track with a name; `place` orders those of a process."""
        track = process, self._next
        self._next += 1
        self._name({"ph": "M", "pid": track[0], "tid": track[1]}, "thread", name, place)
        return track

    def _name(self, head: Event, what: str, name: str, place: int) -> None:
        self.names.append({**head, "name": f"{what}_name", "args": {"name": name}})
        self.names.append({**head, "name": f"{what}_sort_index", "args": {"sort_index": place}})


def trace_events(directory: Path, summary: Mapping[str, Any]) -> Iterator[Event]:
    """All events of a result."""
    faults, threads = directory / "faults.parquet", directory / "threads.parquet"
    logged = pq.read_metadata(faults).num_rows > 0 or not summary["page_faults"]
    processes, samples, requests = (
        pd.read_parquet(directory / f"{name}.parquet") for name in ("processes", "samples", "io")
    )
    numbers = {str(name): FIRST_PROCESS + place for place, name in enumerate(processes["process"])}
    system = FIRST_PROCESS + len(numbers)
    disks = system + 1
    tracks = Tracks(disks + 1)
    for name, number in {"memory": MEMORY, **numbers, "disks": disks}.items():
        tracks.process(number, name)
    yield from _counters(samples, disks, numbers)
    ran: dict[Who, Turns] = {}
    if threads.exists():
        log = pd.read_parquet(threads)
        ran = turns(log)
        yield from _states(log, numbers, system, tracks)
    if logged:
        places = {
            (str(row["process"]), thread): tracks.thread(numbers[row["process"]], f"thread {thread}: faults",
                                                         2 * thread + 1)
            for row in processes.to_dict("records") for thread in range(int(row["threads"]))
        }  # fmt: skip
        yield from _faults(faults, places, ran, int(summary["simulated_ns"]))
    yield from _requests(requests, disks, tracks)
    yield from tracks.names


def _slice(track: Track, category: str, name: str, start: int, end: int, **more: Any) -> Event:
    """A slice of a track from `start` to `end`, nanoseconds; `more` are further keys of the event."""
    return {"ph": "X", "pid": track[0], "tid": track[1], "cat": category, "name": name, "ts": start / 1000,
            "dur": (end - start) / 1000, **more}  # fmt: skip


# Counters


def split(counter: str) -> tuple[str, str]:
    """A counter's name and its unit, which viewers show one behind the other: "Page Reads", "per second"."""
    if counter.endswith("/sec"):
        return counter.removesuffix("/sec"), "per second"
    if counter.startswith("% "):
        return counter.removeprefix("% "), "%"
    if counter.endswith(" Bytes"):
        return counter.removesuffix(" Bytes"), "bytes"
    if counter in ("Working Set", "Commit Limit"):
        return counter, "bytes"
    return counter, "requests" if "Queue" in counter else "number"


def _counters(samples: pd.DataFrame, disks: int, processes: Mapping[str, int]) -> Iterator[Event]:
    """All counters: those of processes stand with their process, those of disks with the disks, the rest with memory.

    The page lists are the series of one counter, which chrome://tracing stacks. Counters and lists that stay at 0 are
    left out.
    """
    lists = {name: column for name in LISTS if (column := f"pagesim\\{name}") in samples and samples[column].any()}
    if lists:
        yield from _series(samples, MEMORY, STACK, lists)
    apart = {"time_ns", *(f"pagesim\\{name}" for name in LISTS)}
    for column in (str(name) for name in samples.columns):
        if column in apart or not samples[column].any():
            continue
        whose, _, counter = column.rpartition("\\")  # viewers don't undo the backslash's escape
        name, unit = split(counter)
        match = _INSTANCE.fullmatch(whose)
        if match and match[1] == "Process" and match[2] in processes:
            yield from _series(samples, processes[match[2]], name, {unit: column})
        elif match and match[1] == "PhysicalDisk":
            yield from _series(samples, disks, f"{match[2]}: {name}", {unit: column})
        else:
            yield from _series(samples, MEMORY, f"{whose.removesuffix('(_Total)')}: {name}", {unit: column})


def _series(samples: pd.DataFrame, process: int, name: str, columns: Mapping[str, str]) -> Iterator[Event]:
    """One counter with its series, a key to a column each, wherever a value changes."""
    times = samples["time_ns"].to_numpy(np.int64)
    values = np.stack([samples[column].to_numpy() for column in columns.values()])
    if is_rate(next(iter(columns.values()))):
        times, values = times[:-1], values[:, 1:]
    kept = np.ones(len(times), bool)
    kept[1:] = (np.diff(values) != 0).any(axis=0)
    for time, row in zip(times[kept].tolist(), values[:, kept].T.tolist(), strict=True):
        yield {"ph": "C", "pid": process, "name": name, "ts": time / 1000, "args": dict(zip(columns, row, strict=True))}


# Threads


def _grouped(names: Any, numbers: Any) -> tuple[list[Who], Longs]:
    """The different threads in two columns of n rows, and for each row which of them it is of."""
    codes, found = pd.factorize(pd.MultiIndex.from_arrays([names, numbers]))
    return [(str(name), int(number)) for name, number in found], codes.astype(np.int64)


def _owners(threads: pd.DataFrame) -> tuple[list[Who], Longs]:
    """All threads of a thread log, and for each row whose it is, by place among them."""
    daemon = threads["daemon"].astype(object)
    name = threads["process"].astype(object).where(daemon.isna(), daemon)
    return _grouped(name, threads["thread"].fillna(DAEMON).astype(np.int64))


def _states(threads: pd.DataFrame, numbers: Mapping[str, int], system: int, tracks: Tracks) -> Iterator[Event]:
    """What threads did and processors ran; daemons' threads where they run or are ready."""
    tracks.process(PROCESSORS, "processors")
    used = sorted(threads["processor"].dropna().astype(int).unique().tolist())
    processors = {number: tracks.thread(PROCESSORS, f"processor {number}", number) for number in used}
    daemons = threads["daemon"].cat.categories.tolist()
    if threads["daemon"].notna().any():
        tracks.process(system, SYSTEM)
    whose, codes = _owners(threads)
    places = {
        (name, thread): tracks.thread(system, name, daemons.index(name)) if thread == DAEMON
        else tracks.thread(numbers[name], f"thread {thread}", 2 * thread)
        for name, thread in sorted(whose)
    }  # fmt: skip
    for at in range(0, len(threads), PIECE):
        for code, row in zip(codes[at : at + PIECE], threads.iloc[at : at + PIECE].to_dict("records"), strict=True):
            name, number = whose[code]
            times, state = (row["start_ns"], row["end_ns"]), str(row["state"])
            colour = COLOURS.get(state, STALLED)
            if state == RUNNING:
                processor = int(row["processor"])
                yield _slice(places[name, number], "state", state, *times, args={"processor": processor}, cname=colour)
                label = f"{name}, thread {number}" if number > 0 else name
                yield _slice(processors[processor], "processor", label, *times)
            else:
                yield _slice(places[name, number], "state", state, *times, cname=colour)


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
    ran = threads[(threads["state"] == RUNNING).to_numpy()].sort_values("start_ns", kind="stable")
    whose, codes = _owners(ran)
    start, end = (ran[name].to_numpy(np.int64) for name in ("start_ns", "end_ns"))
    return {who: Turns(start[codes == code], end[codes == code]) for code, who in enumerate(whose)}


# Faults


def _faults(log: Path, places: Mapping[Who, Track], ran: Mapping[Who, Turns], end: int) -> Iterator[Event]:
    """All faults of a log, a Parquet file that is read in pieces, each on the track of `places`.

    `ran` says when threads ran; of one that it doesn't know, a fault's processor time is drawn right after its stall.
    `end` is that of the run.
    """
    with pq.ParquetFile(log) as file:
        for batch in file.iter_batches(PIECE):
            piece = batch.to_pandas()
            ends = _ends(piece, ran, end).tolist()
            for until, row in zip(ends, piece.to_dict("records"), strict=True):
                track, time = places[row["process"], row["thread"]], row["time_ns"]
                parts = {key: row[key] for key in ("cause", "access", "queue_ns", "service_ns", "cpu_ns")}
                yield _slice(track, "fault", row["kind"], time, until, args={"page": hex(row["page"]), **parts})
                for part, name in (("queue_ns", "queueing"), ("service_ns", "service")):
                    if row[part]:
                        yield _slice(track, "part", name, time, time + row[part])
                        time += row[part]


def _ends(faults: pd.DataFrame, ran: Mapping[Who, Turns], end: int) -> Longs:
    """When each fault's processor time was spent; at the latest the end of the thread or of the run."""
    cpu = faults["cpu_ns"].to_numpy(np.int64)
    resumes = (faults["time_ns"] + faults["queue_ns"] + faults["service_ns"]).to_numpy(np.int64)
    ends: Longs = np.maximum(resumes, np.minimum(resumes + cpu, end))
    whose, codes = _grouped(faults["process"], faults["thread"])
    for code, who in enumerate(whose):
        if who in ran:
            mine = codes == code
            ends[mine] = ran[who].spent(resumes[mine], cpu[mine])
    return ends


# Disks


def channels(start: Longs, end: Longs) -> Longs:
    """For each request, given in order of `start`, the lowest channel (from 0) that is free when its service starts.

    A request that ends at a time makes room for one that starts at that time.
    """
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    chosen = []
    for begin, finish in zip(start.tolist(), end.tolist(), strict=True):
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (finish, lane))
        chosen.append(lane)
    return np.array(chosen, np.int64)


def _requests(requests: pd.DataFrame, disks: int, tracks: Tracks) -> Iterator[Event]:
    """The requests of all disks: each one's service on a channel, and its time in the queue."""
    number = 0
    for disk, mine in requests.groupby("disk", observed=True):
        mine = mine.sort_values(["start_ns", "submit_ns", "end_ns"], kind="stable")
        lanes = channels(mine["start_ns"].to_numpy(np.int64), mine["end_ns"].to_numpy(np.int64))
        used = int(lanes.max(initial=-1)) + 1
        places = [tracks.thread(disks, f"{disk} channel {lane + 1}", number + lane) for lane in range(used)]
        for at in range(0, len(mine), PIECE):
            for lane, row in zip(lanes[at : at + PIECE], mine.iloc[at : at + PIECE].to_dict("records"), strict=True):
                number += 1
                times = row["submit_ns"], row["start_ns"], row["end_ns"]
                about = {key: row[key] for key in ("cause", "pages", "offset", "ok")}
                arguments = {**about, "queue_ns": times[1] - times[0]}
                yield _slice(places[lane], "io", row["kind"], times[1], times[2], args=arguments)
                waits = {"pid": disks, "tid": disks, "cat": "queue", "name": f"{disk} queue: {row['kind']}",
                         "id2": {"local": str(number)}}  # fmt: skip
                if times[1] > times[0]:
                    yield {"ph": "b", **waits, "ts": times[0] / 1000}
                    yield {"ph": "e", **waits, "ts": times[1] / 1000}
