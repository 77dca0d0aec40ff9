"""The thread log: states worked out by hand, and what it must agree with on random machines.

That it is the reference machine's, row by row, is among what `tests/reference/test_agreement.py` holds.
"""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import pytest

from simulator.machine import Machine, Observe, ProcessSpec
from simulator.memory import kernel
from simulator.result import RunResult, SimulationError
from simulator.state.constants import THREAD_STATE_NAMES
from tests.reference.cases import RunList
from tests.reference.machines import random_case
from tests.simulator.small import Done, hard, immediate, loads, run, windows

SEEDS = range(96_000, 96_030)
KEYS = {
    "running": "run_ns",
    "ready": "ready_ns",
    "asleep": "sleep_ns",
    **{f"stall: {cause}": f"stall_{cause}_ns" for cause in ("read", "collided", "frame", "write")},
}


def rows(done: Done) -> list[tuple[Any, ...]]:
    """The log as tuples, None for what is missing."""
    plain = done.result.threads.astype(object)
    return [tuple(None if pd.isna(value) else value for value in row) for row in plain.itertuples(index=False)]


def test_two_threads_take_turns_and_one_sleeps() -> None:
    """One processor, quantum 2. a's thread 0 runs 0-2, thread 1 2-4, thread 0 4-5 and ends. Thread 1's quantum ended
    before it came to its wait, so it is ready until 5; it sleeps until 10, and runs 10-11."""
    first, second = RunList([(1, 0, 3, 0)]), RunList([(1, 0, 2, 0), (1, 0, 1, 0)], waits={1: (10, 0)})
    done = run([[first, second]], machine={"quantum": 2})
    assert rows(done) == [
        (0, 2, "a", 0, None, "running", 0),
        (0, 2, "a", 1, None, "ready", None),
        (2, 4, "a", 0, None, "ready", None),
        (2, 4, "a", 1, None, "running", 0),
        (4, 5, "a", 0, None, "running", 0),
        (4, 5, "a", 1, None, "ready", None),
        (5, 10, "a", 1, None, "asleep", None),
        (10, 11, "a", 1, None, "running", 0),
    ]


def test_hard_faults_and_waits_for_a_frame_are_stalls_and_soft_faults_are_none() -> None:
    """One frame. Page 2 needs that of page 1, which was stored to: it is written from 1 to 1001, while a waits for the
    frame. Page 1 needs that of page 2, which is written until 2002, and is read until 3002. With a frame for each page
    all faults are soft: one stretch of running."""
    runs = [(1, 0, 0, 1), (2, 0, 1, 0), (1, 0, 1, 0)]
    assert rows(run([runs], 1, manager=immediate(), process=hard(1))) == [
        (0, 1, "a", 0, None, "running", 0),
        (1, 1_001, "a", 0, None, "stall: frame", None),
        (1_001, 1_002, "a", 0, None, "running", 0),
        (1_002, 2_002, "a", 0, None, "stall: frame", None),
        (2_002, 3_002, "a", 0, None, "stall: read", None),
        (3_002, 3_003, "a", 0, None, "running", 0),
    ]
    assert rows(run([runs], 2)) == [(0, 3, "a", 0, None, "running", 0)]


def outcome(seed: int, **observe: Any) -> RunResult | None:
    """A random machine's result; None: it could not go on."""
    case = random_case(random.Random(seed))
    specs = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    try:
        return Machine(
            case.machine, case.memory_manager, specs, case.seed, case.duration or 10**7, Observe(10**15, **observe)
        ).run()
    except SimulationError:
        return None


@pytest.mark.parametrize("seed", SEEDS)
def test_states_add_up_to_the_summary_and_touch_and_no_processor_runs_two_threads(seed: int) -> None:
    result = outcome(seed)
    if result is None:
        pytest.skip("this machine can't go on")
    log = result.threads.assign(length=result.threads["end_ns"] - result.threads["start_ns"])
    assert (log["length"] > 0).all()
    assert log["start_ns"].is_monotonic_increasing
    spent = log.groupby(["process", "state"], observed=True)["length"].sum()
    for name, process in result.summary["processes"].items():
        for state in THREAD_STATE_NAMES:
            assert spent.get((name, state), 0) == process[KEYS[state]], (name, state)
    mine = log[log["process"].notna()]
    for _, thread in mine.groupby(["process", "thread"], observed=True):
        assert (thread["start_ns"].iloc[1:].to_numpy() == thread["end_ns"].iloc[:-1].to_numpy()).all()
    for _, ran in log[log["state"] == "running"].groupby("processor"):
        assert (ran["start_ns"].iloc[1:].to_numpy() >= ran["end_ns"].iloc[:-1].to_numpy()).all()
    assert log["processor"].notna().equals(log["state"] == "running")
    assert log["daemon"].notna().equals(log["process"].isna())


def test_a_log_that_is_emptied_many_times_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    drained = []
    drain = Machine._drain

    def counted(machine: Machine) -> None:
        drained.append(machine)
        drain(machine)

    monkeypatch.setattr(Machine, "_drain", counted)
    runs = [[(page % 7, 0, 0, 1) for page in range(40_000)]] * 2
    done = run(runs, 6, manager=windows(), process=hard(2), watched=False)
    log = done.result.threads
    assert len(drained) > 1
    assert len(log) > kernel.LOG_ROWS
    for name, process in done.summary["processes"].items():
        mine = log[log["process"] == name]
        assert (mine["end_ns"] - mine["start_ns"]).sum() == process["finished_ns"] - process["start_ns"]


def test_without_a_thread_log_the_frame_is_empty_and_keeps_its_columns() -> None:
    bare, full = (run([loads([1, 2])], observe=Observe(thread_log=on)).result.threads for on in (False, True))
    assert len(bare) == 0 < len(full)
    assert bare.dtypes.equals(full.dtypes)
