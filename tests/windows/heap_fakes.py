"""An address space of plain dicts for heaps to live in, and a runner that executes references against it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import numpy as np

from simulator.config import Costs, Heap, Windows
from simulator.windows import constants as c
from simulator.windows.calls.heap_wrappers import HeapWrapperCalls
from simulator.windows.failure import Failure
from simulator.windows.heap.heaps import Heaps
from simulator.windows.requests import References

PAGE, UNIT = 4096, 65536


class FakeSpace:
    """Reservations of 64 KiB multiples, one behind the other; a page's entry is its number."""

    def __init__(self, limit: int = 1 << 40, room: int = 1 << 40) -> None:
        self.limit, self.room = limit, room
        self.top = UNIT
        self.regions: dict[int, int] = {}
        self.protections: dict[int, int] = {}
        self.committed: set[int] = set()
        self.calls = 0

    def virtual_alloc(self, address: int, size: int, kind: int, protect: int) -> int:
        self.calls += 1
        assert size > 0
        assert size % PAGE == 0
        if kind & c.MEM_RESERVE:
            assert address == 0
            if self.top + size > self.room:
                raise Failure(c.ERROR_NOT_ENOUGH_MEMORY)
            address = self.top
        else:
            base = max(base for base in self.regions if base <= address)
            assert address + size <= base + self.regions[base], "commits beyond its reservation"
        pages = range(address // PAGE, (address + size) // PAGE)
        if kind & c.MEM_COMMIT:
            assert not self.committed.intersection(pages), "commits what is committed"
            if (len(self.committed) + len(pages)) * PAGE > self.limit:
                raise Failure(c.ERROR_COMMITMENT_LIMIT)
            self.committed.update(pages)
        if kind & c.MEM_RESERVE:
            self.regions[address] = size
            self.protections[address] = protect
            self.top += -(-size // UNIT) * UNIT
        return address

    def virtual_free(self, address: int, size: int, kind: int) -> bool:
        self.calls += 1
        if kind == c.MEM_RELEASE:
            assert size == 0
            size = self.regions.pop(address)
            self.committed.difference_update(range(address // PAGE, (address + size) // PAGE))
        else:
            assert kind == c.MEM_DECOMMIT
            assert address % PAGE == size % PAGE == 0
            pages = set(range(address // PAGE, (address + size) // PAGE))
            assert pages <= self.committed, "decommits what isn't committed"
            self.committed -= pages
        return True

    def virtual_query(self, address: int) -> Any:
        there = address // PAGE in self.committed
        return SimpleNamespace(state=c.MEM_COMMIT if there else c.MEM_FREE, protect=c.PAGE_READWRITE if there else 1)

    def entries(self, address: int, size: int) -> Any:
        return np.arange(address // PAGE, (address + size - 1) // PAGE + 1)


class Fake(HeapWrapperCalls):
    """A process of one thread; `run` does what its calls ask for, and sees that only committed pages are touched."""

    def __init__(self, bits: int = 64, limit: int = 1 << 40, room: int = 1 << 40, **settings: Any) -> None:
        super().__init__()
        space: Any = FakeSpace(limit, room)
        system: Any = SimpleNamespace(
            page_size=PAGE,
            granularity=UNIT,
            costs=Costs(),
            settings=Windows(heap=Heap(**settings)),
            pages=SimpleNamespace(spent=lambda: 0),
            wake=lambda _: None,
        )
        own: Any = SimpleNamespace(bits=bits, space=space, heaps=Heaps(), defers_touches=True)
        self.system, self.own, self.space = system, own, space
        self.loads: Counter[int] = Counter()
        self.stores: Counter[int] = Counter()
        self.time = 0

    def run(self, steps: Generator[Any, Any, Any]) -> Any:
        """What a call gives, its references made."""
        try:
            request = next(steps)
            while True:
                self.serve(request)
                request = steps.send(None)
        except StopIteration as ending:
            return ending.value

    def start_threads(self) -> None:
        """The process has several threads from now on."""
        own: Any = self.own
        own.defers_touches = False

    def settle(self) -> None:
        """Have all that is pending executed."""
        self.run(self._flush())

    def serve(self, request: Any) -> None:
        """Do what a call asks for: charge time, or make references."""
        if isinstance(request, int):
            assert request > 0
            self.time += request
            return
        assert isinstance(request, References)
        loads, stores = request.loads.astype(int), request.stores.astype(int)
        assert (loads + stores > 0).all()
        assert not request.fetches.any()
        for page, some, others in zip(request.entries.tolist(), loads.tolist(), stores.tolist(), strict=True):
            assert page in self.space.committed, f"touches {page * PAGE:#x}, which isn't committed"
            self.loads[page] += some
            self.stores[page] += others
