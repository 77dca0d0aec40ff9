"""The report of a sweep: what was swept, what came of each setting and each value, and memory under a few of them,
moment by moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.analysis.metrics import METRICS
from experiments.errors import BadInput
from experiments.present.numbers import show
from experiments.present.plots.sweep_curves import SweepCurves
from experiments.present.report.page import Bullets, Figures, Part, Report, report_of
from experiments.present.report.pictures import pictures
from experiments.present.report.provenance import provenance
from experiments.present.report.question import and_list, comment, glance, machine_sentence
from experiments.present.report.slider import Run, Slider, sampled, timeline
from experiments.present.sweep import Setting, mean, setting_table, settings_of, shown_metrics, value_table
from experiments.storage.directory import POINT, STUDY_FILE, read_json

MOST_SETTINGS = 300
"""rows of the table of settings; all points are in points.parquet"""
MOST_RUNS = 6
"""runs that the slider shows side by side"""
MOST_ERRORS = 12
MOST_NAMES = 3
"""points that are named with an error"""
COMPLETION = METRICS[0]


@dataclass(frozen=True)
class Swept:
    """A finished sweep."""

    about: Mapping[str, Any]
    """what study.json holds"""
    frame: pd.DataFrame
    """points.parquet"""
    settings: Sequence[Setting]
    directories: Sequence[Path]
    """of each setting's first replication's whole result, if it was kept"""

    @property
    def keys(self) -> list[str]:
        """The swept keys that any setting has, as they are written."""
        return [key for key in self.about["varied"] if any(key in one.texts for one in self.settings)]


def read(directory: Path) -> Swept:
    """Read a finished sweep; raises BadInput for one that isn't, OSError if a part is missing."""
    about = read_json(directory / STUDY_FILE)
    if not about["complete"]:
        raise BadInput(
            f"{directory}: found a sweep that isn't finished, allowed is one that pagesim sweep --resume ended"
        )
    frame, means = pd.read_parquet(directory / "points.parquet"), directory / "settings.parquet"
    settings = settings_of(about, frame, pd.read_parquet(means) if means.exists() else None)
    return Swept(about, frame, settings, [directory / f"{POINT}{one.first}" for one in settings])


def report(swept: Swept, manifest: Mapping[str, Any]) -> Report:
    """The report of a sweep."""
    points = (swept.frame, [name for name in swept.about["parameters"] if name != "replication"])
    drawn, no_room = pictures(points, "sweep")
    memory, data = _memory(swept)
    config, extremes = manifest["config"], SweepCurves().describe(points)
    about = machine_sentence(config, memory="machine.memory" not in swept.keys)
    sections: dict[str, tuple[str, list[Part]]] = {
        "question": ("What was asked", [*comment(manifest), *_asked(swept), about]),
        "outcome": ("What came out", _outcome(swept, extremes)),
        "plots": ("In pictures", [*drawn, *no_room]),
        "settings": ("Setting by setting", _settings(swept)),
        "values": ("What each value gave", _values(swept)),
        "memory": ("Memory, moment by moment", memory),
        "config": ("The config", glance({**config, "sweep": config.get("sweep", {})})),
        "provenance": ("Provenance", provenance(manifest)),
    }
    lead = f"{_counted(len(swept.settings), 'setting')}, {_counted(len(swept.frame), 'run')}. {extremes}".strip()
    return report_of("Report of a sweep", str(swept.about["name"]), lead, sections, data)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _asked(swept: Swept) -> list[Part]:
    """Which keys take which values."""
    lines = []
    for key in swept.keys:
        values = list(dict.fromkeys(one.texts[key] for one in swept.settings if key in one.texts))
        more = f" and {len(values) - 20} more" if len(values) > 20 else ""
        lines.append(f"{key}: {and_list(values) if not more else ', '.join(values[:20])}{more}")
    times = swept.about["replications"]
    how = "once" if times == 1 else f"{times} times, with seeds of their own"
    return [f"What do these give? Each setting ran {how}.", Bullets(lines)]


def _outcome(swept: Swept, extremes: str) -> list[Part]:
    errors = {point["point"]: point["error"] for point in swept.about["points"] if point["error"]}
    known = [mean for one in swept.settings if (mean := one.mean(COMPLETION)) is not None]
    shown = {"settings": f"{len(swept.settings):,}", "runs": f"{len(swept.frame):,}", "failed": f"{len(errors):,}"}
    if known:
        shown |= {"least completion time": show(min(known), "ns"), "most": show(max(known), "ns")}
    lines = [extremes] if extremes else []
    return [Figures(shown), Bullets([*lines, *_by_key(swept), *_failures(errors)])]


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
        groups: dict[str, list[Setting]] = {}
        for one in swept.settings:
            groups.setdefault(one.texts.get(key, "-"), []).append(one)
        times = {value: mean(some, COMPLETION) for value, some in groups.items()}
        means = {value: time for value, time in times.items() if time is not None}
        if len(means) > 1 and min(means.values()) < max(means.values()):
            best, worst = min(means, key=lambda one: means[one]), max(means, key=lambda one: means[one])
            lines.append(f"Over {key}, the mean completion time goes from {show(means[best], 'ns')} ({best}) to "
                         f"{show(means[worst], 'ns')} ({worst}).")  # fmt: skip
    return lines


def _settings(swept: Swept) -> list[Part]:
    """A row for each setting, of very many the first."""
    title = "Means of each setting's figures"
    if len(swept.settings) > MOST_SETTINGS:
        title += f", the first {MOST_SETTINGS} of {len(swept.settings):,} settings; all points are in points.parquet"
    return [setting_table(title, swept.settings[:MOST_SETTINGS], swept.keys, shown_metrics(swept.frame))]


def _values(swept: Swept) -> list[Part]:
    """For each swept key that isn't the only one, the means over all settings with each of its values."""
    return [
        value_table(f"Means over all settings with each value of {key}", swept.settings, key, swept.keys,
                    shown_metrics(swept.frame))
        for key in swept.keys if len(swept.keys) > 1
    ]  # fmt: skip


def _memory(swept: Swept) -> tuple[list[Part], dict[str, Any]]:
    """The slider over the first replication of a few settings, and its data; where no run was kept, nothing."""
    kept = [
        (one, place) for one, place in zip(swept.settings, swept.directories, strict=True)
        if (place / "samples.parquet").is_file()
    ]  # fmt: skip
    places = np.unique(np.linspace(0, len(kept) - 1, min(MOST_RUNS, len(kept))).round().astype(int)) if kept else ()
    runs = [Run(kept[place][0].name, sampled(kept[place][1])) for place in places]
    if (found := timeline(runs)) is None:
        return [], {}
    moving = Slider(found)
    which = "each setting" if len(runs) == len(swept.settings) else f"{len(runs)} of {len(swept.settings):,} settings"
    return [
        f"The first replication of {which}, side by side; a bar is as long as its memory is large.",
        moving,
    ], moving.data
