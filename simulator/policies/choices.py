"""What policies that keep queues have in common: which entries may go, and which page a choice makes room for."""

from __future__ import annotations

from simulator.policies.base import (
    ACCESSED,
    VALID,
    MachineRecord,
    Pte,
    compiled,
    may_leave,
    np,
)


@compiled
def may_go(m: MachineRecord, entry: Pte, process: int) -> bool:
    """Whether an entry is in the working set of a process (-1: of any), and not locked there."""
    return may_leave(m, entry) and (process < 0 or m.ptes[entry].process == process)


@compiled
def first(m: MachineRecord, queue: int, process: int, link: int) -> int:
    """The first entry of a queue that may go; -1: there is none."""
    entry = m.policy_queues[queue].head
    while entry >= 0 and not may_go(m, entry, process):
        entry = np.int64(m.nodes[entry].next[link])
    return entry


@compiled
def faulting(m: MachineRecord) -> int:
    """The entry that room is made for; -1: a pass trims, for none."""
    if m.actor < 0:
        return -1
    entry = m.threads[m.actor].fault_pte
    return -1 if m.bits[entry] & VALID else entry


@compiled
def forget_fault(m: MachineRecord, process: int) -> None:
    """Clear the accessed bit of the page that a process brought in last; what it referenced since is taken for a part
    of the fault. Right when the process faults again: its references are then all made."""
    newest = m.process_notes[process].slot - 1
    if newest >= 0:
        m.bits[newest] &= ~ACCESSED
        m.process_notes[process].slot = 0


@compiled
def forget_own_fault(m: MachineRecord) -> None:
    """`forget_fault` for the process that room is made for, if any."""
    entry = faulting(m)
    if entry >= 0:
        forget_fault(m, m.ptes[entry].process)


@compiled
def note_fault(m: MachineRecord, entry: Pte) -> None:
    """An entry came in: from here on the page before it is judged by its accessed bit. The number of the process's
    newest entry, plus 1, stands in `slot` of the notes on
    it."""
    process = m.ptes[entry].process
    forget_fault(m, process)
    m.process_notes[process].slot = entry + 1
