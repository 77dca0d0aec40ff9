"""Whatever is done to running processes, at whatever time, the engine comes to what the reference machine comes to."""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
import simpy

from simulator.machine import Machine, ProcessSpec
from simulator.process import Process
from simulator.reference import Deadlock, ReferenceMachine, actions, results
from tests.reference.cases import Case
from tests.reference.compare import (
    FAULT_COLUMNS,
    IO_COLUMNS,
    Outcome,
    TooLong,
    outcome_differences,
    rows,
    thread_rows,
)
from tests.reference.machines import random_case

PAGE = 4096


@dataclass(frozen=True)
class Act:
    """Something that is done to a process at a time, on both sides."""

    time: int
    process: str
    what: str
    values: tuple[int, ...]

    def to_engine(self, process: Process) -> None:
        """Do it to the engine's process."""
        if self.what == "limits":
            minimum, maximum, hard = self.values
            process.set_working_set(minimum * PAGE, maximum * PAGE, bool(hard))
        elif self.what == "terminate":
            process.terminate(*self.values)
        elif self.what == "interrupt":
            if process.is_alive:
                process.interrupt()
        elif self.what in ("priority", "memory_priority", "foreground"):
            setattr(process, self.what, self.values[0])
        else:
            getattr(process, self.what)()

    def to_reference(self) -> actions.Action:
        """The same for the reference machine."""
        plain: dict[str, Any] = {
            "empty_working_set": actions.empty,
            "suspend": actions.suspend,
            "resume": actions.resume,
            "interrupt": actions.terminate(0xC000013A),
        }
        if self.what in plain:
            return plain[self.what]  # type: ignore[no-any-return]
        return getattr(actions, self.what)(*self.values)  # type: ignore[no-any-return]


def random_acts(source: random.Random, names: list[str], until: int) -> list[Act]:
    """Some actions, in order of time, several of them at one time now and then."""
    acts = []
    time = 0
    for _ in range(source.choice((1, 3, 8, 20))):
        time += source.choice((0, 1, source.randrange(1, 40), source.randrange(1, 3_000)))
        what = source.choice(
            (
                *("limits", "limits", "empty_working_set", "priority", "memory_priority", "foreground"),
                *("suspend", "resume", "resume", "terminate", "interrupt"),
            )
        )
        minimum = source.randrange(8)
        values: dict[str, tuple[int, ...]] = {
            "limits": (minimum, minimum + source.randrange(1, 20), source.randrange(2)),
            "priority": (source.randrange(1, 16),),
            "memory_priority": (source.randrange(1, 6),),
            "foreground": (source.randrange(2),),
            "terminate": (source.randrange(1, 9),),
        }
        if time < until:
            acts.append(Act(time, source.choice(names), what, values.get(what, ())))
    return acts


def expected(case: Case, acts: list[Act], until: int) -> Outcome:
    """What the reference machine comes to; raises TooLong if that takes many steps."""
    taken = 0

    def watch(_: ReferenceMachine) -> None:
        nonlocal taken
        taken += 1
        if taken > 60_000:
            raise TooLong

    machine = ReferenceMachine(case.machine, case.memory_manager, case.processes, case.seed, until, watch)
    for act in acts:
        actions.act(machine, act.time, act.process, act.to_reference())
    actions.act(machine, until, case.processes[0].config.name, actions.empty)  # so long it goes on
    machine.run()
    logs = results.faults(machine), results.io(machine), results.threads(machine)
    return Outcome("", results.summary(machine), *logs, results.snapshot(machine), machine.stuck)


def do(env: simpy.Environment, machine: Machine, acts: list[Act]) -> Generator[simpy.Event, Any, None]:
    """A SimPy process that acts."""
    for act in acts:
        if act.time > env.now:
            yield env.timeout(act.time - env.now)
        act.to_engine(machine.processes[act.process])
        yield env.timeout(0)  # an interrupt reaches a process when SimPy delivers it


def found(case: Case, acts: list[Act], until: int) -> Outcome:
    """What the engine comes to, in an environment in which somebody acts on it."""
    env = simpy.Environment()
    specs = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    machine = Machine(case.machine, case.memory_manager, specs, case.seed, until, env=env)
    env.process(do(env, machine, acts))
    env.run(until=until)
    result = machine.result()
    logs = rows(result.faults, FAULT_COLUMNS), rows(result.io, IO_COLUMNS), thread_rows(result.threads)
    return Outcome("", result.summary, *logs, machine.snapshot())


def compared(seed: int) -> list[str] | None:
    """Where the two sides of a random machine with random actions differ; None: it takes too long, or can't go on."""
    source = random.Random(seed)
    case = random_case(source)
    until = source.choice((2_000, 20_000, 60_000))
    acts = random_acts(source, [spec.config.name for spec in case.processes], until)
    try:
        reference = expected(case, acts, until)
    except (TooLong, Deadlock):
        return None
    return outcome_differences(found(case, acts, until), reference)


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_random_actions_at_random_times_come_to_the_same(first: int) -> None:
    outcomes = {seed: compared(4_000_000 + seed) for seed in range(first, first + 20)}
    assert sum(lines is not None for lines in outcomes.values()) > 10
    broken = {seed: lines for seed, lines in outcomes.items() if lines}
    assert not broken, broken
