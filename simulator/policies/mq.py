"""MQ: several least-recently-used queues; the more often a page is used the higher is its queue, and the longer it
stays."""

from simulator.policies.base import (
    I4,
    I8,
    NONE,
    Annotated,
    Array,
    Compiled,
    Field,
    Nothing,
    Policy,
    Pte,
    Ratio,
    Record,
    Rows,
    compiled,
    policy,
)
from simulator.policies.structures.queues import Link, Queue, append, append_ghost, first, on_none

MOST = 31
MANY = 1 << 30


class Own(Record):
    q: Annotated[Rows[Queue], Array(Queue, (MOST,))]
    history: Queue  # Qout: ghosts
    queues: I8[int]
    life_time: I8[int]  # in uses
    room: I8[int]  # for ghosts
    now: I8[int]


class Page(Record):
    link: Link
    uses: I4[int]
    expires: I8[int]


class Hooks(Compiled[Own, Page, Nothing]):
    def hit(m, entry: Pte) -> None:
        own, page = m.own, m.page[entry]
        if on_none(m.page.link, entry):
            page.uses = 0
        page.uses = min(page.uses + 1, MANY)
        queue, rest = 0, page.uses >> 1
        while rest > 0 and queue < own.queues - 1:
            queue += 1
            rest >>= 1
        append(own.q[queue], m.page.link, entry)
        page.expires = own.now + own.life_time
        demote(m)

    entered = hit

    def left(m, entry: Pte) -> None:
        append_ghost(m.own.history, m.own.room, m.page.link, entry)

    def replace(m, process: int) -> int:
        for queue in range(m.own.queues):
            entry = first(m, m.own.q[queue], m.page.link, process)
            if entry >= 0:
                return entry
        return NONE


@compiled
def demote(m: Hooks) -> None:
    """The least recently used page of each queue goes one down if it has expired."""
    own = m.own
    own.now += 1
    for queue in range(1, own.queues):
        entry = own.q[queue].head
        if entry >= 0 and m.page[entry].expires < own.now:
            append(own.q[queue - 1], m.page.link, entry)
            m.page[entry].expires = own.now + own.life_time


@policy("mq", Hooks, requires={"last_access"})
class Mq(Policy):
    """MQ (Zhou, Philbin, Li, "The multi-queue replacement algorithm for second level buffer caches", USENIX 2001): a
    page with n uses is in queue log2 n; who isn't used for a lifetime goes one down. Published for caches: sees every
    use."""

    queues: int = Field(default=8, ge=1, le=MOST, description="LRU queues (the paper)")
    lifetime: Ratio = Field(default=8.0, gt=0, description="uses of any page, in multiples of the frames; chosen")
    ghosts: Ratio = Field(default=4.0, ge=0, description="pages whose count is remembered, the same way; chosen")

    def begin(self, frames: int) -> dict[str, float]:
        """The lifetime and the length of the history, cut to whole uses and pages."""
        return {"life_time": int(self.lifetime * frames), "room": int(self.ghosts * frames)}
