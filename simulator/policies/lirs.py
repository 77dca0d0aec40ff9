"""LIRS: ranks pages by the recency of their use before the last, and so keeps those that return soonest."""

from simulator.policies.base import (
    I4,
    I8,
    NONE,
    U1,
    Compiled,
    Count,
    Field,
    Nothing,
    Policy,
    Pte,
    Record,
    compiled,
    policy,
)
from simulator.policies.structures.queues import Link, Queue, append, first, on, remove


class Own(Record):
    stack: Queue  # S, from its bottom to its top
    hirs: Queue  # Q: the resident pages of high inter-reference recency (HIR)
    room: I8[int]  # the most pages of low inter-reference recency (LIR)
    low: I8[int]  # how many there are
    last: I4[Pte] = NONE  # the entry used last


class Page(Record):
    in_stack: Link
    in_hirs: Link
    is_low: U1[int]


class Hooks(Compiled[Own, Page, Nothing]):
    def entered(m, entry: Pte) -> None:
        if m.own.low < m.own.room:
            m.page[entry].is_low = 1
            m.own.low += 1
        use(m, entry)

    def hit(m, entry: Pte) -> None:
        if m.own.last != entry:
            use(m, entry)

    def left(m, entry: Pte) -> None:
        remove(m.page.in_hirs, entry)
        if m.page[entry].is_low:
            m.page[entry].is_low = 0
            m.own.low -= 1
            prune(m)

    def replace(m, process: int) -> int:
        entry = first(m, m.own.hirs, m.page.in_hirs, process)
        return entry if entry >= 0 else first(m, m.own.stack, m.page.in_stack, process)


@compiled
def prune(m: Hooks) -> None:
    """Take pages off the bottom of the stack until one of low inter-reference recency is there."""
    while m.own.stack.head >= 0 and not m.page[m.own.stack.head].is_low:
        remove(m.page.in_stack, m.own.stack.head)


@compiled
def use(m: Hooks, entry: Pte) -> None:
    """A page is used: to the top of the stack; if it was in the stack already it is one of low inter-reference recency
    from now on, and the one at the bottom may have to become one of high."""
    own, page = m.own, m.page[entry]
    own.last = entry
    known = on(own.stack, m.page.in_stack, entry)
    append(own.stack, m.page.in_stack, entry)
    if page.is_low:
        prune(m)
        return
    remove(m.page.in_hirs, entry)
    if known:
        page.is_low = 1
        own.low += 1
    else:
        append(own.hirs, m.page.in_hirs, entry)
    prune(m)
    if own.low > own.room:
        bottom = own.stack.head
        m.page[bottom].is_low = 0
        own.low -= 1
        remove(m.page.in_stack, bottom)
        append(own.hirs, m.page.in_hirs, bottom)
        prune(m)


@policy("lirs", Hooks, requires={"last_access"})
class Lirs(Policy):
    """LIRS (Jiang and Zhang, "LIRS: an efficient low inter-reference recency set replacement policy to improve buffer
    cache performance", SIGMETRICS 2002), as the authors' own program does it: two uses of a page with no other between
    are one, and the stack has no limit. Published for caches: sees every use.

    A page of low inter-reference recency goes only if no other may; the next one that comes in takes its part.
    """

    high: float = Field(default=0.01, gt=0, lt=1, description="share of the frames for pages of high recency (authors)")
    least_high: Count = Field(default=2, ge=1, description="but at least so many (authors' program)")

    def begin(self, frames: int) -> dict[str, float]:
        """Places for pages of low inter-reference recency."""
        high = max(self.least_high, int(frames * self.high))
        return {"room": max(frames - high, frames // 2)}
