"""Aging: for each page a shift register of its accessed bits, one for each tick of a clock."""

from simulator.policies.base import I4, I8, NONE, Compiled, Count, Field, Policy, Pte, Record, compiled, np, policy
from simulator.policies.structures.entries import accessed, clear_accessed, requeue
from simulator.policies.structures.lowest import Lowest, lowest_of_all, lowest_to_trim
from simulator.policies.structures.rounds import first_unlocked


class Own(Record):
    bits: I8[int]
    period: I8[int]
    entries: I8[int]  # how many there were so far


class Page(Record):
    number: I8[int]  # of the entries there were
    register: I4[int]
    found: I8[int]  # the tick, counted from 1, in which it came in or was found used


class Process(Record):
    lowest: Lowest
    tick: I8[int]  # at which it was last aged


class Hooks(Compiled[Own, Page, Process]):
    def entered(m, entry: Pte) -> None:
        page = m.page[entry]
        page.number, page.register = m.own.entries, 0
        page.found = m.process_state[m.ptes[entry].process].tick + 1
        m.own.entries += 1

    def replace(m, process: int) -> int:
        if process < 0:
            return lowest_of_all(m, m.process_state.lowest, False, True)
        entry = choose(m, process)
        if entry >= 0:
            used = 1 if accessed(m, entry) else 0
            m.process_state[process].lowest.key = (used << m.own.bits) | m.page[entry].register
        return entry

    def trim(m, wanted: int) -> int:
        if wanted > 0:
            return lowest_to_trim(m, m.process_state.lowest)
        for process in range(m.process_count):
            tick(m, process)
        return NONE


@compiled
def tick(m: Hooks, process: int) -> None:
    """If the clock has ticked since a process was last looked at, shift its accessed bits into the registers, clear
    them, and put its entries in order of their registers; of equal ones the first that came in is the first."""
    p, now = m.processes[process], m.now // m.own.period
    if p.size == 0 or m.process_state[process].tick == now:
        return
    m.process_state[process].tick = now
    entries, keys = np.empty(p.size, np.int64), np.empty(p.size, np.int64)
    entry = p.head
    for i in range(p.size):
        page = m.page[entry]
        page.register = (page.register >> 1) | (1 << (m.own.bits - 1) if accessed(m, entry) else 0)
        clear_accessed(m, entry)
        entries[i], keys[i] = entry, (page.register << 44) | page.number
        entry = m.ptes[entry].next
    for i in np.argsort(keys):
        requeue(m, entries[i])
    m.examined += len(entries)


@compiled
def choose(m: Hooks, process: int) -> int:
    """The entry that a process loses first, -1: none: used since the last tick last, then by registers. Those found
    used go to the end, once in a tick."""
    tick(m, process)
    turn = m.process_state[process].tick + 1
    entry = first_unlocked(m, process)
    while entry >= 0 and accessed(m, entry) and m.page[entry].found != turn:
        m.examined += 1
        m.page[entry].found = turn
        requeue(m, entry)
        entry = first_unlocked(m, process)
    return entry


@policy("aging", Hooks)
class Aging(Policy):
    """Not frequently used, with aging (Tanenbaum and Bos, Modern Operating Systems, 4th ed., 2015, section 3.4.7): at
    each tick a page's accessed bit is shifted into its register from the left and cleared; the page with the lowest
    register goes. A page used since the last tick is spared as if the clock ticked now; of pages with equal registers
    the first that came in goes, and of those used since the last tick the first that was found so. Of several processes
    with such pages the one with most above its minimum loses; a pass takes pages below the minima last. The machine
    asks at faults and in passes only, so several ticks between two questions are one."""

    bits: int = Field(default=8, ge=1, le=16, description="of a register (Tanenbaum and Bos, 3.4.7)")
    period: Count = Field(
        default=20_000_000, ge=1, description="ns between ticks of the clock (20 ms: Tanenbaum and Bos, 3.4.7)"
    )
