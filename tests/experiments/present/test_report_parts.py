"""What a report says in sentences and shows at a moment is what the result holds."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd

from experiments.analysis.metrics import METRICS
from experiments.present import comparison
from experiments.present.html import render, with_code
from experiments.present.report import comparison as comparison_report
from experiments.present.report.page import Heading, Report, Verdict, page
from experiments.present.report.question import and_list
from experiments.present.report.slider import MOST_POSITIONS, Run, timeline
from simulator.result import RunResult
from tests.experiments.present.made_runs import made as made_run
from tests.experiments.present.test_comparison_plots import made as made_comparison


def run_of(times: list[int], active: list[int], free: list[int], name: str = "r") -> Run:
    """A run of one process, sampled so, in pages."""
    frame = pd.DataFrame({
        "time_ns": times, "pagesim\\Active": np.array(active) * 4096, "pagesim\\Free": np.array(free) * 4096,
        "Process(p)\\Working Set": np.array(active) * 4096, "pagesim\\Hard Faults/sec": [0.0, *active[1:]],
    })  # fmt: skip
    processes = pd.DataFrame({"process": ["p"]})
    return Run(name, RunResult({"name": name, "page_size": 4096, "processes": {}}, frame, processes))


def test_a_moment_is_the_last_sample_that_is_not_after_it() -> None:
    found = timeline([run_of([0, 10, 20, 30], [0, 4, 7, 2], [8, 4, 1, 6]), run_of([0, 15], [0, 5], [6, 1], "other")])
    assert found is not None
    assert found.times.tolist() == [0, 10, 15, 20, 30]
    assert found.rows.lists == ["Active", "Free"]
    assert found.total == 8
    active = [[int(values[0]) for values in found.at(position)] for position in range(5)]
    assert active == [[0, 0], [4, 0], [4, 5], [7, 5], [2, 5]]
    assert found.least() == 3  # 1 page free at time 20
    assert found.most_hard() == 3
    assert found.texts == ["0 ns", "10 ns", "15 ns", "20 ns", "30 ns"]


def test_a_run_without_samples_of_lists_has_no_timeline() -> None:
    assert timeline([]) is None
    assert timeline([Run("r", RunResult({"page_size": 4096}, pd.DataFrame({"time_ns": [0]}), pd.DataFrame()))]) is None


def test_of_very_many_samples_some_are_kept_the_first_and_the_last_among_them() -> None:
    result = made_run(samples=5_000, faults=10, requests=10, mapped=10)
    found = timeline([Run("r", result)])
    assert found is not None
    assert len(found.times) == MOST_POSITIONS
    taken = result.samples["time_ns"]
    assert (found.times[0], found.times[-1]) == (taken.iloc[0], taken.iloc[-1])
    assert len(set(found.texts)) == MOST_POSITIONS
    where = int(found.times[500])
    row = result.samples[taken == where].iloc[0]
    assert found.at(500)[0][0] == round(row["pagesim\\Active"] / 4096)


def test_every_figure_that_is_tested_can_be_told() -> None:
    assert set(comparison.PHRASES) == {metric.key for metric in METRICS}


def test_exactly_the_significant_differences_are_told() -> None:
    summary = made_comparison(policies=("fifo", "clock", "windows"), memories=(8 << 20, 16 << 20)).summary
    parts = comparison_report._differences(summary)
    said = [sentence for part in parts if isinstance(part, Verdict) for sentence in part.items]
    every = [one for *_, one in comparison.differences(summary)]
    sure = [one for one in every if one["verdict"] == "significant"]
    assert 0 < len(sure) < len(every)
    assert len(said) == len([text for text in said if "interval" in text]) == len(sure)
    assert len([part for part in parts if isinstance(part, Heading)]) == 2
    assert len(comparison.difference_table(summary).rows) == len(every)


def test_text_stays_text_and_what_no_page_can_hold_is_replaced() -> None:
    assert render("a < b & 'c'\x00\ud800\x1b").strip() == "<p>a &lt; b &amp; &#39;c&#39;\ufffd\ufffd\ufffd</p>"
    assert with_code("see `x<y` and `z") == "see <code>x&lt;y</code> and z"
    report = Report("Report of a run", "n", "l", [], {"d": {"a": "</script><!-- &"}})
    held = re.findall(r'<script type="application/json" id="d">(.*?)</script>', page(report), re.DOTALL)
    assert json.loads(held[0]) == {"a": "</script><!-- &"}


def test_names_in_a_sentence() -> None:
    assert [and_list([*"abc"[:count]]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
