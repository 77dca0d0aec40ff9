"""Samples: every cumulative count and gauge of the machine at one time, taken in compiled code.

They are taken thousands of times in a run and nobody but the reader of the result sees them, so they are no events:
the kernel takes one whenever it passes the time for it, after all events of that time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.counters import FAULT_KINDS
from simulator.hardware.disk import integrate
from simulator.hardware.scheduler import commit_all
from simulator.memory.commit import commit_limit
from simulator.state.constants import LISTS, ON_MAPPED, ON_MODIFIED, ON_ZEROED, RUNNING, VIOLATION
from simulator.state.record import Nanoseconds
from simulator.state.schema import COUNTERS, MachineRecord

SAMPLE_ROWS = 1024
"""Samples that compiled code takes before it hands them over."""

_LISTS = ("Zeroed", "Free", *(f"Standby {i}" for i in range(8)), "Modified", "mapped", "Modified No Write", "Bad")
_KINDS = VIOLATION


def columns(processes: Sequence[str], disks: Sequence[str]) -> list[str]:
    """What each place of a sample means; processes come last, because there may come more."""
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
        *(f"{what} {name}" for name in disks for what in ("busy", "queue", "reads", "writes")),
        *(f"{what} {name}" for name in processes for what in ("size", "faults")),
    ]


@compiled
def _look_at_machine(m: MachineRecord, row: NDArray[np.int64], at: int) -> int:
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
        row[at + number] = m.lists[number].count
    row[at + ON_ZEROED] += m.frame_count - m.fresh
    row[at + ON_MODIFIED] += row[at + ON_MAPPED]
    at += LISTS
    used, size = 0, 0
    for store in range(m.paging_files):
        used += m.stores[store].used
        size += m.stores[store].size
    for value in (m.states_active, m.states_transition, m.frame_waiting, m.commit, commit_limit(m), used, size):
        row[at] = value
        at += 1
    return at


@compiled
def _time_used(m: MachineRecord, t: Nanoseconds) -> int:
    """Processor time used up to t by all threads, in nanoseconds."""
    total = 0
    for thread in range(m.thread_count):
        th = m.threads[thread]
        total += th.run_ns + (t - th.since if th.state == RUNNING else 0)
    return total


@compiled
def look(m: MachineRecord, t: Nanoseconds, row: NDArray[np.int64]) -> int:
    """Write a sample at time t into `row`; returns how many places it filled."""
    row[: _KINDS + 1] = 0
    for process in range(m.process_count):
        for kind in range(_KINDS):
            row[kind] += m.processes[process].kinds[kind]
    row[_KINDS] = row[:_KINDS].sum()
    at = _look_at_machine(m, row, _KINDS + 1)
    row[at] = _time_used(m, t)
    at += 1
    for disk in range(m.disk_count):
        integrate(m, disk, t)
        d = m.disks[disk]
        row[at], row[at + 1] = d.busy_ns, d.queue_ns
        row[at + 2], row[at + 3] = d.operations[0], d.operations[1]
        at += 4
    for process in range(m.process_count):
        row[at] = m.processes[process].size
        row[at + 1] = m.processes[process].kinds[:_KINDS].sum()
        at += 2
    return at


@compiled
def take_sample(m: MachineRecord, t: Nanoseconds) -> None:
    """Take a sample at time t, up to which all hits are committed, and set the time for the next."""
    commit_all(m, t)
    m.sample_times[m.sample_count] = t
    row = m.samples[m.sample_count * m.sample_columns : (m.sample_count + 1) * m.sample_columns]
    look(m, t, row)
    m.sample_count += 1
    m.next_sample = t + m.sample_period
