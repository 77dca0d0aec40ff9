"""What somebody outside does to a running process: at a time, before references that start then."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from simulator.reference.entities import Process
from simulator.reference.machine import ACTION, ReferenceMachine

Action = Callable[[ReferenceMachine, Process, int], None]
"""Done to a process of a machine at a time."""


def act(machine: ReferenceMachine, t: int, process: str, action: Action) -> None:
    """Have something done to a process, by name, at a time."""
    machine.actions += 1
    machine.at(t, ACTION, partial(_act, machine, process, action))


def _act(machine: ReferenceMachine, name: str, action: Action, t: int) -> None:
    machine.actions -= 1
    process = next(process for process in machine.processes if process.name == name)
    action(machine, process, t)
    machine.wake_waiting(t)


def limits(minimum: int, maximum: int, hard: bool) -> Action:
    """Set the limits of its working set, in pages; a lower maximum takes out what is above it, oldest first."""

    def action(machine: ReferenceMachine, process: Process, t: int) -> None:
        process.minimum, process.maximum, process.hard_maximum = minimum, maximum, hard
        for pte in process.working_set[: max(0, len(process.working_set) - maximum)]:
            machine.memory.remove(pte, t)

    return action


def empty(machine: ReferenceMachine, process: Process, t: int) -> None:
    """Take all pages out of its working set."""
    for pte in list(process.working_set):
        machine.memory.remove(pte, t)


def priority(value: int) -> Action:
    """Change the priority of its threads, in their order."""

    def action(machine: ReferenceMachine, process: Process, t: int) -> None:
        for thread in process.threads:
            machine.processors.set_priority(thread, value, t)

    return action


def memory_priority(value: int) -> Action:
    """Change the list that its pages go to when nobody has them in his working set any more."""

    def action(_machine: ReferenceMachine, process: Process, _t: int) -> None:
        process.memory_priority = value

    return action


def foreground(value: bool) -> Action:
    """Say whether it is trimmed last."""

    def action(_machine: ReferenceMachine, process: Process, _t: int) -> None:
        process.foreground = value

    return action


def suspend(machine: ReferenceMachine, process: Process, t: int) -> None:
    """Stop its threads, in their order."""
    for thread in process.threads:
        machine.processors.suspend(thread, t)


def resume(machine: ReferenceMachine, process: Process, t: int) -> None:
    """Let its threads go on, in their order."""
    for thread in process.threads:
        machine.processors.resume(thread, t)


def terminate(status: int) -> Action:
    """End it, if it has started and not ended."""

    def action(machine: ReferenceMachine, process: Process, t: int) -> None:
        if process.lives:
            machine.end_process(process, status, t)

    return action
