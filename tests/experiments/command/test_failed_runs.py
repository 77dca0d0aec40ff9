"""A run that fails keeps its result up to then, marked as failed, and everything that reads results reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import experiments
from experiments.errors import RunFailed
from experiments.notebook.results import Run
from simulator.machine import Machine
from tests.experiments.conftest import Command, WriteConfig

SCRIPT = [
    {"virtual_alloc": {"address": 0, "size": "64 KiB", "allocation_type": ["MEM_RESERVE", "MEM_COMMIT"],
                       "protect": "PAGE_READWRITE"}, "as": "page"},
    {"write": {"address": "page", "size": "64 KiB"}},
    {"create_event": {}, "as": "event"},
    {"wait_for_single_object": "event"},
]  # fmt: skip
"""A process touches sixteen pages, and waits for what nobody does."""
NO_FRAME = {
    "machine": {"memory": "64 KiB"},
    "memory_manager": {"trimming": {"policy": "none"}},
    "processes": [{"name": "p", "workload": {"kind": "uniform", "pages": 40, "references": 2_000, "writes": 0.3}}],
}
"""Sixteen frames for forty pages, of which none may be taken."""
DEADLOCK = {
    "machine": {"memory": "4 MiB"}, "memory_manager": {},
    "processes": [{"name": "p", "workload": {"kind": "script", "steps": SCRIPT}}],
}  # fmt: skip
REASONS = {"no frame": "no page can be taken", "deadlock": "wait for objects that nobody will signal"}


@pytest.fixture(params=[("no frame", NO_FRAME), ("deadlock", DEADLOCK)], ids=lambda case: case[0])
def failed(request: pytest.FixtureRequest, pagesim: Command, write_config: WriteConfig) -> tuple[Path, str]:
    """The directory of a run that failed, and what its reason says."""
    name, config = request.param
    out = write_config(**config).parent / "out"
    status, printed, err = pagesim("run", out.parent / "small.yaml", "--out", out, "--no-plots")
    assert (status, err.count("\n")) == (1, 1)
    assert "the run failed: at " in err
    assert REASONS[name] in err
    assert "failed: at " in printed
    return out, REASONS[name]


def test_the_result_says_that_and_why_it_failed_and_has_all_up_to_then(failed: tuple[Path, str]) -> None:
    out, reason = failed
    for name in ("summary.json", "manifest.json"):
        data = json.loads((out / name).read_text("utf-8"))
        assert data["status"] == "failed"
        assert reason in data["reason"]
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert summary["processes"]["p"]["finished_ns"] is None
    assert summary["page_faults"] == len(pd.read_parquet(out / "faults.parquet")) >= 16
    assert pd.read_parquet(out / "samples.parquet")["time_ns"].max() == summary["simulated_ns"]
    threads = pd.read_parquet(out / "threads.parquet")
    assert threads["end_ns"].max() == summary["simulated_ns"]


def test_every_reader_reads_it(failed: tuple[Path, str], pagesim: Command) -> None:
    out, reason = failed
    page = int(pd.read_parquet(out / "pages.parquet")["page"].dropna().iloc[0])
    for arguments in (
        ("plot", out),
        ("report", out),
        ("why", out),
        ("why", out, "--process", "p", "--page", page),
        ("export", out, "--perfetto", "--perfmon"),
        ("rerun", out),
    ):
        assert pagesim(*arguments).status == 0, arguments
    assert reason in (out / "report.html").read_text("utf-8")
    points = experiments.load(out)
    assert reason in points["error"].iloc[0]
    assert len(points.faults()) >= 16
    (out / "faults.parquet").write_bytes((out / "samples.parquet").read_bytes())
    assert pagesim("rerun", out).status == 1


def test_json_is_one_object_also_of_a_run_that_fails(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config(**NO_FRAME)
    status, out, err = pagesim("run", config, "--out", config.parent / "out", "--no-plots", "--json")
    assert (status, json.loads(out)["status"], err.count("\n")) == (1, "failed", 1)


def test_in_python_the_failure_has_the_result(write_config: WriteConfig, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="no page can be taken") as failure:
        experiments.read(write_config(**NO_FRAME)).run()
    result = failure.value.result
    assert isinstance(result, Run)
    assert "failed" in repr(result)
    kept = result.save(tmp_path / "kept")
    assert json.loads((kept / "manifest.json").read_text("utf-8"))["status"] == "failed"


def test_a_baseline_that_fails_costs_the_slowdowns_only(
    pagesim: Command, write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config()
    run, times = Machine.run, []

    def second_fails(machine: Machine) -> object:
        times.append(machine)
        result = run(machine)
        if len(times) == 2:
            from simulator.result import SimulationError

            raise SimulationError("at 7 ns no more")
        return result

    monkeypatch.setattr(Machine, "run", second_fails)
    status, _, err = pagesim("run", config, "--out", config.parent / "out", "--no-plots")
    assert (status, err.count("\n")) == (1, 1)
    assert "unlimited memory, for slowdowns, failed: at 7 ns no more" in err
    summary = json.loads((config.parent / "out" / "summary.json").read_text("utf-8"))
    assert (summary["status"], summary["processes"]["p"]["slowdown"]) == ("failed", None)
    assert summary["processes"]["p"]["exit_status"] == 0


def test_a_fault_of_the_program_is_loud_and_keeps_what_there_is(
    pagesim: Command, write_config: WriteConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config()
    run = Machine.run

    def lost(machine: Machine) -> None:
        run(machine)
        raise ValueError("lost write: a stored page would be zeroed")

    monkeypatch.setattr(Machine, "run", lost)
    status, _, err = pagesim("run", config, "--out", config.parent / "out")
    assert status == 1
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith(
        "pagesim: the run failed: a fault of pagesim or of a plug-in: ValueError: lost"
    )
    summary = json.loads((config.parent / "out" / "summary.json").read_text("utf-8"))
    assert "a fault of pagesim" in summary["reason"]
    assert summary["references"] == 12


def test_in_a_sweep_a_point_that_fails_is_an_error_and_no_result(pagesim: Command, write_config: WriteConfig) -> None:
    config = write_config(**NO_FRAME, sweep={"machine.memory": ["64 KiB", "16 MiB"]})
    out = config.parent / "out"
    assert pagesim("sweep", config, "--out", out, "--workers", 1).status == 0
    errors = pd.read_parquet(out / "points.parquet")["error"]
    assert "no page can be taken" in errors.iloc[0]
    assert errors.isna().tolist() == [False, True]
    assert len(list(out.glob("point=*"))) == 1
