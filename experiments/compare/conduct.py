"""Conducting a comparison: from its plan to its result."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.batch.point import Outcome
from experiments.batch.pool import Opener
from experiments.batch.run import run_batch
from experiments.batch.store import PointStore
from experiments.compare.analyse import analyse
from experiments.compare.frames import frames
from experiments.compare.plan import Plan
from experiments.compare.result import ComparisonResult
from experiments.errors import RunFailed


def conduct(
    plan: Plan, opener: Opener, in_flight: int, store: PointStore | None = None, keep: Path | None = None
) -> ComparisonResult:
    """Make all runs of a plan and draw the conclusions.

    Raises BadInput for a plan that isn't valid, RunFailed if not a single run could be made or none in unlimited
    memory, Interrupted on Ctrl-C.
    """
    cells = plan.cells(keep)
    points = plan.points(cells)
    outcomes = {outcome.point.label: _sorted(outcome) for outcome in run_batch(points, opener, in_flight, store)}
    for group in ([cell.point for cell in cells], [point for point in points if point.unlimited]):
        errors = [outcomes[point.label].error for point in group]
        if all(error is not None for error in errors):
            raise RunFailed(f"all {len(group)} runs failed, the first one: {errors[0]}")
    made = frames(cells, outcomes)
    return ComparisonResult(summarise(plan, analyse(plan, made["points"])), **made)


def _sorted(outcome: Outcome) -> Outcome:
    """The outcome as a store keeps it, keys sorted, so that frames have the same columns in the same order without."""
    return replace(outcome, measured=json.loads(json.dumps(outcome.measured, sort_keys=True)))


def summarise(plan: Plan, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """What comparison.json holds."""
    differences = [found for cell in cells for found in cell["differences"].values() if found is not None]
    return {
        "name": plan.name,
        "baseline": plan.baseline,
        "bounds": list(plan.bounds),
        "labels": [one.label for one in plan.contestants],
        "policies": {one.label: one.policy for one in plan.contestants},
        "memories": list(plan.memories),
        "replications": plan.replications,
        "seed": plan.seed,
        "confidence": plan.confidence,
        "correction": "Holm (1979)",
        "tests": sum(found["p_adjusted"] is not None for found in differences),
        "cells": cells,
    }
