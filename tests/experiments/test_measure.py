"""What is kept of each run of a batch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.batch.measure import histograms, latency_bin, mean_memory
from simulator.result import RunResult


def test_mean_memory_is_the_space_time_product_over_time_or_the_samples_mean() -> None:
    samples = pd.DataFrame({"time_ns": [0, 10, 40], "pagesim\\Active": [0.0, 100.0, 20.0]})
    process = {"space_time_page_ns": 120}
    result = RunResult({"simulated_ns": 40, "page_size": 4096, "processes": {"p": {}}}, samples, pd.DataFrame())
    assert mean_memory(result) == (10 * 100 + 30 * 20) / 40
    result.summary["processes"] = {"p": process, "q": process}
    assert mean_memory(result) == 240 * 4096 / 40


def test_latencies_are_counted_in_bins_that_hold_them() -> None:
    latency = np.array([0, 1, 2, 1_000, 1_000, 123_456_789])
    bins = latency_bin(latency)
    assert (2.0 ** (bins / 16) <= np.maximum(latency, 1)).all()
    assert (np.maximum(latency, 1) < 2.0 ** ((bins + 1) / 16)).all()
    log = pd.DataFrame(
        {"kind": pd.Categorical(["hard"] * 5 + ["shared"], ["hard", "shared", "never"]), "latency_ns": latency}
    )
    assert histograms(log) == {"hard": {"0": 2, "16": 1, str(bins[3]): 2}, "shared": {str(bins[5]): 1}}
    assert histograms(log[:0]) == {}
