"""What every registered policy owes: on any machine the invariants hold, the run ends, and again it is the same."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import experiments
from experiments.spec.experiment import load
from experiments.study.run import prepare, simulate
from simulator.config import Trimming
from simulator.invariants import Invariants
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.registry import find, names
from simulator.result import SimulationError
from tests.reference.cases import Case
from tests.reference.machines import random_case

POLICIES = names("policy")
CONFIGS = sorted(Path(experiments.__file__).parent.glob("configs/*.yaml"))
QUIET = Observe(10**15, fault_log=False, io_log=False, page_map=False, page_log=False, thread_log=False)


def cases(policy: str, count: int) -> list[Case]:
    """Random machines with a policy; of one thread a process for a policy that knows the future."""
    found: list[Case] = []
    seed = 70_000
    while len(found) < count:
        case = random_case(random.Random(seed))
        seed += 1
        single = all(len(spec.streams) == 1 for spec in case.processes)
        if single or "future" not in find("policy", policy).requires:  # type: ignore[attr-defined]
            trimming = Trimming(policy=policy, period=case.memory_manager.trimming.period)
            manager = replace(case.memory_manager, trimming=trimming)
            found.append(replace(case, memory_manager=manager, duration=min(case.duration or 300_000, 300_000)))
    return found


def outcome(case: Case, every: int | None) -> Any:
    """The summary of a run, or why it can't go on."""
    specs = [ProcessSpec(spec.config, spec.streams) for spec in case.processes]
    watch = [] if every is None else [Invariants(every)]
    machine = Machine(
        case.machine, case.memory_manager, specs, case.seed, case.duration, observe=QUIET, observers=watch
    )
    try:
        return machine.run().summary
    except SimulationError as error:
        return str(error)


@pytest.mark.parametrize("policy", POLICIES)
def test_random_machines_keep_the_invariants_and_are_the_same_again(policy: str) -> None:
    for case in cases(policy, 6):
        assert outcome(case, 7) == outcome(case, None)


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "none"])
def test_every_config_ends_with_every_policy(policy: str, config: Path) -> None:
    """The first 20 ms of each, watched by the invariants, twice."""
    changes = [f"memory_manager.trimming={{policy: {policy}, period: 1 ms}}", "duration=20 ms"]
    experiment = load(config, [*changes, "observe={baseline: false, page_log: false}"])
    results = []
    for _ in range(2):
        complete, specs = prepare(experiment, config.parent)
        results.append(simulate(complete, specs, config.parent, check=True).summary)
    assert results[0] == results[1]
