"""A run's processes: which there is something to say of, how each ended, and where the time of its threads went.

The time of a process's threads is the sum, over its threads, of the time from a thread's start to its end. A thread is
running, ready, stalled or asleep in every nanosecond of it, and a stalled thread waits for a read of its own, for a
read of another thread (collided), for a free frame or for a write; so

    time of the threads = run_ns + ready_ns + stall_ns + sleep_ns
    stall_ns = stall_read_ns + stall_collided_ns + stall_frame_ns + stall_write_ns

Every share of time in a table, a report or a comparison is of that time: in a row, of the process's threads; in the
row of all processes and in sentences, of all threads of all processes. A row's shares of running, ready, asleep and
stalled add up to 100 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Process = Mapping[str, Any]
"""The counters of a process: a value of `summary["processes"]`."""

TIMES = {"run_ns": "run", "ready_ns": "ready", "sleep_ns": "asleep", "stall_ns": "stall"}
"""What the time of threads is made of, to its heading."""
STALLS = {
    "stall_read_ns": "stall: read", "stall_collided_ns": "stall: collided", "stall_frame_ns": "stall: frame",
    "stall_write_ns": "stall: write",
}  # fmt: skip
"""What stalls are made of: for a read of its own, another's read, a free frame, a write."""

LARGEST_CODE = 0xFFFF
"""Exit codes above this are statuses, which are told in hexadecimal."""
ENDINGS = {
    None: "still running", 0: "finished", 0xC0000005: "access violation", 0xC0000006: "in-page error",
    0xC000012D: "commit limit", 0xC00000FD: "stack overflow", 0x80000001: "guard page", 0xC0000017: "no memory",
    1455: "commit limit", 1450: "system resources", 1451: "nonpaged pool", 1452: "paged pool",
}  # fmt: skip
"""How a process ended, by its exit status [NTSTATUS Values] or error [System Error Codes]."""


def thread_time(process: Process) -> int:
    """The time of a process's threads, in nanoseconds."""
    return sum(int(process[key]) for key in TIMES)


def time_share(processes: Iterable[Process], key: str) -> float | None:
    """The share of the time of all threads that a key of `TIMES` or `STALLS` has; None if there was no time."""
    several = list(processes)
    whole = sum(map(thread_time, several))
    return sum(int(process[key]) for process in several) / whole if whole else None


def shown_processes(summary: Mapping[str, Any]) -> dict[str, Process]:
    """The processes of a run that there is something to say of.

    A machine with programs has a process `System`, which owns the kernel's memory and has no threads: where it had no
    page in memory and did nothing, tables, plots and reports leave it out. Frames and the summary have it.
    """
    return {name: process for name, process in summary.get("processes", {}).items() if not _silent(process)}


def _silent(process: Process) -> bool:
    """Whether a process has no threads, and nothing else either."""
    if has_threads(process):
        return False
    counts = (value for key, value in process.items() if key not in ("space_time_page_ns", "start_ns"))
    return not any(counts)


def has_threads(process: Process) -> bool:
    """Whether a process has, or had, threads, as all have but `System`. (Results of old versions don't say.)"""
    return bool(process.get("threads", 1))


def ending(status: int | None) -> str:
    """How a process ended, in words."""
    if status in ENDINGS:
        return ENDINGS[status]
    return f"exit code {status}" if status is not None and status <= LARGEST_CODE else f"{status:#x}"
