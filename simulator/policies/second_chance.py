"""First in, first out with a second chance, in two queues, as Mach had it."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    PINNED,
    STRICT,
    Compiled,
    Field,
    Policy,
    PolicyMemory,
    bits,
    callback,
    compiled,
    machine,
    np,
    parameters,
    policy_queues,
    policy_reals,
    register,
    requeue,
)
from simulator.policies.queues import drop, move_to_tail, push_tail
from simulator.policies.rounds import first_unlocked

_ACTIVE, _INACTIVE = range(2)


@callback
def _entered(machine: int, entry: int) -> int:
    push_tail(machine, _ACTIVE, entry, 0)
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    drop(machine, entry, 0)
    return 0


@compiled
def _deactivate(a: int) -> None:
    """Fill the inactive queue up to its share: the oldest active pages, their accessed bits cleared."""
    active, inactive = policy_queues(a)[_ACTIVE], policy_queues(a)[_INACTIVE]
    target = max(1, np.int64(policy_reals(a)[0] * (active.count + inactive.count)))
    while inactive.count < target and active.head >= 0:
        entry = np.int64(active.head)
        bits(a)[entry] &= ~ACCESSED
        move_to_tail(a, _INACTIVE, entry, 0)


@compiled
def _oldest_inactive(a: int) -> int:
    """The inactive page that waited longest and wasn't used meanwhile; those that were are active again."""
    rounds = 2 * (policy_queues(a)[_ACTIVE].count + policy_queues(a)[_INACTIVE].count)
    for _ in range(rounds):
        _deactivate(a)
        entry = np.int64(policy_queues(a)[_INACTIVE].head)
        machine(a).examined += 1
        if not bits(a)[entry] & (ACCESSED | PINNED):
            return entry
        move_to_tail(a, _ACTIVE, entry, 0)
    return -1


@compiled
def _own(a: int, process: int) -> int:
    """A process's oldest page that wasn't used since it was last looked at; those that were get a second chance."""
    entry = first_unlocked(a, process)
    while entry >= 0 and bits(a)[entry] & ACCESSED:
        bits(a)[entry] &= ~ACCESSED
        requeue(a, entry)
        entry = first_unlocked(a, process)
    return entry


@callback
def _replace(machine: int, process: int) -> int:
    return _oldest_inactive(machine) if process < 0 else _own(machine, process)


@callback
def _trim(machine: int, wanted: int) -> int:
    return _oldest_inactive(machine) if wanted > 0 else -1


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
