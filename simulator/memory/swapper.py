"""The swapper: takes processes that do nothing out of memory."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.memory.page_calls import evict_all, walk
from simulator.state.constants import BLOCKED, ENDED, OUTSWAPPED, SLEEP
from simulator.state.record import Nanoseconds
from simulator.state.schema import MachineRecord


@compiled
def _idle(m: MachineRecord, process: int, least: int, t: Nanoseconds) -> bool:
    """Whether all living threads of a process have slept for so long."""
    alive = False
    for thread in range(m.thread_count):
        th = m.threads[thread]
        if th.process != process or th.state == ENDED:
            continue
        alive = True
        if th.state != BLOCKED or th.stall != SLEEP or t - th.since < least:
            return False
    return alive


@compiled
def outswap(m: MachineRecord, least: int, t: Nanoseconds) -> int:
    """Empty the working sets of all processes whose threads have slept for `least` nanoseconds; returns how many pages
    that were."""
    count = 0
    for process in range(m.process_count):
        if m.processes[process].alive and m.processes[process].size > 0 and _idle(m, process, least, t):
            count += evict_all(m, walk(m, process), OUTSWAPPED, t)
    return count
