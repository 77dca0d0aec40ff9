"""The report of a sweep: what was swept, what came of each setting and each value, and memory under a few of them,
moment by moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.compare.metrics import METRICS, Metric
from experiments.compare.text import value_text
from experiments.errors import BadInput
from experiments.opening import read_json
from experiments.present.report import asked, provenance
from experiments.present.report.figures import figure, pictures
from experiments.present.report.grids import Cell, Row, grid, number
from experiments.present.report.markup import Markup, element, listed
from experiments.present.report.moments import Run, moments, sampled
from experiments.present.report.page import Report, Section
from experiments.present.report.run import figures
from experiments.present.report.walk import walk
from experiments.store import SWEEP_FILE

MOST_SETTINGS = 300
"""rows of the table of settings; all points are in points.parquet"""
MOST_RUNS = 6
"""runs that the slider shows side by side"""
MOST_ERRORS = 12
MOST_NAMES = 3
"""points that are named with an error"""
COMPLETION = METRICS[0]


@dataclass(frozen=True)
class Setting:
    """One combination of the swept keys' values, with all its replications."""

    texts: Mapping[str, str]
    """values as the config writes them, by key"""
    typed: Mapping[str, Any]
    """the same as numbers or text, by column"""
    rows: pd.DataFrame
    """its points that were run"""
    directory: Path
    """of its first replication's whole result, if it was kept"""

    @property
    def name(self) -> str:
        """The values in a line."""
        return ", ".join(self.texts.values())

    def mean(self, metric: Metric) -> float | None:
        """A metric's mean over the replications that have one."""
        known = self.rows[metric.key].dropna() if metric.key in self.rows else ()
        return float(np.mean(known)) if len(known) else None


@dataclass(frozen=True)
class Swept:
    """A finished sweep."""

    told: Mapping[str, Any]
    """what sweep.json holds"""
    frame: pd.DataFrame
    """points.parquet"""
    settings: Sequence[Setting]

    @property
    def keys(self) -> list[str]:
        """The swept keys that any setting has, as they are written."""
        return [key for key in self.told["swept"] if any(key in one.texts for one in self.settings)]


def read(directory: Path) -> Swept:
    """Read a finished sweep; raises BadInput for one that isn't, OSError if a part is missing."""
    told = read_json(directory / SWEEP_FILE)
    if not told["complete"]:
        raise BadInput(
            f"{directory}: found a sweep that isn't finished, allowed is one that pagesim sweep --resume ended"
        )
    frame = pd.read_parquet(directory / "points.parquet")
    by_name = frame.set_index("point", drop=False)
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for point in told["points"]:
        groups.setdefault(json.dumps(point["parameters"], sort_keys=True), []).append(point)
    settings = []
    for points in groups.values():
        rows = by_name.loc[[point["point"] for point in points]]
        texts = {key: str(value) for key, value in points[0]["written"].items()}
        place = directory / f"point={points[0]['point']}"
        settings.append(Setting(texts, points[0]["parameters"], rows[rows["error"].isna()], place))
    return Swept(told, frame, settings)


def report(swept: Swept, manifest: Mapping[str, Any]) -> Report:
    """The report of a sweep."""
    drawn, left_out = pictures((swept.frame, swept.told["parameters"]), "sweep", lambda _: _extremes(swept))
    memory, data = _memory(swept)
    plots = [figure(one) for one in drawn]
    if left_out:
        plots.append(element("p", f"No room here: {asked.and_list(left_out)}."))
    config = manifest["config"]
    about = element("p", asked.machine_sentence(config, memory="machine.memory" not in swept.keys))
    sections = [
        Section("question", "What was asked", [asked.comment(manifest), *_asked(swept), about]),
        Section("outcome", "What came out", _outcome(swept)),
        Section("plots", "In pictures", plots),
        Section("settings", "Setting by setting", [_setting_grid(swept)]),
        Section("values", "What each value gave", _value_grids(swept)),
        Section("memory", "Memory, moment by moment", memory),
        Section("config", "The config", [asked.glance({**config, "sweep": config.get("sweep", {})})]),
        provenance.section(manifest),
    ]
    name = str(swept.told["name"])
    lead = f"{_counted(len(swept.settings), 'setting')}, {_counted(len(swept.frame), 'run')}. {_extremes(swept)}"
    return Report("Report of a sweep", name, lead.strip(), [one for one in sections if one.content], data)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _asked(swept: Swept) -> list[Markup]:
    """Which keys take which values."""
    lines = []
    for key in swept.keys:
        values = list(dict.fromkeys(one.texts[key] for one in swept.settings if key in one.texts))
        more = f" and {len(values) - 20} more" if len(values) > 20 else ""
        lines.append(f"{key}: {asked.and_list(values) if not more else ', '.join(values[:20])}{more}")
    times = swept.told["replications"]
    how = "once" if times == 1 else f"{times} times, with seeds of their own"
    return [element("p", f"What do these give? Each setting ran {how}."), listed(lines)]


def _known(swept: Swept, metric: Metric) -> list[tuple[float, Setting]]:
    """The settings that have a metric, by its mean, the least first."""
    known = [(mean, one) for one in swept.settings if (mean := one.mean(metric)) is not None]
    return sorted(known, key=lambda pair: pair[0])


def _extremes(swept: Swept) -> str:
    """Which settings took the least time and the most; empty if none ended."""
    known = _known(swept, COMPLETION)
    if not known or known[0][0] == known[-1][0]:
        return ""
    (least, first), (most, last) = known[0], known[-1]
    same = sum(mean == least for mean, _ in known) - 1
    others = f" and {same} other{'s' if same > 1 else ''}" if same else ""
    quick = f"{_text(COMPLETION, least)} ({first.name}{others})"
    return f"Completion times go from {quick} to {_text(COMPLETION, most)} ({last.name})."


def _text(metric: Metric, mean: float | None) -> str:
    found = None if mean is None else {"mean": mean, "low": None, "high": None, "constant": True}
    return value_text(metric, found)


def _outcome(swept: Swept) -> list[Markup]:
    errors = {point["point"]: point["error"] for point in swept.told["points"] if point["error"]}
    known = _known(swept, COMPLETION)
    shown = {"settings": f"{len(swept.settings):,}", "runs": f"{len(swept.frame):,}", "failed": f"{len(errors):,}"}
    if known:
        shown |= {"least completion time": _text(COMPLETION, known[0][0]), "most": _text(COMPLETION, known[-1][0])}
    lines = [text for text in (_extremes(swept), *_by_key(swept)) if text]
    return [figures(shown), listed([*lines, *_failures(errors)])]


def _failures(errors: Mapping[str, str]) -> list[str]:
    """Each error with the points that it befell."""
    befell: dict[str, list[str]] = {}
    for name, error in errors.items():
        befell.setdefault(error, []).append(name)
    lines = []
    for error, names in list(befell.items())[:MOST_ERRORS]:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        lines.append(f"{_counted(len(names), 'run')} failed ({', '.join(names[:MOST_NAMES])}{more}): {error}")
    if len(befell) > MOST_ERRORS:
        lines.append(f"{_counted(len(befell) - MOST_ERRORS, 'further error')}; all are in points.parquet")
    return lines


def _by_key(swept: Swept) -> list[str]:
    """For each swept key, which of its values took the least time on average, all else being everything else."""
    lines = []
    for key in swept.keys if len(swept.keys) > 1 else []:
        means = {value: mean for value, mean in _means(swept, key, COMPLETION).items() if mean is not None}
        if len(means) > 1 and min(means.values()) < max(means.values()):
            best, worst = min(means, key=lambda one: means[one]), max(means, key=lambda one: means[one])
            lines.append(f"Over {key}, the mean completion time goes from {_text(COMPLETION, means[best])} ({best}) to "
                         f"{_text(COMPLETION, means[worst])} ({worst}).")  # fmt: skip
    return lines


def _means(swept: Swept, key: str, metric: Metric) -> dict[str, float | None]:
    """A metric's mean over the settings that have each value of a key."""
    groups: dict[str, list[float]] = {}
    for one in swept.settings:
        mean = one.mean(metric)
        groups.setdefault(one.texts.get(key, "-"), []).extend([] if mean is None else [mean])
    return {value: float(np.mean(means)) if means else None for value, means in groups.items()}


def _shown(swept: Swept) -> list[Metric]:
    return [one for one in METRICS if one.key in swept.frame and swept.frame[one.key].notna().any()]


def _setting_grid(swept: Swept) -> Markup:
    """A row for each setting: its values, and the means of its figures."""
    keys, shown = swept.keys, _shown(swept)
    rows: list[Row] = []
    for one in swept.settings[:MOST_SETTINGS]:
        cells = [_value_cell(one, key) for key in keys]
        runs = number(len(one.rows))
        rows.append([*cells, *(_mean_cell(metric, one.mean(metric)) for metric in shown), runs])
    caption = "Means of each setting’s figures"
    if len(swept.settings) > len(rows):
        caption += f", the first {len(rows)} of {len(swept.settings):,} settings; all points are in points.parquet"
    headings = [*_short(keys), *(metric.heading for metric in shown), "runs"]
    return grid("setting-table", caption, headings, rows, words=len(keys), wide=True)


def _value_cell(setting: Setting, key: str) -> Cell:
    text = setting.texts.get(key, "-")
    return Cell(text, setting.typed.get(key, text))


def _mean_cell(metric: Metric, mean: float | None) -> Cell:
    return number(mean, _text(metric, mean)) if mean is not None else Cell("-")


def _short(keys: Sequence[str]) -> list[str]:
    """Dotted keys cut to their last part where that still tells them apart."""
    last = [key.rpartition(".")[2] for key in keys]
    return [one if last.count(one) == 1 else key for one, key in zip(last, keys, strict=True)]


def _value_grids(swept: Swept) -> list[Markup]:
    """For each swept key that isn't the only one, the means over all settings with each of its values."""
    shown, found = _shown(swept), []
    for index, key in enumerate(swept.keys if len(swept.keys) > 1 else []):
        columns = [_means(swept, key, metric) for metric in shown]
        cells = {one.texts.get(key, "-"): _value_cell(one, key) for one in swept.settings}
        rows: list[Row] = [
            [cell, *(_mean_cell(metric, means[value]) for metric, means in zip(shown, columns, strict=True))]
            for value, cell in cells.items()
        ]
        headings = [*_short([key]), *(metric.heading for metric in shown)]
        caption = f"Means over all settings with each value of {key}"
        found.append(grid(f"value-table-{index}", caption, headings, rows, wide=True))
    return found


def _memory(swept: Swept) -> tuple[list[Markup], list[Markup]]:
    """The slider over the first replication of a few settings, and its data; where no run was kept, nothing."""
    kept = [one for one in swept.settings if (one.directory / "samples.parquet").is_file()]
    places = np.unique(np.linspace(0, len(kept) - 1, min(MOST_RUNS, len(kept))).round().astype(int)) if kept else ()
    runs = [Run(kept[place].name, sampled(kept[place].directory)) for place in places]
    if (found := moments(runs)) is None:
        return [], []
    slider, numbers = walk(found)
    which = "each setting" if len(runs) == len(swept.settings) else f"{len(runs)} of {len(swept.settings):,} settings"
    text = f"The first replication of {which}, side by side; a bar is as long as its memory is large."
    return [element("p", text), slider], [numbers]
