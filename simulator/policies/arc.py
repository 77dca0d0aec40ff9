"""ARC: shares memory between pages used once and pages used again, as the ghosts of both tell it to."""

from simulator.policies.base import U1, Compiled, Nothing, Policy, Pte, Record, policy
from simulator.policies.structures.entries import faulting
from simulator.policies.structures.ghosts import Lists, adapt, become_ghost, forget_ghosts
from simulator.policies.structures.queues import Link, append, first_of, on


class Page(Record):
    link: Link
    returns: U1[int]  # it is being brought in and was a ghost, which p knows of


class Hooks(Compiled[Lists, Page, Nothing]):
    def entered(m, entry: Pte) -> None:
        returns = m.page[entry].returns or adapt(m.own, m.page.link, entry)
        m.page[entry].returns = 0
        append(m.own.t2 if returns else m.own.t1, m.page.link, entry)
        forget_ghosts(m.own, m.page.link)

    def hit(m, entry: Pte) -> None:
        append(m.own.t2, m.page.link, entry)

    def left(m, entry: Pte) -> None:
        become_ghost(m.own, m.page.link, entry)

    def replace(m, process: int) -> int:
        own, links, ghost = m.own, m.page.link, faulting(m)
        if ghost >= 0 and not m.page[ghost].returns:
            m.page[ghost].returns = adapt(own, links, ghost)
        in_b2 = ghost >= 0 and on(own.b2, links, ghost)
        if own.t1.count > 0 and (own.t1.count > own.p or (in_b2 and own.t1.count == own.p)):
            return first_of(m, own.t1, own.t2, links, process)
        return first_of(m, own.t2, own.t1, links, process)


@policy("arc", Hooks, requires={"last_access"})
class Arc(Policy):
    """ARC (Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003). Published for caches:
    sees every use."""
