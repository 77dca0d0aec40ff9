"""A comparison as tables: for the terminal, in Markdown and in CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from experiments.compare.metrics import METRICS, MORE
from experiments.compare.plan import MEMORY
from experiments.compare.text import difference_text, name_text, notes, over_text, sentences, value_text
from experiments.tables import rows_table
from simulator.units import format_size

Grid = list[list[str]]
SIDE_BY_SIDE = 5
"""Most contestants that get a column each; more get a row each."""
OVER = ("completion_ns", "hard_faults")
"""Metrics whose distance from a bound is shown; all are in the CSV and JSON."""
SENTENCES = 24
"""Most sentences after a table."""


def report(summary: Mapping[str, Any]) -> Group:
    """What a comparison ends with: a table for each memory size, sentences, and how to read them."""
    wide = len(_cells(summary, summary["memories"][0])) > SIDE_BY_SIDE
    parts: list[Table | Text] = []
    for memory in summary["memories"]:
        first, *rows = grid(summary, memory, turned=not wide)
        title = escape(f"{summary['name']}: {format_size(memory)} of memory")
        table = rows_table(title, [escape(heading) for heading in first], rows)
        for column in table.columns[1:]:
            column.justify = "right"
        parts.append(table)
    lines = [*sentences(summary)[:SENTENCES], *notes(summary)]
    return Group(*parts, *(Text(line) for line in lines))


def grid(summary: Mapping[str, Any], memory: int, *, turned: bool) -> Grid:
    """The figures of one memory size as text: a heading row, then a row a contestant, or, turned, a row a metric.

    A cell holds the mean and, on a line of its own, the difference from the baseline.
    """
    bounds = [(bound, key) for bound in summary["bounds"] for key in OVER]
    shown = [metric for metric in METRICS if any(cell["metrics"][metric.key] for cell in summary["cells"])]
    table = [["policy", *(metric.heading for metric in shown), *(f"{_heading(key)} over {b}" for b, key in bounds)]]
    for cell in _cells(summary, memory):
        row = [name_text(cell, summary["baseline"])]
        for metric in shown:
            texts = (
                value_text(metric, cell["metrics"][metric.key]),
                difference_text(metric, cell["differences"][metric.key]),
            )
            row.append("\n".join(text for text in texts if text))
        row += [over_text(cell["over_bounds"].get(bound, {}).get(key)) for bound, key in bounds]
        table.append(row)
    return [list(row) for row in zip(*table, strict=True)] if turned else table


def _cells(summary: Mapping[str, Any], memory: int) -> list[Mapping[str, Any]]:
    return [cell for cell in summary["cells"] if cell[MEMORY] == memory]


def _heading(key: str) -> str:
    return next(metric.heading for metric in METRICS if metric.key == key)


def markdown(summary: Mapping[str, Any]) -> str:
    """The comparison as a Markdown page."""
    lines = [f"# {summary['name']}: {len(summary['labels'])} policies compared", ""]
    for memory in summary["memories"]:
        lines += [f"## {format_size(memory)} of memory", "", *_markdown_table(grid(summary, memory, turned=False)), ""]
    lines += [f"- {line}" for line in sentences(summary)]
    lines += ["", *(f"{line}." for line in notes(summary))]
    return "\n".join(lines) + "\n"


def _markdown_table(rows: Grid) -> Iterator[str]:
    for number, row in enumerate(rows):
        cells = (cell.replace("|", "\\|").replace("*", "\\*").replace("\n", "<br>") for cell in row)
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield f"|---|{'---:|' * (len(row) - 1)}"


COLUMNS = ("mean", "low", "high", "count")
TESTED = (
    *("mean", "low", "high", "relative", "relative_low", "relative_high", "count", "p_value", "p_adjusted", "verdict"),
)


def comma_separated(summary: Mapping[str, Any]) -> str:
    """The comparison as CSV: a row for each memory size, contestant and metric; empty: there is no such figure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    bounds: Sequence[str] = summary["bounds"]
    writer.writerow([
        "memory_bytes", "label", "policy", "requires", "metric", *COLUMNS, *(f"difference_{key}" for key in TESTED),
        *(f"over_{bound}{suffix}" for bound in bounds for suffix in ("", "_relative")),
    ])  # fmt: skip
    for cell in summary["cells"]:
        for metric in (*METRICS, *MORE):
            found = cell["metrics"][metric.key] or {}
            difference = cell["differences"].get(metric.key) or {}
            over = [(cell["over_bounds"].get(bound, {}).get(metric.key) or {}) for bound in bounds]
            writer.writerow([
                cell[MEMORY], cell["label"], cell["policy"], " ".join(cell["requires"]), metric.key,
                *(_plain(found.get(key)) for key in COLUMNS), *(_plain(difference.get(key)) for key in TESTED),
                *(_plain(one.get(key)) for one in over for key in ("mean", "relative")),
            ])  # fmt: skip
    return text.getvalue()


def _plain(value: object) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)
