"""The swapper: takes processes that do nothing out of memory."""

from __future__ import annotations

import numpy as np

from simulator.compile import compiled
from simulator.memory.page_calls import evict_all, walk
from simulator.records import BLOCKED, ENDED, OUTSWAPPED, SLEEP, machine, processes, threads


@compiled
def _idle(a: int, process: int, least: int, t: int) -> bool:
    """Whether all living threads of a process have slept for so long."""
    alive = False
    for thread in range(machine(a).thread_count):
        th = threads(a)[thread]
        if th.process != process or th.state == ENDED:
            continue
        alive = True
        if th.state != BLOCKED or th.stall != SLEEP or t - th.since < least:
            return False
    return alive


@compiled
def outswap(a: int, least: int, t: int) -> int:
    """Empty the working sets of all processes whose threads have slept for `least` nanoseconds; returns how many pages
    that were."""
    count = np.int64(0)
    for process in range(machine(a).process_count):
        if processes(a)[process].alive and processes(a)[process].size > 0 and _idle(a, process, least, t):
            count += evict_all(a, walk(a, process), OUTSWAPPED, t, False)
    return count
