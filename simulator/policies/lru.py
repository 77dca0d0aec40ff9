"""Least recently used, exactly: a bound that no hardware keeps the times for."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    PINNED,
    STRICT,
    Compiled,
    MachineRecord,
    Policy,
    Pte,
    callback,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.queues import drop, move_to_tail


@callback
def _used(m: MachineRecord, entry: Pte) -> int:
    move_to_tail(m, 0, entry, 0)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    drop(m, entry, 0)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    entry = m.policy_queues[0].head
    while entry >= 0 and (m.bits[entry] & PINNED or (process >= 0 and m.ptes[entry].process != process)):
        entry = m.nodes[entry].next[0]
    return entry


@register("policy", "lru")
@parameters(config=STRICT)
class Lru(Policy):
    """Least recently used (Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2),
    1970): takes the page whose last use lies furthest back, among all processes. Sees every use."""

    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_used, left=_left, hit=_used)
