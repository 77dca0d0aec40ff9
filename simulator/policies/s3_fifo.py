"""S3-FIFO: a small first-in-first-out queue keeps pages that are used once from the main one."""

from typing import Literal

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
    Ratio,
    Record,
    compiled,
    policy,
)
from simulator.policies.structures.entries import faulting, may_go
from simulator.policies.structures.queues import Link, Queue, append, append_ghost, first_of, on, remove


class Own(Record):
    small_queue: Queue
    main_queue: Queue
    ghost_queue: Queue
    small_size: I8[int]
    main_size: I8[int]
    ghosts_size: I8[int]
    threshold: I8[int]
    full: U1[int]  # a page was replaced
    refuses: U1[int]  # the small queue has no room for any page


class Page(Record):
    link: Link
    uses: I4[int]  # since it came in or was last passed over
    returns: U1[int]  # it is being brought in and was a ghost


class Hooks(Compiled[Own, Page, Nothing]):
    def entered(m, entry: Pte) -> None:
        own, page = m.own, m.page[entry]
        take_back(m, entry)
        small_is_full = own.small_queue.count >= own.small_size
        to_main = page.returns or (small_is_full and not own.full)
        append(own.main_queue if to_main else own.small_queue, m.page.link, entry)
        page.uses = page.returns = 0

    def hit(m, entry: Pte) -> None:
        m.page[entry].uses = min(m.page[entry].uses + 1, max(3, m.own.threshold))

    def left(m, entry: Pte) -> None:
        if on(m.own.small_queue, m.page.link, entry) and not m.own.refuses:
            append_ghost(m.own.ghost_queue, m.own.ghosts_size, m.page.link, entry)
        else:
            remove(m.page.link, entry)

    def replace(m, process: int) -> int:
        own, ghost, victim = m.own, faulting(m), NONE
        own.full = 1
        if ghost >= 0:
            take_back(m, ghost)
        if own.main_queue.count <= own.main_size:
            victim = from_small(m, process)
        if victim < 0:
            victim = from_main(m, process)
        return victim if victim >= 0 else from_small(m, process)

    def withdraw(m, process: int) -> int:
        if not m.own.refuses or m.threads[m.actor].offset > 0:
            return NONE
        return first_of(m, m.own.small_queue, m.own.main_queue, m.page.link, process)


@compiled
def take_back(m: Hooks, entry: Pte) -> None:
    """A fault on a ghost: it is one no longer, and belongs into the main queue."""
    if on(m.own.ghost_queue, m.page.link, entry):
        remove(m.page.link, entry)
        m.page[entry].returns = 1


@compiled
def from_small(m: Hooks, process: int) -> int:
    """The oldest page of the small queue that isn't used enough; those before it move to the main queue."""
    entry = m.own.small_queue.head
    while entry >= 0:
        following = m.page[entry].link.next
        if may_go(m, entry, process):
            if m.page[entry].uses < m.own.threshold:
                return entry
            m.page[entry].uses = 0
            append(m.own.main_queue, m.page.link, entry)
        entry = following
    return NONE


@compiled
def from_main(m: Hooks, process: int) -> int:
    """The oldest page of the main queue that has no use left; those before it are queued again with a use less."""
    again = True
    while again:
        again = False
        entry = m.own.main_queue.head
        while entry >= 0:
            following = m.page[entry].link.next
            if may_go(m, entry, process):
                if m.page[entry].uses == 0:
                    return entry
                m.page[entry].uses = min(m.page[entry].uses, 3) - 1
                append(m.own.main_queue, m.page.link, entry)
                again = True
            entry = following
    return NONE


@policy("s3-fifo", Hooks, requires={"last_access"})
class S3Fifo(Policy):
    """S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023), with what
    the authors' libCacheSim does where the paper is silent: until the first replacement pages that don't fit into the
    small queue go to the main one. A page leaves the small queue for the main one if it was used often enough, else it
    becomes a ghost; a ghost that is wanted again goes to the main queue. Published for caches: sees every use."""

    small: float = Field(default=0.1, gt=0, lt=1, description="share of the frames for the small queue (the paper)")
    ghosts: Ratio = Field(default=0.9, ge=0, description="ghosts, as a share of the frames (libCacheSim)")
    threshold: Count = Field(
        default=2, ge=1, description="uses after the first that lead to the main queue (the paper)"
    )
    small_queue_of_one: Literal["refuse", "keep"] = Field(
        default="refuse",
        description="below two places (20 frames) the small queue of libCacheSim takes no page: each is given up after "
        "its use, every use misses; keep: it holds one",
    )

    def begin(self, frames: int) -> dict[str, float]:
        """Sizes of the queues, cut to whole pages."""
        small = int(frames * self.small)
        sizes = {"small_size": small, "main_size": frames - small, "ghosts_size": int(frames * self.ghosts)}
        return {**sizes, "refuses": small < 2 and self.small_queue_of_one == "refuse"}
