"""A sweep as a table: its settings one by one, or, if they are many, what each value of each key gave on average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from experiments.batch.run import spread
from experiments.compare.metrics import METRICS, Metric, Unit
from experiments.errors import single_line
from experiments.sweeps.conduct import Swept
from experiments.sweeps.plan import Cell
from experiments.tables import rows_table
from simulator.units import format_size, format_time

MOST_SETTINGS = 24
"""Settings that are shown one by one."""
MOST_VALUES = 9
"""Values of a key that are shown."""
MOST_ERRORS = 3
SHOWN = ("completion_ns", "slowdown", "stall_share", "hard_faults", "pages_input", "pages_output", "mean_memory_bytes")
"""What is shown of each, by the keys of `compare.metrics`."""


def report(swept: Swept) -> Group:
    """What a sweep ends with."""
    settings = _settings(swept.plan.cells)
    points = swept.frames["points"]
    metrics = [metric for metric in METRICS if metric.key in SHOWN and metric.key in points]
    name, runs = swept.plan.experiment.name, f"{len(swept.plan.cells)} points"
    if len(settings) <= MOST_SETTINGS:
        table = _one_by_one(swept, settings, metrics, f"{name}: {runs}")
    else:
        table = _digest(swept, metrics, f"{name}: {runs}, means by the value of each key")
    return Group(table, *_errors(swept))


def _settings(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Cells that differ in their replication only, together."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(repr(cell.written), []).append(cell)
    return list(found.values())


def _one_by_one(swept: Swept, settings: Sequence[Sequence[Cell]], metrics: Sequence[Metric], title: str) -> Table:
    points = swept.frames["points"].set_index("point")
    several = swept.plan.replications > 1
    rows = []
    for cells in settings:
        taken = points.loc[[cell.name for cell in cells]]
        row = [_written(cells[0].written, key) for key in swept.plan.keys]
        row += [str(int(taken["error"].isna().sum()))] if several else []
        rows.append([*row, *_means(taken, metrics)])
    headings = [*short(swept.plan.keys), *(["runs"] if several else []), *(metric.heading for metric in metrics)]
    return _table(title, headings, rows, len(swept.plan.keys))


def _digest(swept: Swept, metrics: Sequence[Metric], title: str) -> Table:
    points = swept.frames["points"].set_index("point")
    rows = []
    for key, name in zip(swept.plan.keys, short(swept.plan.keys), strict=True):
        groups: dict[str, list[str]] = {}
        for cell in swept.plan.cells:
            groups.setdefault(_written(cell.written, key), []).append(cell.name)
        values = list(groups)
        for place in sorted(spread(len(values))[:MOST_VALUES]):
            taken = points.loc[groups[values[place]]]
            rows.append([name, values[place], str(int(taken["error"].isna().sum())), *_means(taken, metrics)])
        if len(values) > MOST_VALUES:
            rows.append([name, f"({len(values)} values)", "", *("" for _ in metrics)])
    return _table(title, ["key", "value", "runs", *(metric.heading for metric in metrics)], rows, 2)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> Table:
    table = rows_table(escape(title), [escape(heading) for heading in headings], rows)
    for column in table.columns[texts:]:
        column.justify = "right"
    return table


def _means(points: pd.DataFrame, metrics: Sequence[Metric]) -> list[str]:
    return [figure_text(metric.unit, points[metric.key].dropna()) for metric in metrics]


def figure_text(unit: Unit, values: pd.Series[Any]) -> str:
    """The mean of some values in their unit; "-" for none."""
    if not len(values):
        return "-"
    mean = float(values.astype(float).mean())
    match unit:
        case "ns":
            return format_time(round(mean))
        case "bytes":
            return format_size(round(mean))
        case "byte seconds":
            return f"{format_size(round(mean))}·s"
        case "share":
            return f"{mean:.1%}"
        case "ratio":
            return f"{mean:,.2f}x"
        case _:
            return f"{mean:,.0f}"


def short(keys: Sequence[str]) -> list[str]:
    """Keys as headings: the last part of each, or as much from the end as tells it from the others."""
    found = []
    for key in keys:
        parts = key.split(".")
        others = [other for other in keys if other != key]
        alone = (n for n in range(1, len(parts)) if not any(_ends(other, parts[-n:]) for other in others))
        size = next(alone, len(parts))
        found.append(".".join(parts[-size:]))
    return found


def _ends(key: str, parts: Sequence[str]) -> bool:
    return key.split(".")[-len(parts) :] == list(parts)


def _written(written: Mapping[str, Any], key: str) -> str:
    """A value as the config writes it, cut short; "-" where a setting doesn't say."""
    if key not in written:
        return "-"
    value = written[key]
    return f"{single_line(value if isinstance(value, str) else repr(value)):.40}"


def _errors(swept: Swept) -> list[Text]:
    errors = list(swept.errors.items())
    lines = [Text(f"failed: {name}: {error}") for name, error in errors[:MOST_ERRORS]]
    if len(errors) > MOST_ERRORS:
        lines.append(Text(f"failed: {len(errors) - MOST_ERRORS} more; all are in sweep.json and points.parquet"))
    return lines
