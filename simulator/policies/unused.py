"""Working sets sampled by accessed bits at faults: what the policies that withdraw pages there have in common.

The entries of a process that isn't a program have consecutive numbers, and their bits are bytes in a row, so to look at
all of them, resident or not, costs less than to follow the list of a small working set.
"""

from __future__ import annotations

from simulator.policies.base import (
    ACCESSED,
    bits,
    compiled,
    entry_of,
    machine,
    may_leave,
    np,
    policy_integers,
    processes,
    threads,
)

PLACE = 31
"""Place of the policy's integers that says where the search for entries to withdraw goes on; 0: none is going on."""


@compiled
def clear_accessed(a: int, process: int) -> None:
    """Clear the accessed bits of a process. Counted from 0 and in bytes, so that 32 fit into one instruction."""
    p = processes(a)[process]
    if p.tables_at:
        for place in range(p.ptes):
            bits(a)[entry_of(a, process, place)] &= ~ACCESSED
        return
    mine = bits(a)[p.first_pte : p.first_pte + p.ptes]
    for i in range(len(mine)):
        mine[i] &= np.uint8(0xFF ^ ACCESSED)


@compiled
def faulting(a: int) -> int:
    """The entry that the reference which is faulting is to: it is about to be used."""
    return threads(a)[machine(a).actor].fault_pte


@compiled
def begin_search(a: int) -> None:
    """The next `next_unused` begins with a process's first entry."""
    policy_integers(a)[PLACE] = 1


@compiled
def searching(a: int) -> bool:
    """Whether entries are being withdrawn."""
    return policy_integers(a)[PLACE] > 0


@compiled
def next_unused(a: int, process: int) -> int:
    """The next entry of a process that wasn't used since its bit was cleared and may leave. When there is none any
    more: clear all its accessed bits, and -1."""
    p, own, b = processes(a)[process], policy_integers(a), bits(a)
    kept = faulting(a)
    for place in range(own[PLACE] - 1, p.ptes):
        entry = entry_of(a, process, place)
        if not b[entry] & ACCESSED and may_leave(a, entry) and entry != kept:
            own[PLACE] = place + 2
            return np.int64(entry)
    own[PLACE] = 0
    clear_accessed(a, process)
    return -1
