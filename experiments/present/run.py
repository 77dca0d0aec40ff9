"""A run as tables and sentences: its processes, its faults, and what its programs left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.analysis.processes import (
    STALLS,
    TIMES,
    Process,
    ending,
    has_threads,
    shown_processes,
    time_share,
)  # fmt: skip
from experiments.present.numbers import show
from experiments.present.table import Cell, Column, Part, Table, text_column
from experiments.present.terminal import TOGETHER
from simulator.units import SECOND, natural

Summary = Mapping[str, Any]

KINDS = {
    "demand_zero_faults": "demand-zero",
    "transition_faults": "transition",
    "shared_faults": "shared",
    "copy_on_write_faults": "copy-on-write",
    "collided_faults": "collided",
    "hard_faults": "hard",
}
"""Fault counters of a summary, which together are `page_faults`, to their names."""

MOST_ROWS = 20
"""Processes that a table on a terminal shows; nobody reads a hundred rows."""
MOST_COLUMNS = 8
"""... and how many it shows side by side."""
TIMES_NOTE = (
    "Soft faults needed no read; hard ones did, or waited for one under way. Run, ready, asleep and stall are shares "
    "of the time of a process's threads, and stall is the sum of its causes; slowdown is the process's time against "
    "unlimited memory."
)


def run_report(summary: Summary, page_size: int) -> list[Part]:
    """What a run ends with: why it failed if it did, a row for each process, the faults by kind, why pages left the
    working sets of programs, what these noted down and left in pool, and lines on the whole system."""
    parts: list[Part] = [f"failed: {summary['reason']}"] if "status" in summary else []
    parts += [process_table(summary, page_size, MOST_ROWS), fault_table(summary)]
    if any(summary.get("departures", {}).values()):
        parts.append(departure_table(summary))
    if summary.get("notes"):
        parts.append(notes_table(summary))
    if summary.get("pools"):
        parts.append(pool_table(summary))
    return [*parts, *system_lines(summary, page_size)]


@dataclass(frozen=True)
class _Field:
    """A column of the table of processes: what it shows of one, and of all of them."""

    column: Column
    of: Callable[[Process], Any]
    total: Callable[[Sequence[Process]], Any] = lambda _: ""


def process_table(summary: Summary, page_size: int, most: int | None = None) -> Table:
    """A row for each process, of many those `most` that stalled longest, and one for all."""
    processes = shown_processes(summary)
    worst = sorted(processes, key=lambda name: -processes[name]["stall_ns"])[:most]
    names = sorted(worst, key=natural) if most else list(processes)
    fields = _fields(list(processes.values()), summary["simulated_ns"], page_size)
    rows = [[name, *(field.of(processes[name]) for field in fields)] for name in names]
    total = ["all", *(field.total(list(processes.values())) for field in fields)]
    few = len(names) < len(processes)
    notes = [f"the {len(names)} that stalled longest of {len(processes)}; all are in processes.parquet"] if few else []
    columns = [text_column("process"), *(field.column for field in fields)]
    title = f"{summary['name']}: processes"
    return Table(title, columns, rows, [total] if len(processes) > 1 else (), notes, "process-table")


def _fields(processes: Sequence[Process], now: int, page_size: int) -> list[_Field]:
    """The columns behind that of the names; `now` is the end of the run.

    A cause of stalls has a column, and sleep has one, if any process has some of it.
    """
    finished = all(process["exit_status"] == 0 for process in processes if has_threads(process))
    optional = {"sleep_ns", *STALLS}
    times = [key for key in (*TIMES, *STALLS) if key not in optional or any(one.get(key) for one in processes)]
    causes = dict.fromkeys(STALLS, 5 if len(STALLS.keys() & times) > 1 else 9)
    slowed = any(process["slowdown"] for process in processes)
    return [
        _Field(text_column("ended", 4 if finished else 0), lambda one: ending(one["exit_status"]) if has_threads(one)
               else None),
        _Field(Column("time", "ns"), lambda process: _elapsed(process, now)),
        _counted("references", "references", 6),
        _counted("faults", "page_faults", 2),
        _counted("soft", "soft_faults", 8),
        _counted("hard", "all_hard", 0),
        _counted("pages in", "pages_input", 7),
        *(_shared(key, {**TIMES, **STALLS}[key], causes.get(key, 0)) for key in times),
        _Field(Column("slowdown", "ratio", 0 if slowed else 9), lambda process: process["slowdown"]),
        _Field(Column("peak working set", "bytes", 1), lambda process: process["peak_working_set"] * page_size),
    ]  # fmt: skip


def _counted(heading: str, key: str, priority: int) -> _Field:
    return _Field(Column(heading, "count", priority), lambda process: count(process, key),
                  lambda processes: sum(count(process, key) for process in processes))  # fmt: skip


def _shared(key: str, heading: str, priority: int) -> _Field:
    return _Field(Column(heading, "share", priority), lambda process: time_share([process], key),
                  lambda processes: time_share(processes, key))  # fmt: skip


def count(process: Process, key: str) -> int:
    """A counter; hard faults are those that waited for a read, their own or another's, soft ones all others."""
    hard = int(process["hard_faults"]) + int(process["collided_faults"])
    if key == "all_hard":
        return hard
    return int(process["page_faults"]) - hard if key == "soft_faults" else int(process[key])


def _elapsed(process: Process, now: int) -> int | None:
    end = now if process["finished_ns"] is None else process["finished_ns"]
    return max(0, end - process["start_ns"]) if has_threads(process) else None


def fault_table(summary: Summary) -> Table:
    """Faults by kind, how many and how many in a simulated second."""

    def row(name: str, faults: int) -> list[Any]:
        rate = faults * SECOND / summary["simulated_ns"] if summary["simulated_ns"] else 0.0
        return [name, faults, faults / summary["page_faults"] if summary["page_faults"] else None, rate]

    columns = [text_column("kind"), Column("faults", "count"), Column("share", "share"), Column("per second", "count")]
    rows = [row(name, summary[key]) for key, name in KINDS.items() if summary[key]]
    return Table("page faults by kind", columns, rows, [row("all", summary["page_faults"])], name="fault-table")


def departure_table(summary: Summary) -> Table:
    """Pages that left working sets, by reason and process: where there are programs."""
    departures = {name: by for name, by in summary["departures"].items() if by}
    shown = sorted(departures, key=lambda name: -sum(departures[name].values()))[:MOST_COLUMNS]
    names = sorted(shown, key=natural)
    columns = [text_column("reason"), *(Column(name, "count", 1) for name in names), Column("all", "count")]
    reasons = dict.fromkeys(reason for by in departures.values() for reason in by)
    rows = [
        [reason, *(departures[name].get(reason, 0) for name in names),
         sum(by.get(reason, 0) for by in departures.values())]
        for reason in reasons
    ]  # fmt: skip
    return Table("pages that left working sets", columns, rows, name="departure-table")


def notes_table(summary: Summary) -> Table:
    """What programs noted down last under each name: a row for each name, a column for each process."""
    notes = summary["notes"]
    processes = sorted(notes, key=natural)[:MOST_COLUMNS]
    columns = [text_column("name"), *(Column(process, format=_note) for process in processes)]
    names = dict.fromkeys(name for by in notes.values() for name in by)
    rows = [[name, *(notes[process].get(name, Cell("")) for process in processes)] for name in names]
    return Table("notes", columns, rows, name="notes-table")


def _note(value: float) -> str:
    return show(value, "number", 6)


def pool_table(summary: Summary) -> Table:
    """What programs left in use of pool, by tag as PoolMon shows it, most bytes first: `summary["pools"]`."""
    pools, keys = summary["pools"], ("tag", "type", "allocs", "frees", "diff", "bytes", "per_alloc")
    counts = [Column(f"per{TOGETHER}alloc" if key == "per_alloc" else key, "count") for key in keys[2:]]
    rows = [[row[key] for key in keys] for row in pools[:MOST_ROWS]]
    few = len(pools) > MOST_ROWS
    notes = [f"the {MOST_ROWS} largest of {len(pools)}; all tags are in pools.parquet"] if few else []
    title = "pool in use at the end, beyond the system's own"
    return Table(title, [text_column("tag"), text_column("type"), *counts], rows, (), notes, "pool-table")


def system_lines(summary: Summary, page_size: int) -> list[str]:
    """Time, I/O and commit of the whole machine, in words."""
    stalled = time_share(summary["processes"].values(), "stall_ns")
    time = (
        f"{show(summary['simulated_ns'], 'ns')} simulated, {summary['references']:,} references, "
        f"{show(stalled, 'share')} of the processes' time stalled"
    )
    traffic = (
        f"page-in: {summary['page_reads']:,} reads of {summary['pages_input']:,} pages; "
        f"page-out: {summary['page_writes']:,} writes of {summary['pages_output']:,} pages"
    )
    memory = (
        f"{summary['trimmed']:,} pages trimmed, {summary['replaced']:,} replaced, {summary['repurposed']:,} "
        f"repurposed; peak commit {show(summary['commit_peak_pages'] * page_size, 'bytes')}"
    )
    troubles = {"access_violations": "access violations", "in_page_errors": "in-page errors"}
    return [time, traffic, memory] + [f"{summary[key]:,} {name}" for key, name in troubles.items() if summary[key]]
