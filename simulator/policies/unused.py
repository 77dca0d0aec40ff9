"""Working sets sampled by accessed bits at faults: what the policies that withdraw pages there have in common.

The entries of a process that isn't a program have consecutive numbers, and their bits are bytes in a row, so to look at
all of them, resident or not, costs less than to follow the list of a small working set.
"""

from __future__ import annotations

from simulator.policies.base import (
    ACCESSED,
    MachineRecord,
    compiled,
    entry_of,
    may_leave,
    np,
)

PLACE = 31
"""Place of the policy's integers that says where the search for entries to withdraw goes on; 0: none is going on."""


@compiled
def clear_accessed(m: MachineRecord, process: int) -> None:
    """Clear the accessed bits of a process. Counted from 0 and in bytes, so that 32 fit into one instruction."""
    p = m.processes[process]
    if p.tables_at:
        for place in range(p.ptes):
            m.bits[entry_of(m, process, place)] &= ~ACCESSED
        return
    mine = m.bits[p.first_pte : p.first_pte + p.ptes]
    for i in range(len(mine)):
        mine[i] &= np.uint8(0xFF ^ ACCESSED)


@compiled
def faulting(m: MachineRecord) -> int:
    """The entry that the reference which is faulting is to: it is about to be used."""
    return m.threads[m.actor].fault_pte


@compiled
def begin_search(m: MachineRecord) -> None:
    """The next `next_unused` begins with a process's first entry."""
    m.policy_integers[PLACE] = 1


@compiled
def searching(m: MachineRecord) -> bool:
    """Whether entries are being withdrawn."""
    return m.policy_integers[PLACE] > 0


@compiled
def next_unused(m: MachineRecord, process: int) -> int:
    """The next entry of a process that wasn't used since its bit was cleared and may leave. When there is none any
    more: clear all its accessed bits, and -1."""
    p, own, b = m.processes[process], m.policy_integers, m.bits
    kept = faulting(m)
    for place in range(own[PLACE] - 1, p.ptes):
        entry = entry_of(m, process, place)
        if not b[entry] & ACCESSED and may_leave(m, entry) and entry != kept:
            own[PLACE] = place + 2
            return entry
    own[PLACE] = 0
    clear_accessed(m, process)
    return -1
