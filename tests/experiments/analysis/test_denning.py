"""Each process's working-set curve: computed from its references, kept with the run, drawn from the result alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.present.plots import style
from experiments.present.plots.draw import draw
from simulator.registry import find
from simulator.result import RunResult
from tests.experiments.conftest import TRACE, Command, WriteConfig

KIND = "working-sets-against-denning"


@pytest.fixture
def result(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> RunResult:
    config = write_config(observe={"denning": True, "sample_every": "1 us"})
    assert pagesim("run", config, "--out", tmp_path / "out", "--no-plots").status == 0
    return RunResult.read(tmp_path / "out")


def test_the_curve_is_the_definitions(result: RunResult) -> None:
    pages = [int(line) for line in TRACE.split()]
    for row in result.denning.to_dict("records"):
        window = row["window"]
        sets = [set(pages[max(0, at + 1 - window) : at + 1]) for at in range(len(pages))]
        before = [set(pages[max(0, at - window) : at]) for at in range(len(pages))]
        assert row["size"] == pytest.approx(np.mean([len(held) for held in sets]))
        assert row["misses"] == sum(page not in held for page, held in zip(pages, before, strict=True))
        assert (row["process"], row["references"]) == ("p", 12)
    assert {1, 2, 5, 10, 12} <= set(result.denning["window"])


def test_it_is_off_unless_asked_for_and_changes_nothing_else(
    pagesim: Command, write_config: WriteConfig, tmp_path: Path, result: RunResult
) -> None:
    assert pagesim("run", write_config(observe={"sample_every": "1 us"}), "--out", tmp_path / "plain").status == 0
    assert not (tmp_path / "plain" / "denning.parquet").exists()
    assert not (tmp_path / "plain" / "plots" / f"{KIND}.png").exists()
    for name in ("summary.json", "faults.parquet", "samples.parquet"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    status, out, _ = pagesim("rerun", tmp_path / "out", "--json")
    assert status == 0
    assert "denning.parquet" in json.loads(out)["compared"]


def test_only_what_the_run_made_counts(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> None:
    config = write_config(
        observe={"denning": True},
        duration="300 us",
        memory_manager={},
        machine={"memory": "1 MiB"},
        processes=[{"name": "p", "workload": {"kind": "sequential", "pages": 50, "passes": 100_000, "burst": 7}}],
    )
    assert pagesim("run", config, "--out", tmp_path / "out", "--no-plots").status == 0
    found = RunResult.read(tmp_path / "out")
    made = found.summary["processes"]["p"]["references"]
    assert 0 <= found.denning["references"].iloc[0] - made < 7
    assert made < 300_000
    size = found.denning.set_index("window")["size"][10]
    assert size == pytest.approx(1 + 9 / 7, rel=1e-3)  # 10 references reach over 9 borders, one after each 7 references


def test_threads_that_interleave_have_no_curve(pagesim: Command, write_config: WriteConfig, tmp_path: Path) -> None:
    part = {"kind": "sequential", "pages": 5}
    both = {"kind": "mixed", "threads": True, "parts": [{"workload": part}, {"workload": part}]}
    config = write_config(observe={"denning": True}, processes=[{"name": "p", "workload": both}])
    assert pagesim("run", config, "--out", tmp_path / "out").status == 0
    assert len(RunResult.read(tmp_path / "out").denning) == 0


def crowd(count: int) -> RunResult:
    """Processes on one curve, whose memory held and faults are known."""
    windows = np.array([1, 10, 100, 1000, 10_000])
    names = [f"process {n}" for n in range(count)]
    curve = pd.DataFrame({"window": windows, "size": windows**0.5, "misses": 10_000 / windows, "references": 10_000})
    frames = pd.concat([curve.assign(process=name) for name in names], ignore_index=True)
    rows = pd.DataFrame([
        {"process": name, "references": 10_000, "page_faults": 500 + n, "hard_faults": 50 * (n % 2), "start_ns": 100,
         "finished_ns": 300, "space_time_page_ns": 200 * 20}
        for n, name in enumerate(names)
    ])  # fmt: skip
    denning = frames.assign(process=pd.Categorical(frames["process"]))
    return RunResult({"name": "crowd", "page_size": 4096}, pd.DataFrame(), rows, denning=denning)


def drawn(result: RunResult) -> Figure:
    with style.applied():
        find("plot", KIND)().draw(result, figure := Figure())
        figure.draw_without_rendering()
    return figure


def test_a_process_is_a_point_at_what_it_held_and_how_often_it_faulted() -> None:
    axes = drawn(crowd(2)).axes[1]
    points = {
        line.get_marker(): (float(line.get_xdata()[0]), float(line.get_ydata()[0]))  # type: ignore[index,arg-type]
        for line in axes.lines
        if line.get_marker() in ("s", "D")
    }
    assert points == {"s": (20.0, 501 / 10_000), "D": (20.0, 50 / 10_000)}  # 4000 page ns over 200 ns


@pytest.mark.parametrize("count", [1, 3, 30])
def test_nothing_overlaps_the_legend_and_few_panels_are_drawn(count: int) -> None:
    figure = drawn(crowd(count))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == min(count, 12)
    legend = figure.legends[0].get_window_extent()
    for axes in shown:
        box = axes.get_tightbbox()
        assert box is not None
        assert not box.overlaps(legend)
        assert box.x1 <= figure.bbox.x1 + 1


def test_a_result_draws_its_plot_with_the_same_bytes(result: RunResult, tmp_path: Path) -> None:
    first, second = (draw(result, tmp_path / name, [KIND])[0] for name in "ab")
    assert first.read_bytes() == second.read_bytes()
