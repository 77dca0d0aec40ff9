"""What is asked of the machine's state everywhere."""

from __future__ import annotations

import numpy as np

from simulator.compile import compiled
from simulator.state import view  # noqa: F401 (gives compiled code the machine's attributes)
from simulator.state.constants import ON_FREE, ON_STANDBY, ON_ZEROED, STANDBY_PRIORITIES
from simulator.state.record import Pte
from simulator.state.schema import TABLE_PTES, MachineRecord


@compiled
def entry_of(m: MachineRecord, process: int, index: int) -> Pte:
    """A process's PTE by place: from 0 to its `ptes`, in no order that means anything for a program."""
    p = m.processes[process]
    if p.tables_at == 0:
        return p.first_pte + index
    return np.int64(p.tables[index // TABLE_PTES]) + index % TABLE_PTES


@compiled
def available(m: MachineRecord) -> int:
    """Pages that can be handed out at once: zeroed, free and standby."""
    count = m.lists[ON_ZEROED].count + m.frame_count - m.fresh + m.lists[ON_FREE].count
    for priority in range(STANDBY_PRIORITIES):
        count += m.lists[ON_STANDBY + priority].count
    return count
