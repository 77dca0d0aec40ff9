"""Rounds over working sets, for compiled policies: in order of entry, with second chances, and whose turn it is."""

from __future__ import annotations

from simulator.policies.base import (
    ACCESSED,
    PINNED,
    bits,
    callback,
    compiled,
    machine,
    np,
    oldest,
    oldest_to_trim,
    processes,
    ptes,
    requeue,
)


@compiled
def first_unlocked(a: int, process: int) -> int:
    """The first entry in a process's order of entry that isn't locked; -1: there is none."""
    entry = np.int64(processes(a)[process].head)
    while entry >= 0 and bits(a)[entry] & PINNED:
        entry = np.int64(ptes(a)[entry].next)
    return entry


@compiled
def above_minimum(a: int, process: int) -> int:
    """Pages that a working set has above its minimum; negative below it."""
    return processes(a)[process].size - processes(a)[process].minimum


@compiled
def fullest(a: int) -> int:
    """The process with most pages above its minimum, of those that have one that isn't locked; -1: there is none."""
    fullest = np.int64(-1)
    for process in range(machine(a).process_count):
        if fullest >= 0 and above_minimum(a, process) <= above_minimum(a, fullest):
            continue
        if first_unlocked(a, process) >= 0:
            fullest = np.int64(process)
    return fullest


@callback
def replace_unused(a: int, process: int) -> int:
    """A compiled `replace`: the oldest entry not used since the last look; those that were used go to the end."""
    entry = oldest(a, process, False)
    while entry >= 0 and bits(a)[entry] & ACCESSED:
        bits(a)[entry] &= ~ACCESSED
        requeue(a, entry)
        entry = oldest(a, process, False)
    return entry


@callback
def trim_unused(a: int, wanted: int) -> int:
    """A compiled `trim`: as `replace_unused`, first from working sets above their minimum, then from any."""
    if wanted == 0:
        return -1
    entry = oldest_to_trim(a)
    while entry >= 0:
        machine(a).examined += 1
        if not bits(a)[entry] & ACCESSED:
            break
        bits(a)[entry] &= ~ACCESSED
        requeue(a, entry)
        entry = oldest_to_trim(a)
    return entry
