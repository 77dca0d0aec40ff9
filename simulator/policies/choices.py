"""What policies that keep queues have in common: which entries may go, and which page a choice makes room for."""

from __future__ import annotations

from simulator.policies.base import (
    ACCESSED,
    VALID,
    bits,
    compiled,
    machine,
    may_leave,
    nodes,
    np,
    policy_queues,
    process_notes,
    ptes,
    threads,
)


@compiled
def may_go(a: int, entry: int, process: int) -> bool:
    """Whether an entry is in the working set of a process (-1: of any), and not locked there."""
    return may_leave(a, entry) and (process < 0 or ptes(a)[entry].process == process)


@compiled
def first(a: int, queue: int, process: int, link: int) -> int:
    """The first entry of a queue that may go; -1: there is none."""
    entry = np.int64(policy_queues(a)[queue].head)
    while entry >= 0 and not may_go(a, entry, process):
        entry = np.int64(nodes(a)[entry].next[link])
    return entry


@compiled
def faulting(a: int) -> int:
    """The entry that room is made for; -1: a pass trims, for none."""
    if machine(a).actor < 0:
        return -1
    entry = np.int64(threads(a)[machine(a).actor].fault_pte)
    return np.int64(-1) if bits(a)[entry] & VALID else entry


@compiled
def forget_fault(a: int, process: int) -> None:
    """Clear the accessed bit of the page that a process brought in last; what it referenced since is taken for a part
    of the fault. Right when the process faults again: its references are then all made."""
    newest = np.int64(process_notes(a)[process].slot) - 1
    if newest >= 0:
        bits(a)[newest] &= ~ACCESSED
        process_notes(a)[process].slot = 0


@compiled
def forget_own_fault(a: int) -> None:
    """`forget_fault` for the process that room is made for, if any."""
    entry = faulting(a)
    if entry >= 0:
        forget_fault(a, np.int64(ptes(a)[entry].process))


@compiled
def note_fault(a: int, entry: int) -> None:
    """An entry came in: from here on the page before it is judged by its accessed bit. The number of the process's
    newest entry, plus 1, stands in `slot` of the notes on
    it."""
    process = np.int64(ptes(a)[entry].process)
    forget_fault(a, process)
    process_notes(a)[process].slot = entry + 1
