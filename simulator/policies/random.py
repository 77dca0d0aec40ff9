"""A page at random: the baseline that knows nothing."""

from simulator.policies.base import I8, NONE, Compiled, Field, Policy, Pte, Record, compiled, np, policy
from simulator.policies.structures.entries import locked
from simulator.policies.structures.heap import Heap, Item, at, put


class Own(Record):
    seed: I8[int]
    draws: I8[int]


class Page(Record):
    item: Item


class Process(Record):
    pages: Heap  # in no order


class Hooks(Compiled[Own, Page, Process]):
    def entered(m, entry: Pte) -> None:
        process = m.ptes[entry].process
        pages = m.process_state[process].pages
        put(m, m.page.item, process, pages.size, entry)
        pages.size += 1

    def left(m, entry: Pte) -> None:
        process = m.ptes[entry].process
        pages = m.process_state[process].pages
        pages.size -= 1
        put(m, m.page.item, process, m.page[entry].item.place, at(m, m.page.item, process, pages.size))

    def replace(m, process: int) -> int:
        if process < 0:
            return draw_of_all(m)
        size = m.processes[process].size
        return next_from(m, process, draw(m, size)) if size > 0 else NONE


@compiled
def draw(m: Hooks, below: int) -> int:
    """A number in [0, below): splitmix64 of the seed and how many were drawn before (Steele, Lea, Flood, "Fast
    splittable pseudorandom number generators", OOPSLA 2014)."""
    m.own.draws += 1
    z = np.uint64(m.own.seed) + np.uint64(m.own.draws) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(1)) % below


@compiled
def next_from(m: Hooks, process: int, place: int) -> int:
    """The page of a process at a place, or the next one that isn't locked; -1: there is none."""
    size = m.process_state[process].pages.size
    for step in range(size):
        entry = at(m, m.page.item, process, (place + step) % size)
        if not locked(m, entry):
            return entry
    return NONE


@compiled
def draw_of_all(m: Hooks) -> int:
    """A page of any process, each as likely as the others; -1: there is none that isn't locked."""
    count, total = m.process_count, 0
    for process in range(count):
        total += m.processes[process].size
    if total == 0:
        return NONE
    place = draw(m, total)
    process = 0
    while place >= m.processes[process].size:
        place -= m.processes[process].size
        process += 1
    for step in range(count):
        entry = next_from(m, (process + step) % count, place if step == 0 else 0)
        if entry >= 0:
            return entry
    return NONE


@policy("random", Hooks)
class Random(Policy):
    """Random replacement (Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
    Journal 5(2), 1966): each page, of the process or of all, is as likely as the others to go; one that is locked gives
    its turn to the next. Knows no minima. The same seed makes the same choices."""

    seed: int = Field(default=0, ge=0, lt=1 << 63, description="of its own stream of random numbers")
