"""Least frequently used: takes the page with the fewest uses, of several the one whose last use lies furthest back."""

from simulator.policies.base import I8, U1, Compiled, Field, Policy, Pte, Record, compiled, policy
from simulator.policies.structures.heap import Heap, Item, change, enter, leave, top
from simulator.policies.structures.lowest import Lowest, lowest_of_all

SHIFT = 33
MOST = 1 << 29
"""Uses are counted up to MOST; a heap's key is -(uses of the page << SHIFT | number of its last use)."""


class Own(Record):
    now: I8[int]  # uses made so far
    remember: U1[int]


class Page(Record):
    item: Item


class Process(Record):
    heap: Heap
    lowest: Lowest


class Hooks(Compiled[Own, Page, Process]):
    def entered(m, entry: Pte) -> None:
        enter(m, m.page.item, m.process_state.heap, entry, used(m, entry, not m.own.remember))

    def hit(m, entry: Pte) -> None:
        change(m, m.page.item, m.process_state.heap, entry, used(m, entry, False))

    def left(m, entry: Pte) -> None:
        leave(m, m.page.item, m.process_state.heap, entry)

    def replace(m, process: int) -> int:
        if process < 0:
            return lowest_of_all(m, m.process_state.lowest, False, False)
        entry = top(m, m.page.item, m.process_state.heap, process)
        if entry >= 0:
            m.process_state[process].lowest.key = -m.page[entry].item.key
        return entry


@compiled
def used(m: Hooks, entry: Pte, anew: bool) -> int:
    """The key of a page that is used now, its uses counted anew or not."""
    before = 0 if anew else -m.page[entry].item.key >> SHIFT
    m.own.now += 1
    return -((min(before + 1, MOST) << SHIFT) + m.own.now)


@policy("lfu", Hooks, requires={"last_access"})
class Lfu(Policy):
    """Least frequently used (Coffman and Denning, "Operating Systems Theory", 1973, section 6.2), among all processes.
    Published as a bound on what counting can do: sees every use; takes logarithmic time for each."""

    remember: bool = Field(default=False, description="uses of earlier stays in memory count, too; chosen")
