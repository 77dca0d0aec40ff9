"""Results as tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from experiments.config import natural
from simulator.units import SECOND, format_size, format_time

KINDS = {
    "demand_zero_faults": "demand-zero",
    "transition_faults": "transition",
    "shared_faults": "shared",
    "copy_on_write_faults": "copy-on-write",
    "collided_faults": "collided",
    "hard_faults": "hard",
}
"""Fault counters of a summary, which together are `page_faults`, to their names."""

LARGEST_CODE = 0xFFFF
"""Exit codes above this are statuses, which are told in hexadecimal."""
ENDINGS = {
    None: "still running", 0: "finished", 0xC0000005: "access violation", 0xC0000006: "in-page error",
    0xC000012D: "commit limit", 0xC00000FD: "stack overflow", 0x80000001: "guard page", 0xC0000017: "no memory",
    1455: "commit limit", 1450: "system resources", 1451: "nonpaged pool", 1452: "paged pool",
}  # fmt: skip
"""How a process ended, by its exit status [NTSTATUS Values] or error [System Error Codes]."""

MOST_ROWS = 20
"""Processes that a table shows; nobody reads a hundred rows."""
MOST_COLUMNS = 8
"""... and how many it shows side by side."""


def console() -> Console:
    """Standard output; as wide as the terminal, or as wide as needed where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=200)


def run_report(summary: Mapping[str, Any], page_size: int) -> Group:
    """What a run ends with: a row for each process, the faults by kind, why pages left the working sets of programs,
    what these noted down and left in pool, and lines on the whole system."""
    programs = [departure_table(summary)] if any(summary.get("departures", {}).values()) else []
    programs += [notes_table(summary)] if summary.get("notes") else []
    programs += [pool_table(summary)] if summary.get("pools") else []
    return Group(process_table(summary, page_size), fault_table(summary), *programs, *system_lines(summary, page_size))


def process_table(summary: Mapping[str, Any], page_size: int) -> Table:
    """A row for each process, those that stalled longest if there are many: how it ended, time, references, faults,
    where the time went, I/O, peak working set."""
    table = _table(f"{summary['name']}: processes", ["process", "ended"])
    for heading in ("time", "references", "faults", "soft", "hard", "pages in", "run", "ready", "stall", "slowdown"):
        table.add_column(heading, justify="right")
    table.add_column("peak working set", justify="right")
    processes = summary["processes"]
    shown = sorted(processes, key=lambda name: -processes[name]["stall_ns"])[:MOST_ROWS]
    for name in sorted(shown, key=natural):
        table.add_row(Text(name), *_process_row(processes[name], summary["simulated_ns"], page_size))
    if len(processes) > len(shown):
        table.caption = f"the {len(shown)} that stalled longest of {len(processes)}; all are in processes.parquet"
    return table


def _process_row(process: Mapping[str, Any], now: int, page_size: int) -> list[str]:
    end = now if process["finished_ns"] is None else process["finished_ns"]
    elapsed = max(0, end - process["start_ns"])
    hard = process["hard_faults"] + process["collided_faults"]
    slowdown = process["slowdown"]
    return [
        ending(process["exit_status"]),
        format_time(elapsed),
        f"{process['references']:,}",
        f"{process['page_faults']:,}",
        f"{process['page_faults'] - hard:,}",
        f"{hard:,}",
        f"{process['pages_input']:,}",
        *(_share(process[key], elapsed) for key in ("run_ns", "ready_ns", "stall_ns")),
        "-" if slowdown is None else f"{slowdown:,.2f}x" if slowdown < 100 else f"{slowdown:,.0f}x",
        format_size(process["peak_working_set"] * page_size),
    ]


def fault_table(summary: Mapping[str, Any]) -> Table:
    """Faults by kind, how many and how many in a simulated second."""
    table = _table("faults by kind", ["kind"])
    for heading in ("faults", "share", "per second"):
        table.add_column(heading, justify="right")
    everything = summary["page_faults"]
    for key, name in KINDS.items():
        if summary[key]:
            table.add_row(name, *_fault_row(summary[key], everything, summary["simulated_ns"]))
    table.add_section()
    table.add_row("all", *_fault_row(everything, everything, summary["simulated_ns"]))
    return table


def departure_table(summary: Mapping[str, Any]) -> Table:
    """Pages that left working sets, by reason and process: where there are programs."""
    departures = {name: by for name, by in summary["departures"].items() if by}
    shown = sorted(departures, key=lambda name: -sum(departures[name].values()))[:MOST_COLUMNS]
    names = sorted(shown, key=natural)
    table = _table("pages that left working sets", ["reason"])
    for name in (*names, "all"):
        table.add_column(Text(name), justify="right")
    for reason in dict.fromkeys(reason for by in departures.values() for reason in by):
        everywhere = sum(by.get(reason, 0) for by in departures.values())
        table.add_row(reason, *(f"{departures[name].get(reason, 0):,}" for name in names), f"{everywhere:,}")
    return table


def notes_table(summary: Mapping[str, Any]) -> Table:
    """What programs noted down last under each name: a row for each name, a column for each process."""
    notes = summary["notes"]
    processes = sorted(notes, key=natural)[:MOST_COLUMNS]
    table = _table("notes", ["name"])
    for process in processes:
        table.add_column(Text(process), justify="right")
    for name in dict.fromkeys(name for by in notes.values() for name in by):
        values = (notes[process].get(name) for process in processes)
        table.add_row(Text(name), *("" if value is None else f"{value:,.6g}" for value in values))
    return table


def pool_table(summary: Mapping[str, Any]) -> Table:
    """What programs left in use of pool, by tag as PoolMon shows it, most bytes first: `summary["pools"]`."""
    pools = summary["pools"]
    table = _table("pool in use at the end, beyond the system's own", ["tag", "type"])
    for heading in ("allocs", "frees", "diff", "bytes", "per alloc"):
        table.add_column(heading, justify="right")
    for row in pools[:MOST_ROWS]:
        numbers = (row[key] for key in ("allocs", "frees", "diff", "bytes", "per_alloc"))
        table.add_row(Text(row["tag"]), row["type"], *(f"{number:,}" for number in numbers))
    if len(pools) > MOST_ROWS:
        table.caption = f"the {MOST_ROWS} largest of {len(pools)}; all tags are in pools.parquet"
    return table


def _fault_row(count: int, everything: int, simulated_ns: int) -> list[str]:
    rate = count * SECOND / simulated_ns if simulated_ns else 0.0
    return [f"{count:,}", _share(count, everything), f"{rate:,.0f}"]


def system_lines(summary: Mapping[str, Any], page_size: int) -> list[Text]:
    """Time, I/O and commit of the whole machine, in words."""
    stalled = sum(process["stall_ns"] for process in summary["processes"].values())
    alive = sum(process[key] for process in summary["processes"].values() for key in ("run_ns", "ready_ns", "stall_ns"))
    time = (
        f"{format_time(summary['simulated_ns'])} simulated, {summary['references']:,} references, "
        f"{_share(stalled, alive)} of the processes' time stalled"
    )
    traffic = (
        f"page-in: {summary['page_reads']:,} reads of {summary['pages_input']:,} pages; "
        f"page-out: {summary['page_writes']:,} writes of {summary['pages_output']:,} pages"
    )
    memory = (
        f"{summary['trimmed']:,} pages trimmed, {summary['replaced']:,} replaced, "
        f"{summary['repurposed']:,} repurposed; peak commit {format_size(summary['commit_peak_pages'] * page_size)}"
    )
    lines = [time, traffic, memory]
    troubles = {"access_violations": "access violations", "in_page_errors": "in-page errors"}
    lines += [f"{summary[key]:,} {name}" for key, name in troubles.items() if summary[key]]
    return [Text(line) for line in lines]


def ending(status: int | None) -> str:
    """How a process ended, in words."""
    if status in ENDINGS:
        return ENDINGS[status]
    return f"exit code {status}" if status is not None and status <= LARGEST_CODE else f"{status:#x}"


def rows_table(
    title: str, headings: Iterable[str], rows: Iterable[Iterable[str]], numbers: bool = False
) -> Table:  # fmt: skip
    """A plain table of text; with `numbers`, all columns stand to the right."""
    table = _table(title, headings)
    if numbers:
        for column in table.columns:
            column.justify = "right"
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _table(title: str, headings: Iterable[str]) -> Table:
    return Table(
        *headings,
        title=title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
