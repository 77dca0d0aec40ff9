"""Sampling: what the rows say, and that looking changes nothing."""

from __future__ import annotations

import random

import pytest

from simulator.machine import Machine, Observe, ProcessSpec
from simulator.result import RunResult, SimulationError
from tests.reference.compare import FAULT_COLUMNS, IO_COLUMNS, rows
from tests.reference.machines import random_case
from tests.simulator.small import hard, loads, run, windows


def outcome(seed: int, observe: Observe) -> tuple[object, ...]:
    """What a random machine comes to, without its samples."""
    case = random_case(random.Random(seed))
    processes = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    duration = min(case.duration or 100_000, 100_000)
    machine = Machine(case.machine, case.memory_manager, processes, case.seed, duration, observe=observe)
    try:
        result = machine.run()
    except SimulationError as error:
        return (str(error),)
    return result.summary, rows(result.faults, FAULT_COLUMNS), rows(result.io, IO_COLUMNS), machine.snapshot()


@pytest.mark.parametrize("seed", range(25))
def test_sampling_does_not_change_the_outcome(seed: int) -> None:
    never, often = (outcome(91_000 + seed, Observe(sample_every=every)) for every in (10**12, 331))
    assert never == often


@pytest.mark.parametrize("seed", range(10))
def test_logs_do_not_change_the_outcome(seed: int) -> None:
    bare = outcome(
        92_000 + seed, Observe(fault_log=False, io_log=False, page_map=False, page_log=False, thread_log=False)
    )
    full = outcome(92_000 + seed, Observe())
    if len(full) > 1:
        assert (bare[0], bare[3]) == (full[0], full[3])
        assert (bare[1], bare[2]) == ([], [])


def test_a_sample_is_taken_each_period_and_at_the_end() -> None:
    done = run([[(1, 0, 250, 0)]], observe=Observe(sample_every=100))
    assert done.result.samples["time_ns"].tolist() == [0, 100, 200, 250]


def test_a_process_counts_its_faults_and_its_working_set() -> None:
    """One page at 0, a second at 150, the end at 250; 8 frames of 4 KiB."""
    done = run([[(1, 0, 150, 0), (2, 0, 100, 0)]], observe=Observe(sample_every=100))
    samples = done.result.samples
    assert samples[r"Process(a)\Working Set"].tolist() == [0, 4096, 8192, 0]
    assert samples[r"Process(a)\Page Faults/sec"].tolist() == pytest.approx([0, 1e7, 1e7, 0])
    assert samples[r"Memory\Available Bytes"].tolist() == [32_768, 28_672, 24_576, 32_768]
    assert samples[r"Processor(_Total)\% Processor Time"].tolist() == pytest.approx([0, 100, 100, 100])


def page_map(result: RunResult) -> list[tuple[int, str, int]]:
    """The page map as tuples: end of the interval, process, page."""
    frame = result.page_map
    return list(zip(frame["time_ns"].tolist(), frame["process"].tolist(), frame["page"].tolist(), strict=True))


def test_the_page_map_says_which_pages_were_referenced_between_two_samples() -> None:
    """Page 1 over 0-150, page 2 over 150-250."""
    done = run([[(1, 0, 150, 0), (2, 0, 100, 0)]], 8, observe=Observe(sample_every=100), duration=240)
    assert page_map(done.result) == [(100, "a", 1), (200, "a", 1), (200, "a", 2), (240, "a", 2)]


def test_the_page_map_has_every_page_that_was_referenced() -> None:
    """Also those that have left the working set, or whose process has ended, before the interval is over."""
    done = run([loads([1, 2, 3])], manager=windows(), process=hard(1), observe=Observe(sample_every=1000))
    assert page_map(done.result) == [(3, "a", 1), (3, "a", 2), (3, "a", 3)]


def test_automatic_sampling_stays_bounded() -> None:
    """2,000 samples of 100 us are 0.2 s; a run of 0.9 s has fewer than 2,000 all the same, evenly spaced."""
    done = run([[(1, 0, 250, 0)] * 400] * 1, machine={"costs": {"reference": 9_000}})
    gaps = done.result.samples["time_ns"].diff()
    assert 500 < len(gaps) < 2_002
    assert gaps.iloc[1:-1].nunique() == 1
