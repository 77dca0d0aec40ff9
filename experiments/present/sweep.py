"""A sweep as tables and sentences: its settings one by one, or what each value of each key gave on average."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from experiments.compare.metrics import METRICS, Metric
from experiments.errors import single_line
from experiments.present.comparison import MEMORY
from experiments.present.numbers import UNKNOWN
from experiments.present.table import Cell, Column, Part, Table, text_column

if TYPE_CHECKING:
    from experiments.sweeps.conduct import Swept

MOST_SETTINGS = 24
"""Settings that a terminal shows one by one."""
MOST_ERRORS = 3
MOST_TEXT = 40
"""Characters of a value that a table shows."""
SHOWN = ("completion_ns", "slowdown", "stall_share", "hard_faults", "pages_input", "pages_output", "mean_memory_bytes")
"""What is shown of each, by the keys of `compare.metrics`."""


@dataclass(frozen=True)
class Setting:
    """One combination of the swept keys' values, with all its replications."""

    texts: Mapping[str, str]
    """values as the config writes them, by key"""
    typed: Mapping[str, Any]
    """the same as numbers or text, by column"""
    rows: pd.DataFrame
    """its points that were run"""

    @property
    def name(self) -> str:
        """The values in a line."""
        return ", ".join(self.texts.values())

    def value(self, key: str) -> Cell:
        """A key's value; "-" where the setting doesn't say."""
        text = self.texts.get(key, UNKNOWN)
        return Cell(text, self.typed.get(key, text))

    def mean(self, metric: Metric) -> float | None:
        """A metric's mean over the replications that have one."""
        known = self.rows[metric.key].dropna() if metric.key in self.rows else ()
        return float(np.mean(known)) if len(known) else None


def report(swept: Swept) -> list[Part]:
    """What a sweep ends with: its settings, or, of many, a table for each key; and why points failed."""
    points, cells = swept.frames["points"].set_index("point"), swept.plan.cells
    groups: dict[str, list[Any]] = {}
    for cell in cells:
        groups.setdefault(repr(cell.written), []).append(cell)
    settings = []
    for alike in groups.values():
        texts = {key: written(value) for key, value in alike[0].written.items()}
        rows = points.loc[[cell.name for cell in alike]]
        settings.append(Setting(texts, alike[0].parameters, rows[rows["error"].isna()]))
    keys, name = list(swept.plan.keys), f"{swept.plan.experiment.name}: {len(cells)} points"
    metrics = shown_metrics(swept.frames["points"], SHOWN)
    if len(settings) <= MOST_SETTINGS:
        return [setting_table(name, settings, keys, metrics), *_errors(swept.errors)]
    tables = (value_table(f"{name}, means by {key}", settings, key, keys, metrics) for key in keys)
    return [*tables, *_errors(swept.errors)]


def written(value: Any) -> str:
    """A value as the config writes it, cut short."""
    return f"{single_line(value if isinstance(value, str) else repr(value)):.{MOST_TEXT}}"


def shown_metrics(frame: pd.DataFrame, keys: Sequence[str] | None = None) -> list[Metric]:
    """The metrics that some point has."""
    return [
        one for one in METRICS
        if (keys is None or one.key in keys) and one.key in frame and frame[one.key].notna().any()
    ]  # fmt: skip


def setting_table(title: str, settings: Sequence[Setting], keys: Sequence[str], metrics: Sequence[Metric]) -> Table:
    """A row for each setting: its values, how many runs there were, and the means of their figures."""
    columns = [*_keys(keys), Column("runs", "count", 5), *_metrics(metrics)]
    rows = [
        [*(one.value(key) for key in keys), len(one.rows), *(one.mean(metric) for metric in metrics)]
        for one in settings
    ]
    return Table(title, columns, rows, name="setting-table")


def value_table(
    title: str, settings: Sequence[Setting], key: str, keys: Sequence[str], metrics: Sequence[Metric]
) -> Table:
    """The means over all settings with each value of a key."""
    heading = short(keys)[list(keys).index(key)]
    groups: dict[str, list[Setting]] = {}
    for one in settings:
        groups.setdefault(one.texts.get(key, UNKNOWN), []).append(one)
    rows = [
        [some[0].value(key), sum(len(one.rows) for one in some), *(mean(some, metric) for metric in metrics)]
        for some in groups.values()
    ]
    columns = [text_column(heading), Column("runs", "count", 5), *_metrics(metrics)]
    return Table(title, columns, rows, name=f"value-table-{list(keys).index(key)}")


def mean(settings: Iterable[Setting], metric: Metric) -> float | None:
    """A metric's mean over settings, each weighted alike."""
    means = [found for one in settings if (found := one.mean(metric)) is not None]
    return float(np.mean(means)) if means else None


def _keys(keys: Sequence[str]) -> list[Column]:
    return [text_column(heading) for heading in short(keys)]


def _metrics(metrics: Sequence[Metric]) -> list[Column]:
    """Metrics as columns; of those the later go first where there is little room."""
    return [Column(one.heading, one.unit, max(0, place - 2)) for place, one in enumerate(metrics)]


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


def _errors(errors: Mapping[str, str]) -> list[str]:
    lines = [f"failed: {name}: {error}" for name, error in list(errors.items())[:MOST_ERRORS]]
    if len(errors) > MOST_ERRORS:
        lines.append(f"failed: {len(errors) - MOST_ERRORS} more; all are in sweep.json and points.parquet")
    return lines


def points_table(points: pd.DataFrame, parameters: Sequence[str]) -> Table | None:
    """A row a point: its parameters, then its figures, or why it failed; of many points those from the first on.

    None for a frame that hasn't the columns any more, because some were chosen: that is shown as pandas does.
    """
    if not {"point", "error", *SHOWN} <= set(points.columns):
        return None
    metrics = shown_metrics(points, SHOWN)
    keys = [key for key in parameters if key != "replication" or len(set(points[key])) > 1]
    names = [*keys, *(metric.key for metric in metrics), *(["error"] if points["error"].notna().any() else [])]
    failed = [text_column("error", wrap=True)] if "error" in names else []
    columns = [*map(_parameter, short(keys), keys, (points[key].dtype for key in keys)), *_metrics(metrics), *failed]
    rows = [[None if pd.isna(row[name]) else row[name] for name in names]
            for row in points.head(MOST_SETTINGS).to_dict("records")]  # fmt: skip
    few = f"the first {MOST_SETTINGS} points; " if len(points) > MOST_SETTINGS else ""
    count = "1 point" if len(points) == 1 else f"{len(points)} points"
    return Table(count, columns, rows, notes=[f"{few}a pandas frame of {len(points.columns)} columns"])


def _parameter(heading: str, key: str, dtype: Any) -> Column:
    """The column of a parameter."""
    if key == MEMORY:
        return Column(heading, "bytes")
    return Column(heading, "number" if pd.api.types.is_numeric_dtype(dtype) else "text", format=written)
