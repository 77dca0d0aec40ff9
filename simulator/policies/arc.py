"""ARC: shares memory between pages used once and pages used again, as the ghosts of both tell it to."""

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
    compiled,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.choices import faulting, first
from simulator.policies.queues import drop, move_to_tail, push_tail

_T1, _T2, _B1, _B2 = range(4)
"""The paper's lists, least recently used first: pages used once, used again, and the ghosts of both.

The first of the policy's integers is c, the frames; the first of its reals is p, the target for T1. A node's `mark`
says that the page that is being brought in was a ghost, and p knows of it."""


@compiled
def _adapt(m: MachineRecord, entry: Pte) -> None:
    """A fault on a ghost: move p towards the list that should have kept it."""
    queue, queues, p = m.nodes[entry].queue[0], m.policy_queues, m.policy_reals
    if m.nodes[entry].mark or queue < _B1:
        return
    if queue == _B1:
        p[0] = min(float(m.policy_integers[0]), p[0] + max(1.0, queues[_B2].count / queues[_B1].count))
    else:
        p[0] = max(0.0, p[0] - max(1.0, queues[_B1].count / queues[_B2].count))
    m.nodes[entry].mark = 1


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    _adapt(m, entry)
    was_ghost = m.nodes[entry].mark
    m.nodes[entry].mark = 0
    move_to_tail(m, _T2 if was_ghost else _T1, entry, 0)
    c, queues = m.policy_integers[0], m.policy_queues
    while queues[_T1].count + queues[_B1].count > c and queues[_B1].count > 0:
        drop(m, queues[_B1].head, 0)
    while queues[_B2].count > 0 and (
        queues[_T1].count + queues[_T2].count + queues[_B1].count + queues[_B2].count > 2 * c
    ):
        drop(m, queues[_B2].head, 0)
    return 0


@callback
def _hit(m: MachineRecord, entry: Pte) -> int:
    move_to_tail(m, _T2, entry, 0)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    queue = m.nodes[entry].queue[0]
    drop(m, entry, 0)
    push_tail(m, _B1 if queue == _T1 else _B2, entry, 0)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    ghost, held, p = faulting(m), m.policy_queues[_T1].count, m.policy_reals
    if ghost >= 0:
        _adapt(m, ghost)
    in_b2 = ghost >= 0 and m.nodes[ghost].queue[0] == _B2
    once_first = held > 0 and (held > p[0] or (in_b2 and held == p[0]))
    victim = first(m, _T1 if once_first else _T2, process, 0)
    return victim if victim >= 0 else first(m, _T2 if once_first else _T1, process, 0)


@register("policy", "arc")
@parameters(config=STRICT)
class Arc(Policy):
    """ARC (Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003). The target adapts in
    real numbers: with integers other pages go. Published for caches: sees every use."""

    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_entered, left=_left, hit=_hit)

    def prepare(self, memory: PolicyMemory) -> None:
        """c; p is 0."""
        memory.integers[0] = memory.frames
