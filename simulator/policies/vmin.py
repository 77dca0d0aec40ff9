"""VMIN: drops a page at once if it won't be used within the window; the least memory for the working set's faults."""

from simulator.policies.base import I4, NONE, Compiled, Pte, Record, policy
from simulator.policies.structures.entries import may_leave
from simulator.policies.structures.heap import Heap, Item, change, enter, leave, top
from simulator.policies.structures.lowest import Lowest, lowest_of_all
from simulator.policies.structures.own_time import next_use
from simulator.policies.structures.window import Window, Windowed, own_time


class Page(Record):
    item: Item  # by its next use


class Process(Record):
    heap: Heap
    lowest: Lowest
    current: I4[Pte] = NONE  # what it used last


class Hooks(Compiled[Window, Page, Process]):
    def entered(m, entry: Pte) -> None:
        m.process_state[m.ptes[entry].process].current = entry
        enter(m, m.page.item, m.process_state.heap, entry, next_use(m, m.own.unit))

    def hit(m, entry: Pte) -> None:
        m.process_state[m.ptes[entry].process].current = entry
        change(m, m.page.item, m.process_state.heap, entry, next_use(m, m.own.unit))

    def left(m, entry: Pte) -> None:
        leave(m, m.page.item, m.process_state.heap, entry)

    def withdraw(m, process: int) -> int:
        entry = m.process_state[process].current if m.processes[process].size > 0 else NONE
        in_run = m.threads[m.actor].offset > 0
        if in_run or entry < 0 or not may_leave(m, entry):
            return NONE
        ahead = m.page[entry].item.key - (own_time(m, m.own, process) - 1)
        return entry if ahead > m.own.window else NONE

    def replace(m, process: int) -> int:
        if process < 0:
            return lowest_of_all(m, m.process_state.lowest, False, False)
        entry = top(m, m.page.item, m.process_state.heap, process)
        if entry >= 0:
            now = own_time(m, m.own, process)
            m.process_state[process].lowest.key = now - m.page[entry].item.key
        return entry


@policy("vmin", Hooks, requires={"future"})
class Vmin(Windowed):
    """VMIN (Prieve and Fabry, "VMIN: an optimal variable-space page replacement algorithm", CACM 19(5), 1976): after
    each use a page stays only if it is used again within `window`. Faults as the working set with that window does, and
    holds the least memory that this takes."""
