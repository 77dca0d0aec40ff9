"""A profile as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.present.numbers import share, show
from experiments.present.table import Cell, Column, Part, Table, text_column

MOST_PHASES = 20
"""Phases that the table shows."""


def report(summary: Mapping[str, Any]) -> list[Part]:
    """What is in a trace in lines, the misses by memory, the working set by window, and the phases."""
    return [*_lines(summary), "", miss_table(summary), working_set_table(summary), phase_table(summary)]


def _lines(summary: Mapping[str, Any]) -> list[str]:
    size, references = summary["page_size"], summary["references"]
    kinds = ", ".join(f"{share(summary[kind] / references)} {kind}" for kind in ("fetches", "loads", "stores"))
    footprint = f" ({show(size * summary['pages'], 'bytes')})" if size else ""
    touched = f"{summary['pages_fetched']:,} fetched from, {summary['pages_stored']:,} stored to"
    few = summary["pages_for_share"]
    about = f"{summary['name']}: {references:,} references in {summary['runs']:,} runs; {kinds}"
    pages = (
        f"{summary['pages']:,} pages{footprint}: {touched}; "
        f"{few['0.5']:,} get half of the references, {few['0.99']:,} get 99%"
    )
    lines = [about, pages]
    if summary["processes"] > 1:
        lines.append(f"{summary['processes']:,} processes, whose pages are kept apart")
    if (sampling := summary["sampling"]) is not None:
        text = (
            f"sampled: {sampling['samples']} samples of {sampling['rate']:.2%}, {sampling['pages']:,} pages in all; "
            f"exact up to {sampling['exact_up_to']:,} pages"
        )
        if "error_mean" in sampling:
            text += f"; off by {sampling['error_mean']:.5f} on average, {sampling['error_most']:.5f} at most"
        lines.append(text)
    return lines


def miss_table(summary: Mapping[str, Any]) -> Table:
    """Misses by memory, and what share of the requests they are."""
    names = {"lru": "LRU", "optimal": "optimal", "shards": "LRU, sampled"}
    known = [key for key in names if summary["misses"] and key in summary["misses"][0]]
    size, runs = summary["page_size"], summary["runs"]
    columns = [Column("pages", "count"), *([Column("memory", "bytes", 1)] if size else [])]
    for key in known:
        columns += [Column(names[key], "count"), Column("share", format=_percent)]
    columns += [Column("95% band", priority=2)] if "shards" in known else []
    rows = []
    for row in summary["misses"]:
        cells: list[Any] = [row["pages"], *([row["pages"] * size] if size else [])]
        for key in known:
            cells += [row[key], row[key] / runs]
        if "shards" in known:
            cells.append(Cell(f"{_percent(row['shards_low'] / runs)} to {_percent(row['shards_high'] / runs)}"))
        rows.append(cells)
    return Table("misses by memory size (consecutive references to one page count once)", columns, rows)


def _percent(ratio: float) -> str:
    return f"{ratio:.3%}"


def working_set_table(summary: Mapping[str, Any]) -> Table:
    """The mean working set and its misses, by its window."""
    lengths = {"requests": summary["runs"], "references": summary["references"]}
    rows = [
        (Cell(f"{row['window']:,} {row['clock']}", row["window"]), row["size"], row["misses"],
         row["misses"] / lengths[row["clock"]])
        for row in summary["working_set"]
    ]  # fmt: skip
    columns = [Column("window"), Column("mean pages", format=lambda size: f"{size:,.1f}"), Column("misses", "count"),
               Column("share", format=_percent)]  # fmt: skip
    return Table("working set", columns, rows)


def phase_table(summary: Mapping[str, Any]) -> Table:
    """The phases in order; the longest, if there are many."""
    phases, references = summary["phases"], summary["references"]
    shown = sorted(phases, key=lambda phase: -phase["length"])[:MOST_PHASES]
    rows = [
        (phase["start"], phase["start"] / references, phase["length"], phase["length"] / references, phase["pages"],
         "phase" if phase["stable"] else "transition")
        for phase in phases if phase in shown
    ]  # fmt: skip
    columns = [Column("start", "count"), Column("at", "share"), Column("references", "count"),
               Column("share", "share"), Column("pages", "count"), text_column("")]  # fmt: skip
    title = "phases" if len(shown) == len(phases) else f"the {len(shown)} longest of {len(phases)} phases"
    return Table(title, columns, rows)
