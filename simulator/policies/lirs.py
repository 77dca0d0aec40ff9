"""LIRS: ranks pages by the recency of their use before the last, and so keeps those that return soonest."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Count,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    callback,
    compiled,
    parameters,
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
def _prune(m: MachineRecord) -> None:
    """Take pages off the bottom of the stack until one of low inter-reference recency is there."""
    bottom = m.policy_queues[_STACK].head
    while bottom >= 0 and not m.nodes[bottom].mark:
        drop(m, bottom, 0)
        bottom = m.policy_queues[_STACK].head


@compiled
def _demote_bottom(m: MachineRecord) -> None:
    """The page at the bottom of the stack is one of high inter-reference recency now."""
    bottom = m.policy_queues[_STACK].head
    m.nodes[bottom].mark = 0
    m.policy_integers[_LOW] -= 1
    drop(m, bottom, 0)
    move_to_tail(m, _RESIDENT, bottom, 1)


@compiled
def _use(m: MachineRecord, entry: Pte) -> None:
    """A page is used: to the top of the stack; if it was in the stack already it is one of low inter-reference recency
    from now on."""
    own, n = m.policy_integers, m.nodes[entry]
    own[_LAST] = entry
    known = n.queue[0] == _STACK
    move_to_tail(m, _STACK, entry, 0)
    if n.mark:
        _prune(m)
        return
    drop(m, entry, 1)
    if not known:
        move_to_tail(m, _RESIDENT, entry, 1)
        _prune(m)
        return
    n.mark = 1
    own[_LOW] += 1
    _prune(m)
    if own[_LOW] > own[_ROOM]:
        _demote_bottom(m)
        _prune(m)


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    own = m.policy_integers
    if own[_LOW] < own[_ROOM]:
        m.nodes[entry].mark = 1
        own[_LOW] += 1
    _use(m, entry)
    return 0


@callback
def _hit(m: MachineRecord, entry: Pte) -> int:
    if m.policy_integers[_LAST] != entry:
        _use(m, entry)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    n = m.nodes[entry]
    drop(m, entry, 1)
    if n.mark:
        n.mark = 0
        m.policy_integers[_LOW] -= 1
        _prune(m)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    entry = first(m, _RESIDENT, process, 1)
    return entry if entry >= 0 else first(m, _STACK, process, 0)


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
