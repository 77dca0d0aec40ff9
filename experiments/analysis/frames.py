"""The frames of a study: one row a point, one a process, one a bin of the latency histograms, one a sample of the page
lists. The same runs give the same frames, in whichever order they came."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from experiments.analysis.metrics import figures, slowdowns
from experiments.analysis.reduction import BINS_PER_OCTAVE, MOST_PROCESSES, TIME, WORKING_SET

Row = dict[str, Any]
POINTS, PROCESSES = "points", "processes"


@dataclass(frozen=True)
class Measured:
    """A point of a study with what came of it."""

    point: str
    """its name"""
    parameters: Mapping[str, Any]
    """what tells its setting from the others, by column"""
    replication: int
    seed: int
    data: Mapping[str, Any] | None
    """what `reduction.reduced` gave; None: the run failed"""
    error: str | None = None
    unlimited: Mapping[str, Any] | None = None
    """the summary of the run in unlimited memory that its slowdowns refer to; None: the run has its own slowdowns"""

    def key(self, columns: Sequence[str]) -> Row:
        """What its rows start with."""
        own = {name: self.parameters.get(name) for name in columns if name != "seed"}
        return {"point": self.point, **own, "replication": self.replication, "seed": self.seed}


def frames(rows: Iterable[Measured], parameters: Sequence[str], short: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
    """`points` and `processes`, and `latency` and `lists` where they were measured.

    Columns of `points`: the point's name, its parameters, replication, seed, error (none for a point that was run),
    then every figure of `analysis.metrics`. Rows of `latency` and `lists` start with the `short` parameters and the
    replication only.
    """
    points: list[Row] = []
    processes: list[Row] = []
    latency: list[Row] = []
    lists: list[tuple[Row, Mapping[str, list[int]]]] = []
    for one in rows:
        key, brief = one.key(parameters), {**{name: one.parameters.get(name) for name in short}}
        brief["replication"] = one.replication
        points.append({**key, "error": one.error, **(figures(one.data, one.unlimited) if one.data else {})})
        if one.data is not None:
            processes += _processes(key, one.data["summary"], one.unlimited)
            latency += _latency(brief, one.data.get("latency", {}))
            lists += [(brief, one.data["lists"])] if "lists" in one.data else []
    more = {"latency": frame(latency), "lists": _lists(lists)} if latency or lists else {}
    return {POINTS: frame(points), PROCESSES: frame(processes), **more}


def _processes(key: Row, summary: Mapping[str, Any], unlimited: Mapping[str, Any] | None) -> list[Row]:
    ratios = slowdowns(summary, unlimited)
    return [
        {**key, "process": name, **process, "slowdown": ratios[name]} for name, process in summary["processes"].items()
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


def _lists(runs: Sequence[tuple[Row, Mapping[str, list[int]]]]) -> pd.DataFrame:
    """The `page_lists` of several runs in one frame; of working sets the MOST_PROCESSES largest of all runs. A list
    that a run never used is zero."""
    names = {name for _, columns in runs for name in columns} - {TIME}
    peaks = {
        name: max(max(columns.get(name, (0,)), default=0) for _, columns in runs)
        for name in names
        if WORKING_SET.fullmatch(name)
    }
    largest = sorted(peaks, key=lambda name: (-peaks[name], name))[:MOST_PROCESSES]
    chosen = sorted((names - peaks.keys()) | set(largest))
    parts = []
    for key, columns in runs:
        nothing = [0] * len(columns[TIME])
        parts.append(pd.DataFrame({TIME: columns[TIME], **{name: columns.get(name, nothing) for name in chosen}}))
        for place, (name, value) in enumerate(key.items()):
            parts[-1].insert(place, name, value)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


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
