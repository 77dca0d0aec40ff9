"""The frames of a sweep: one row a point, one a process of a point; parameters are columns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from experiments.batch.point import Outcome
from experiments.compare.metrics import figures

if TYPE_CHECKING:
    from experiments.sweeps.plan import Cell  # which brings the simulator along, that a reader of results doesn't need

Row = dict[str, Any]
POINTS, PROCESSES = "points", "processes"


def frames(cells: Sequence[Cell], outcomes: Mapping[str, Outcome]) -> dict[str, pd.DataFrame]:
    """`points` and `processes` of those cells that have an outcome; the same outcomes give the same frames.

    Rows stand in the order of the cells. Columns of `points`: the point's name, its parameters, replication, seed,
    error (none for a point that was run), then every figure of `compare.metrics`.
    """
    rows = [
        (head(cell.name, cell.parameters, cell.replication, cell.seed), outcomes[cell.name])
        for cell in cells
        if cell.name in outcomes
    ]
    columns = list(dict.fromkeys(key for cell in cells for key in cell.parameters))
    return tidy(rows, columns)


def head(name: str, parameters: Mapping[str, Any], replication: int, seed: int) -> Row:
    """What every row of a point starts with."""
    return {"point": name, **parameters, "replication": replication, "seed": seed}


def tidy(rows: Iterable[tuple[Row, Outcome]], parameters: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The frames of rows that start so and go on with what was measured."""
    keys = ["point", *(key for key in parameters if key != "seed"), "replication", "seed"]
    points: list[Row] = []
    processes: list[Row] = []
    for start, outcome in rows:
        key = {name: start.get(name) for name in keys}
        points.append({**key, "error": outcome.error, **(measures(outcome.measured) if outcome.measured else {})})
        for name, process in (outcome.measured or {}).get("summary", {}).get("processes", {}).items():
            processes.append({**key, "process": name, **process})
    return {POINTS: frame(points), PROCESSES: frame(processes)}


def measures(measured: Mapping[str, Any]) -> Row:
    """Every number of a point; slowdowns are against its own run in unlimited memory, none if there was no such run."""
    slower = [process.get("slowdown") for process in measured["summary"]["processes"].values()]
    known = [ratio for ratio in slower if ratio]
    whole = len(known) == len(slower) > 0
    return {
        **figures(measured, None),
        "slowdown": math.exp(math.fsum(map(math.log, known)) / len(known)) if whole else None,
        "worst_slowdown": max(known) if whole else None,
    }


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as a frame: whole numbers stay whole where some are missing, and what is of several types becomes text."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pd.DataFrame({name: column([row.get(name) for row in rows]) for name in names})


def column(values: list[Any]) -> Any:
    """Values, some of them perhaps None, as a column of one type that can hold them all."""
    known = [value for value in values if value is not None]
    kinds = {type(value) for value in known}
    full = len(known) == len(values)
    if kinds == {bool}:
        return np.array(values) if full else pd.array(values, dtype="boolean")
    if kinds == {int}:
        unsigned = max(known) > np.iinfo(np.int64).max
        if full:
            return np.array(values, np.uint64 if unsigned else np.int64)
        return pd.array(values, dtype="UInt64" if unsigned else "Int64")
    if kinds and kinds <= {int, float}:
        return np.array(values, np.float64) if full else pd.array(values, dtype="Float64")
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pd.array(texts, dtype="str")
