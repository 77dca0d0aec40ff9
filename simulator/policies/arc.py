"""ARC: shares memory between pages used once and pages used again, as the ghosts of both tell it to."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Policy,
    PolicyMemory,
    callback,
    compiled,
    nodes,
    np,
    parameters,
    policy_integers,
    policy_queues,
    policy_reals,
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
def _adapt(a: int, entry: int) -> None:
    """A fault on a ghost: move p towards the list that should have kept it."""
    queue, queues, p = nodes(a)[entry].queue[0], policy_queues(a), policy_reals(a)
    if nodes(a)[entry].mark or queue < _B1:
        return
    if queue == _B1:
        p[0] = min(float(policy_integers(a)[0]), p[0] + max(1.0, queues[_B2].count / queues[_B1].count))
    else:
        p[0] = max(0.0, p[0] - max(1.0, queues[_B1].count / queues[_B2].count))
    nodes(a)[entry].mark = 1


@callback
def _entered(machine: int, entry: int) -> int:
    _adapt(machine, entry)
    was_ghost = nodes(machine)[entry].mark
    nodes(machine)[entry].mark = 0
    move_to_tail(machine, _T2 if was_ghost else _T1, entry, 0)
    c, queues = policy_integers(machine)[0], policy_queues(machine)
    while queues[_T1].count + queues[_B1].count > c and queues[_B1].count > 0:
        drop(machine, np.int64(queues[_B1].head), 0)
    while queues[_B2].count > 0 and (
        queues[_T1].count + queues[_T2].count + queues[_B1].count + queues[_B2].count > 2 * c
    ):
        drop(machine, np.int64(queues[_B2].head), 0)
    return 0


@callback
def _hit(machine: int, entry: int) -> int:
    move_to_tail(machine, _T2, entry, 0)
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    queue = nodes(machine)[entry].queue[0]
    drop(machine, entry, 0)
    push_tail(machine, _B1 if queue == _T1 else _B2, entry, 0)
    return 0


@callback
def _replace(a: int, process: int) -> int:
    ghost, held, p = faulting(a), policy_queues(a)[_T1].count, policy_reals(a)
    if ghost >= 0:
        _adapt(a, ghost)
    in_b2 = ghost >= 0 and nodes(a)[ghost].queue[0] == _B2
    once_first = held > 0 and (held > p[0] or (in_b2 and held == p[0]))
    victim = first(a, _T1 if once_first else _T2, process, 0)
    return victim if victim >= 0 else first(a, _T2 if once_first else _T1, process, 0)


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
