"""The order of entry: whose turn it is in one working set, or in all, with second chances or without."""

from simulator.policies.base import NONE, MachineRecord, Pte, compiled
from simulator.policies.structures.entries import accessed, clear_accessed, locked, requeue


@compiled
def first_unlocked(m: MachineRecord, process: int) -> int:
    """The first entry in a process's order of entry that isn't locked; -1: there is none."""
    entry = m.processes[process].head
    while entry >= 0 and locked(m, entry):
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


@compiled
def oldest(m: MachineRecord, process: int, spares: bool) -> int:
    """The entry that has been longest in a process's working set, or in any (process -1); locked ones are passed
    over, and with `spares` working sets at their minimum; -1: there is none."""
    if process >= 0:
        return first_unlocked(m, process)
    best = -1
    for p in range(m.process_count):
        if spares and above_minimum(m, p) <= 0:
            continue
        entry = first_unlocked(m, p)
        if entry >= 0 and (best < 0 or m.ptes[entry].entered < m.ptes[best].entered):
            best = entry
    return best


@compiled
def oldest_to_trim(m: MachineRecord) -> int:
    """The entry that has been longest in a working set above its minimum; if there is none, in any; or -1."""
    entry = oldest(m, -1, True)
    return entry if entry >= 0 else oldest(m, -1, False)


@compiled
def give_chance(m: MachineRecord, entry: Pte) -> None:
    """Clear an entry's accessed bit, and move it to the end of the order of entry."""
    clear_accessed(m, entry)
    requeue(m, entry)


@compiled
def oldest_unused(m: MachineRecord, process: int) -> int:
    """The oldest entry of a process, or of any (-1), that wasn't used since it was last looked at; those that were get
    a second chance. -1: there is none."""
    entry = oldest(m, process, False)
    while entry >= 0 and accessed(m, entry):
        give_chance(m, entry)
        entry = oldest(m, process, False)
    return entry


@compiled
def unused_to_trim(m: MachineRecord, wanted: int) -> int:
    """What the clock takes in a pass: the oldest unused entry of working sets above their minimum, then of any."""
    entry = oldest_to_trim(m) if wanted > 0 else NONE
    while entry >= 0:
        m.examined += 1
        if not accessed(m, entry):
            break
        give_chance(m, entry)
        entry = oldest_to_trim(m)
    return entry
