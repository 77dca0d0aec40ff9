"""Slices of the recorded traces, and textbook machines to run page streams on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

import workloads.traces
from simulator.config import (
    Costs,
    Disk,
    MemoryManager,
    ModifiedWriter,
    PagingFile,
    Process,
    Trimming,
    WorkingSet,
    ZeroPageThread,
)
from simulator.config import Machine as MachineConfig
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.result import RunResult
from simulator.stream import Block

PAGE = 4096
DATA = Path(workloads.traces.__file__).parent / "data"
FREE = Costs(reference=1, demand_zero=0, zero_page=0, transition=0, copy_on_write=0, hard=0, trim=0, age=0, write=0)
AT_ONCE = Disk(model="constant", parameters={"read": 0, "write": 0, "channels": 64})


class Requests:
    """A stream of runs, each to a page and with or without a store; a ReferenceStream."""

    def __init__(self, page: NDArray[np.uint64], stored: NDArray[np.bool_]) -> None:
        """Two arrays of one length."""
        self.page, self.stored = page, stored
        self.pages: NDArray[np.uint64] = np.unique(page)
        self.references: int | None = len(page)

    def blocks(self) -> Iterator[Block]:
        """One reference a run: a store if the run has any, else a load."""
        index = np.searchsorted(self.pages, self.page).astype(np.uint32)
        stores = self.stored.astype(np.uint8)
        yield Block(index, np.zeros(len(index), np.uint16), 1 - stores, stores)

    def pairs(self) -> list[tuple[int, bool]]:
        """The requests as plain values."""
        return list(zip(self.page.tolist(), self.stored.tolist(), strict=True))


@cache
def recorded(name: str, runs: int | None = None) -> Requests:
    """The first runs of a recorded trace."""
    table = pq.read_table(DATA / f"{name}.parquet")[:runs]
    page = table["page"].to_numpy().astype(np.uint64)
    return Requests(page, table["stores"].to_numpy() > 0)


def from_list(pages: list[int], stored: list[bool] | None = None) -> Requests:
    """Requests from plain values; without stores unless given."""
    return Requests(np.array(pages, np.uint64), np.array(stored or [False] * len(pages), np.bool_))


def _run(requests: Requests, frames: int, manager: MemoryManager, working_set: WorkingSet | None = None) -> RunResult:
    machine = MachineConfig(
        memory=frames * PAGE,
        disks={"d": AT_ONCE},
        paging_files=[PagingFile(size=2 * len(requests.pages) * PAGE + PAGE)],
        costs=FREE,
    )
    process = Process(name="p", working_set=working_set or WorkingSet())
    observe = Observe(
        sample_every=10**15, fault_log=False, io_log=False, page_map=False, page_log=False, thread_log=False
    )
    return Machine(machine, manager, [ProcessSpec(process, (requests,))], observe=observe).run()


def textbook(requests: Requests, frames: int, policy: str) -> RunResult:
    """Demand paging with so many frames and a disk that takes no time."""
    return _run(requests, frames, MemoryManager(model="demand-paging", trimming=Trimming(policy=policy)))


def segmented(requests: Requests, primary: int, secondary: int) -> RunResult:
    """A working set of `primary` pages, first in, first out, and `secondary` frames behind it for what has left."""
    quiet: dict[str, Any] = {"low_memory": 0, "high_memory": 0, "tight_memory": 0, "read_cluster": 1}
    manager = MemoryManager(
        model="windows",
        trimming=Trimming(policy="fifo", period=10**15),
        modified_writer=ModifiedWriter(immediate=True),
        zero_page_thread=ZeroPageThread(enabled=False),
        **quiet,
    )
    limits = WorkingSet(minimum=PAGE, maximum=primary * PAGE, hard_maximum=True)
    return _run(requests, primary + secondary, manager, limits)


def misses(result: RunResult) -> tuple[int, int]:
    """Misses and dirty evictions of the textbook machine: all its pages are on disk, each miss reads one."""
    summary = result.summary
    assert summary["demand_zero_faults"] == 0
    assert summary["hard_faults"] == summary["page_reads"] == summary["pages_input"]
    return summary["hard_faults"], summary["dirty_evictions"]


def segmented_misses(result: RunResult) -> tuple[int, int]:
    """Misses and dirty evictions of the windows machine, where first touches need no read."""
    summary = result.summary
    return summary["demand_zero_faults"] + summary["hard_faults"], summary["dirty_evictions"]


def zeroed(pairs: list[tuple[int, bool]]) -> list[tuple[int, bool]]:
    """Requests as the windows machine has them: a page is dirty from its first request on, for that zeroes it."""
    first = {page: i for i, (page, _) in reversed(list(enumerate(pairs)))}
    return [(page, stored or first[page] == i) for i, (page, stored) in enumerate(pairs)]
