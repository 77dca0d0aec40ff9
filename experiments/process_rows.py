"""A run's processes as rows of a table: how each ended, what it did, and where the time of its threads went.

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

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.present.report.grids import Cell, number
from simulator.units import format_size, format_time

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


UNKNOWN = Cell("-")


@dataclass(frozen=True)
class Column:
    """A column of the table of processes."""

    heading: str
    cells: list[Cell]
    """one for each process"""
    total: Cell
    """of all processes together"""
    spare: int = 0
    """which column goes first where there is no room: that with the largest number; 0: it stays"""


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


_COUNTS = (
    ("references", "references", 6), ("faults", "page_faults", 2), ("soft", "soft_faults", 8), ("hard", "all_hard", 0),
    ("pages in", "pages_input", 7),
)  # fmt: skip
"""Headings of counters, what they count, and how well they can be spared."""


def columns(processes: Mapping[str, Process], now: int, page_size: int) -> list[Column]:
    """The columns behind that of the names; `now` is the end of the run.

    A cause of stalls has a column, and sleep has one, if any process has some of it.
    """
    several = list(processes.values())
    finished = all(process["exit_status"] == 0 for process in several if has_threads(process))

    def single(heading: str, cell: Callable[[Process], Cell], spare: int = 0) -> Column:
        return Column(heading, [cell(process) for process in several], Cell(""), spare)

    def counted(heading: str, key: str, spare: int) -> Column:
        counts = [_count(process, key) for process in several]
        return Column(heading, [number(count) for count in counts], number(sum(counts)), spare)

    def shares(key: str, heading: str, spare: int) -> Column:
        cells = [_share(time_share([process], key)) for process in several]
        return Column(heading, cells, _share(time_share(several, key)), spare)

    optional = {"sleep_ns", *STALLS}
    times = [key for key in (*TIMES, *STALLS) if key not in optional or any(one.get(key) for one in several)]
    causes = dict.fromkeys(STALLS, 5 if len(STALLS.keys() & times) > 1 else 9)
    return [
        single("ended", _ended, 4 if finished else 0),
        single("time", lambda process: _elapsed(process, now)),
        *(counted(*row) for row in _COUNTS),
        *(shares(key, {**TIMES, **STALLS}[key], causes.get(key, 0)) for key in times),
        single("slowdown", _slowdown, 0 if any(process["slowdown"] for process in several) else 9),
        single("peak working set", lambda process: _size(process["peak_working_set"] * page_size), 1),
    ]


def _count(process: Process, key: str) -> int:
    """A counter; hard faults are those that waited for a read, their own or another's, soft ones all others."""
    hard = int(process["hard_faults"]) + int(process["collided_faults"])
    if key == "all_hard":
        return hard
    return int(process["page_faults"]) - hard if key == "soft_faults" else int(process[key])


def has_threads(process: Process) -> bool:
    """Whether a process has, or had, threads, as all have but `System`. (Results of old versions don't say.)"""
    return bool(process.get("threads", 1))


def _ended(process: Process) -> Cell:
    text = ending(process["exit_status"])
    return Cell(text, text) if has_threads(process) else UNKNOWN


def _elapsed(process: Process, now: int) -> Cell:
    end = now if process["finished_ns"] is None else process["finished_ns"]
    elapsed = max(0, end - process["start_ns"])
    return Cell(format_time(elapsed), elapsed) if has_threads(process) else UNKNOWN


def _slowdown(process: Process) -> Cell:
    ratio = process["slowdown"]
    if ratio is None:
        return UNKNOWN
    return Cell(f"{ratio:,.2f}x" if ratio < 100 else f"{ratio:,.0f}x", ratio)


def _size(size: int) -> Cell:
    return Cell(format_size(size), size)


def _share(share: float | None) -> Cell:
    return UNKNOWN if share is None else Cell(f"{share:.1%}", share)


def ending(status: int | None) -> str:
    """How a process ended, in words."""
    if status in ENDINGS:
        return ENDINGS[status]
    return f"exit code {status}" if status is not None and status <= LARGEST_CODE else f"{status:#x}"
