"""From a comparison's frame of runs to means, intervals, differences and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from experiments.compare.metrics import METRICS, MORE
from experiments.compare.plan import MEMORY, Plan
from experiments.statistics import Difference, Estimate, estimate, holm, paired

Rows = list[dict[Any, Any]]
"""The runs of one contestant in one size of memory."""
Values = dict[int, float]
"""A metric's value by replication, of runs that ended well and have one."""

HEADLINE = "completion_ns"
"""The figure that a comparison is asked for first."""
IGNORED = ("label", "replication", "seed", "error")


def analyse(plan: Plan, points: pd.DataFrame) -> list[dict[str, Any]]:
    """A mapping for each memory size and contestant, in the plan's order: see the README for its keys.

    Intervals hold for each figure by itself with the plan's confidence. Whether a difference from the baseline is
    significant is judged after Holm's correction over all differences of the comparison that can be tested, so that a
    comparison of policies that don't differ calls any figure significant with probability 1 - confidence at most.
    """
    tables: dict[tuple[str, int], Rows] = {}
    for row in points.to_dict("records"):
        tables.setdefault((str(row["label"]), int(row[MEMORY])), []).append(row)
    cells = []
    for memory in plan.memories:
        reference = tables[plan.baseline, memory]
        for one in plan.contestants:
            rows = tables[one.label, memory]
            cell = _cell(rows, plan.confidence)
            cell |= {"label": one.label, "policy": one.policy, "requires": one.requires, MEMORY: memory}
            cell["differences"] = _differences(rows, reference, plan, same=one.label == plan.baseline)
            cell["over_bounds"] = {
                bound: _over(rows, tables[bound, memory], plan) for bound in plan.bounds if bound != one.label
            }
            cells.append(cell)
    _correct(cells, plan.confidence)
    return cells


def deterministic(rows: Rows) -> bool:
    """Whether two replications or more gave the same in every figure."""
    figures = {repr([(key, value) for key, value in row.items() if key not in IGNORED]) for row in rows}
    return len(rows) > 1 and len(figures) == 1


def values(rows: Rows, metric: str) -> Values:
    """A metric by replication; runs that failed or have no such figure are left out."""
    known = [row for row in rows if not pd.isna(row.get(metric))]
    return {int(row["replication"]): float(row[metric]) for row in known}


def _cell(rows: Rows, confidence: float) -> dict[str, Any]:
    metrics = {}
    for metric in (*METRICS, *MORE):
        found = values(rows, metric.key)
        metrics[metric.key] = _plain(estimate(list(found.values()), confidence)) if found else None
    errors = [row["error"] for row in rows if isinstance(row["error"], str)]
    return {
        "runs": len(rows) - len(errors),
        "errors": sorted(set(errors)),
        "failed": len(errors),
        "deterministic": deterministic(rows),
        "metrics": metrics,
    }


def _plain(found: Estimate) -> dict[str, Any]:
    return {
        "mean": found.mean, "low": found.low, "high": found.high, "count": found.count, "constant": found.constant,
    }  # fmt: skip


def _differences(rows: Rows, reference: Rows, plan: Plan, *, same: bool) -> dict[str, Any]:
    exact = deterministic(rows) and deterministic(reference)
    found: dict[str, Any] = {}
    for metric in METRICS:
        difference, base = _paired(rows, reference, metric.key, plan.confidence)
        if same or difference is None or base is None:
            found[metric.key] = None
        else:
            found[metric.key] = {**_relative(difference.estimate, base), **_tested(difference, exact)}
    return found


def _over(rows: Rows, bound: Rows, plan: Plan) -> dict[str, Any]:
    found = {}
    for metric in METRICS:
        difference, base = _paired(rows, bound, metric.key, plan.confidence)
        found[metric.key] = None if difference is None or base is None else _relative(difference.estimate, base)
    return found


def _paired(rows: Rows, reference: Rows, metric: str, confidence: float) -> tuple[Difference | None, float | None]:
    """The paired difference over the replications that both have, and the reference's mean over them."""
    ours, theirs = values(rows, metric), values(reference, metric)
    both: Sequence[int] = sorted(ours.keys() & theirs.keys())
    if not both:
        return None, None
    base = [theirs[n] for n in both]
    return paired([ours[n] for n in both], base, confidence), math.fsum(base) / len(base)


def _relative(found: Estimate, base: float) -> dict[str, Any]:
    """A difference, also as a share of the mean that it is a difference from."""
    scaled = {
        f"relative_{name}" if name != "mean" else "relative": None if value is None or not base else value / base
        for name, value in (("mean", found.mean), ("low", found.low), ("high", found.high))
    }
    return {**_plain(found), **scaled}


def _tested(difference: Difference, exact: bool) -> dict[str, Any]:
    verdict = None
    if difference.estimate.count > 1 and difference.equal:
        verdict = "equal"
    elif exact:
        verdict = "exact"
    elif difference.p_value is None:
        verdict = "untested"
    return {"p_value": difference.p_value, "p_adjusted": None, "verdict": verdict}


def _correct(cells: list[dict[str, Any]], confidence: float) -> None:
    """Judge all differences that can be tested as one family, of which the completion times get half the weight."""
    family = [
        (key == HEADLINE, difference)
        for cell in cells
        for key, difference in cell["differences"].items()
        if difference is not None and difference["verdict"] is None
    ]
    first = sum(headline for headline, _ in family)
    rest = len(family) - first
    weights = [1 / first if headline else 1 / rest for headline, _ in family]
    adjusted = holm([difference["p_value"] for _, difference in family], weights)
    for (_, difference), value in zip(family, adjusted, strict=True):
        difference["p_adjusted"] = value
        difference["verdict"] = "significant" if value <= 1 - confidence else "not significant"
