"""Denning's working set: the pages that a process used within its last T references, no more and no less."""

from simulator.policies.base import I4, I8, NONE, Compiled, Pte, Record, policy
from simulator.policies.structures.entries import requeue
from simulator.policies.structures.lowest import Lowest, lowest_of_all
from simulator.policies.structures.rounds import first_unlocked
from simulator.policies.structures.window import Window, Windowed, own_time


class Page(Record):
    last_use: I8[int]  # in its process's own time; the order of entry is kept as the order of these


class Process(Record):
    lowest: Lowest
    current: I4[Pte] = NONE  # what it used last


class Hooks(Compiled[Window, Page, Process]):
    def hit(m, entry: Pte) -> None:
        process = m.ptes[entry].process
        m.process_state[process].current = entry
        m.page[entry].last_use = own_time(m, m.own, process)
        requeue(m, entry)

    entered = hit

    def withdraw(m, process: int) -> int:
        now = own_time(m, m.own, process)
        if m.processes[process].size > 0:
            m.page[m.process_state[process].current].last_use = now - 1
        entry = first_unlocked(m, process)
        return entry if entry >= 0 and now - m.page[entry].last_use > m.own.window else NONE

    def replace(m, process: int) -> int:
        if process < 0:
            return lowest_of_all(m, m.process_state.lowest, False, False)
        entry = first_unlocked(m, process)
        if entry >= 0:
            m.process_state[process].lowest.key = m.page[entry].last_use - own_time(m, m.own, process)
        return entry


@policy("working-set", Hooks, requires={"last_access"})
class WorkingSet(Windowed):
    """The working set (Denning, "The working set model for program behavior", CACM 11(5), 1968), kept exactly: a page
    leaves when its process has made `window` references without using it, and no earlier unless a frame must be had;
    then the page goes that has been unused for longest in its process's own time. Sees every reference."""
