"""A system without a machine: real pages, pools, names and handles, and processes that have no threads.

`done` makes a call, and what it asks for is served at once. References aren't executed but counted, and only committed
pages may be touched; a wait ends at once, as its objects stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

from simulator import config
from simulator.memory.pages import Pages
from simulator.memory.state import State
from simulator.windows import constants as c
from simulator.windows.address_space import AddressSpace
from simulator.windows.calls.heap_wrappers import HeapWrapperCalls
from simulator.windows.calls.pools import PoolCalls
from simulator.windows.calls.processes import ProcessCalls
from simulator.windows.calls.system_calls import SystemCalls
from simulator.windows.dep import Dep
from simulator.windows.handles import HandleTable
from simulator.windows.heap.heap import Heaps
from simulator.windows.notifications import Notifications
from simulator.windows.objects import Namespace
from simulator.windows.pool import Pools
from simulator.windows.requests import References, Wait

PAGE, UNIT = 4096, 65536


class SmallSystem:
    """What processes need of a System; `woken` are the objects that were signalled, in order."""

    granularity = UNIT

    def __init__(self, frames: int = 512, paging_pages: int = 1024, processors: int = 1, **windows: Any) -> None:
        """`windows`: fields of config.Windows; the paging file can't grow."""
        paging = config.PagingFile(size=paging_pages * PAGE, maximum=paging_pages * PAGE)
        machine = config.Machine(
            memory=frames * PAGE, paging_files=[paging], processors=processors, windows=config.Windows(**windows)
        )
        self.state = State(machine, config.MemoryManager(), [], 1)
        self.pages = Pages(self.state, lambda: None)
        self.settings, self.costs, self.processors = machine.windows, machine.costs, processors
        self.page_size, self.address_space = PAGE, machine.address_space
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
        """A process: its calls, and in `own` a ProcessState's attributes."""
        calls = SmallProcess(self, bits)
        self.processes.append(calls.own)
        return calls

    def held(self) -> tuple[int, ...]:
        """What is in use: frames, commit charge, pages of both pools."""
        available, total = self.pages.available(), self.pages.commit_total()
        return (available, total, self.pool.paged.used, self.pool.nonpaged.used)


class SmallProcess(SystemCalls, ProcessCalls, HeapWrapperCalls, PoolCalls):
    """A process of one thread, and what it was made to do: by page number loads and stores, and ns of time."""

    def __init__(self, system: Any, bits: int) -> None:
        super().__init__()
        number = system.pages.population.add_process(config.Process(name=f"p{len(system.processes)}"), True)
        own: Any = SimpleNamespace(
            system=system, number=number, name=f"p{len(system.processes)}", bits=bits, threads=[0],
            privileges=frozenset({c.SE_LOCK_MEMORY_NAME}), defers_touches=True, object=None,
        )  # fmt: skip
        own.heaps = Heaps(system, own)
        own.handles = HandleTable(system, own)
        own.dep = Dep(system.settings.dep_policy, bits)
        own.space = AddressSpace(system, own)
        self.system, self.own = system, own
        self.loads: Counter[int] = Counter()
        self.stores: Counter[int] = Counter()
        self.time = 0

    def run(self, call: Generator[Any, Any, Any]) -> Any:
        """Make a call and return its result, with what it takes and touches counted."""
        return done(call, self._count)

    def follow_up(self) -> None:
        """Have all that is pending executed."""
        self.run(self._flush())

    @property
    def regions(self) -> dict[int, int]:
        """Base and size of the regions, in bytes."""
        return {region.first * PAGE: (region.end - region.first) * PAGE for region in self.own.space.vads.regions}

    @property
    def committed(self) -> int:
        """How many pages are committed."""
        return sum(region.committed(region.first, region.end) for region in self.own.space.vads.regions)

    def _count(self, request: Any) -> None:
        if isinstance(request, References):
            self._touch_pages(request)
        elif isinstance(request, int):
            self.time += request

    def _touch_pages(self, request: References) -> None:
        shown = self.system.state.arrays["ptes"][request.entries]
        for process, page, loads, stores in zip(
            shown["process"].tolist(), shown["vpn"].tolist(), request.loads.tolist(), request.stores.tolist(),
            strict=True,
        ):  # fmt: skip
            if process == self.own.number:
                region = self.own.space.vads.at(page)
                assert region is not None, f"touches {page * PAGE:#x}, which is free"
                assert region.state(page)[0], f"touches {page * PAGE:#x}, which isn't committed"
                self.loads[page] += loads
                self.stores[page] += stores


def heap_process(bits: int = 64, limit: int = 0, room: int = 0, **settings: Any) -> SmallProcess:
    """A process in a system of its own; `settings`: fields of config.Heap; `limit`: bytes that it may have committed,
    page tables included, and `room`: address space, if there's less than plenty."""
    system = SmallSystem(frames=32_768, heap=config.Heap(**settings))
    if room:
        system.address_space = room + UNIT
    if limit:
        system.pages.charge(system.pages.commit_limit() - limit // PAGE)
    process: SmallProcess = system.process(bits)
    return process


def done(call: Generator[Any, Any, Any], count: Callable[[Any], None] = lambda _: None) -> Any:
    """Make a call and return its result; `count` is shown what it asks for."""
    answer = None
    while True:
        try:
            request = call.send(answer)
        except StopIteration as end:
            return end.value
        count(request)
        answer = _waited(request) if isinstance(request, Wait) else None


def _waited(wait: Wait) -> int | None:
    ready = [i for i, item in enumerate(wait.objects) if item.signalled]
    if not ready or (wait.every and len(ready) < len(wait.objects)):
        return None
    for i in ready if wait.every else ready[:1]:
        wait.objects[i].consume()
    return 0 if wait.every else ready[0]
