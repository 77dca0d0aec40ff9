"""The committed configs show what they are named after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.experiments.conftest import Command

CONFIGS = Path(__file__).parents[2] / "experiments" / "configs"


@pytest.fixture
def run(pagesim: Command, tmp_path: Path) -> Any:
    def run_config(name: str, policy: str = "", seed: int = 1, change: str = "") -> dict[str, Any]:
        options = ["--set", "observe.baseline=false", "--no-plots", "--json", "--out", tmp_path / "out"]
        options += ["--seed", seed, *(["--set", f"memory_manager.trimming.policy={policy}"] if policy else [])]
        options += ["--set", change] if change else []
        status, out, err = pagesim("run", CONFIGS / f"{name}.yaml", *options)
        assert (status, err) == (0, "")
        found: dict[str, Any] = json.loads(out)
        return found

    return run_config


def _share_stalled(summary: dict[str, Any]) -> float:
    processes = summary["processes"].values()
    alive = sum(process[key] for process in processes for key in ("run_ns", "ready_ns", "stall_ns"))
    return float(sum(process["stall_ns"] for process in processes) / alive)


def test_quickstart_has_every_common_kind_of_fault_and_traffic(run: Any) -> None:
    summary = run("quickstart")
    for key in (
        "demand_zero_faults",
        "transition_faults",
        "hard_faults",
        "pages_output",
        "trimmed",
        "replaced",
        "repurposed",
    ):
        assert summary[key] > 100, key


def test_soft_faults_need_no_disk(run: Any) -> None:
    summary = run("soft-faults")
    assert summary["transition_faults"] > 0.9 * summary["page_faults"]
    assert summary["pages_input"] == 0


def test_thrashing_is_mostly_stalling_for_hard_faults(run: Any) -> None:
    summary = run("thrashing")
    assert _share_stalled(summary) > 0.8
    assert summary["hard_faults"] > 1000


def test_write_back_pressure_makes_threads_wait_for_frames(run: Any) -> None:
    summary = run("write-back-pressure")
    writers = [process for name, process in summary["processes"].items() if name.startswith("writer")]
    assert all(process["stall_frame_ns"] > 0.9 * process["stall_ns"] > 0 for process in writers)


def test_a_full_paging_file_has_grown_and_then_refuses(run: Any, tmp_path: Path) -> None:
    summary = run("paging-file-full")
    assert summary["processes"]["fourth"]["exit_status"] == 0xC000012D
    assert {summary["processes"][name]["exit_status"] for name in ("first", "second", "third")} == {0}
    limit = pd.read_parquet(tmp_path / "out" / "samples.parquet")["Memory\\Commit Limit"]
    assert (limit.min(), limit.max()) == (24 << 20, 40 << 20)
    assert summary["pages_output"] > 0


def test_collided_faults_share_one_read(run: Any) -> None:
    summary = run("collided-faults")
    assert summary["collided_faults"] == 3 * summary["hard_faults"] > 0
    assert summary["pages_input"] == 2048


def test_many_processes_all_finish_under_pressure(run: Any) -> None:
    summary = run("many-processes")
    assert len(summary["processes"]) == 104
    assert {process["exit_status"] for process in summary["processes"].values()} == {0}
    assert summary["hard_faults"] > 1000


def test_one_process_in_little_memory_reads_more_than_it_must(run: Any) -> None:
    # Reads that no policy can save are those of code at its first touch.
    assert (
        0.85 * run("one-process-little-memory")["hard_faults"] > run("one-process-little-memory", "opt")["hard_faults"]
    )


def test_many_competing_share_memory_unfairly(run: Any) -> None:
    summary = run("many-competing", change="observe.baseline=true")
    longer = {name: process["slowdown"] - 1 for name, process in summary["processes"].items()}
    assert all(longer["python"] < 0.6 * longer[name] for name in ("phased-1", "phased-2", "phased-3", "sqlite"))
    assert {process["exit_status"] for process in summary["processes"].values()} == {0}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_scan_hurts_the_interactive_process_less_where_use_counts(run: Any, seed: int) -> None:
    stalls = {
        policy: run("scan-beside-interactive", policy, seed)["processes"]["interactive"]["stall_ns"]
        for policy in ("windows", "clock", "fifo")
    }
    assert 0 < 2 * stalls["windows"] < stalls["fifo"]
    assert 0 < 1.5 * stalls["clock"] < stalls["fifo"]


@pytest.mark.parametrize("policy", ["windows", "fifo"])
def test_who_leaks_does_not_pay(run: Any, policy: str) -> None:
    processes = run("leak", policy)["processes"]
    leaking = processes.pop("leaking")
    assert (leaking["hard_faults"], leaking["exit_status"]) == (0, 0)
    assert leaking["demand_zero_faults"] >= 128 + 6144
    assert all(process["stall_ns"] > 3 * leaking["stall_ns"] for process in processes.values())


def test_a_hard_maximum_of_the_leaking_process_spares_its_neighbours(run: Any) -> None:
    summary = run("leak", change="processes.0.working_set={maximum: 2 MiB, hard_maximum: true}")
    assert summary["hard_faults"] == 0
    assert all(process["stall_ns"] == 0 for process in summary["processes"].values())


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_switch_less_is_read_back_if_the_idle_one_is_trimmed(run: Any, seed: int) -> None:
    windows, fifo = (run("foreground-switch", policy, seed) for policy in ("windows", "fifo"))
    assert windows["hard_faults"] < 0.75 * fifo["hard_faults"]
    one, other = (windows["processes"][name]["stall_ns"] for name in ("editor", "browser"))
    assert 0.8 < one / other < 1.25
