"""What is kept of a point's run when its frames aren't: the summary, the mean memory held, a histogram of latencies,
and, if it is asked for, the page lists over simulated time."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments import runner
from experiments.batch.lists import page_lists
from experiments.batch.point import Point
from experiments.config import Experiment
from experiments.manifest import input_digests, manifest
from experiments.opening import write_manifest
from experiments.regret import overall
from experiments.store import replacing
from simulator.result import RunResult

BINS_PER_OCTAVE = 16
"""Bins of the latency histogram between a latency and its double: each is 4.4 % wide."""


def measure(point: Point) -> dict[str, Any]:
    """Run a point and reduce its result to plain data; raises BadInput or RunFailed.

    `summary` is that of the run; `mean_memory_bytes` what working sets held on average over simulated time; `latency`
    maps each kind of fault to the count in each bin (see `latency_bin`) that isn't empty; `regret` says what became of
    the pages taken out (see `experiments.regret.figures`), None without a page log; `lists`, only if the point asks for
    them, are the page lists over simulated time (see `page_lists`).
    """
    experiment = point.experiment()
    base = Path(point.base)
    if point.unlimited:
        return {"summary": runner.baseline(*runner.prepare(experiment, base), base).summary}
    if point.keep is not None:
        return _reduced(_kept(experiment, base, Path(point.keep)), point.lists)
    observe = dataclasses.replace(
        experiment.observe, fault_log=True, io_log=False, page_map=False, page_log=True, thread_log=False
    )
    quiet = dataclasses.replace(experiment, observe=observe)
    result = runner.simulate(*runner.prepare(quiet, base), base)
    result.summary["name"] = experiment.name
    return _reduced(result, point.lists)


def _kept(experiment: Experiment, base: Path, target: Path) -> RunResult:
    """Run as `pagesim run` would, and keep the whole result in `target`."""
    digests = input_digests(experiment, base)
    began = time.perf_counter()
    with replacing(target) as partial:
        result = runner.run(experiment, base)
        result.write(partial)
        write_manifest(partial, manifest(experiment, base, target, digests, time.perf_counter() - began))
    return result


def _reduced(result: RunResult, lists: bool) -> dict[str, Any]:
    return {
        "summary": result.summary,
        "mean_memory_bytes": mean_memory(result),
        "latency": histograms(result.faults),
        "regret": overall(result) if len(result.pages) else None,
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
    found: dict[str, dict[str, int]] = {}
    for kind, rows in faults.groupby("kind", observed=True) if len(faults) else ():
        bins, counts = np.unique(latency_bin(rows["latency_ns"].to_numpy()), return_counts=True)
        found[str(kind)] = {str(b): int(n) for b, n in zip(bins, counts, strict=True)}
    return found
