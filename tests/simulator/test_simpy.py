"""A machine in somebody's SimPy environment: the same results however time passes, and exact at any time."""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

import pytest
import simpy

from simulator.counters import FAULT_KINDS
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.result import SimulationError
from tests.reference.cases import Case
from tests.reference.machines import random_case

QUIET = Observe(sample_every=10**15)
UNTIL = 100_000
"""nanoseconds"""


def case(seed: int) -> Case:
    """A random machine that can go on, cut off after UNTIL."""
    for number in range(seed, seed + 1000, 50):
        found = random_case(random.Random(number))
        if isinstance(outcome(found), dict):
            return found
    raise AssertionError("no machine goes on")


def machine(of: Case, env: simpy.Environment | None = None, until: int | None = None) -> Machine:
    """A machine of a case."""
    specs = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in of.processes]
    return Machine(of.machine, of.memory_manager, specs, of.seed, until, observe=QUIET, env=env)


def outcome(of: Case, until: int = UNTIL) -> dict[str, Any] | str:
    """What it comes to in an environment of its own."""
    try:
        return machine(of, until=until).run().summary
    except SimulationError as error:
        return str(error)


def ticks(env: simpy.Environment, source: random.Random) -> Generator[simpy.Event, Any, None]:
    """Something else that happens in the environment, at random times, often several at one."""
    while True:
        yield env.timeout(source.choice((0, 1, 7, 100, 2_000, 10_000)))


@pytest.mark.parametrize("seed", range(8))
def test_whatever_else_happens_in_the_environment_the_result_is_that_of_the_machine_alone(seed: int) -> None:
    chosen = case(71_000 + seed)
    env = simpy.Environment()
    shared = machine(chosen, env)
    for number in range(2):
        env.process(ticks(env, random.Random(number)))
    env.run(until=UNTIL)
    assert shared.result().summary == alone(chosen, UNTIL)


def alone(of: Case, until: int) -> dict[str, Any]:
    """The summary of a machine in an environment that it shares with nobody, up to a time."""
    env = simpy.Environment()
    single = machine(of, env)
    env.run(until=until)
    return single.result().summary


@pytest.mark.parametrize("seed", range(8))
def test_steps_and_runs_up_to_random_times_come_to_the_same(seed: int) -> None:
    chosen, source = case(72_000 + seed), random.Random(seed)
    env = simpy.Environment()
    stepped = machine(chosen, env)
    while env.now < UNTIL:
        if source.random() < 0.5 and env.peek() < UNTIL:
            env.step()
        else:
            env.run(until=min(UNTIL, env.now + source.choice((1, 50, 3_000, 40_000))))
    assert stepped.result().summary == alone(chosen, UNTIL)


@pytest.mark.parametrize("seed", range(8))
def test_two_machines_in_one_environment_are_two_machines(seed: int) -> None:
    pair = case(73_000 + seed), case(74_000 + seed)
    env = simpy.Environment()
    both = [machine(one, env) for one in pair]
    env.run(until=UNTIL)
    assert [one.result().summary for one in both] == [alone(one, UNTIL) for one in pair]


@pytest.mark.parametrize("seed", range(8))
def test_counters_are_exact_at_any_time(seed: int) -> None:
    """They are those of a run that ends there."""
    chosen, source = case(75_000 + seed), random.Random(seed)
    env = simpy.Environment()
    watched = machine(chosen, env)
    for time in sorted(source.sample(range(1, UNTIL), 4)):
        env.run(until=time)
        counters = watched.counters()
        expected = alone(chosen, time)
        assert counters["time_ns"] == time
        for name in ("references", "page_reads", "page_writes", "trimmed", "replaced", *FAULT_KINDS):
            assert counters[name] == expected[name], (name, time)


@pytest.mark.parametrize("seed", range(15))
def test_an_environment_of_its_own_gives_the_same_as_one_that_it_was_given(seed: int) -> None:
    chosen = case(76_000 + seed)
    expected = outcome(chosen)
    assert isinstance(expected, dict)
    end = int(expected["simulated_ns"])
    found = alone(chosen, end if end == UNTIL else end + 1)  # up to a time is before what references do at it
    assert {key: found[key] for key in FAULT_KINDS} == {key: expected[key] for key in FAULT_KINDS}
    assert found["processes"] == expected["processes"]
