"""Working sets sampled by accessed bits at faults: what the policies that withdraw pages there have in common.

The entries of a process that isn't a program have consecutive numbers, and their bits are bytes in a row, so to look at
all of them, resident or not, costs less than to follow the list of a small working set.
"""

from simulator.policies.base import I8, NONE, MachineRecord, Record, compiled, np
from simulator.policies.structures.entries import accessed, entry_of, may_leave
from simulator.policies.structures.entries import clear_accessed as clear
from simulator.state.constants import ACCESSED


class Search(Record):
    """Where the search for entries to withdraw goes on: a place among those of the process; -1: none is going on."""

    place: I8[int] = -1


@compiled
def clear_accessed(m: MachineRecord, process: int) -> None:
    """Clear the accessed bits of a process. Counted from 0 and in bytes, so that 32 fit into one instruction."""
    p = m.processes[process]
    if p.tables_at:
        for place in range(p.ptes):
            clear(m, entry_of(m, process, place))
        return
    mine = m.bits[p.first_pte : p.first_pte + p.ptes]
    for i in range(len(mine)):
        mine[i] &= np.uint8(0xFF ^ ACCESSED)


@compiled
def next_unused(m: MachineRecord, search: Search, process: int) -> int:
    """The next entry of a process that wasn't used since its bit was cleared and may leave; the one that is faulting is
    about to be used. When there is none any more: clear all its accessed bits, and -1."""
    p = m.processes[process]
    kept = m.threads[m.actor].fault_pte
    for place in range(search.place, p.ptes):
        entry = entry_of(m, process, place)
        if not accessed(m, entry) and may_leave(m, entry) and entry != kept:
            search.place = place + 1
            return entry
    search.place = NONE
    clear_accessed(m, process)
    return NONE


CHUNK = 64


@compiled
def next_accessed(m: MachineRecord, process: int, place: int) -> tuple[int, int]:
    """The first entry of a process, from a place on, whose accessed bit is set, and its place; -1: there is none. Most
    chunks of bits have none."""
    p = m.processes[process]
    if p.tables_at:
        while place < p.ptes:
            entry = entry_of(m, process, place)
            if accessed(m, entry) and not m.ptes[entry].fixed:
                return place, entry
            place += 1
        return place, NONE
    mine = m.bits[p.first_pte : p.first_pte + p.ptes]
    while place < len(mine):
        if place % CHUNK == 0 and place + CHUNK <= len(mine):
            found = np.uint8(0)
            chunk = mine[place : place + CHUNK]
            for i in range(len(chunk)):
                found |= chunk[i]
            if not found & ACCESSED:
                place += CHUNK
                continue
        if mine[place] & ACCESSED:
            return place, p.first_pte + place
        place += 1
    return place, NONE
