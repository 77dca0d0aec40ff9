"""The executive: what all programs of a machine share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.config import Process
from simulator.memory.pages import Pages
from simulator.memory.state import State
from simulator.rng import generator
from simulator.windows.file import Files
from simulator.windows.image import Images
from simulator.windows.information import process_counters, system_counters
from simulator.windows.notifications import Notifications
from simulator.windows.objects import Namespace, Waitable
from simulator.windows.owner import Owner
from simulator.windows.pool import Pools

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
        self.processes: list[Owner] = []
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

    def owner(self, process: int) -> Owner:
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
