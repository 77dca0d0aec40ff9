"""The executive: what all programs of a machine share, and what only a run with programs leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from simulator.config import Process
from simulator.memory.pages import Pages
from simulator.memory.state import State
from simulator.result import RunResult
from simulator.rng import generator
from simulator.state.constants import DEPARTURE_REASONS, REASON_NAMES
from simulator.windows.file import Files
from simulator.windows.image import Images
from simulator.windows.information import process_counters, system_counters
from simulator.windows.notifications import Notifications
from simulator.windows.objects import Namespace, Waitable
from simulator.windows.pool import PoolRow, Pools, pool_frame
from simulator.windows.process_state import ProcessState

KERNEL = "System"
"""Name of the process that paged pool belongs to."""


class System:
    """One machine's executive; `wake` is given by whoever runs the threads."""

    granularity = 65_536
    """bytes to whose multiples regions are aligned [SYSTEM_INFO]"""

    def __init__(self, state: State, drain: Callable[[], None], wake: Callable[[Waitable], None]) -> None:
        """Nothing runs yet. `drain` empties the machine's logs."""
        self.state = state
        self.wake = wake
        self.settings = state.config.windows
        self.costs = state.config.costs
        self.page_size = state.config.page_size
        self.processors = state.config.processors
        self.address_space = state.config.address_space
        self.pages = Pages(state, drain)
        self.processes: list[ProcessState] = []
        """those that have not ended, in order of start"""
        self.notes: list[tuple[int, str, str, float]] = []
        """time, process, name and value of each note"""
        self.namespace = Namespace()
        self.resumed = 0
        """times that a program went on"""
        self._counted = -1
        self._process_counters: dict[str, int] = {}
        self.kernel = self._make_kernel()
        """number of the System process"""
        self.pool = Pools(self)
        self.files = Files(self, state.config)
        self.images = Images(self, state.config)
        self.notifications = Notifications(self)
        self.pool.touched()  # what the system's own objects touched is no program's doing

    @property
    def now(self) -> int:
        """The simulated time, in nanoseconds."""
        return self.pages.now

    def rng(self, name: str) -> np.random.Generator:
        """A random stream of this machine's own."""
        return generator(self.state.seed, f"windows/{name}")

    def owner(self, process: int) -> ProcessState:
        """The owner of an engine's process."""
        return next(owner for owner in self.processes if owner.number == process)

    def note(self, process: str, name: str, value: float) -> None:
        """Keep what a program notes down."""
        self.notes.append((self.now, process, name, float(value)))

    def counters(self) -> dict[str, int]:
        """The counters that only a machine with programs has, now, by their PerfMon names."""
        if self._counted != self.resumed:  # else no process has made a call since
            self._counted = self.resumed
            self._process_counters = {}
            for owner in self.processes:
                self._process_counters |= process_counters(owner)
        return system_counters(self) | self._process_counters

    def free_name(self, name: str) -> str:
        """A name that no process has: this one, or with a number behind it."""
        names, number, free = set(self.state.names), 2, name
        while free in names:
            free, number = f"{name}-{number}", number + 1
        return free

    def _make_kernel(self) -> int:
        config = Process(name=self.free_name(KERNEL))
        number = self.pages.population.add_process(config, program=True)
        record: Any = self.state.arrays["processes"][number]
        record["alive"] = 1
        self.state.record[0]["alive"] -= 1  # it doesn't keep the run from ending
        return number


def complete(system: System, own_pool: Mapping[tuple[str, str], int], result: RunResult) -> None:
    """Add all that to a run's result; `own_pool` is what was in use of each tag and pool before any program ran."""
    notes, rows = system.notes, system.pool.rows()
    result.make("notes", lambda: pd.DataFrame(notes, columns=["time_ns", "process", "name", "value"]))
    result.make("pools", lambda: pool_frame(rows))
    result.summary["pools"] = _pool_left(own_pool, rows)
    result.summary["notes"] = _last_notes(system)
    result.summary["departures"] = _departures(system)


def _last_notes(system: System) -> dict[str, dict[str, float]]:
    """What each process noted down last under each name."""
    last: dict[str, dict[str, float]] = {}
    for _, process, name, value in system.notes:
        last.setdefault(process, {})[name] = value
    return last


def _departures(system: System) -> dict[str, dict[str, int]]:
    """Pages that left each process's working set, by reason."""
    processes = system.state.arrays["processes"]
    return {
        name: {
            REASON_NAMES[reason]: int(processes["departures"][number, reason])
            for reason in DEPARTURE_REASONS
            if processes["departures"][number, reason]
        }
        for number, name in enumerate(system.state.names)
    }


def _pool_left(own_pool: Mapping[tuple[str, str], int], rows: list[PoolRow]) -> list[dict[str, Any]]:
    """The rows of PoolMon's table for tags of which more is in use than the system itself has from the beginning, most
    bytes first."""
    left = [row for row in rows if row.diff > own_pool.get((row.tag, row.type), 0)]
    return [row._asdict() for row in sorted(left, key=lambda row: (-row.bytes, row.tag, row.type))]
