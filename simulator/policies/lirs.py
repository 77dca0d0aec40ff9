"""LIRS: ranks pages by the recency of their use before the last, and so keeps those that return soonest."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Count,
    Field,
    Policy,
    PolicyMemory,
    callback,
    compiled,
    nodes,
    np,
    parameters,
    policy_integers,
    policy_queues,
    register,
    trim_by_replacing,
)
from simulator.policies.choices import first
from simulator.policies.queues import drop, move_to_tail

_STACK, _RESIDENT = range(2)
"""S, from its bottom to its top (link 0), and Q, the resident pages of high inter-reference recency (link 1)."""
_ROOM, _LOW, _LAST = range(3)
"""Places of the policy's integers: the most pages of low inter-reference recency (LIR), how many there are, and the
entry used last. A node's `mark` says that its page is one of them."""


@compiled
def _prune(a: int) -> None:
    """Take pages off the bottom of the stack until one of low inter-reference recency is there."""
    bottom = np.int64(policy_queues(a)[_STACK].head)
    while bottom >= 0 and not nodes(a)[bottom].mark:
        drop(a, bottom, 0)
        bottom = np.int64(policy_queues(a)[_STACK].head)


@compiled
def _demote_bottom(a: int) -> None:
    """The page at the bottom of the stack is one of high inter-reference recency now."""
    bottom = np.int64(policy_queues(a)[_STACK].head)
    nodes(a)[bottom].mark = 0
    policy_integers(a)[_LOW] -= 1
    drop(a, bottom, 0)
    move_to_tail(a, _RESIDENT, bottom, 1)


@compiled
def _use(a: int, entry: int) -> None:
    """A page is used: to the top of the stack; if it was in the stack already it is one of low inter-reference recency
    from now on."""
    own, n = policy_integers(a), nodes(a)[entry]
    own[_LAST] = entry
    known = n.queue[0] == _STACK
    move_to_tail(a, _STACK, entry, 0)
    if n.mark:
        _prune(a)
        return
    drop(a, entry, 1)
    if not known:
        move_to_tail(a, _RESIDENT, entry, 1)
        _prune(a)
        return
    n.mark = 1
    own[_LOW] += 1
    _prune(a)
    if own[_LOW] > own[_ROOM]:
        _demote_bottom(a)
        _prune(a)


@callback
def _entered(machine: int, entry: int) -> int:
    own = policy_integers(machine)
    if own[_LOW] < own[_ROOM]:
        nodes(machine)[entry].mark = 1
        own[_LOW] += 1
    _use(machine, entry)
    return 0


@callback
def _hit(machine: int, entry: int) -> int:
    if policy_integers(machine)[_LAST] != entry:
        _use(machine, entry)
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    n = nodes(machine)[entry]
    drop(machine, entry, 1)
    if n.mark:
        n.mark = 0
        policy_integers(machine)[_LOW] -= 1
        _prune(machine)
    return 0


@callback
def _replace(machine: int, process: int) -> int:
    entry = first(machine, _RESIDENT, process, 1)
    return entry if entry >= 0 else first(machine, _STACK, process, 0)


@register("policy", "lirs")
@parameters(config=STRICT)
class Lirs(Policy):
    """LIRS (Jiang and Zhang, "LIRS: an efficient low inter-reference recency set replacement policy to improve buffer
    cache performance", SIGMETRICS 2002), as the authors' own program does it: two uses of a page with no other between
    are one, and the stack has no limit. Published for caches: sees every use.

    A page of low inter-reference recency goes only if no other may; the next one that comes in takes its part.
    """

    high: float = Field(default=0.01, gt=0, lt=1, description="share of the frames for pages of high recency (authors)")
    least_high: Count = Field(default=2, ge=1, description="but at least so many (authors' program)")
    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_entered, left=_left, hit=_hit)

    def prepare(self, memory: PolicyMemory) -> None:
        """Places for pages of low inter-reference recency; none of them was used yet."""
        high = max(self.least_high, int(memory.frames * self.high))
        memory.integers[_ROOM] = max(memory.frames - high, memory.frames // 2)
        memory.integers[_LAST] = -1
