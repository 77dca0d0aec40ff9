"""Belady's MIN: takes the page that is used again last. No policy can have fewer misses."""

from simulator.policies.base import Compiled, Nothing, Policy, Pte, Record, policy
from simulator.policies.structures.heap import Heap, Item, change, enter, leave, top
from simulator.policies.structures.lowest import Lowest, lowest_of_all
from simulator.policies.structures.own_time import next_use, virtual_time


class Page(Record):
    item: Item  # by its next use


class Process(Record):
    heap: Heap
    lowest: Lowest


class Hooks(Compiled[Nothing, Page, Process]):
    def entered(m, entry: Pte) -> None:
        enter(m, m.page.item, m.process_state.heap, entry, next_use(m, False))

    def hit(m, entry: Pte) -> None:
        change(m, m.page.item, m.process_state.heap, entry, next_use(m, False))

    def left(m, entry: Pte) -> None:
        leave(m, m.page.item, m.process_state.heap, entry)

    def replace(m, process: int) -> int:
        if process < 0:
            return lowest_of_all(m, m.process_state.lowest, False, False)
        entry = top(m, m.page.item, m.process_state.heap, process)
        if entry >= 0:
            m.process_state[process].lowest.key = virtual_time(m, process) - m.page[entry].item.key
        return entry


@policy("opt", Hooks, requires={"future"})
class Opt(Policy):
    """MIN (Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966):
    takes the page whose next use is furthest ahead; the page that faults must come in.

    For one process that is the least possible number of misses. Among several, distances are counted in each process's
    own references: how they will interleave depends on what is taken.
    """
