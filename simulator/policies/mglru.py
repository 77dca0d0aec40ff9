"""Linux's multi-generational LRU: pages age by generations, and reclaim takes from the oldest."""

from simulator.policies.base import (
    I8,
    NONE,
    Annotated,
    Array,
    Compiled,
    Count,
    Field,
    Nothing,
    Policy,
    Pte,
    Record,
    Rows,
    compiled,
    np,
    policy,
)
from simulator.policies.structures.entries import accessed, clear_accessed, may_go
from simulator.policies.structures.queues import Queue, Queued, append, first, remove

MAX_NR_GENS, MIN_NR_GENS = 4, 2


class Own(Record):
    generations: Annotated[Rows[Queue], Array(Queue, (MAX_NR_GENS,))]  # generation g is number g % MAX_NR_GENS
    min_seq: I8[int]  # the oldest
    max_seq: I8[int] = MIN_NR_GENS  # the youngest
    look_around: I8[int]


class Hooks(Compiled[Own, Queued, Nothing]):
    def entered(m, entry: Pte) -> None:
        append(m.own.generations[m.own.max_seq % MAX_NR_GENS], m.page.link, entry)

    def left(m, entry: Pte) -> None:
        remove(m.page.link, entry)

    def replace(m, process: int) -> int:
        return evict(m, process)

    def trim(m, wanted: int) -> int:
        return evict(m, -1) if wanted > 0 else NONE


@compiled
def rejuvenate(m: Hooks, entry: Pte) -> None:
    """A page was used: it belongs to the youngest generation."""
    clear_accessed(m, entry)
    append(m.own.generations[m.own.max_seq % MAX_NR_GENS], m.page.link, entry)


@compiled
def walk_page_tables(m: Hooks) -> None:
    """Move what was used to the youngest generation, and begin another."""
    for p in range(m.process_count):
        entry = m.processes[p].head
        while entry >= 0:
            m.examined += 1
            if accessed(m, entry):
                rejuvenate(m, entry)
            entry = m.ptes[entry].next
    m.own.max_seq += 1


@compiled
def look_around(m: Hooks, entry: Pte) -> None:
    """A used page was met: its used neighbours in the page table move to the youngest generation with it."""
    process, size = m.ptes[entry].process, np.uint64(m.own.look_around)
    window = m.ptes[entry].vpn // size
    rejuvenate(m, entry)
    for step in (-1, 1):
        other = entry + step
        while 0 <= other < m.pte_count and m.ptes[other].process == process:
            if m.ptes[other].vpn // size != window:
                break
            m.examined += 1
            if accessed(m, other) and not m.ptes[other].fixed:
                rejuvenate(m, other)
            other += step


@compiled
def evict(m: Hooks, process: int) -> int:
    """Go through the oldest generation to a page that may go and wasn't used; what may not go is passed on to the
    next generation, and when the oldest is empty it ends; -1: no page may go."""
    own, links, held = m.own, m.page.link, 0
    for generation in range(MAX_NR_GENS):
        held += own.generations[generation].count
    for _ in range(3 * held + 2 * MAX_NR_GENS):
        if own.max_seq - own.min_seq < MIN_NR_GENS:
            walk_page_tables(m)
        entry = own.generations[own.min_seq % MAX_NR_GENS].head
        if entry < 0:
            own.min_seq += 1
            continue
        m.examined += 1
        if not may_go(m, entry, process):
            append(own.generations[(own.min_seq + 1) % MAX_NR_GENS], links, entry)
        elif accessed(m, entry):
            look_around(m, entry)
        else:
            return entry
    for generation in range(own.min_seq, own.max_seq + 1):
        entry = first(m, own.generations[generation % MAX_NR_GENS], links, process)
        if entry >= 0:
            return entry
    return NONE


@policy("mglru", Hooks)
class Mglru(Policy):
    """Linux's multi-generational LRU (Documentation/mm/multigen_lru.rst and mm/vmscan.c, Linux 6.1 and later). Sees
    accessed bits. A page that faults in belongs to the youngest generation; one met with its bit set while the oldest
    is reclaimed moves there with its used neighbours; when fewer than the least number of generations are left behind
    the youngest, all page tables are walked.

    Tiers are left out: they rank pages by uses through file descriptors, which there are none of here, so that each
    page would be of the lowest tier and their controller had nothing to weigh. Left out as well: separate lists for
    files, Bloom filters over page tables, and reclaim in batches. Trims as it replaces, among all processes, and knows
    no minima.
    """

    look_around: Count = Field(default=64, ge=1, description="pages of an aligned window of neighbours (BITS_PER_LONG)")
