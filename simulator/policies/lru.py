"""Least recently used, exactly: a bound that no hardware keeps the times for."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    PINNED,
    STRICT,
    Compiled,
    Policy,
    bits,
    callback,
    nodes,
    np,
    parameters,
    policy_queues,
    ptes,
    register,
    trim_by_replacing,
)
from simulator.policies.queues import drop, move_to_tail


@callback
def _used(machine: int, entry: int) -> int:
    move_to_tail(machine, 0, entry, 0)
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    drop(machine, entry, 0)
    return 0


@callback
def _replace(machine: int, process: int) -> int:
    entry = np.int64(policy_queues(machine)[0].head)
    while entry >= 0 and (bits(machine)[entry] & PINNED or (process >= 0 and ptes(machine)[entry].process != process)):
        entry = np.int64(nodes(machine)[entry].next[0])
    return entry


@register("policy", "lru")
@parameters(config=STRICT)
class Lru(Policy):
    """Least recently used (Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2),
    1970): takes the page whose last use lies furthest back, among all processes. Sees every use."""

    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_used, left=_left, hit=_used)
