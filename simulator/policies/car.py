"""CAR: ARC with clocks in place of the least-recently-used lists, so that accessed bits are all it needs."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
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
)
from simulator.policies.choices import first, forget_own_fault, may_go, note_fault
from simulator.policies.queues import drop, move_to_tail, push_tail

_T1, _T2, _B1, _B2 = range(4)
"""The paper's lists: two clocks whose hands stand at the head, and the ghosts of both, the oldest first.

The first of the policy's integers is c, the frames; the first of its reals is p, the target for T1."""


@compiled
def _forget(m: MachineRecord) -> None:
    """Drop the oldest ghosts while there are more than the paper allows."""
    c, queues = m.policy_integers[0], m.policy_queues
    while queues[_T1].count + queues[_B1].count > c and queues[_B1].count > 0:
        drop(m, queues[_B1].head, 0)
    while queues[_B2].count > 0 and (
        queues[_T1].count + queues[_T2].count + queues[_B1].count + queues[_B2].count > 2 * c
    ):
        drop(m, queues[_B2].head, 0)


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    note_fault(m, entry)
    queue, queues, p = m.nodes[entry].queue[0], m.policy_queues, m.policy_reals
    if queue == _B1:
        p[0] = min(float(m.policy_integers[0]), p[0] + max(1.0, queues[_B2].count / queues[_B1].count))
    elif queue == _B2:
        p[0] = max(0.0, p[0] - max(1.0, queues[_B1].count / queues[_B2].count))
    move_to_tail(m, _T1 if queue < 0 else _T2, entry, 0)
    if queue < 0:
        _forget(m)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    queue = m.nodes[entry].queue[0]
    drop(m, entry, 0)
    push_tail(m, _B1 if queue == _T1 else _B2, entry, 0)
    return 0


@compiled
def _sweep(m: MachineRecord, process: int) -> int:
    """Move the hands until one is at a page that may go and that wasn't used; -1: there is none."""
    queues = m.policy_queues
    for _ in range(2 * (queues[_T1].count + queues[_T2].count)):
        queue = _T1 if queues[_T2].count == 0 or queues[_T1].count >= max(1.0, m.policy_reals[0]) else _T2
        entry = queues[queue].head
        m.examined += 1
        if not may_go(m, entry, process):
            move_to_tail(m, queue, entry, 0)
        elif m.bits[entry] & ACCESSED:
            m.bits[entry] &= ~ACCESSED
            move_to_tail(m, _T2, entry, 0)
        else:
            return entry
    victim = first(m, _T1, process, 0)
    return victim if victim >= 0 else first(m, _T2, process, 0)


@callback
def _replace(m: MachineRecord, process: int) -> int:
    forget_own_fault(m)
    return _sweep(m, process)


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    return _sweep(m, -1) if wanted > 0 else -1


@register("policy", "car")
@parameters(config=STRICT)
class Car(Policy):
    """CAR (Bansal and Modha, "CAR: clock with adaptive replacement", FAST 2004). Sees accessed bits. In the paper a
    page comes in with its bit clear; here the fault's own reference sets it, so it is cleared at the process's next
    fault. Trims as it replaces, among all processes, and knows no minima."""

    compiled: ClassVar = Compiled(replace=_replace, trim=_trim, entered=_entered, left=_left)

    def prepare(self, memory: PolicyMemory) -> None:
        """c; p is 0."""
        memory.integers[0] = memory.frames
