"""The frames of a comparison: one row a run, one a process, one a bin of the latency histograms, one a sample of the
page lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from experiments.batch.lists import lists_frame
from experiments.batch.measure import BINS_PER_OCTAVE
from experiments.batch.point import Outcome
from experiments.compare.metrics import figures, slowdowns
from experiments.compare.plan import MEMORY, Cell

Row = dict[str, Any]
POLICY = "memory_manager.trimming"


def frames(cells: Sequence[Cell], outcomes: Mapping[str, Outcome]) -> dict[str, pd.DataFrame]:
    """`points`, `processes`, `latency` and `lists`, from the outcomes by label of point; the same outcomes give
    the same frames.

    Rows are ordered by contestant, memory and replication as they stand in the plan. Parameters of the config that a
    comparison varies are columns under their dotted keys.
    """
    points: list[Row] = []
    processes: list[Row] = []
    latency: list[Row] = []
    lists: list[tuple[Row, dict[str, list[int]]]] = []
    order = {cell.contestant.label: None for cell in cells}
    for cell in sorted(cells, key=lambda one: (list(order).index(one.contestant.label), one.memory, one.replication)):
        outcome, roomy = outcomes[cell.point.label], outcomes[f"unlimited-{cell.replication}"]
        unlimited = roomy.measured["summary"] if roomy.measured else None
        key = {"label": cell.contestant.label, MEMORY: cell.memory, "replication": cell.replication}
        measured = outcome.measured
        numbers = figures(measured, unlimited) if measured else {}
        points.append({**key, **_parameters(cell), "error": outcome.error, **numbers})
        if measured:
            processes += _processes(key, measured["summary"], unlimited)
            latency += _latency(key, measured["latency"])
            lists += [(key, measured["lists"])] if "lists" in measured else []
    made = {"points": _frame(points), "processes": _frame(processes), "latency": _frame(latency)}
    return {**made, "lists": lists_frame(lists)}


def _parameters(cell: Cell) -> Row:
    """What tells this run's config from the others', by dotted key."""
    trimming = cell.point.config["memory_manager"]["trimming"]
    row = {f"{POLICY}.{key}": value for key, value in trimming.items() if not isinstance(value, (dict, list))}
    return {"seed": str(cell.point.config["seed"]), **row}


def _processes(key: Row, summary: Mapping[str, Any], unlimited: Mapping[str, Any] | None) -> list[Row]:
    slower = slowdowns(summary, unlimited)
    return [
        {**key, "process": name, **process, "slowdown": slower[name]} for name, process in summary["processes"].items()
    ]


def _latency(key: Row, histograms: Mapping[str, Mapping[str, int]]) -> list[Row]:
    return [
        {
            **key,
            "kind": kind,
            "from_ns": 2.0 ** (number / BINS_PER_OCTAVE),
            "below_ns": 2.0 ** ((number + 1) / BINS_PER_OCTAVE),
            "count": count,
        }
        for kind, bins in sorted(histograms.items())
        for number, count in sorted((int(number), count) for number, count in bins.items())
    ]


def _frame(rows: list[Row]) -> pd.DataFrame:
    """Rows as a frame: whole numbers stay whole where some are missing."""
    frame = pd.DataFrame(rows)
    for column in frame.columns:
        values = [row.get(column) for row in rows]
        known = [value for value in values if value is not None]
        if known and len(known) < len(values) and all(type(value) in (int, float) for value in known):
            whole = all(type(value) is int for value in known)
            frame[column] = pd.array(values, dtype="Int64" if whole else "Float64")
    return frame
