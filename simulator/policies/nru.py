"""Not recently used: four classes by the accessed and the dirty bit."""

from simulator.policies.base import (
    I8,
    NONE,
    U1,
    Annotated,
    Array,
    Compiled,
    Count,
    Field,
    Policy,
    Pte,
    Record,
    Rows,
    compiled,
    policy,
)
from simulator.policies.structures.entries import accessed, clear_accessed, dirty, locked
from simulator.policies.structures.lowest import Lowest, lowest_of_all, lowest_to_trim
from simulator.policies.structures.queues import Link, Queue, tie, untie


class Own(Record):
    period: I8[int]


class Page(Record):
    link: Link
    found: U1[int]  # the class it was last found in: neither used nor stored to, stored to, used, both


class Process(Record):
    lowest: Lowest
    tick: I8[int]  # at which its accessed bits were last cleared
    classes: Annotated[Rows[Queue], Array(Queue, (4,))]  # its entries by `found`


class Hooks(Compiled[Own, Page, Process]):
    def entered(m, entry: Pte) -> None:
        m.page[entry].found = 0
        tie(m.process_state[m.ptes[entry].process].classes[0], m.page.link, entry)

    def left(m, entry: Pte) -> None:
        untie(m.process_state[m.ptes[entry].process].classes[m.page[entry].found], m.page.link, entry)

    def replace(m, process: int) -> int:
        if process < 0:
            return lowest_of_all(m, m.process_state.lowest, False, True)
        tick(m, process)
        entry = look(m, process, False)
        if entry >= 0:
            m.process_state[process].lowest.key = m.page[entry].found
        return entry

    def trim(m, wanted: int) -> int:
        if wanted > 0:
            return lowest_to_trim(m, m.process_state.lowest)
        for process in range(m.process_count):
            tick(m, process)
        return NONE


@compiled
def tick(m: Hooks, process: int) -> None:
    """If the clock has ticked since a process was last looked at, clear its accessed bits."""
    now = m.now // m.own.period
    if m.processes[process].size > 0 and m.process_state[process].tick != now:
        m.process_state[process].tick = now
        look(m, process, True)


@compiled
def look(m: Hooks, process: int, clears: bool) -> int:
    """Look at a process's entries, class by class, and move those that aren't of the class they were found in; all of
    them, whose accessed bits it clears, or up to one of the lowest class that isn't locked: it can't be of a lower one.
    Returns that entry; -1: none."""
    classes, links = m.process_state[process].classes, m.page.link
    for number in range(4):
        entry, last = classes[number].head, classes[number].tail
        while entry >= 0:
            following = links[entry].next if entry != last else NONE
            m.examined += 1
            if clears:
                clear_accessed(m, entry)
            found = (2 if accessed(m, entry) else 0) + (1 if dirty(m, entry) else 0)
            if found != number:
                untie(classes[number], links, entry)
                m.page[entry].found = found
                tie(classes[found], links, entry)
            elif not clears and not locked(m, entry):
                return entry
            entry = following
    return NONE


@policy("nru", Hooks)
class NotRecentlyUsed(Policy):
    """Not recently used (Tanenbaum and Bos, Modern Operating Systems, 4th ed., 2015, section 3.4.2; classes by use and
    change bit are in Belady, IBM Systems Journal 5(2), 1966): a page of the lowest class goes: neither used since the
    last tick nor stored to, stored to, used, both. Tanenbaum takes one at random; here goes the one that was first
    found in its class. Of several processes with such pages the one with most pages above its minimum loses; a pass
    takes pages below the minima last. Ticks clear the accessed bits; the machine asks at faults and in passes only, so
    several ticks between two questions are one."""

    period: Count = Field(
        default=20_000_000, ge=1, description="ns between ticks of the clock (20 ms: Tanenbaum and Bos, 3.4.7)"
    )
