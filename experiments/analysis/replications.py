"""From a study's points to means over replications, intervals, differences from a reference, and how sure they are.

Every setting of a study is run on the same seeds, so differences are paired by replication. Intervals hold for each
figure by itself; whether a difference is significant is judged after Holm's correction over all differences of a study
that can be tested, so that a study of settings that don't differ calls any figure significant with probability
1 - confidence at most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from experiments.analysis.frames import frame
from experiments.analysis.metrics import METRICS, MORE
from experiments.analysis.statistics import Difference, Estimate, estimate, holm, paired

Rows = list[dict[Any, Any]]
"""The points of one setting."""
Values = dict[int, float]
"""A metric's value by replication, of runs that ended well and have one."""
Figures = dict[str, Any]

HEADLINE = "completion_ns"
"""The figure that a study is asked for first: it gets half the weight of all tests."""
IGNORED = ("point", "label", "replication", "seed", "error")


def deterministic(rows: Rows) -> bool:
    """Whether two replications or more gave the same in every figure."""
    figures = {repr([(key, value) for key, value in row.items() if key not in IGNORED]) for row in rows}
    return len(rows) > 1 and len(figures) == 1


def values(rows: Rows, metric: str) -> Values:
    """A metric by replication; runs that failed or have no such figure are left out."""
    known = [row for row in rows if not pd.isna(row.get(metric))]
    return {int(row["replication"]): float(row[metric]) for row in known}


def means(rows: Rows, confidence: float) -> Figures:
    """How many runs of a setting ended, why the others didn't, and of each metric the mean and its interval."""
    metrics = {}
    for metric in (*METRICS, *MORE):
        known = values(rows, metric.key)
        metrics[metric.key] = _plain(estimate(list(known.values()), confidence)) if known else None
    errors = [row["error"] for row in rows if isinstance(row["error"], str)]
    return {
        "runs": len(rows) - len(errors),
        "errors": sorted(set(errors)),
        "failed": len(errors),
        "deterministic": deterministic(rows),
        "metrics": metrics,
    }


def differences(rows: Rows, reference: Rows, confidence: float) -> dict[str, Figures | None]:
    """The difference of each metric from the reference's, with a p-value but no verdict yet (see `judge`); None where
    it isn't known of both."""
    exact = deterministic(rows) and deterministic(reference)
    pairs = {metric.key: _paired(rows, reference, metric.key, confidence) for metric in METRICS}
    return {
        key: None if pair is None else {**relative(pair[0].estimate, pair[1]), **_tested(pair[0], exact)}
        for key, pair in pairs.items()
    }


def distances(rows: Rows, bound: Rows, confidence: float) -> dict[str, Figures | None]:
    """How far each metric lies above that of a bound; untested."""
    pairs = {metric.key: _paired(rows, bound, metric.key, confidence) for metric in METRICS}
    return {key: None if pair is None else relative(pair[0].estimate, pair[1]) for key, pair in pairs.items()}


def _paired(rows: Rows, reference: Rows, metric: str, confidence: float) -> tuple[Difference, float] | None:
    """The paired difference over the replications that both have, and the reference's mean over them; None: no such."""
    ours, theirs = values(rows, metric), values(reference, metric)
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        return None
    base = [theirs[n] for n in both]
    return paired([ours[n] for n in both], base, confidence), math.fsum(base) / len(base)


def relative(difference: Estimate, base: float) -> Figures:
    """A difference, also as a share of the mean that it is a difference from."""
    scaled = {
        f"relative_{name}" if name != "mean" else "relative": None if value is None or not base else value / base
        for name, value in (("mean", difference.mean), ("low", difference.low), ("high", difference.high))
    }
    return {**_plain(difference), **scaled}


def _plain(one: Estimate) -> Figures:
    return {"mean": one.mean, "low": one.low, "high": one.high, "count": one.count, "constant": one.constant}


def _tested(difference: Difference, exact: bool) -> Figures:
    verdict = None
    if difference.estimate.count > 1 and difference.equal:
        verdict = "equal"
    elif exact:
        verdict = "exact"
    elif difference.p_value is None:
        verdict = "untested"
    return {"p_value": difference.p_value, "p_adjusted": None, "verdict": verdict}


def judge(settings: Iterable[Mapping[str, Figures | None]], confidence: float) -> int:
    """Give the `differences` of all settings that can be tested their verdicts, as one family of which the completion
    times get half the weight; how many they are."""
    family = [
        (key == HEADLINE, difference)
        for setting in settings
        for key, difference in setting.items()
        if difference is not None and difference["verdict"] is None
    ]
    first = sum(headline for headline, _ in family)
    rest = len(family) - first
    weights = [1 / first if headline else 1 / rest for headline, _ in family]
    adjusted = holm([difference["p_value"] for _, difference in family], weights)
    for (_, difference), value in zip(family, adjusted, strict=True):
        difference["p_adjusted"] = value
        difference["verdict"] = "significant" if value <= 1 - confidence else "not significant"
    return len(family)


TESTED = ("mean", "low", "high", "relative", "relative_low", "relative_high", "p_value", "p_adjusted", "verdict")


def settings_frame(points: pd.DataFrame, parameters: Sequence[str], confidence: float) -> pd.DataFrame:
    """A row for each setting of a sweep and metric: the mean over replications with its interval (`mean`, `low`,
    `high`, `count`), and the paired difference from the first setting (`difference_...`) with its verdict."""
    groups: dict[str, Rows] = {}
    for row in points.to_dict("records"):
        groups.setdefault(repr([row[name] for name in parameters]), []).append(row)
    reference = next(iter(groups.values()))
    cells = [
        (rows, means(rows, confidence), differences(rows, reference, confidence) if rows is not reference else {})
        for rows in groups.values()
    ]
    judge((different for _, _, different in cells), confidence)
    table = []
    for rows, cell, different in cells:
        setting = {name: rows[0][name] for name in parameters}
        for metric in (*METRICS, *MORE):
            mean, against = cell["metrics"][metric.key] or {}, different.get(metric.key) or {}
            shown = {name: mean.get(name) for name in ("mean", "low", "high", "count")}
            table.append(
                {**setting, "metric": metric.key, **shown, **{f"difference_{key}": against.get(key) for key in TESTED}}
            )
    made = frame(table)
    for name in parameters:  # as they are in `points`, whatever a row of mixed types has made of them
        made[name] = made[name].astype(points[name].dtype)
    return made
