"""Every figure is counted once: the summary, the logs and the samples of random machines tell the same story."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from simulator.counters import FAULT_KINDS, RATES, SUMMARY
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.result import RunResult, SimulationError
from simulator.state import constants
from tests.reference.cases import Case
from tests.reference.machines import random_case

SEEDS = range(90_000, 90_080)


@cache
def ran(seed: int) -> tuple[Case, RunResult | None]:
    """A random machine and its result; None if it couldn't go on."""
    case = random_case(random.Random(seed))
    processes = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    duration = min(case.duration or 200_000, 200_000)
    machine = Machine(
        case.machine, case.memory_manager, processes, case.seed, duration, observe=Observe(sample_every=5_003)
    )
    try:
        return case, machine.run()
    except SimulationError:
        return case, None


def results() -> list[tuple[Case, RunResult]]:
    """All machines that ran to their end."""
    done = [(case, result) for case, result in map(ran, SEEDS) if result is not None]
    assert len(done) > len(SEEDS) // 2
    return done


def rows(result: RunResult) -> list[dict[str, Any]]:
    """The counters of each process."""
    return list(result.summary["processes"].values())


def test_page_faults_are_the_sum_of_their_kinds() -> None:
    for _, result in results():
        for counters in (result.summary, *rows(result)):
            assert counters["page_faults"] == sum(counters[kind] for kind in FAULT_KINDS)


def test_the_summary_has_what_the_counters_say_and_sums_up_the_processes() -> None:
    for _, result in results():
        assert set(result.summary) == {*SUMMARY, "processes"}
        for key in (
            "references",
            *FAULT_KINDS,
            "page_reads",
            "pages_input",
            "trimmed",
            "replaced",
            "access_violations",
        ):
            assert result.summary[key] == sum(row[key] for row in rows(result)), key


def test_the_fault_log_has_a_row_for_each_fault() -> None:
    """A read that failed is logged as such, and counted as a hard fault too; an access violation is no page fault."""
    for _, result in results():
        logged = result.faults["kind"].value_counts().to_dict()
        expected = {constants.KIND_NAMES[number]: result.summary[key] for key, number in FAULT_KINDS.items()}
        expected["hard"] -= result.summary["in_page_errors"]
        expected["in-page-error"] = result.summary["in_page_errors"]
        expected["access-violation"] = result.summary["access_violations"]
        assert logged == expected


def test_latency_is_queue_service_and_processor_time() -> None:
    for _, result in results():
        faults = result.faults
        assert (faults["latency_ns"] == faults["queue_ns"] + faults["service_ns"] + faults["cpu_ns"]).all()
        assert (faults[["queue_ns", "service_ns", "cpu_ns"]] >= 0).all(axis=None)
        assert faults["time_ns"].is_monotonic_increasing


def test_the_io_log_has_every_page_that_went_in_or_out() -> None:
    for _, result in results():
        io = result.io
        for kind, operations, pages in (
            ("read", "page_reads", "pages_input"),
            ("write", "page_writes", "pages_output"),
        ):
            mine = io[io["kind"] == kind]
            assert len(mine) == result.summary[operations]
            assert mine["pages"].sum() == result.summary[pages]
        assert (io["queue_ns"] == io["start_ns"] - io["submit_ns"]).all()
        assert (io["service_ns"] == io["end_ns"] - io["start_ns"]).all()
        assert (io[["queue_ns", "service_ns"]] >= 0).all(axis=None)
        assert io["end_ns"].is_monotonic_increasing


def lifetime(result: RunResult, row: dict[str, Any]) -> int:
    """Nanoseconds from a process's start to its end, or to the end of the run."""
    end: int = result.summary["simulated_ns"] if row["finished_ns"] is None else row["finished_ns"]
    start: int = row["start_ns"]
    return max(0, end - start)


def test_a_thread_runs_is_ready_stalls_or_sleeps_from_start_to_end() -> None:
    """Some thread lives as long as its process, the others no longer."""
    for _, result in results():
        for row in rows(result):
            life = lifetime(result, row)
            assert row["stall_ns"] == row["stall_read_ns"] + row["stall_collided_ns"] + row["stall_frame_ns"]
            spent = row["run_ns"] + row["ready_ns"] + row["stall_ns"] + row["sleep_ns"]
            assert life <= spent <= row["threads"] * life


def test_a_space_time_product_is_at_most_that_of_the_peak() -> None:
    for _, result in results():
        for row in rows(result):
            assert 0 <= row["space_time_page_ns"] <= row["peak_working_set"] * lifetime(result, row)


def test_the_balance_set_manager_takes_no_more_time_than_a_processor_has() -> None:
    for _, result in results():
        assert 0 <= result.summary["trimming_ns"] <= result.summary["simulated_ns"]


def test_a_process_that_finished_has_made_all_its_references() -> None:
    for case, result in results():
        for spec in case.processes:
            row = result.summary["processes"][spec.config.name]
            references = sum(stream.references or 0 for stream in spec.streams)
            assert row["references"] <= references
            if row["exit_status"] == 0:
                assert row["references"] == references


def test_bounds_between_counters() -> None:
    for _, result in results():
        summary = result.summary
        assert summary["dirty_evictions"] <= summary["repurposed"]
        assert summary["page_reads"] <= summary["pages_input"]
        assert summary["page_writes"] <= summary["pages_output"]
        assert sum(row["pages_output"] for row in rows(result)) <= summary["pages_output"]


def test_the_processes_frame_is_the_summary() -> None:
    for _, result in results():
        for record in result.processes.to_dict("records"):
            row = result.summary["processes"][record.pop("process")]
            assert {key: None if pd.isna(value) else value for key, value in record.items()} == row


def test_rates_over_all_samples_add_up_to_the_summary() -> None:
    for _, result in results():
        seconds = result.samples["time_ns"].diff().fillna(0) / 1e9
        for column, keys in RATES.items():
            total = sum(result.summary[key] for key in keys)
            assert (result.samples[column] * seconds).sum() == pytest.approx(total), column


def test_each_sample_has_every_frame_in_one_place() -> None:
    """Lists, active and in transition make up memory; available is zeroed, free and standby."""
    lists = ["Zeroed", "Free", *(f"Standby {i}" for i in range(8)), "Modified", "Modified No Write", "Bad", "Active"]
    for case, result in results():
        samples = result.samples
        whole = samples[[f"pagesim\\{name}" for name in [*lists, "Transition"]]].sum(axis=1)
        assert (whole == case.machine.frames * case.machine.page_size).all()
        available = samples[[f"pagesim\\{name}" for name in lists[:10]]].sum(axis=1)
        assert (samples[r"Memory\Available Bytes"] == available).all()
        assert (samples[r"Memory\Committed Bytes"] <= samples[r"Memory\Commit Limit"]).all()


def test_busy_time_in_the_samples_is_the_service_time_in_the_log() -> None:
    """Of each disk; what was in service at the end of the run is in the samples and not in the log."""
    for case, result in results():
        seconds = result.samples["time_ns"].diff().fillna(0)
        for name, disk in case.machine.disks.items():
            channels = disk.make().tables().channels
            busy = (result.samples[rf"PhysicalDisk({name})\% Disk Time"] / 100 * channels * seconds).sum()
            logged = result.io.loc[result.io["disk"] == name, "service_ns"].sum()
            assert busy >= logged - 1e-3
            open_ended = channels * result.summary["simulated_ns"]
            assert busy <= logged + open_ended


def test_processor_time_is_what_threads_used() -> None:
    for case, result in results():
        seconds = result.samples["time_ns"].diff().fillna(0)
        percent = result.samples[r"Processor(_Total)\% Processor Time"]
        used = (percent / 100 * case.machine.processors * seconds).sum()
        assert percent.between(0, 100 + 1e-9).all()
        assert used >= sum(row["run_ns"] for row in rows(result)) - 1e-3
        assert np.isfinite(used)
