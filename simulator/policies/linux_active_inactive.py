"""Linux before 6.1: an inactive list that is reclaimed, an active one that is spared, and refaults that tell when the
inactive one is too short."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    STRICT,
    Compiled,
    Count,
    Field,
    Policy,
    PolicyMemory,
    Ratio,
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
from simulator.policies.choices import first, may_go
from simulator.policies.queues import drop, move_to_tail

_INACTIVE, _ACTIVE = range(2)
"""The two lists; the head of each, where reclaim looks, is what the kernel calls its tail."""
_AGE, _BATCH = range(2)
"""Places of the policy's integers: nonresident_age, the count of evictions and activations, and SWAP_CLUSTER_MAX. The
first of its reals is the inactive ratio. A node's `mark` is PG_referenced, `time` the shadow entry: the age when its
page was evicted, `count` whether there is one."""


@compiled
def _activate(a: int, entry: int) -> None:
    policy_integers(a)[_AGE] += 1
    nodes(a)[entry].mark = 0
    move_to_tail(a, _ACTIVE, entry, 0)


@callback
def _entered(machine: int, entry: int) -> int:
    n = nodes(machine)[entry]
    refault_distance = policy_integers(machine)[_AGE] - n.time
    if n.count and refault_distance <= policy_queues(machine)[_ACTIVE].count:
        _activate(machine, entry)
    else:
        n.mark = 0
        move_to_tail(machine, _INACTIVE, entry, 0)
    n.count = 0
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    n, own = nodes(machine)[entry], policy_integers(machine)
    drop(machine, entry, 0)
    n.time, n.count = own[_AGE], 1
    own[_AGE] += 1
    return 0


@compiled
def _deactivate(a: int) -> None:
    """Move the oldest active pages, a batch of them, to the inactive list, used or not, with their bits cleared."""
    for _ in range(min(policy_integers(a)[_BATCH], policy_queues(a)[_ACTIVE].count)):
        entry = np.int64(policy_queues(a)[_ACTIVE].head)
        machine(a).examined += 1
        bits(a)[entry] &= ~ACCESSED
        move_to_tail(a, _INACTIVE, entry, 0)


@compiled
def _reclaim(a: int, process: int) -> int:
    """Look at inactive pages, the oldest first: one used for the first time since it is on the list stays there for
    another round, one used twice is activated, one not used goes; -1: no page may go."""
    queues = policy_queues(a)
    for _ in range(3 * (queues[_INACTIVE].count + queues[_ACTIVE].count)):
        if queues[_INACTIVE].count * policy_reals(a)[0] < queues[_ACTIVE].count:
            _deactivate(a)
        entry = np.int64(queues[_INACTIVE].head)
        machine(a).examined += 1
        if not may_go(a, entry, process):
            move_to_tail(a, _INACTIVE, entry, 0)
        elif not bits(a)[entry] & ACCESSED:
            return entry
        else:
            bits(a)[entry] &= ~ACCESSED
            if nodes(a)[entry].mark:
                _activate(a, entry)
            else:
                nodes(a)[entry].mark = 1
                move_to_tail(a, _INACTIVE, entry, 0)
    victim = first(a, _INACTIVE, process, 0)
    return victim if victim >= 0 else first(a, _ACTIVE, process, 0)


@callback
def _replace(machine: int, process: int) -> int:
    return _reclaim(machine, process)


@callback
def _trim(machine: int, wanted: int) -> int:
    return _reclaim(machine, -1) if wanted > 0 else -1


@register("policy", "linux-active-inactive")
@parameters(config=STRICT)
class LinuxActiveInactive(Policy):
    """Linux's two lists with refault distance (mm/vmscan.c: shrink_active_list, folio_check_references,
    inactive_is_low; mm/workingset.c; as of Linux 5.9 and later, where anonymous pages start on the inactive list, too).
    Sees accessed bits. A page that comes back is activated at once if it would have stayed had the active pages' frames
    been the inactive list's: its refault distance is no larger than the active list.

    Left out: one pair of lists, where the kernel has one for pages of files and one for anonymous ones, and balances
    them; executable pages, which it spares a round; one page is looked at and reclaimed at a time, not a batch. Trims
    as it replaces, among all processes, and knows no minima.
    """

    inactive_ratio: Ratio | None = Field(
        default=None,
        gt=0,
        description="active pages for each inactive one; by default 1 below 1 GiB, else the square root of 10 for each "
        "GiB, cut to a whole number (inactive_is_low)",
    )
    batch: Count = Field(default=32, ge=1, description="active pages moved at a time (SWAP_CLUSTER_MAX)")
    compiled: ClassVar = Compiled(replace=_replace, trim=_trim, entered=_entered, left=_left)

    def prepare(self, memory: PolicyMemory) -> None:
        """The batch and the ratio."""
        gigabytes = memory.frames >> 18
        memory.integers[_BATCH] = self.batch
        memory.reals[0] = self.inactive_ratio or (int((10 * gigabytes) ** 0.5) if gigabytes else 1)
