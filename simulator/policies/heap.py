"""A heap of entries for each process, for compiled policies: the entry with the largest `time` of its node is on top.

The time is that of the next use. The heap of a process lies in the nodes of its own entries: place i is
`slot` of the node of its `entry_of(i)`, and the entry there says in `count` where it is. How many there are stands in
`mark` of the notes on the process.
"""

from __future__ import annotations

from simulator.policies.base import (
    PINNED,
    MachineRecord,
    Pte,
    compiled,
    entry_of,
    np,
    virtual_time,
)


@compiled
def _place(m: MachineRecord, process: int, place: int, entry: Pte) -> None:
    m.nodes[entry_of(m, process, place)].slot = entry
    m.nodes[entry].count = place


@compiled
def _time(m: MachineRecord, process: int, place: int) -> int:
    n = m.nodes
    return n[n[entry_of(m, process, place)].slot].time


@compiled
def _order(m: MachineRecord, process: int, entry: Pte) -> None:
    """Move an entry, whose time may have changed, up or down to where it belongs."""
    n = m.nodes
    at, time = n[entry].count, n[entry].time
    while at > 0 and _time(m, process, (at - 1) // 2) < time:
        _place(m, process, at, np.int64(n[entry_of(m, process, (at - 1) // 2)].slot))
        at = (at - 1) // 2
    size = m.process_notes[process].mark
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _time(m, process, child + 1) > _time(m, process, child):
            child += 1
        if _time(m, process, child) <= time:
            break
        _place(m, process, at, np.int64(n[entry_of(m, process, child)].slot))
        at = child
    _place(m, process, at, entry)


@compiled
def _top(m: MachineRecord, process: int) -> int:
    """The entry with the largest time, -1 if the heap is empty."""
    if m.process_notes[process].mark == 0:
        return -1
    return m.nodes[entry_of(m, process, 0)].slot


@compiled
def enter(m: MachineRecord, entry: Pte, time: int) -> None:
    """Put an entry, which isn't there, into its process's heap."""
    process = m.ptes[entry].process
    notes = m.process_notes[process]
    m.nodes[entry].time = time
    m.nodes[entry].count = notes.mark
    notes.mark += 1
    _order(m, process, entry)


@compiled
def change(m: MachineRecord, entry: Pte, time: int) -> None:
    """Give an entry of the heap another time."""
    m.nodes[entry].time = time
    _order(m, m.ptes[entry].process, entry)


@compiled
def leave(m: MachineRecord, entry: Pte) -> None:
    """Take an entry out of its process's heap."""
    process = m.ptes[entry].process
    notes = m.process_notes[process]
    notes.mark -= 1
    last = m.nodes[entry_of(m, process, notes.mark)].slot
    if last != entry:
        _place(m, process, m.nodes[entry].count, last)
        _order(m, process, last)


@compiled
def last(m: MachineRecord, process: int) -> int:
    """The entry of a process that has the largest time and isn't locked; -1: there is none."""
    entry = _top(m, process)
    if entry < 0 or not m.bits[entry] & PINNED:
        return entry
    entry, other = -1, m.processes[process].head
    while other >= 0:
        if not m.bits[other] & PINNED and (entry < 0 or m.nodes[other].time > m.nodes[entry].time):
            entry = other
        other = m.ptes[other].next
    return entry


@compiled
def furthest(m: MachineRecord, process: int) -> int:
    """The entry of a process (-1: of any) that is furthest ahead of its process's own time and isn't locked; -1: there
    is none."""
    if process >= 0:
        return last(m, process)
    victim, most = -1, -1
    for p in range(m.process_count):
        entry = last(m, p)
        if entry >= 0:
            ahead = m.nodes[entry].time - virtual_time(m, p)
            if ahead > most:
                victim, most = entry, ahead
    return victim
