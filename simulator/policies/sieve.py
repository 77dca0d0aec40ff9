"""SIEVE: first in, first out with a hand that passes over the pages used since it last came by, and leaves them where
they are."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    callback,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.choices import may_go
from simulator.policies.queues import drop, push_tail


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    m.nodes[entry].mark = 0
    push_tail(m, 0, entry, 0)
    return 0


@callback
def _hit(m: MachineRecord, entry: Pte) -> int:
    m.nodes[entry].mark = 1
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    if m.policy_integers[0] == entry:
        m.policy_integers[0] = m.nodes[entry].next[0]
    drop(m, entry, 0)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    entry = m.policy_integers[0]
    for _ in range(2 * m.policy_queues[0].count + 1):
        if entry < 0:
            entry = m.policy_queues[0].head
            if entry < 0:
                break
        if may_go(m, entry, process):
            if not m.nodes[entry].mark:
                m.policy_integers[0] = m.nodes[entry].next[0]
                return entry
            m.nodes[entry].mark = 0
        entry = m.nodes[entry].next[0]
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
