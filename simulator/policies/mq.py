"""MQ: several least-recently-used queues; the more often a page is used the higher is its queue, and the longer it
stays."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    Ratio,
    callback,
    compiled,
    np,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.choices import first
from simulator.policies.queues import drop, move_to_tail

_GHOSTS = 31
"""The number of the history queue, Qout; those before it are Q0 to Qm-1."""
_NOW, _QUEUES, _LIFETIME, _GHOSTS_SIZE = range(4)
"""Places of the policy's integers. A node's `count` is how often its page was used, `time` when it expires."""
_MANY = 1 << 30


@compiled
def _demote(m: MachineRecord) -> None:
    """The least recently used page of each queue goes one down if it has expired."""
    own = m.policy_integers
    own[_NOW] += 1
    for queue in range(1, own[_QUEUES]):
        entry = m.policy_queues[queue].head
        if entry >= 0 and m.nodes[entry].time < own[_NOW]:
            move_to_tail(m, queue - 1, entry, 0)
            m.nodes[entry].time = own[_NOW] + own[_LIFETIME]


@callback
def _used(m: MachineRecord, entry: Pte) -> int:
    own, n = m.policy_integers, m.nodes[entry]
    if n.queue[0] < 0:
        n.count = 0
    n.count = min(n.count + 1, _MANY)
    queue, rest = 0, n.count >> 1
    while rest > 0 and queue < own[_QUEUES] - 1:
        queue += 1
        rest >>= 1
    move_to_tail(m, queue, entry, 0)
    n.time = own[_NOW] + own[_LIFETIME]
    _demote(m)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    ghosts = m.policy_queues[_GHOSTS]
    move_to_tail(m, _GHOSTS, entry, 0)
    if ghosts.count > m.policy_integers[_GHOSTS_SIZE]:
        drop(m, np.int64(ghosts.head), 0)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    for queue in range(m.policy_integers[_QUEUES]):
        entry = first(m, queue, process, 0)
        if entry >= 0:
            return entry
    return -1


@register("policy", "mq")
@parameters(config=STRICT)
class Mq(Policy):
    """MQ (Zhou, Philbin, Li, "The multi-queue replacement algorithm for second level buffer caches", USENIX 2001): a
    page with n uses is in queue log2 n; who isn't used for a lifetime goes one down. Published for caches: sees every
    use."""

    queues: int = Field(default=8, ge=1, le=31, description="LRU queues (the paper)")
    lifetime: Ratio = Field(default=8.0, gt=0, description="uses of any page, in multiples of the frames; chosen")
    ghosts: Ratio = Field(default=4.0, ge=0, description="pages whose count is remembered, the same way; chosen")
    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_used, left=_left, hit=_used)

    def prepare(self, memory: PolicyMemory) -> None:
        """The number of queues, the lifetime and the length of the history, cut to whole uses and pages."""
        own = memory.integers
        own[_QUEUES], own[_LIFETIME] = self.queues, int(self.lifetime * memory.frames)
        own[_GHOSTS_SIZE] = int(self.ghosts * memory.frames)
