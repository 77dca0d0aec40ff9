"""The threads of a run as slices, from its fault log: faults, stalls, and the time between them.

What the log tells exactly: when each fault began, what kind it was, and how long its thread stalled. The stalls of a
process add up to its `stall_ns`. A fault's processor time is known, too; it is drawn right after the stall, though the
thread may have waited for a processor first. Between two faults a thread ran, was ready, or slept: in which order the
log doesn't tell, so this is one slice, and these slices and the faults' processor time add up to
`run_ns + ready_ns + sleep_ns` of a process with one thread.

A stall is one for a frame, for a read of the thread's own or for one that was under way. A hard fault may wait for a
frame and then for its read; the log of I/O tells when that was submitted. Not known are the stall that the end of the
run or of a process cut off, and the times after the last fault of a thread that isn't its process's only one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.export.events import Event, slice_event, text, track

Longs = NDArray[np.int64]

READ_KINDS = ("hard", "in-page-error")


class Fault(NamedTuple):
    """A row of the fault log."""

    time: int
    process: str
    thread: int
    page: int
    kind: str
    cause: str
    access: str
    queue: int
    service: int
    cpu: int

    @property
    def resumes(self) -> int:
        """When its thread could go on."""
        return self.time + self.queue + self.service


@dataclass(frozen=True)
class Thread:
    """A thread's track and life."""

    process: int
    """the number of its process in the trace"""
    number: int
    """its own"""
    start: int
    finish: int | None
    """when its process ended, if it has"""
    only: bool
    """the only one of its process"""
    between: str
    """JSON of the name of the time between two faults"""

    @property
    def place(self) -> str:
        """Where its slices stand."""
        return track(self.process, self.number)


@dataclass(frozen=True)
class Reads:
    """The reads of the I/O log, by their ends: three arrays of n nanoseconds."""

    end: Longs
    start: Longs
    submit: Longs

    @classmethod
    def of(cls, submit: Longs, start: Longs, end: Longs) -> Reads:
        """The reads in any order."""
        order = np.lexsort((submit, start, end))
        return cls(end[order], start[order], submit[order])

    def submitted(self, fault: Fault) -> int | None:
        """When the read was submitted that was served when and as long as a fault's log says; None: not found."""
        for at in range(int(np.searchsorted(self.end, fault.resumes)), len(self.end)):
            if self.end[at] != fault.resumes:
                return None
            if self.start[at] == fault.time + fault.queue:
                return int(self.submit[at])
        return None


def frame_wait(fault: Fault, reads: Reads) -> int:
    """How much of a fault's queueing was for a frame, nanoseconds.

    The read of a hard fault is submitted when its frame is there. A collided fault that met a read in service queued
    for nothing but a frame; one that met a read in the disk's queue is taken to have met it when it was submitted.
    """
    if not fault.queue or (fault.kind not in (*READ_KINDS, "collided")):
        return fault.queue
    submit = reads.submitted(fault)
    if submit is not None:
        return max(0, submit - fault.time)
    return fault.queue if fault.kind == "collided" and len(reads.end) else 0


def fault_events(thread: Thread, fault: Fault, reads: Reads, until: int) -> Iterator[Event]:
    """A fault with its parts inside: stalls with queueing and service, then processor time, but not beyond `until`: a
    fault that ends its process never gets to it."""
    end = max(fault.resumes, min(fault.resumes + fault.cpu, until))
    arguments = text({
        "page": hex(fault.page), "cause": fault.cause, "access": fault.access,
        "queue_ns": fault.queue, "service_ns": fault.service, "cpu_ns": fault.cpu,
    })  # fmt: skip
    yield slice_event(thread.place, "fault", text(fault.kind), fault.time, end, arguments)
    if fault.resumes == fault.time:
        return
    framed = fault.time + frame_wait(fault, reads)
    if framed > fault.time:
        yield slice_event(thread.place, "stall", '"stall: frame"', fault.time, framed)
    if fault.resumes > framed:
        name = '"stall: collided"' if fault.kind == "collided" else '"stall: read"'
        yield slice_event(thread.place, "stall", name, framed, fault.resumes)
        served = fault.time + fault.queue
        if served > framed:
            yield slice_event(thread.place, "part", '"queueing"', framed, served)
        if fault.service:
            yield slice_event(thread.place, "part", '"service"', served, fault.resumes)
    if end > fault.resumes:
        yield slice_event(thread.place, "part", '"processor time"', fault.resumes, end)


def thread_events(
    threads: Mapping[tuple[str, int], Thread], faults: Iterator[Fault], reads: Reads, end: int
) -> Iterator[Event]:
    """All slices of the threads, from faults in order of time; `end` is that of the run."""
    last: dict[tuple[str, int], Fault] = {}
    for fault in faults:
        key = (fault.process, fault.thread)
        yield from _until(threads[key], last.get(key), reads, fault.time)
        last[key] = fault
    for key, thread in threads.items():
        if thread.finish is not None and thread.only:
            yield from _until(thread, last.get(key), reads, thread.finish)
        elif key in last:
            yield from fault_events(thread, last[key], reads, end if thread.finish is None else thread.finish)


def _until(thread: Thread, fault: Fault | None, reads: Reads, time: int) -> Iterator[Event]:
    """A thread's last fault, if it had one, and what lies between it and `time`."""
    gone = thread.start
    if fault is not None:
        yield from fault_events(thread, fault, reads, time)
        gone = fault.resumes + fault.cpu
    if time > gone:
        yield slice_event(thread.place, "run", thread.between, gone, time)


def fault_rows(columns: Mapping[str, list[Any]]) -> Iterator[Fault]:
    """The faults of a piece of the fault log."""
    names = (
        "time_ns", "process", "thread", "page", "kind", "cause", "access", "queue_ns", "service_ns", "cpu_ns",
    )  # fmt: skip
    return map(Fault._make, zip(*(columns[name] for name in names), strict=True))
