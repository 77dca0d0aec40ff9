from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from experiments.present.run import KINDS
from experiments.storage.directory import canonical_json, read_manifest
from tests.experiments.conftest import BUSY, Command, WriteConfig


@pytest.mark.parametrize(("frames", "misses"), [(3, 9), (4, 10)])
def test_beladys_anomaly(pagesim: Command, write_config: WriteConfig, frames: int, misses: int) -> None:
    # Belady, Nelson, Shedler, CACM 12 (1969): FIFO on 1 2 3 4 1 2 5 1 2 3 4 5 misses 9 times with 3 frames, 10 with 4.
    config = write_config(machine={"memory": "2*4 KiB"}, memory_manager={"model": "demand-paging"})
    change = (f"machine.memory={frames}*4 KiB", "memory_manager.trimming.policy=fifo")
    options = [option for one in change for option in ("--set", one)]
    status, out, err = pagesim("run", config, *options, "--json", "--out", config.parent / "out", "--no-plots")
    summary = json.loads(out)
    assert (status, err) == (0, "")
    assert summary["demand_zero_faults"] + summary["hard_faults"] == misses
    assert summary["directory"] == str(config.parent / "out")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of the busy config, made once."""
    from experiments.command.cli import main

    directory = tmp_path_factory.mktemp("busy")
    (directory / "trace.txt").write_text("1\n2 W\n3 X\n")
    (directory / "busy.yaml").write_text(json.dumps(BUSY))
    assert main(["run", str(directory / "busy.yaml"), "--out", str(directory / "out")]) == 0
    return directory / "out"


def test_a_result_holds_all_its_parts(result: Path) -> None:
    names = {path.name for path in result.iterdir()}
    frames = {f"{name}.parquet" for name in ("samples", "processes", "faults", "io", "page_map", "pages", "threads")}
    assert names == {"manifest.json", "summary.json", "plots", *frames}
    assert {"page-lists.png", "working-sets.png"} <= {path.name for path in (result / "plots").iterdir()}


def test_the_summary_is_canonical_and_adds_up(result: Path) -> None:
    text = (result / "summary.json").read_text("utf-8")
    summary = json.loads(text)
    assert text == canonical_json(summary)
    assert summary["name"] == "busy"
    assert summary["page_faults"] == sum(summary[kind] for kind in KINDS) > 0
    assert list(summary["processes"]) == ["late", "reader-1", "reader-2", "writer"]
    for kind in ("page_faults", *KINDS):
        assert summary[kind] == sum(process[kind] for process in summary["processes"].values())


def test_every_log_agrees_with_the_summary(result: Path) -> None:
    summary = json.loads((result / "summary.json").read_text("utf-8"))
    faults, io = pd.read_parquet(result / "faults.parquet"), pd.read_parquet(result / "io.parquet")
    assert (faults.latency_ns == faults.queue_ns + faults.service_ns + faults.cpu_ns).all()
    assert io[io.kind == "read"].pages.sum() == summary["pages_input"]
    assert len(faults[~faults.kind.isin(["access-violation", "in-page-error"])]) == summary["page_faults"]


def test_slowdown_is_against_unlimited_memory(result: Path) -> None:
    processes = json.loads((result / "summary.json").read_text("utf-8"))["processes"]
    assert processes["writer"]["slowdown"] > 1
    frame = pd.read_parquet(result / "processes.parquet").set_index("process")
    assert frame.loc["writer", "slowdown"] == processes["writer"]["slowdown"]


def test_the_manifest_says_what_the_result_was_made_with(result: Path) -> None:
    manifest = read_manifest(result)
    trace = result.parent / "trace.txt"
    assert manifest["seed"] == 1
    assert manifest["inputs"] == [
        {
            "path": "trace.txt",
            "absolute": str(trace),
            "relative": "../trace.txt",
            "sha256": hashlib.sha256(trace.read_bytes()).hexdigest(),
        }
    ]
    assert {"pagesim", "python", "numpy", "numba", "simpy", "pandas", "pyarrow"} <= set(manifest["versions"])
    assert manifest["config"]["machine"]["memory"] == 40 * 4096
    assert manifest["wall_seconds"] > 0
    assert {"platform", "git"} <= set(manifest)


def test_a_run_ends_with_a_table(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config(**BUSY)
    status, out, err = pagesim("run", config, "--out", config.parent / "out", "--no-plots")
    assert (status, err) == (0, "")
    for word in (
        "writer",
        "reader-2",
        "peak working set",
        "stall",
        "slowdown",
        "demand-zero",
        "per second",
        "page-in",
        "page-out",
    ):
        assert word in out
    assert not (config.parent / "out" / "plots").exists()


def test_results_go_to_results_by_name_unless_told(
    pagesim: Command, write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config()
    monkeypatch.chdir(config.parent)
    assert pagesim("run", config.name, "--no-plots").status == 0
    assert read_manifest(config.parent / "results" / "small")["config"]["name"] == "small"


def test_a_sweep_runs_its_base_point_and_says_so(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config(sweep={"machine.memory": ["4*4 KiB", "5*4 KiB"]})
    status, out, err = pagesim("run", config, "--out", config.parent / "out", "--json", "--no-plots")
    assert status == 0
    assert json.loads(out)["page_faults"] == 9
    assert "sweep is left out" in err


def test_without_a_baseline_there_is_no_slowdown(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config(observe={"baseline": False})
    out = pagesim("run", config, "--out", config.parent / "out", "--json", "--no-plots").out
    assert json.loads(out)["processes"]["p"]["slowdown"] is None


def test_plot_draws_what_is_asked_for(pagesim: Command, result: Path) -> None:
    status, out, err = pagesim("plot", result, "--kind", "page-lists", "--format", "svg", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == {"plots": [str(result / "plots" / "page-lists.svg")]}
    assert (result / "plots" / "page-lists.svg").stat().st_size > 0
    status, out, err = pagesim("plot", result, "--kind", "tea-leaves")
    assert (status, out) == (2, "")
    assert "allowed is one of" in err


def test_validate_runs_nothing_and_shows_the_whole_config(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config()
    before = sorted(config.parent.iterdir())
    assert pagesim("validate", config) == (0, f"{config}: valid\n", "")
    shown = json.loads(pagesim("validate", config, "--json").out)
    assert shown["valid"] is True
    assert shown["config"]["machine"]["costs"]["reference"] == 1
    assert sorted(config.parent.iterdir()) == before


def test_a_fault_of_the_programs_own_is_loud(
    pagesim: Command, write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("experiments.study.run.run", broken)
    config = write_config()
    with pytest.raises(ZeroDivisionError):
        pagesim("run", config, "--out", config.parent / "out")
    assert not (config.parent / "out").exists()


def test_a_run_that_fails_is_one_line_and_status_1(
    pagesim: Command, write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simulator.result import SimulationError

    def fail(*_: object) -> None:
        raise SimulationError("no thread can ever run again")

    monkeypatch.setattr("experiments.study.run.Machine.run", fail)
    config = write_config()
    status, out, err = pagesim("run", config, "--out", config.parent / "out")
    assert (status, err) == (1, "pagesim: the run failed: no thread can ever run again\n")
    assert out.startswith("failed: no thread can ever run again\n")
    assert (config.parent / "out" / "summary.json").is_file()
