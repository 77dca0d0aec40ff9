"""What is kept of each run of a study: figures that say what the frames did, and not more samples than can be seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.analysis.frames import _lists
from experiments.analysis.reduction import (
    MOST_PROCESSES,
    MOST_SAMPLES,
    histograms,
    latency_bin,
    mean_memory,
    page_lists,
)
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


def test_page_lists_of_many_processes_and_of_runs_that_differ() -> None:
    long = pd.DataFrame({"time_ns": range(2 * MOST_SAMPLES), "pagesim\\Active": 4096, "pagesim\\Free": 0,
                         "pagesim\\Hard Faults/sec": 1.6, "Memory\\Page Reads/sec": 2.0,
                         **{f"Process(p{n})\\Working Set": n * 4096 for n in range(MOST_PROCESSES + 3)}})  # fmt: skip
    short = long.head(2).assign(**{"pagesim\\Free": 8192, "Process(p0)\\Working Set": 1 << 20})
    frame = _lists([({"label": "a"}, page_lists(long)), ({"label": "b"}, page_lists(short))])
    assert frame.groupby("label").size().to_dict() == {"a": MOST_SAMPLES, "b": 2}
    a = frame[frame["label"] == "a"]
    assert (a["time_ns"].iloc[0], a["time_ns"].iloc[-1]) == (0, 2 * MOST_SAMPLES - 1)
    assert frame["pagesim\\Free"].tolist() == [0] * MOST_SAMPLES + [8192] * 2
    assert set(frame["pagesim\\Hard Faults/sec"]) == {2}
    assert "Memory\\Page Reads/sec" not in frame
    kept = {f"Process(p{n})\\Working Set" for n in (0, *range(4, MOST_PROCESSES + 3))}
    assert {name for name in map(str, frame) if name.startswith("Process")} == kept
    assert _lists([]).empty
