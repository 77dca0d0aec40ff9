"""A run's page lists over simulated time, few enough samples to be kept of many runs: what a report's slider shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_SAMPLES = 500
"""kept of a run; of more, some at equal distances, the first and the last among them"""
MOST_PROCESSES = 12
"""working sets that are kept one by one: the largest at their peaks"""
RATES = {
    "Memory\\Page Faults/sec": "page faults per second",
    "pagesim\\Hard Faults/sec": "hard faults per second",
    "Memory\\Pages Input/sec": "pages read per second",
    "Memory\\Pages Output/sec": "pages written per second",
    "pagesim\\Threads Waiting For A Frame": "threads waiting for a frame",
}
"""Counters told beside the lists, each over the interval that ends at its sample; and their names for people."""
TIME = "time_ns"
_LIST = re.compile(r"pagesim\\[^/]+")
_WORKING_SET = re.compile(r"Process\(.*\)\\Working Set", re.DOTALL)


def page_lists(samples: pd.DataFrame) -> dict[str, list[int]]:
    """Times, and the columns of a run's samples that tell of page lists, working sets and RATES, as whole numbers.

    Columns that are zero throughout are left out. Plain data, so that a point can be kept as JSON.
    """
    kept = samples.iloc[spread_places(len(samples), MOST_SAMPLES)]
    told = [name for name in samples.columns if name in RATES or _LIST.fullmatch(name) or _WORKING_SET.fullmatch(name)]
    columns = {name: _whole(kept[name]) for name in told}
    return {TIME: _whole(kept[TIME]).tolist(), **{name: one.tolist() for name, one in columns.items() if one.any()}}


def _whole(values: pd.Series[Any]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.nan_to_num(values.to_numpy(np.float64)).round().astype(np.int64)
    return found


def spread_places(count: int, most: int) -> NDArray[np.int64]:
    """Which of so many samples are kept: all, or so many from the first to the last."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))


def lists_frame(runs: Sequence[tuple[Mapping[str, Any], Mapping[str, list[int]]]]) -> pd.DataFrame:
    """The `page_lists` of several runs in one frame, each run's rows starting with the columns of its key.

    Of working sets the MOST_PROCESSES largest of all runs are there. A list that a run never used is zero.
    """
    names = {name for _, columns in runs for name in columns} - {TIME}
    peaks = {
        name: max(max(columns.get(name, (0,)), default=0) for _, columns in runs)
        for name in names
        if _WORKING_SET.fullmatch(name)
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
