"""A system without a machine: real pages, pools, names and handles, and processes that hold nothing else."""

from __future__ import annotations

from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

from simulator import config
from simulator.memory.pages import Pages
from simulator.memory.state import State
from simulator.windows.calls.dep import DepCalls
from simulator.windows.calls.objects import ObjectCalls
from simulator.windows.calls.performance import PerformanceCalls
from simulator.windows.calls.pools import PoolCalls
from simulator.windows.dep import Dep
from simulator.windows.handles import HandleTable
from simulator.windows.notifications import Notifications
from simulator.windows.objects import Namespace
from simulator.windows.pool import Pools
from simulator.windows.requests import Wait

PAGE = 4096


class SmallSystem:
    """What pools, objects and handles need of a System; `woken` are the objects that were signalled, in order."""

    def __init__(self, frames: int = 512, paging_pages: int = 1024, processors: int = 1, **windows: Any) -> None:
        """`windows`: fields of config.Windows; the paging file can't grow."""
        paging = config.PagingFile(size=paging_pages * PAGE, maximum=paging_pages * PAGE)
        machine = config.Machine(
            memory=frames * PAGE, paging_files=[paging], processors=processors, windows=config.Windows(**windows)
        )
        self.state = State(machine, config.MemoryManager(), [], 1)
        self.pages = Pages(self.state, lambda: None)
        self.settings, self.costs, self.processors = machine.windows, machine.costs, processors
        self.page_size = PAGE
        self.kernel = self.pages.population.add_process(config.Process(name="System"), True)
        self.woken: list[Any] = []
        self.wake = self.woken.append
        self.namespace = Namespace()
        self.pool: Any = Pools(self)  # type: ignore[arg-type]
        self.processes: list[Any] = []
        self.notifications: Any = None

    def watch(self) -> Notifications:
        """Have the kernel's own events."""
        self.notifications = Notifications(self)  # type: ignore[arg-type]
        return self.notifications  # type: ignore[no-any-return]

    def process(self, bits: int = 64) -> Any:
        """A process: an Owner's attributes, and its calls."""
        calls = _Process()
        calls.system, calls.own, calls.last_error = self, _owner(self, bits), 0  # type: ignore[assignment]
        self.processes.append(calls.own)
        return calls

    def held(self) -> tuple[int, ...]:
        """What is in use: frames, commit charge, pages of both pools."""
        available, total = self.pages.available(), self.pages.commit_total()
        return (available, total, self.pool.paged.used, self.pool.nonpaged.used)


class _Process(ObjectCalls, PoolCalls, DepCalls, PerformanceCalls):
    """The calls under test."""


def _owner(system: SmallSystem, bits: int) -> Any:
    number = system.pages.population.add_process(config.Process(name=f"p{len(system.processes)}"), True)
    own = SimpleNamespace(system=system, number=number, name=f"p{len(system.processes)}", bits=bits, threads=[0])
    own.handles = HandleTable(system, own)  # type: ignore[arg-type]
    own.dep = Dep(system.settings.dep_policy, bits)
    changes: list[bool] = []
    own.space = SimpleNamespace(virtual_bytes=0, changes=changes, dep_changed=lambda: changes.append(own.dep.enabled))
    own.object = None
    return own


def done(call: Generator[Any, Any, Any]) -> Any:
    """Make a call and return its result; a wait ends at once, as its objects stand."""
    answer = None
    while True:
        try:
            request = call.send(answer)
        except StopIteration as end:
            return end.value
        answer = _waited(request) if isinstance(request, Wait) else None


def _waited(wait: Wait) -> int | None:
    ready = [i for i, item in enumerate(wait.objects) if item.signalled]
    if not ready or (wait.every and len(ready) < len(wait.objects)):
        return None
    for i in ready if wait.every else ready[:1]:
        wait.objects[i].consume()
    return 0 if wait.every else ready[0]
