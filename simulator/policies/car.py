"""CAR: ARC with clocks in place of the least-recently-used lists, so that accessed bits are all it needs."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    STRICT,
    Compiled,
    Policy,
    PolicyMemory,
    bits,
    callback,
    compiled,
    machine,
    nodes,
    np,
    parameters,
    policy_integers,
    policy_queues,
    policy_reals,
    register,
)
from simulator.policies.choices import first, forget_own_fault, may_go, note_fault
from simulator.policies.queues import drop, move_to_tail, push_tail

_T1, _T2, _B1, _B2 = range(4)
"""The paper's lists: two clocks whose hands stand at the head, and the ghosts of both, the oldest first.

The first of the policy's integers is c, the frames; the first of its reals is p, the target for T1."""


@compiled
def _forget(a: int) -> None:
    """Drop the oldest ghosts while there are more than the paper allows."""
    c, queues = policy_integers(a)[0], policy_queues(a)
    while queues[_T1].count + queues[_B1].count > c and queues[_B1].count > 0:
        drop(a, np.int64(queues[_B1].head), 0)
    while queues[_B2].count > 0 and (
        queues[_T1].count + queues[_T2].count + queues[_B1].count + queues[_B2].count > 2 * c
    ):
        drop(a, np.int64(queues[_B2].head), 0)


@callback
def _entered(machine: int, entry: int) -> int:
    note_fault(machine, entry)
    queue, queues, p = nodes(machine)[entry].queue[0], policy_queues(machine), policy_reals(machine)
    if queue == _B1:
        p[0] = min(float(policy_integers(machine)[0]), p[0] + max(1.0, queues[_B2].count / queues[_B1].count))
    elif queue == _B2:
        p[0] = max(0.0, p[0] - max(1.0, queues[_B1].count / queues[_B2].count))
    move_to_tail(machine, _T1 if queue < 0 else _T2, entry, 0)
    if queue < 0:
        _forget(machine)
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    queue = nodes(machine)[entry].queue[0]
    drop(machine, entry, 0)
    push_tail(machine, _B1 if queue == _T1 else _B2, entry, 0)
    return 0


@compiled
def _sweep(a: int, process: int) -> int:
    """Move the hands until one is at a page that may go and that wasn't used; -1: there is none."""
    queues = policy_queues(a)
    for _ in range(2 * (queues[_T1].count + queues[_T2].count)):
        queue = _T1 if queues[_T2].count == 0 or queues[_T1].count >= max(1.0, policy_reals(a)[0]) else _T2
        entry = np.int64(queues[queue].head)
        machine(a).examined += 1
        if not may_go(a, entry, process):
            move_to_tail(a, queue, entry, 0)
        elif bits(a)[entry] & ACCESSED:
            bits(a)[entry] &= ~ACCESSED
            move_to_tail(a, _T2, entry, 0)
        else:
            return entry
    victim = first(a, _T1, process, 0)
    return victim if victim >= 0 else first(a, _T2, process, 0)


@callback
def _replace(machine: int, process: int) -> int:
    forget_own_fault(machine)
    return _sweep(machine, process)


@callback
def _trim(machine: int, wanted: int) -> int:
    return _sweep(machine, -1) if wanted > 0 else -1


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
