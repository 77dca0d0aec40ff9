"""What policies see: a read-only picture of working sets and lists, made from the records when it is asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.memory.state import State
from simulator.policies.base import Entries
from simulator.state import constants
from simulator.state.schema import MachineRecord


@compiled
def _walk(m: MachineRecord, process: int) -> Any:
    p = m.processes[process]
    entries = np.empty(p.size, np.int64)
    entry = p.head
    for i in range(p.size):
        entries[i] = entry
        entry = m.ptes[entry].next
    return entries


class WorkingSet:
    """One process's working set, as a policy sees it."""

    def __init__(self, state: State, index: int) -> None:
        """A picture of process number `index`, taken now but for its entries."""
        self._state = state
        process = state.arrays["processes"][index]
        self.index = index
        self.name = state.names[index]
        self.size = int(process["size"])
        self.minimum = int(process["minimum"])
        self.maximum = int(process["maximum"])
        self.peak = int(process["peak"])
        self.hard_maximum = bool(process["hard_maximum"])
        self.memory_priority = int(process["memory_priority"])
        self.foreground = bool(process["foreground"])
        self.page_faults = int(process["kinds"][: constants.VIOLATION].sum())

    @cached_property
    def entries(self) -> Entries:
        """Its entries in order of entry."""
        arrays = self._state.arrays
        entry: NDArray[np.int64] = _walk(self._state.address, self.index)
        pte, bits = arrays["ptes"][entry], arrays["bits"][entry]
        frame = arrays["contents"]["frame"][pte["content"]]
        return Entries(
            entry=entry,
            page=pte["vpn"],
            age=pte["age"],
            accessed=(bits & constants.ACCESSED) != 0,
            dirty=(bits & constants.DIRTY) != 0,
            locked=(bits & constants.PINNED) != 0,
            share=arrays["frames"]["share"][frame],
            entered=pte["entered"],
            last_access=self._last_use("time", entry),
            use=self._last_use("order", entry),
        )

    def _last_use(self, field: str, entry: NDArray[np.int64]) -> NDArray[np.int64]:
        if not self._state.record[0]["exact"]:
            return np.zeros(len(entry), np.int64)
        found: NDArray[np.int64] = self._state.arrays["page"][field][entry]
        return found


class View:
    """The memory manager's state at one time, as a policy sees it."""

    def __init__(self, state: State, time: int) -> None:
        """A picture of `state`; the hits of running threads must have been committed up to `time`."""
        m, lists = state.record[0], state.arrays["lists"]["count"]
        self.time = time
        self.zeroed = int(lists[constants.ON_ZEROED] + m["frame_count"] - m["fresh"])
        self.free = int(lists[constants.ON_FREE])
        self.standby = [int(n) for n in lists[constants.ON_STANDBY : constants.ON_MODIFIED]]
        self.available = self.zeroed + self.free + sum(self.standby)
        self.modified = int(lists[constants.ON_MODIFIED] + lists[constants.ON_MAPPED])
        paging = state.arrays["stores"][: state.paging_files]
        room = bool((paging["used"] < paging["size"]).any())
        self.writable = int(lists[constants.ON_MAPPED]) + (int(lists[constants.ON_MODIFIED]) if room else 0)
        self.low, self.high = int(m["low"]), int(m["high"])
        self.working_sets = [WorkingSet(state, int(i)) for i in np.flatnonzero(state.arrays["processes"]["alive"])]
