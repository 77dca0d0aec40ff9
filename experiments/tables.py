"""Results as tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from experiments.config import natural
from experiments.process_rows import columns, shown_processes, time_share
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

MOST_ROWS = 20
"""Processes that a table shows; nobody reads a hundred rows."""
MOST_COLUMNS = 8
"""... and how many it shows side by side."""
TOGETHER = "\N{NO-BREAK SPACE}"
"""Stands in a heading between words that stay on one line."""
MOST_WIDTH = 10_000
"""More characters than any table has in a line."""


def console() -> Console:
    """Standard output; as wide as the terminal, or as wide as needed where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=200)


def run_report(summary: Mapping[str, Any], page_size: int) -> Group:
    """What a run ends with: why it failed if it did, a row for each process, the faults by kind, why pages left the
    working sets of programs, what these noted down and left in pool, and lines on the whole system."""
    programs = [departure_table(summary)] if any(summary.get("departures", {}).values()) else []
    programs += [notes_table(summary)] if summary.get("notes") else []
    programs += [pool_table(summary)] if summary.get("pools") else []
    failure = [Text(f"failed: {summary['reason']}", style="bold")] if "status" in summary else []
    return Group(
        *failure, process_table(summary, page_size), fault_table(summary), *programs, *system_lines(summary, page_size)
    )


def process_table(summary: Mapping[str, Any], page_size: int) -> Table:
    """A row for each process, those that stalled longest if there are many, and one for all; see
    `experiments.process_rows`."""
    processes = shown_processes(summary)
    worst = sorted(processes, key=lambda name: -processes[name]["stall_ns"])[:MOST_ROWS]
    places = [place for place, name in enumerate(processes) if name in worst]
    order = sorted(places, key=lambda place: natural(list(processes)[place]))
    found = columns(processes, summary["simulated_ns"], page_size)
    table = FittingTable(f"{summary['name']}: processes", [0, *(column.spare for column in found)])
    table.add_column("process")
    for column in found:
        table.add_column(column.heading, justify="left" if column.heading == "ended" else "right")
    for place in order:
        table.add_row(Text(list(processes)[place]), *(column.cells[place].text for column in found))
    if len(processes) > 1:
        table.add_section()
        table.add_row("all", *(column.total.text for column in found))
    if len(processes) > len(order):
        table.caption = f"the {len(order)} that stalled longest of {len(processes)}; all are in processes.parquet"
    return table


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
    stalled = time_share(summary["processes"].values(), "stall_ns")
    time = (
        f"{format_time(summary['simulated_ns'])} simulated, {summary['references']:,} references, "
        f"{'-' if stalled is None else f'{stalled:.1%}'} of the processes' time stalled"
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


def rows_table(
    title: str, headings: Sequence[str], rows: Iterable[Iterable[str]], numbers: bool = False,
    spare: Sequence[int] | None = None,
) -> Table:  # fmt: skip
    """A plain table of text; with `numbers`, all columns stand to the right; `spare` is as `FittingTable` has it."""
    table = _table(title, headings) if spare is None else FittingTable(title, spare, headings)
    if numbers:
        for column in table.columns:
            column.justify = "right"
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _table(title: str, headings: Iterable[str]) -> Table:
    return Table(*headings, title=title, **_LOOKS)


_LOOKS: Any = {
    "title_justify": "left", "title_style": "bold", "caption_justify": "left", "box": box.SIMPLE_HEAD,
    "pad_edge": False,
}  # fmt: skip


class FittingTable(Table):
    """A table that leaves out columns where there is no room for all of them; no number is ever cut.

    Where there is little room, headings have several lines, parted at spaces but not at no-break spaces.
    """

    def __init__(self, title: str, spare: Sequence[int], headings: Iterable[str] = ()) -> None:
        """`spare`: for each column how well it can be spared, those with the largest number first; 0: it stays."""
        super().__init__(*headings, title=title, **_LOOKS)
        self._spare = list(spare)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table with as many columns as have room; below it stands which are left out."""
        kept = list(range(len(self.columns)))
        fitting = self._with(kept, " ")
        if fitting._too_wide(console, options):
            fitting = self._with(kept, "\n")
        left_out: list[str] = []
        while fitting._too_wide(console, options) and (least := max(self._spare[place] for place in kept)):
            left_out += [_heading(self.columns[place], " ") for place in kept if self._spare[place] == least]
            kept = [place for place in kept if self._spare[place] != least]
            fitting = self._with(kept, "\n")
        lacks = f"no room here for: {', '.join(left_out)}" if left_out else None
        fitting.caption = "; ".join(str(text) for text in (self.caption, lacks) if text) or None
        yield from Table.__rich_console__(fitting, console, options)

    def _too_wide(self, console: Console, options: ConsoleOptions) -> bool:
        return Measurement.get(console, options.update(max_width=MOST_WIDTH), self).maximum > options.max_width

    def _with(self, kept: Sequence[int], space: str) -> FittingTable:
        """The same table with only some of its columns, their headings' words parted by `space`."""
        table = copy(self)
        table.columns = [copy(self.columns[place]) for place in kept]
        for place, column in enumerate(table.columns):
            column._index = place
            column.header = _heading(column, space)
        return table


def _heading(column: Column, space: str) -> str:
    return str(column.header).replace(" ", space).replace(TOGETHER, " ")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
