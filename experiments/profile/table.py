"""A profile as tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.text import Text

from experiments.tables import rows_table
from simulator.units import format_size

MOST_PHASES = 20
"""Phases that the table shows."""


def report(summary: Mapping[str, Any]) -> Group:
    """What is in a trace in lines, the misses by memory, the working set by window, and the phases."""
    return Group(
        *(Text(line) for line in _lines(summary)), "",
        _miss_table(summary), _working_set_table(summary), _phase_table(summary),
    )  # fmt: skip


def _lines(summary: Mapping[str, Any]) -> list[str]:
    size, references = summary["page_size"], summary["references"]
    kinds = ", ".join(f"{summary[kind] / references:.1%} {kind}" for kind in ("fetches", "loads", "stores"))
    footprint = f" ({format_size(size * summary['pages'])})" if size else ""
    touched = f"{summary['pages_fetched']:,} fetched from, {summary['pages_stored']:,} stored to"
    few = summary["pages_for_share"]
    about = f"{summary['name']}: {references:,} references in {summary['runs']:,} runs; {kinds}"
    pages = (
        f"{summary['pages']:,} pages{footprint}: {touched}; "
        f"{few['0.5']:,} get half of the references, {few['0.99']:,} get 99 %"
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


def _miss_table(summary: Mapping[str, Any]) -> Any:
    """Misses by memory, and what share of the runs they are."""
    names = {"lru": "LRU", "optimal": "optimal", "shards": "LRU, sampled"}
    known = [key for key in names if summary["misses"] and key in summary["misses"][0]]
    headings = ["pages", "memory"] if summary["page_size"] else ["pages"]
    for key in known:
        headings += [names[key], "share"]
    if "shards" in known:
        headings.append("95 % band")
    return rows_table("misses by memory, one request a run", headings, [
        [*_size(row["pages"], summary["page_size"]), *_misses(row, known, summary["runs"])]
        for row in summary["misses"]
    ], numbers=True)  # fmt: skip


def _size(pages: int, page_size: int | None) -> list[str]:
    return [f"{pages:,}", format_size(pages * page_size)] if page_size else [f"{pages:,}"]


def _misses(row: Mapping[str, Any], known: list[str], runs: int) -> list[str]:
    cells = []
    for key in known:
        cells += [f"{row[key]:,.0f}", f"{row[key] / runs:.3%}"]
    if "shards" in known:
        cells.append(f"{row['shards_low'] / runs:.3%} to {row['shards_high'] / runs:.3%}")
    return cells


def _working_set_table(summary: Mapping[str, Any]) -> Any:
    lengths = {"requests": summary["runs"], "references": summary["references"]}
    rows = [
        (f"{row['window']:,} {row['clock']}", f"{row['size']:,.1f}", f"{row['misses']:,}",
         f"{row['misses'] / lengths[row['clock']]:.3%}")
        for row in summary["working_set"]
    ]  # fmt: skip
    return rows_table("working set", ("window", "mean pages", "misses", "share"), rows, numbers=True)


def _phase_table(summary: Mapping[str, Any]) -> Any:
    """The phases in order; the longest, if there are many."""
    phases, references = summary["phases"], summary["references"]
    shown = sorted(phases, key=lambda phase: -phase["length"])[:MOST_PHASES]
    rows = [
        (f"{phase['start']:,}", f"{phase['start'] / references:.1%}", f"{phase['length']:,}",
         f"{phase['length'] / references:.1%}", f"{phase['pages']:,}", "phase" if phase["stable"] else "transition")
        for phase in phases if phase in shown
    ]  # fmt: skip
    title = "phases" if len(shown) == len(phases) else f"the {len(shown)} longest of {len(phases)} phases"
    return rows_table(title, ("start", "at", "references", "share", "pages", ""), rows, numbers=True)
