"""Rounds over working sets, for compiled policies: in order of entry, with second chances, and whose turn it is."""

from __future__ import annotations

from simulator.policies.base import (
    ACCESSED,
    PINNED,
    MachineRecord,
    callback,
    compiled,
    oldest,
    oldest_to_trim,
    requeue,
)


@compiled
def first_unlocked(m: MachineRecord, process: int) -> int:
    """The first entry in a process's order of entry that isn't locked; -1: there is none."""
    entry = m.processes[process].head
    while entry >= 0 and m.bits[entry] & PINNED:
        entry = m.ptes[entry].next
    return entry


@compiled
def above_minimum(m: MachineRecord, process: int) -> int:
    """Pages that a working set has above its minimum; negative below it."""
    return m.processes[process].size - m.processes[process].minimum


@compiled
def fullest(m: MachineRecord) -> int:
    """The process with most pages above its minimum, of those that have one that isn't locked; -1: there is none."""
    fullest = -1
    for process in range(m.process_count):
        if fullest >= 0 and above_minimum(m, process) <= above_minimum(m, fullest):
            continue
        if first_unlocked(m, process) >= 0:
            fullest = process
    return fullest


@callback
def replace_unused(m: MachineRecord, process: int) -> int:
    """A compiled `replace`: the oldest entry not used since the last look; those that were used go to the end."""
    entry = oldest(m, process, False)
    while entry >= 0 and m.bits[entry] & ACCESSED:
        m.bits[entry] &= ~ACCESSED
        requeue(m, entry)
        entry = oldest(m, process, False)
    return entry


@callback
def trim_unused(m: MachineRecord, wanted: int) -> int:
    """A compiled `trim`: as `replace_unused`, first from working sets above their minimum, then from any."""
    if wanted == 0:
        return -1
    entry = oldest_to_trim(m)
    while entry >= 0:
        m.examined += 1
        if not m.bits[entry] & ACCESSED:
            break
        m.bits[entry] &= ~ACCESSED
        requeue(m, entry)
        entry = oldest_to_trim(m)
    return entry
