"""Running a case through the engine and through the model, and telling where they differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from tests.model.cases import Case
from tests.model.entities import Deadlock
from tests.model.machine import ModelMachine, TooLong

FAULT_COLUMNS = ["time_ns", "process", "thread", "page", "kind", "queue_ns", "service_ns", "cpu_ns", "latency_ns"]
THREAD_COLUMNS = ["start_ns", "end_ns", "process", "thread", "daemon", "state", "processor"]
IO_COLUMNS = ["submit_ns", "start_ns", "end_ns", "disk", "kind", "offset", "pages", "ok"]
OPTIONAL = {"pages_output", "access_violations", "in_page_errors"}
"""keys of a process that the engine may leave out"""
SHOWN = 12


@dataclass
class Outcome:
    """What one side made of a case: an error's name, or all its results."""

    error: str = ""
    message: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    faults: list[tuple[Any, ...]] = field(default_factory=list)
    io: list[tuple[Any, ...]] = field(default_factory=list)
    threads: list[tuple[Any, ...]] = field(default_factory=list)
    snapshot: dict[str, Any] = field(default_factory=dict)
    stuck: bool = False
    """the run was cut off while every thread waited for a frame"""


def run_model(case: Case, check: bool = False, actions: int | None = None) -> Outcome:
    """The model's outcome; raises TooLong if it takes more actions than allowed."""
    machine = ModelMachine(
        case.machine, case.memory_manager, case.processes, case.seed, case.duration, check=check, actions=actions
    )
    try:
        machine.run()
    except Deadlock:
        return Outcome("deadlock")
    logs = machine.faults(), machine.io(), machine.threads()
    return Outcome("", "", machine.summary(), *logs, machine.snapshot(), machine.stuck)


def run_engine(case: Case) -> Outcome:
    """The engine's outcome; any exception but SimulationError passes through."""
    from simulator.machine import Machine, ProcessSpec
    from simulator.result import SimulationError

    processes = [ProcessSpec(config=spec.config, streams=spec.streams) for spec in case.processes]
    machine = Machine(
        machine=case.machine,
        memory_manager=case.memory_manager,
        processes=processes,
        seed=case.seed,
        duration=case.duration,
    )
    try:
        result = machine.run()
    except SimulationError as error:
        return Outcome("deadlock", str(error))
    logs = rows(result.faults, FAULT_COLUMNS), rows(result.io, IO_COLUMNS)
    return Outcome("", "", result.summary, *logs, thread_rows(result.threads), machine.snapshot())


def rows(frame: Any, columns: list[str]) -> list[tuple[Any, ...]]:
    """A data frame's rows as sorted tuples of plain values."""
    return sorted(zip(*(frame[column].astype(object).tolist() for column in columns), strict=True))


def thread_rows(frame: Any) -> list[tuple[Any, ...]]:
    """The rows of the thread log as the model has them."""
    columns = (frame[column].astype(object) for column in THREAD_COLUMNS)
    return sorted(zip(*(column.where(column.notna(), None) for column in columns), strict=True), key=str)


def differences(case: Case, check: bool = False, actions: int | None = 100_000) -> list[str] | None:
    """Lines that say where engine and model differ (none: they agree); None if the model takes too long."""
    try:
        model = run_model(case, check, actions)
    except TooLong:
        return None
    engine = run_engine(case)
    if engine.error != model.error:
        if case.duration is not None and (model.error or model.stuck):
            return []
        return [f"outcome: engine {engine.error or 'ends'} {engine.message}, model {model.error or 'ends'}"]
    if model.error:
        return []
    return [
        *_rows("faults", FAULT_COLUMNS, engine.faults, model.faults),
        *_rows("io", IO_COLUMNS, engine.io, model.io),
        *_rows("threads", THREAD_COLUMNS, engine.threads, model.threads),
        *_summaries(engine.summary, model.summary),
        *_snapshots(engine.snapshot, model.snapshot),
    ]


def _rows(what: str, columns: list[str], engine: list[Any], model: list[Any]) -> list[str]:
    for i, (ours, theirs) in enumerate(zip_longest(engine, model)):
        if ours != theirs:
            before = [f"    both   {row}" for row in model[max(0, i - 3) : i]]
            after = [f"    engine {row}" for row in engine[i : i + 3]] + [
                f"    model  {row}" for row in model[i : i + 3]
            ]
            head = f"{what}: row {i} differs (engine has {len(engine)}, model {len(model)}): {', '.join(columns)}"
            return [head, *before, *after]
    return []


def _summaries(engine: dict[str, Any], model: dict[str, Any]) -> list[str]:
    lines = _mapping("summary", engine, model, skip={"processes"})
    for name, process in model["processes"].items():
        lines += _mapping(f"summary.processes.{name}", engine.get("processes", {}).get(name, {}), process)
    return lines


def _mapping(what: str, engine: dict[str, Any], model: dict[str, Any], skip: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    lines = []
    for key, value in model.items():
        if key in skip or (key in OPTIONAL and key not in engine and "processes" not in model):
            continue
        if engine.get(key, "missing") != value:
            lines.append(f"{what}.{key}: engine {engine.get(key, 'missing')}, model {value}")
    return lines


def _snapshots(engine: dict[str, Any], model: dict[str, Any]) -> list[str]:
    lines = _mapping("snapshot", engine, model, skip={"lists", "pages", "files"})
    lines += _mapping("snapshot.lists", engine.get("lists", {}), model["lists"])
    shape = {"pages": "valid, accessed, dirty, age, share, has location, version", "files": "resident, version"}
    for part, columns in shape.items():
        ours, theirs = engine.get(part, {}), model[part]
        keys = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
        if keys:
            lines.append(f"snapshot.{part}: {len(keys)} differ ({columns}):")
            lines += [f"    {key}: engine {ours.get(key)}, model {theirs.get(key)}" for key in keys[:SHOWN]]
    return lines
