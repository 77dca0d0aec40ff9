"""What is kept of a run when its frames aren't: the summary, the mean memory held, what became of pages taken out and,
where they are asked for, a histogram of fault latencies and the page lists over simulated time. All of it fits JSON."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.analysis.regret import overall
from simulator.result import RunResult

BINS_PER_OCTAVE = 16
"""Bins of the latency histogram between a latency and its double: each is 4.4 % wide."""
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
"""Counters that stand beside the lists, each over the interval that ends at its sample; and their names for people."""
TIME = "time_ns"
_LIST = re.compile(r"pagesim\\[^/]+")
WORKING_SET = re.compile(r"Process\(.*\)\\Working Set", re.DOTALL)


def reduced(result: RunResult, *, latency: bool = False, lists: bool = False) -> dict[str, Any]:
    """A run as plain data.

    `summary` is the run's; `mean_memory_bytes` what working sets held on average over simulated time; `regret` says
    what became of the pages taken out (see `analysis.regret.figures`), None without a page log; `latency` maps each
    kind of fault to the count in each bin (see `latency_bin`) that isn't empty; `lists` are the `page_lists`.
    """
    return {
        "summary": result.summary,
        "mean_memory_bytes": mean_memory(result),
        "regret": overall(result) if len(result.pages) else None,
        **({"latency": histograms(result.faults)} if latency else {}),
        **({"lists": page_lists(result.samples)} if lists else {}),
    }


def mean_memory(result: RunResult) -> float:
    """Mean bytes in working sets over simulated time: the exact space-time product over time, where it was counted;
    otherwise from the samples of the active list, each taken to hold since the one before."""
    simulated = int(result.summary["simulated_ns"])
    products = [process.get("space_time_page_ns") for process in result.summary["processes"].values()]
    if simulated and all(product is not None for product in products):
        return float(sum(products) * int(result.summary["page_size"]) / simulated)
    active, ends = result.samples["pagesim\\Active"].to_numpy(np.float64), result.samples["time_ns"].to_numpy()
    lengths = np.diff(ends, prepend=0)
    return float((active * lengths).sum() / lengths.sum()) if lengths.sum() else float(active[-1])


def latency_bin(latency: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bin of each latency in nanoseconds: bin b holds 2^(b/16) up to 2^((b+1)/16); none at all counts as 1 ns."""
    bins: NDArray[np.int64] = np.floor(np.log2(np.maximum(latency, 1)) * BINS_PER_OCTAVE).astype(np.int64)
    return bins


def histograms(faults: pd.DataFrame) -> dict[str, dict[str, int]]:
    """The fault log's latencies as counts by kind and bin (as text, for JSON), empty bins left out."""
    counts_of: dict[str, dict[str, int]] = {}
    for kind, rows in faults.groupby("kind", observed=True) if len(faults) else ():
        bins, counts = np.unique(latency_bin(rows["latency_ns"].to_numpy()), return_counts=True)
        counts_of[str(kind)] = {str(b): int(n) for b, n in zip(bins, counts, strict=True)}
    return counts_of


def page_lists(samples: pd.DataFrame) -> dict[str, list[int]]:
    """Times, and the columns of a run's samples that tell of page lists, working sets and RATES, as whole numbers.

    Columns that are zero throughout are left out. Plain data, so that a point can be kept as JSON.
    """
    kept = samples.iloc[spread_places(len(samples), MOST_SAMPLES)]
    shown = [name for name in samples.columns if name in RATES or _LIST.fullmatch(name) or WORKING_SET.fullmatch(name)]
    columns = {name: _whole(kept[name]) for name in shown}
    return {TIME: _whole(kept[TIME]).tolist(), **{name: one.tolist() for name, one in columns.items() if one.any()}}


def _whole(values: pd.Series[Any]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.nan_to_num(values.to_numpy(np.float64)).round().astype(np.int64)
    return found


def spread_places(count: int, most: int) -> NDArray[np.int64]:
    """Which of so many samples are kept: all, or so many from the first to the last."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))
