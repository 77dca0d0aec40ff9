"""SIEVE: first in, first out with a hand that passes over the pages used since it last came by, and leaves them where
they are."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Policy,
    PolicyMemory,
    callback,
    nodes,
    np,
    parameters,
    policy_integers,
    policy_queues,
    register,
    trim_by_replacing,
)
from simulator.policies.choices import may_go
from simulator.policies.queues import drop, push_tail


@callback
def _entered(machine: int, entry: int) -> int:
    nodes(machine)[entry].mark = 0
    push_tail(machine, 0, entry, 0)
    return 0


@callback
def _hit(machine: int, entry: int) -> int:
    nodes(machine)[entry].mark = 1
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    if policy_integers(machine)[0] == entry:
        policy_integers(machine)[0] = nodes(machine)[entry].next[0]
    drop(machine, entry, 0)
    return 0


@callback
def _replace(machine: int, process: int) -> int:
    entry = policy_integers(machine)[0]
    for _ in range(2 * policy_queues(machine)[0].count + 1):
        if entry < 0:
            entry = np.int64(policy_queues(machine)[0].head)
            if entry < 0:
                break
        if may_go(machine, entry, process):
            if not nodes(machine)[entry].mark:
                policy_integers(machine)[0] = nodes(machine)[entry].next[0]
                return entry
            nodes(machine)[entry].mark = 0
        entry = np.int64(nodes(machine)[entry].next[0])
    return -1


@register("policy", "sieve")
@parameters(config=STRICT)
class Sieve(Policy):
    """SIEVE (Zhang, Yang, Yue, Vigfusson, Rashmi, "SIEVE is simpler than LRU: an efficient turn-key eviction algorithm
    for web caches", NSDI 2024). The hand goes from the oldest page to the newest; the fault itself is no use. Published
    for caches: sees every use."""

    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_entered, left=_left, hit=_hit)

    def prepare(self, memory: PolicyMemory) -> None:
        """The hand points at nothing: it starts at the oldest page."""
        memory.integers[0] = -1
