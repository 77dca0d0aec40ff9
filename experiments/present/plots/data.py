"""What the plots draw from a result's frames, reduced to what an eye can tell apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.analysis.processes import shown_processes
from simulator.result import RunResult

Floats = NDArray[np.float64]

INTERVALS = 480
"""most steps of a curve: more than this can't be told apart on a page"""


def end_of(result: RunResult) -> int:
    """When the run ended, in nanoseconds; the last sample, if that is later."""
    samples = result.samples
    last = int(samples["time_ns"].iloc[-1]) if len(samples) else 0
    return max(int(result.summary.get("simulated_ns") or 0), last)


def run_name(result: RunResult) -> str:
    """The run's name, or nothing."""
    return str(result.summary.get("name") or "")


def processes_of(result: RunResult) -> list[str]:
    """The names of the processes that there is something to say of, in canonical order."""
    hidden = _hidden(result)
    names = result.processes["process"] if "process" in result.processes else result.summary.get("processes", {})
    return [str(name) for name in names if name not in hidden]


def _hidden(result: RunResult) -> set[str]:
    """The processes that there is nothing to say of; see `experiments.analysis.processes`."""
    return set(result.summary.get("processes", {})) - set(shown_processes(result.summary))


def instances(result: RunResult, kind: str, counter: str) -> list[str]:
    r"""The instances that have a counter in the samples: `Process(NAME)\Working Set` gives NAME, in column order; of
    processes those that there is something to say of."""
    pattern = re.compile(re.escape(kind) + r"\((.*)\)\\" + re.escape(counter), re.DOTALL)
    matches = (pattern.fullmatch(str(column)) for column in result.samples.columns)
    hidden = _hidden(result) if kind == "Process" else set[str]()
    return [match[1] for match in matches if match and match[1] not in hidden]


def has(frame: pd.DataFrame, *columns: str) -> bool:
    """Whether a frame has rows and these columns."""
    return len(frame) > 0 and all(column in frame for column in columns)


def total(result: RunResult, columns: Sequence[str]) -> float:
    """The sum of the columns of the samples that exist."""
    return float(sum(float(result.samples[column].sum()) for column in columns if column in result.samples))


def series(result: RunResult, columns: Sequence[str], limit: int = INTERVALS) -> tuple[Floats, dict[str, Floats]]:
    """Columns of the samples as steps: edges (n + 1, ns; the first is 0) and for each column its values (n).

    Where there are more than `limit` samples, neighbours are put together: the mean, each weighted by its length.
    """
    ends = result.samples["time_ns"].to_numpy(dtype=np.float64)
    edges: Floats = np.concatenate(([0.0], ends))
    lengths = np.diff(edges)
    kept = np.flatnonzero(lengths > 0)
    if not len(kept):  # nothing but a sample at time 0
        return np.array([0.0, 1.0]), {name: _numbers(result, name)[-1:] for name in columns}
    starts = _groups(edges, kept, limit)
    weights = lengths[kept]
    sums = np.add.reduceat(weights, starts)
    values = {name: np.add.reduceat(_numbers(result, name)[kept] * weights, starts) / sums for name in columns}
    return np.append(edges[kept[starts]], edges[-1]), values


def _groups(edges: Floats, kept: NDArray[np.intp], limit: int) -> NDArray[np.intp]:
    if len(kept) <= limit:
        return np.arange(len(kept))
    slot = np.minimum((edges[kept] / edges[-1] * limit).astype(np.int64), limit - 1)
    return np.flatnonzero(np.concatenate(([True], np.diff(slot) > 0)))


def _numbers(result: RunResult, name: str) -> Floats:
    if name not in result.samples:
        return np.zeros(len(result.samples))
    return np.asarray(result.samples[name].to_numpy(dtype=np.float64, na_value=np.nan))


def labels(frame: pd.DataFrame, column: str) -> tuple[NDArray[Any], list[str]]:
    """A column of names as codes (one integer for each row) and the names they stand for."""
    found = frame[column]
    category = found if isinstance(found.dtype, pd.CategoricalDtype) else found.astype("category")
    return category.cat.codes.to_numpy(), [str(name) for name in category.cat.categories]


def chosen(frame: pd.DataFrame, column: str, name: str) -> NDArray[np.bool_]:
    """Which rows have `name` in a column of names."""
    codes, names = labels(frame, column)
    return np.asarray(codes == names.index(name)) if name in names else np.zeros(len(frame), dtype=np.bool_)


def mean_inside(enter: NDArray[Any], leave: NDArray[Any], edges: Floats) -> Floats:
    """How many are inside on average between successive `edges` (n + 1), given when each comes and goes: n means.

    Each one's time inside up to t is max(0, t - enter) - max(0, t - leave); summed over all, and differenced.
    """

    def passed(times: NDArray[Any]) -> Floats:
        ordered = np.sort(times.astype(np.float64))
        before = np.searchsorted(ordered, edges)
        return before * edges - np.concatenate(([0.0], np.cumsum(ordered)))[before]

    inside = np.diff(passed(enter) - passed(leave)) / np.maximum(np.diff(edges), 1e-9)
    return np.maximum(inside, 0.0)
