"""One sample: every cumulative count and gauge of the machine, read in compiled code.

Samples are taken thousands of times in a run, so they must not cost more than the events between them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.counters import FAULT_KINDS
from simulator.hardware.disk import integrate
from simulator.layout import COUNTERS
from simulator.memory.commit import commit_limit
from simulator.records import (
    DAEMONS,
    LISTS,
    ON_MAPPED,
    ON_MODIFIED,
    ON_ZEROED,
    RUNNING,
    VIOLATION,
    disks,
    lists,
    machine,
    processes,
    stores,
    threads,
)

_LISTS = ("Zeroed", "Free", *(f"Standby {i}" for i in range(8)), "Modified", "mapped", "Modified No Write", "Bad")
_KINDS = VIOLATION


def columns(processes: Sequence[str], disks: Sequence[str]) -> list[str]:
    """What each place of a sample means."""
    return [
        *FAULT_KINDS,
        "page_faults",
        *COUNTERS,
        *(f"list {name}" for name in _LISTS),
        "list Active",
        "list Transition",
        "waiting",
        "commit",
        "limit",
        "paging used",
        "paging size",
        "processor",
        *(f"{what} {name}" for name in processes for what in ("size", "faults")),
        *(f"{what} {name}" for name in disks for what in ("busy", "queue", "reads", "writes")),
    ]


@compiled
def _look_at_machine(a: int, row: NDArray[np.int64], at: int) -> int:
    m = machine(a)
    for value in (
        m.page_reads,
        m.pages_input,
        m.page_writes,
        m.pages_output,
        m.repurposed,
        m.dirty_evictions,
        m.trimmed,
        m.replaced,
    ):
        row[at] = value
        at += 1
    for number in range(LISTS):
        row[at + number] = lists(a)[number].count
    row[at + ON_ZEROED] += m.frame_count - m.fresh
    row[at + ON_MODIFIED] += row[at + ON_MAPPED]
    at += LISTS
    used, size = 0, 0
    for store in range(m.paging_files):
        used += stores(a)[store].used
        size += stores(a)[store].size
    for value in (m.states_active, m.states_transition, m.frame_waiting, m.commit, commit_limit(a), used, size):
        row[at] = value
        at += 1
    return at


@compiled
def _time_used(a: int, t: int) -> int:
    """Processor time used up to t by all threads, in nanoseconds."""
    total = 0
    for thread in range(machine(a).user_threads + DAEMONS):
        th = threads(a)[thread]
        total += th.run_ns + (t - th.since if th.state == RUNNING else 0)
    return total


@compiled
def look(a: int, t: int, row: NDArray[np.int64]) -> int:
    """Write a sample at time t into `row`; returns how many places it filled."""
    m = machine(a)
    row[: _KINDS + 1] = 0
    for process in range(m.process_count):
        for kind in range(_KINDS):
            row[kind] += processes(a)[process].kinds[kind]
    row[_KINDS] = row[:_KINDS].sum()
    at = _look_at_machine(a, row, _KINDS + 1)
    row[at] = _time_used(a, t)
    at += 1
    for process in range(m.process_count):
        row[at] = processes(a)[process].size
        row[at + 1] = processes(a)[process].kinds[:_KINDS].sum()
        at += 2
    for disk in range(m.disk_count):
        integrate(a, disk, t)
        d = disks(a)[disk]
        row[at], row[at + 1] = d.busy_ns, d.queue_ns
        row[at + 2], row[at + 3] = d.operations[0], d.operations[1]
        at += 4
    return at
