"""Running a case on the engine and on the reference machine, and telling where they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from simulator.reference import Deadlock, ReferenceMachine, results
from tests.reference.cases import Case
from tests.reference.invariants import check as invariants
from tests.reference.invariants import check_demand_zero_once

FAULT_COLUMNS = ["time_ns", "process", "thread", "page", "kind", "queue_ns", "service_ns", "cpu_ns", "latency_ns"]
THREAD_COLUMNS = ["start_ns", "end_ns", "process", "thread", "daemon", "state", "processor"]
IO_COLUMNS = ["submit_ns", "start_ns", "end_ns", "disk", "kind", "offset", "pages", "ok"]
SHOWN = 12


class TooLong(Exception):
    """The reference machine took more steps than it was allowed."""


@dataclass
class Outcome:
    """What one side made of a case: an error's message, or all its results."""

    error: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    faults: list[tuple[Any, ...]] = field(default_factory=list)
    io: list[tuple[Any, ...]] = field(default_factory=list)
    threads: list[tuple[Any, ...]] = field(default_factory=list)
    snapshot: dict[str, Any] = field(default_factory=dict)
    stuck: bool = False
    """the run was cut off while every thread waited for a frame"""


def run_reference(
    case: Case, steps: int | None = None, check: Callable[[ReferenceMachine], None] | None = None
) -> Outcome:
    """The reference machine's outcome, its state checked after every step; raises TooLong beyond so many `steps`."""
    taken = 0

    def watch(machine: ReferenceMachine) -> None:
        nonlocal taken
        taken += 1
        if steps is not None and taken > steps:
            raise TooLong
        if check is not None:
            check(machine)

    machine = ReferenceMachine(case.machine, case.memory_manager, case.processes, case.seed, case.duration, watch)
    try:
        machine.run()
    except Deadlock as error:
        return Outcome(str(error))
    check_demand_zero_once(machine)
    logs = results.faults(machine), results.io(machine), results.threads(machine)
    return Outcome("", results.summary(machine), *logs, results.snapshot(machine), machine.stuck)


def engine(case: Case, **options: Any) -> Any:
    """The machine of a case on the engine, with the options of `simulator.machine.Machine`."""
    from simulator.machine import Machine, ProcessSpec

    processes = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    return Machine(case.machine, case.memory_manager, processes, case.seed, case.duration, **options)


def run_engine(case: Case) -> Outcome:
    """The engine's outcome; any exception but SimulationError passes through."""
    from simulator.result import SimulationError

    machine = engine(case)
    try:
        result = machine.run()
    except SimulationError as error:
        return Outcome(str(error))
    logs = rows(result.faults, FAULT_COLUMNS), rows(result.io, IO_COLUMNS), thread_rows(result.threads)
    return Outcome("", result.summary, *logs, machine.snapshot())


def rows(frame: Any, columns: list[str]) -> list[tuple[Any, ...]]:
    """A data frame's rows as sorted tuples of plain values."""
    return sorted(zip(*(frame[column].astype(object).tolist() for column in columns), strict=True))


def thread_rows(frame: Any) -> list[tuple[Any, ...]]:
    """The rows of the thread log as `results.threads` has them."""
    columns = (frame[column].astype(object) for column in THREAD_COLUMNS)
    return sorted(zip(*(column.where(column.notna(), None) for column in columns), strict=True), key=str)


def differences(case: Case, check: bool = False, steps: int | None = 100_000) -> list[str] | None:
    """Lines that say where the two differ (none: they agree); None if the reference machine takes too long."""
    try:
        expected = run_reference(case, steps, invariants if check else None)
    except TooLong:
        return None
    found = run_engine(case)
    if bool(found.error) != bool(expected.error):
        if case.duration is not None and (expected.error or expected.stuck):
            return []
        return [f"outcome: engine {found.error or 'ends'}, reference {expected.error or 'ends'}"]
    if found.error:
        return []
    return [
        *_rows("faults", FAULT_COLUMNS, found.faults, expected.faults),
        *_rows("io", IO_COLUMNS, found.io, expected.io),
        *_rows("threads", THREAD_COLUMNS, found.threads, expected.threads),
        *summary_differences(found.summary, expected.summary),
        *_snapshots(found.snapshot, expected.snapshot),
    ]


def _rows(what: str, columns: list[str], found: list[Any], expected: list[Any]) -> list[str]:
    """The first row that differs, with those around it."""
    for i, (ours, theirs) in enumerate(zip_longest(found, expected)):
        if ours != theirs:
            return [
                f"{what}: row {i} differs (engine {len(found)}, reference {len(expected)}): {', '.join(columns)}",
                *(f"    both      {row}" for row in expected[max(0, i - 3) : i]),
                *(f"    engine    {row}" for row in found[i : i + 3]),
                *(f"    reference {row}" for row in expected[i : i + 3]),
            ]
    return []


def summary_differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Numbers of the reference machine's summary that the engine's has otherwise."""
    lines = _mapping("summary", found, expected, skip=("processes",))
    for name, process in expected["processes"].items():
        lines += _mapping(f"summary.processes.{name}", found["processes"].get(name, {}), process)
    return lines


def _mapping(what: str, found: dict[str, Any], expected: dict[str, Any], skip: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{what}.{key}: engine {found.get(key, 'missing')}, reference {value}"
        for key, value in expected.items()
        if key not in skip and found.get(key, "missing") != value
    ]


def _snapshots(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    lines = _mapping("snapshot", found, expected, skip=("lists", "pages", "files"))
    lines += _mapping("snapshot.lists", found["lists"], expected["lists"])
    for part in ("pages", "files"):
        ours, theirs = found[part], expected[part]
        keys = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
        if keys:
            lines.append(f"snapshot.{part}: {len(keys)} differ (columns: simulator.reference.results.snapshot)")
            lines += [f"    {key}: engine {ours.get(key)}, reference {theirs.get(key)}" for key in keys[:SHOWN]]
    return lines
