"""SIEVE: first in, first out with a hand that passes over the pages used since it last came by."""

from simulator.policies.base import I4, NONE, U1, Compiled, Nothing, Policy, Pte, Record, policy
from simulator.policies.structures.entries import may_go
from simulator.policies.structures.queues import Link, Queue, append, remove


class Own(Record):
    queue: Queue  # from the oldest page to the newest
    hand: I4[Pte] = NONE


class Page(Record):
    link: Link
    visited: U1[int]


class Hooks(Compiled[Own, Page, Nothing]):
    def entered(m, entry: Pte) -> None:
        m.page[entry].visited = 0
        append(m.own.queue, m.page.link, entry)

    def hit(m, entry: Pte) -> None:
        m.page[entry].visited = 1

    def left(m, entry: Pte) -> None:
        if m.own.hand == entry:
            m.own.hand = m.page[entry].link.next
        remove(m.page.link, entry)

    def replace(m, process: int) -> int:
        for _ in range(2 * m.own.queue.count):
            entry = m.own.hand if m.own.hand >= 0 else m.own.queue.head
            m.own.hand = m.page[entry].link.next
            if may_go(m, entry, process):
                if not m.page[entry].visited:
                    return entry
                m.page[entry].visited = 0
        return NONE


@policy("sieve", Hooks, requires={"last_access"})
class Sieve(Policy):
    """SIEVE (Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is simpler than LRU: an efficient turn-key eviction algorithm
    for web caches", NSDI 2024). The fault itself is no use. Published for caches: sees every use."""
