"""First in, first out with a second chance, in two queues, as Mach had it."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    PINNED,
    STRICT,
    Compiled,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    callback,
    compiled,
    parameters,
    register,
    requeue,
)
from simulator.policies.queues import drop, move_to_tail, push_tail
from simulator.policies.rounds import first_unlocked

_ACTIVE, _INACTIVE = range(2)


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    push_tail(m, _ACTIVE, entry, 0)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    drop(m, entry, 0)
    return 0


@compiled
def _deactivate(m: MachineRecord) -> None:
    """Fill the inactive queue up to its share: the oldest active pages, their accessed bits cleared."""
    active, inactive = m.policy_queues[_ACTIVE], m.policy_queues[_INACTIVE]
    target = max(1, int(m.policy_reals[0] * (active.count + inactive.count)))
    while inactive.count < target and active.head >= 0:
        entry = active.head
        m.bits[entry] &= ~ACCESSED
        move_to_tail(m, _INACTIVE, entry, 0)


@compiled
def _oldest_inactive(m: MachineRecord) -> int:
    """The inactive page that waited longest and wasn't used meanwhile; those that were are active again."""
    rounds = 2 * (m.policy_queues[_ACTIVE].count + m.policy_queues[_INACTIVE].count)
    for _ in range(rounds):
        _deactivate(m)
        entry = m.policy_queues[_INACTIVE].head
        m.examined += 1
        if not m.bits[entry] & (ACCESSED | PINNED):
            return entry
        move_to_tail(m, _ACTIVE, entry, 0)
    return -1


@compiled
def _own(m: MachineRecord, process: int) -> int:
    """A process's oldest page that wasn't used since it was last looked at; those that were get a second chance."""
    entry = first_unlocked(m, process)
    while entry >= 0 and m.bits[entry] & ACCESSED:
        m.bits[entry] &= ~ACCESSED
        requeue(m, entry)
        entry = first_unlocked(m, process)
    return entry


@callback
def _replace(m: MachineRecord, process: int) -> int:
    return _oldest_inactive(m) if process < 0 else _own(m, process)


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    return _oldest_inactive(m) if wanted > 0 else -1


@register("policy", "second-chance")
@parameters(config=STRICT)
class SecondChance(Policy):
    """FIFO with second chance in two queues (Draves, "Page replacement and reference bit emulation in Mach", USENIX
    Mach Symposium, 1991). Pages come in active; when frames are wanted, the oldest active ones become inactive, their
    accessed bits cleared, until these are a share of all; the oldest inactive page goes, unless it was used while
    inactive: then it is active again.

    The second chance of textbooks, one queue whose head goes to the end if its bit is set, takes what a clock takes:
    here that is `clock`, and `local-clock` within one working set. A working set at its own limit, which Mach doesn't
    have, loses pages by just that. Knows no minima."""

    inactive: float = Field(
        default=2 / 3, gt=0, le=1, description="share of pages kept inactive (Mach 3.0, vm/vm_pageout.c)"
    )
    compiled: ClassVar = Compiled(replace=_replace, trim=_trim, entered=_entered, left=_left)

    def prepare(self, memory: PolicyMemory) -> None:
        """The share of inactive pages."""
        memory.reals[0] = self.inactive
