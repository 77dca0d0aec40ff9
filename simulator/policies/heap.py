"""A heap of entries for each process, for compiled policies: the entry with the largest `time` of its node is on top.

The time is that of the next use. The heap of a process lies in the nodes of its own entries: place i is
`slot` of the node of its `entry_of(i)`, and the entry there says in `count` where it is. How many there are stands in
`mark` of the notes on the process.
"""

from __future__ import annotations

from simulator.policies.base import (
    PINNED,
    bits,
    compiled,
    entry_of,
    machine,
    nodes,
    np,
    process_notes,
    processes,
    ptes,
    virtual_time,
)


@compiled
def _place(a: int, process: int, place: int, entry: int) -> None:
    nodes(a)[entry_of(a, process, place)].slot = entry
    nodes(a)[entry].count = place


@compiled
def _time(a: int, process: int, place: int) -> int:
    n = nodes(a)
    return n[n[entry_of(a, process, place)].slot].time


@compiled
def _order(a: int, process: int, entry: int) -> None:
    """Move an entry, whose time may have changed, up or down to where it belongs."""
    n = nodes(a)
    at, time = np.int64(n[entry].count), n[entry].time
    while at > 0 and _time(a, process, (at - 1) // 2) < time:
        _place(a, process, at, np.int64(n[entry_of(a, process, (at - 1) // 2)].slot))
        at = (at - 1) // 2
    size = np.int64(process_notes(a)[process].mark)
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _time(a, process, child + 1) > _time(a, process, child):
            child += 1
        if _time(a, process, child) <= time:
            break
        _place(a, process, at, np.int64(n[entry_of(a, process, child)].slot))
        at = child
    _place(a, process, at, entry)


@compiled
def _top(a: int, process: int) -> int:
    """The entry with the largest time, -1 if the heap is empty."""
    if process_notes(a)[process].mark == 0:
        return -1
    return np.int64(nodes(a)[entry_of(a, process, 0)].slot)


@compiled
def enter(a: int, entry: int, time: int) -> None:
    """Put an entry, which isn't there, into its process's heap."""
    process = np.int64(ptes(a)[entry].process)
    notes = process_notes(a)[process]
    nodes(a)[entry].time = time
    nodes(a)[entry].count = notes.mark
    notes.mark += 1
    _order(a, process, entry)


@compiled
def change(a: int, entry: int, time: int) -> None:
    """Give an entry of the heap another time."""
    nodes(a)[entry].time = time
    _order(a, np.int64(ptes(a)[entry].process), entry)


@compiled
def leave(a: int, entry: int) -> None:
    """Take an entry out of its process's heap."""
    process = np.int64(ptes(a)[entry].process)
    notes = process_notes(a)[process]
    notes.mark -= 1
    last = np.int64(nodes(a)[entry_of(a, process, notes.mark)].slot)
    if last != entry:
        _place(a, process, np.int64(nodes(a)[entry].count), last)
        _order(a, process, last)


@compiled
def last(a: int, process: int) -> int:
    """The entry of a process that has the largest time and isn't locked; -1: there is none."""
    entry = _top(a, process)
    if entry < 0 or not bits(a)[entry] & PINNED:
        return entry
    entry, other = np.int64(-1), np.int64(processes(a)[process].head)
    while other >= 0:
        if not bits(a)[other] & PINNED and (entry < 0 or nodes(a)[other].time > nodes(a)[entry].time):
            entry = other
        other = np.int64(ptes(a)[other].next)
    return entry


@compiled
def furthest(a: int, process: int) -> int:
    """The entry of a process (-1: of any) that is furthest ahead of its process's own time and isn't locked; -1: there
    is none."""
    if process >= 0:
        return last(a, process)
    victim, most = np.int64(-1), np.int64(-1)
    for p in range(machine(a).process_count):
        entry = last(a, p)
        if entry >= 0:
            ahead = nodes(a)[entry].time - virtual_time(a, p)
            if ahead > most:
                victim, most = entry, ahead
    return victim
