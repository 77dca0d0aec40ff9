"""2Q: a page that is used once passes through a queue; only one that is wanted again soon after is kept for long."""

from typing import Literal

from simulator.policies.base import I8, U1, Compiled, Field, Nothing, Policy, Pte, Ratio, Record, policy
from simulator.policies.structures.entries import faulting
from simulator.policies.structures.queues import Link, Queue, append, append_ghost, first_of, on, remove


class Own(Record):
    a1in: Queue
    am: Queue
    a1out: Queue  # ghosts
    kin: I8[int]
    kout: I8[int]
    variant: U1[int]  # 1: libcachesim


class Page(Record):
    link: Link
    returns: U1[int]  # it is being brought in and was a ghost


class Hooks(Compiled[Own, Page, Nothing]):
    def entered(m, entry: Pte) -> None:
        returns = m.page[entry].returns or on(m.own.a1out, m.page.link, entry)
        append(m.own.am if returns else m.own.a1in, m.page.link, entry)
        m.page[entry].returns = 0

    def hit(m, entry: Pte) -> None:
        if on(m.own.am, m.page.link, entry):
            append(m.own.am, m.page.link, entry)

    def left(m, entry: Pte) -> None:
        if on(m.own.a1in, m.page.link, entry):
            append_ghost(m.own.a1out, m.own.kout, m.page.link, entry)
        else:
            remove(m.page.link, entry)

    def replace(m, process: int) -> int:
        own, links, ghost = m.own, m.page.link, faulting(m)
        if ghost >= 0 and on(own.a1out, links, ghost):
            m.page[ghost].returns = 1
            if own.variant:
                remove(links, ghost)
        if own.a1in.count > own.kin:
            return first_of(m, own.a1in, own.am, links, process)
        return first_of(m, own.am, own.a1in, links, process)


@policy("2q", Hooks, requires={"last_access"})
class TwoQ(Policy):
    """2Q, full version (Johnson and Shasha, "2Q: a low overhead high performance buffer management replacement
    algorithm", VLDB 1994). Published for caches: sees every use."""

    pages_in: float = Field(default=0.25, ge=0, le=1, description="Kin, as a share of the frames (the paper)")
    pages_out: Ratio = Field(default=0.5, ge=0, description="Kout, ghosts, as a share of the frames (the paper)")
    variant: Literal["vldb", "libcachesim"] = Field(
        default="vldb",
        description="libcachesim: a page that is wanted again leaves the ghosts before room is made for it, not after",
    )

    def begin(self, frames: int) -> dict[str, float]:
        """Sizes of the queues, cut to whole pages."""
        return {"kin": int(frames * self.pages_in), "kout": int(frames * self.pages_out)}
