"""S3-FIFO: a small first-in-first-out queue keeps pages that are used once from the main one."""

from __future__ import annotations

from typing import ClassVar, Literal

from simulator.policies.base import (
    STRICT,
    Compiled,
    Count,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    Ratio,
    callback,
    compiled,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.choices import faulting, first, may_go
from simulator.policies.queues import drop, move_to_tail, push_tail

_SMALL, _MAIN, _GHOSTS = range(3)
_SMALL_SIZE, _MAIN_SIZE, _GHOSTS_SIZE, _THRESHOLD, _FULL, _REFUSES = range(6)
"""Places of the policy's integers; full: a page was replaced, refuses: the small queue has no room for any page.

A node's `count` is how often a page was used since it came in or was last passed over, `mark` whether the page that is
being brought in was a ghost."""


@compiled
def _return(m: MachineRecord, entry: Pte) -> None:
    """A fault on a ghost: it is one no longer, and belongs into the main queue."""
    if m.nodes[entry].queue[0] == _GHOSTS:
        drop(m, entry, 0)
        m.nodes[entry].mark = 1


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    own, n = m.policy_integers, m.nodes[entry]
    _return(m, entry)
    small_is_full = m.policy_queues[_SMALL].count >= own[_SMALL_SIZE]
    push_tail(m, _MAIN if n.mark or (small_is_full and not own[_FULL]) else _SMALL, entry, 0)
    n.count, n.mark = 0, 0
    return 0


@callback
def _hit(m: MachineRecord, entry: Pte) -> int:
    n = m.nodes[entry]
    n.count = min(n.count + 1, max(3, m.policy_integers[_THRESHOLD]))
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    own = m.policy_integers
    was_small = m.nodes[entry].queue[0] == _SMALL
    drop(m, entry, 0)
    if was_small and not own[_REFUSES]:
        push_tail(m, _GHOSTS, entry, 0)
        if m.policy_queues[_GHOSTS].count > own[_GHOSTS_SIZE]:
            drop(m, m.policy_queues[_GHOSTS].head, 0)
    return 0


@compiled
def _from_small(m: MachineRecord, process: int) -> int:
    """The oldest page of the small queue that isn't used enough; those before it move to the main queue."""
    entry = m.policy_queues[_SMALL].head
    while entry >= 0:
        following = m.nodes[entry].next[0]
        if may_go(m, entry, process):
            if m.nodes[entry].count < m.policy_integers[_THRESHOLD]:
                return entry
            m.nodes[entry].count = 0
            move_to_tail(m, _MAIN, entry, 0)
        entry = following
    return -1


@compiled
def _from_main(m: MachineRecord, process: int) -> int:
    """The oldest page of the main queue that has no use left; those before it are queued again with a use less."""
    again = True
    while again:
        again = False
        entry = m.policy_queues[_MAIN].head
        while entry >= 0:
            following = m.nodes[entry].next[0]
            if may_go(m, entry, process):
                if m.nodes[entry].count == 0:
                    return entry
                m.nodes[entry].count = min(m.nodes[entry].count, 3) - 1
                move_to_tail(m, _MAIN, entry, 0)
                again = True
            entry = following
    return -1


@callback
def _replace(m: MachineRecord, process: int) -> int:
    own, queues, ghost = m.policy_integers, m.policy_queues, faulting(m)
    own[_FULL] = 1
    if ghost >= 0:
        _return(m, ghost)
    victim = -1
    if queues[_MAIN].count <= own[_MAIN_SIZE]:
        victim = _from_small(m, process)
    if victim < 0:
        victim = _from_main(m, process)
    return victim if victim >= 0 else _from_small(m, process)


@callback
def _withdraw(m: MachineRecord, process: int) -> int:
    if not m.policy_integers[_REFUSES] or m.threads[m.actor].offset > 0:
        return -1
    entry = first(m, _SMALL, process, 0)
    return entry if entry >= 0 else first(m, _MAIN, process, 0)


@register("policy", "s3-fifo")
@parameters(config=STRICT)
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
    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(
        replace=_replace, trim=trim_by_replacing, withdraw=_withdraw, entered=_entered, left=_left, hit=_hit
    )

    def prepare(self, memory: PolicyMemory) -> None:
        """Sizes of the queues, cut to whole pages."""
        own, small = memory.integers, int(memory.frames * self.small)
        own[_SMALL_SIZE], own[_MAIN_SIZE] = small, memory.frames - small
        own[_GHOSTS_SIZE], own[_THRESHOLD] = int(memory.frames * self.ghosts), self.threshold
        own[_REFUSES] = small < 2 and self.small_queue_of_one == "refuse"
