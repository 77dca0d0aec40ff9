"""A sweep as tables and sentences: its settings one by one, or what each value of each key gave on average."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from experiments.analysis.comparison import MEMORY
from experiments.analysis.metrics import METRICS, Metric
from experiments.errors import single_line
from experiments.present.comparison import difference_text, mean_text
from experiments.present.numbers import PLUS_MINUS, UNKNOWN
from experiments.present.table import Cell, Column, Part, Table, text_column

MOST_SETTINGS = 24
"""Settings that a terminal shows one by one."""
MOST_ERRORS = 3
MOST_TEXT = 40
"""Characters of a value that a table shows."""
SHOWN = ("completion_ns", "slowdown", "stall_share", "hard_faults", "pages_input", "pages_output", "mean_memory_bytes")
"""What is shown of each, by the keys of `analysis.metrics`."""


@dataclass(frozen=True)
class Setting:
    """One combination of the swept keys' values, with all its replications."""

    texts: Mapping[str, str]
    """values as the config writes them, by key"""
    typed: Mapping[str, Any]
    """the same as numbers or text, by column"""
    rows: pd.DataFrame
    """its points that were run"""
    first: str
    """the name of its first replication's point"""
    statistics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """its rows of settings.parquet by metric, where there were several replications"""

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

    def figure(self, metric: Metric) -> Cell | float | None:
        """A metric's mean; of several replications with its interval, and below it the difference from the first
        setting."""
        row = self.statistics.get(metric.key)
        if row is None or row["mean"] is None:
            return self.mean(metric)
        mean = {**row, "constant": row["low"] == row["high"]}
        lines = [mean_text(metric.unit, mean)]
        if row["difference_verdict"] is not None:
            different = {key.removeprefix("difference_"): value for key, value in row.items()}
            lines.append(difference_text(metric.unit, {**different, "constant": different["low"] == different["high"]}))
        return Cell("\n".join(lines), row["mean"])


def statistics(frame: pd.DataFrame | None, settings: int) -> list[Mapping[str, Mapping[str, Any]]]:
    """The rows of settings.parquet of each setting, by metric; empty if there is no such frame."""
    if frame is None:
        return [{}] * settings
    rows = [{str(key): None if pd.isna(value) else value for key, value in row.items()}
            for row in frame.astype(object).to_dict("records")]  # fmt: skip
    size = len(rows) // settings
    return [{str(row["metric"]): row for row in rows[n * size : (n + 1) * size]} for n in range(settings)]


def how_to_read(frame: pd.DataFrame | None, replications: int, confidence: float) -> list[str]:
    """What intervals and differences mean; nothing where there are none."""
    if frame is None:
        return []
    means = (
        f"means of {replications} replications {PLUS_MINUS} half a {confidence:.0%} interval (Student t); below, the "
        "paired difference from the first setting, in % of its mean"
    )
    marks = (
        f"*: significant at {1 - confidence:.2g} after Holm's correction (1979) over the "
        f"{frame['difference_p_adjusted'].count()} differences tested; n.s.: not significant; =: equal in every "
        "replication; all figures are in settings.parquet"
    )
    return [means, marks]


def settings_of(about: Mapping[str, Any], points: pd.DataFrame, means: pd.DataFrame | None) -> list[Setting]:
    """The settings of a sweep, in its order; `about` is what study.json says, `means` the frame of settings.parquet."""
    by_name = points.set_index("point", drop=False)
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for point in about["points"]:
        groups.setdefault(json.dumps(point["parameters"], sort_keys=True), []).append(point)
    settings = []
    for alike, own in zip(groups.values(), statistics(means, len(groups)), strict=True):
        rows = by_name.loc[[point["point"] for point in alike]]
        texts = {key: written(value) for key, value in alike[0]["written"].items()}
        first = str(alike[0]["point"])
        settings.append(Setting(texts, alike[0]["parameters"], rows[rows["error"].isna()], first, own))
    return settings


def report(about: Mapping[str, Any], frames: Mapping[str, pd.DataFrame], confidence: float) -> list[Part]:
    """What a sweep ends with: its settings, or, of many, a table for each key; and why points failed. `about` is what
    study.json says."""
    points, means = frames["points"], frames.get("settings")
    settings = settings_of(about, points, means)
    keys, name = list(about["varied"]), f"{about['name']}: {len(points)} points"
    metrics = shown_metrics(points, SHOWN)
    errors = _errors({one["point"]: one["error"] for one in about["points"] if one["error"] is not None})
    if len(settings) <= MOST_SETTINGS:
        reading = how_to_read(means, about["replications"], confidence)
        return [setting_table(name, settings, keys, metrics), *reading, *errors]
    return [*(value_table(f"{name}, means by {key}", settings, key, keys, metrics) for key in keys), *errors]


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
        [*(one.value(key) for key in keys), len(one.rows), *(one.figure(metric) for metric in metrics)]
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
        lines.append(f"failed: {len(errors) - MOST_ERRORS} more; all are in study.json and points.parquet")
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
