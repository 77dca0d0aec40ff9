"""S3-FIFO: a small first-in-first-out queue keeps pages that are used once from the main one."""

from __future__ import annotations

from typing import ClassVar, Literal

from simulator.policies.base import (
    STRICT,
    Compiled,
    Count,
    Field,
    Policy,
    PolicyMemory,
    Ratio,
    callback,
    compiled,
    machine,
    nodes,
    np,
    parameters,
    policy_integers,
    policy_queues,
    register,
    threads,
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
def _return(a: int, entry: int) -> None:
    """A fault on a ghost: it is one no longer, and belongs into the main queue."""
    if nodes(a)[entry].queue[0] == _GHOSTS:
        drop(a, entry, 0)
        nodes(a)[entry].mark = 1


@callback
def _entered(machine: int, entry: int) -> int:
    own, n = policy_integers(machine), nodes(machine)[entry]
    _return(machine, entry)
    small_is_full = policy_queues(machine)[_SMALL].count >= own[_SMALL_SIZE]
    push_tail(machine, _MAIN if n.mark or (small_is_full and not own[_FULL]) else _SMALL, entry, 0)
    n.count, n.mark = 0, 0
    return 0


@callback
def _hit(machine: int, entry: int) -> int:
    n = nodes(machine)[entry]
    n.count = min(n.count + 1, max(3, policy_integers(machine)[_THRESHOLD]))
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    own = policy_integers(machine)
    was_small = nodes(machine)[entry].queue[0] == _SMALL
    drop(machine, entry, 0)
    if was_small and not own[_REFUSES]:
        push_tail(machine, _GHOSTS, entry, 0)
        if policy_queues(machine)[_GHOSTS].count > own[_GHOSTS_SIZE]:
            drop(machine, np.int64(policy_queues(machine)[_GHOSTS].head), 0)
    return 0


@compiled
def _from_small(a: int, process: int) -> int:
    """The oldest page of the small queue that isn't used enough; those before it move to the main queue."""
    entry = np.int64(policy_queues(a)[_SMALL].head)
    while entry >= 0:
        following = np.int64(nodes(a)[entry].next[0])
        if may_go(a, entry, process):
            if nodes(a)[entry].count < policy_integers(a)[_THRESHOLD]:
                return entry
            nodes(a)[entry].count = 0
            move_to_tail(a, _MAIN, entry, 0)
        entry = following
    return -1


@compiled
def _from_main(a: int, process: int) -> int:
    """The oldest page of the main queue that has no use left; those before it are queued again with a use less."""
    again = True
    while again:
        again = False
        entry = np.int64(policy_queues(a)[_MAIN].head)
        while entry >= 0:
            following = np.int64(nodes(a)[entry].next[0])
            if may_go(a, entry, process):
                if nodes(a)[entry].count == 0:
                    return entry
                nodes(a)[entry].count = min(nodes(a)[entry].count, 3) - 1
                move_to_tail(a, _MAIN, entry, 0)
                again = True
            entry = following
    return -1


@callback
def _replace(a: int, process: int) -> int:
    own, queues, ghost = policy_integers(a), policy_queues(a), faulting(a)
    own[_FULL] = 1
    if ghost >= 0:
        _return(a, ghost)
    victim = np.int64(-1)
    if queues[_MAIN].count <= own[_MAIN_SIZE]:
        victim = _from_small(a, process)
    if victim < 0:
        victim = _from_main(a, process)
    return victim if victim >= 0 else _from_small(a, process)


@callback
def _withdraw(a: int, process: int) -> int:
    if not policy_integers(a)[_REFUSES] or threads(a)[machine(a).actor].offset > 0:
        return -1
    entry = first(a, _SMALL, process, 0)
    return entry if entry >= 0 else first(a, _MAIN, process, 0)


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
