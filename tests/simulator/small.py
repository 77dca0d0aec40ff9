"""Small machines with figures that can be worked out by hand, every one of them watched by the invariants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.config import (
    Costs,
    Disk,
    MappedWriter,
    MemoryManager,
    ModifiedWriter,
    PagingFile,
    Process,
    Trimming,
    WorkingSet,
)
from simulator.config import Machine as MachineConfig
from simulator.invariants import Invariants
from simulator.machine import Machine, ProcessSpec
from simulator.observe import Observer
from simulator.result import RunResult
from tests.reference.cases import PAGE, Run, RunList, threads

FREE = Costs(reference=1, demand_zero=0, zero_page=0, transition=0, copy_on_write=0, hard=0, trim=0, age=0, write=0)
"""A reference takes 1 ns, all else no processor time."""
TEXTBOOK: dict[str, Any] = {"model": "demand-paging", "trimming": Trimming(policy="fifo")}
"""All pages are on disk: each miss reads one, from its place behind the paging file."""


def loads(pages: Iterable[int]) -> list[Run]:
    """One load of each page."""
    return [(page, 0, 1, 0) for page in pages]


def stores(pages: Iterable[int]) -> list[Run]:
    """One store to each page."""
    return [(page, 0, 0, 1) for page in pages]


def limits(minimum: int, maximum: int, hard: bool = True) -> WorkingSet:
    """Working-set limits in pages."""
    return WorkingSet(minimum=minimum * PAGE, maximum=maximum * PAGE, hard_maximum=hard)


def hard(maximum: int) -> dict[str, Any]:
    """A process whose working set never has more than `maximum` pages."""
    return {"working_set": limits(1, maximum)}


def constant(read: int = 1000, write: int = 1000, **others: Any) -> Disk:
    """A disk of one channel that always takes the same time."""
    model: dict[str, Any] = {key: others.pop(key) for key in ("per_page", "channels") if key in others}
    return Disk(model="constant", parameters={"read": read, "write": write, **model}, **others)


def windows(policy: str = "fifo", **others: Any) -> dict[str, Any]:
    """A memory manager whose daemons stay out of it: no reserve, no limits of its own, no writer unless asked for."""
    quiet = {
        "trimming": Trimming(policy=policy, period=10**15),
        "low_memory": 0,
        "high_memory": 0,
        "tight_memory": 0,
        "read_cluster": 1,
        "modified_writer": ModifiedWriter(free_trigger=0),
        "mapped_writer": MappedWriter(period=10**15),
    }
    return {"model": "windows", **quiet, **others}


def immediate(**others: Any) -> dict[str, Any]:
    """`windows`, with each page written the moment it becomes modified."""
    return windows(modified_writer=ModifiedWriter(immediate=True), **others)


@dataclass
class Done:
    """A machine that has run, and what it gave."""

    machine: Machine
    result: RunResult

    @property
    def summary(self) -> dict[str, Any]:
        """Counters of the whole machine."""
        return self.result.summary

    def process(self, name: str = "a") -> dict[str, Any]:
        """Counters of one process."""
        counters: dict[str, Any] = self.result.summary["processes"][name]
        return counters

    def faults(self, *columns: str) -> list[tuple[Any, ...]]:
        """The fault log as tuples; without columns: time, process, page, kind, cause, queue, service, processor
        time."""
        names = columns or ("time_ns", "process", "page", "kind", "cause", "queue_ns", "service_ns", "cpu_ns")
        return list(zip(*(self.result.faults[name].astype(object).tolist() for name in names), strict=True))

    def io(self, *columns: str) -> list[tuple[Any, ...]]:
        """The I/O log as tuples; without columns: submitted, started, ended, kind, offset, pages."""
        names = columns or ("submit_ns", "start_ns", "end_ns", "kind", "offset", "pages")
        return list(zip(*(self.result.io[name].astype(object).tolist() for name in names), strict=True))

    def lists(self) -> dict[str, Any]:
        """The page lists at the end."""
        lists: dict[str, Any] = self.machine.snapshot()["lists"]
        return lists


def streams(rows: Sequence[Run] | Sequence[RunList]) -> tuple[RunList, ...]:
    """The streams of a process: given as such, one for each thread, or as the runs of its only thread."""
    given = [row for row in rows if isinstance(row, RunList)]
    return threads(*given) if given else (RunList([row for row in rows if not isinstance(row, RunList)]),)


def build(
    runs: Sequence[Sequence[Run] | Sequence[RunList]],
    frames: int = 8,
    *,
    machine: dict[str, Any] | None = None,
    manager: dict[str, Any] | None = None,
    process: dict[str, Any] | Sequence[dict[str, Any]] | None = None,
    observers: Sequence[Observer] = (),
    watched: bool = True,
    **options: Any,
) -> Machine:
    """A machine with one disk "d" (1000 ns a request), a paging file of 64 pages, and processes "a", "b", ..., each
    given as its runs or as its threads' streams. Without a manager it is `windows()`.

    `watched`: by the invariants, at every step.
    """
    each = [process or {}] * len(runs) if process is None or isinstance(process, dict) else process
    specs = [
        ProcessSpec(config=Process(**{"name": chr(97 + i), **each[i]}), streams=streams(rows))
        for i, rows in enumerate(runs)
    ]
    hardware = {
        "memory": frames * PAGE,
        "disks": {"d": constant()},
        "paging_files": [PagingFile(size=64 * PAGE, maximum=64 * PAGE)],
        "costs": FREE,
        **(machine or {}),
    }
    watchers = [*observers, Invariants(every=1)] if watched else observers
    return Machine(
        MachineConfig(**hardware), MemoryManager(**(manager or windows())), specs, observers=watchers, **options
    )


def run(runs: Sequence[Sequence[Run] | Sequence[RunList]], frames: int = 8, **options: Any) -> Done:
    """`build`, and run to the end."""
    built = build(runs, frames, **options)
    return Done(built, built.run())
