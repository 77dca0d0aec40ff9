"""Least recently used, exactly: a bound that no hardware keeps the times for."""

from simulator.policies.base import Compiled, Nothing, Policy, Pte, Record, policy
from simulator.policies.structures.queues import Queue, Queued, append, first, remove


class Own(Record):
    queue: Queue  # the least recently used page first


class Hooks(Compiled[Own, Queued, Nothing]):
    def entered(m, entry: Pte) -> None:
        append(m.own.queue, m.page.link, entry)

    def hit(m, entry: Pte) -> None:
        append(m.own.queue, m.page.link, entry)

    def left(m, entry: Pte) -> None:
        remove(m.page.link, entry)

    def replace(m, process: int) -> int:
        return first(m, m.own.queue, m.page.link, process)


@policy("lru", Hooks, requires={"last_access"})
class Lru(Policy):
    """Least recently used (Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2),
    1970): takes the page whose last use lies furthest back, among all processes. Sees every use."""
