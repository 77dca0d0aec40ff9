"""LRU-2: takes the page whose use before the last lies furthest back."""

from simulator.policies.base import I8, NONE, Compiled, Count, Field, Policy, Pte, Record, compiled, policy
from simulator.policies.structures.entries import may_leave
from simulator.policies.structures.heap import Heap, Item, change, enter, leave, top

ONCE = 1 << 60
"""A heap's key is -HIST(2), or, as long as there is no use before the last, ONCE - LAST."""


class Own(Record):
    now: I8[int]  # uses made so far
    correlated: I8[int]
    retained: I8[int]


class Page(Record):
    item: Item
    hist: I8[int]  # HIST(1): when the newest uncorrelated use was made
    last: I8[int]  # LAST: when the newest use was made, correlated with the one before or not; 0: never


class Process(Record):
    heap: Heap


class Hooks(Compiled[Own, Page, Process]):
    def entered(m, entry: Pte) -> None:
        own, page = m.own, m.page[entry]
        own.now += 1
        known = page.last > 0 and (own.retained == 0 or own.now - page.last <= own.retained)
        enter(m, m.page.item, m.process_state.heap, entry, -page.hist if known else ONCE - own.now)
        page.hist = page.last = own.now

    def hit(m, entry: Pte) -> None:
        own, page = m.own, m.page[entry]
        own.now += 1
        if own.now - page.last > own.correlated:
            # HIST(1), put off by how long the correlated uses took, is LAST
            change(m, m.page.item, m.process_state.heap, entry, -page.last)
            page.hist = own.now
        elif page.item.key > 0:
            change(m, m.page.item, m.process_state.heap, entry, ONCE - own.now)
        page.last = own.now

    def left(m, entry: Pte) -> None:
        leave(m, m.page.item, m.process_state.heap, entry)

    def replace(m, process: int) -> int:
        entry = oldest(m, process, False)
        return entry if entry >= 0 else oldest(m, process, True)  # all pages are in use: then one of these


@compiled
def settled(m: Hooks, entry: Pte) -> bool:
    """Whether an entry isn't locked, and its last use is far enough back that the next one won't belong to it."""
    return may_leave(m, entry) and m.own.now + 1 - m.page[entry].last > m.own.correlated


@compiled
def oldest_settled(m: Hooks, process: int) -> int:
    """The entry of a process with the oldest use before the last; -1: there is none that may go."""
    victim = top(m, m.page.item, m.process_state.heap, process)
    if victim < 0 or settled(m, victim):
        return victim
    victim, entry = NONE, m.processes[process].head
    while entry >= 0:
        if settled(m, entry) and (victim < 0 or m.page[entry].item.key > m.page[victim].item.key):
            victim = entry
        entry = m.ptes[entry].next
    return victim


@compiled
def oldest(m: Hooks, process: int, rushed: bool) -> int:
    """The entry of a process, or of any (-1), with the oldest use before the last; `rushed`: in use or not."""
    victim = NONE
    for p in range(m.process_count):
        if process >= 0 and p != process:
            continue
        entry = top(m, m.page.item, m.process_state.heap, p) if rushed else oldest_settled(m, p)
        if entry >= 0 and (victim < 0 or m.page[entry].item.key > m.page[victim].item.key):
            victim = entry
    return victim


@policy("lru-k", Hooks, requires={"last_access"})
class LruK(Policy):
    """LRU-K with K = 2 (O'Neil, O'Neil, Weikum, "The LRU-K page replacement algorithm for database disk buffering",
    SIGMOD 1993). Uses that follow one another within the correlated reference period count as one, and a page that was
    used so recently stays; pages with a single use go first, the least recently used of them before the others.
    Published for buffers: sees every use; takes logarithmic time for each."""

    correlated: Count = Field(
        default=0, ge=0, description="correlated reference period, in uses of any page; chosen: a run is one use anyway"
    )
    retained: Count = Field(
        default=0, ge=0, description="retained information period, in uses of any page; 0: nothing is forgotten; chosen"
    )
