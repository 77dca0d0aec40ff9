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
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    Ratio,
    callback,
    compiled,
    parameters,
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
def _activate(m: MachineRecord, entry: Pte) -> None:
    m.policy_integers[_AGE] += 1
    m.nodes[entry].mark = 0
    move_to_tail(m, _ACTIVE, entry, 0)


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    n = m.nodes[entry]
    refault_distance = m.policy_integers[_AGE] - n.time
    if n.count and refault_distance <= m.policy_queues[_ACTIVE].count:
        _activate(m, entry)
    else:
        n.mark = 0
        move_to_tail(m, _INACTIVE, entry, 0)
    n.count = 0
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    n, own = m.nodes[entry], m.policy_integers
    drop(m, entry, 0)
    n.time, n.count = own[_AGE], 1
    own[_AGE] += 1
    return 0


@compiled
def _deactivate(m: MachineRecord) -> None:
    """Move the oldest active pages, a batch of them, to the inactive list, used or not, with their bits cleared."""
    for _ in range(min(m.policy_integers[_BATCH], m.policy_queues[_ACTIVE].count)):
        entry = m.policy_queues[_ACTIVE].head
        m.examined += 1
        m.bits[entry] &= ~ACCESSED
        move_to_tail(m, _INACTIVE, entry, 0)


@compiled
def _reclaim(m: MachineRecord, process: int) -> int:
    """Look at inactive pages, the oldest first: one used for the first time since it is on the list stays there for
    another round, one used twice is activated, one not used goes; -1: no page may go."""
    queues = m.policy_queues
    for _ in range(3 * (queues[_INACTIVE].count + queues[_ACTIVE].count)):
        if queues[_INACTIVE].count * m.policy_reals[0] < queues[_ACTIVE].count:
            _deactivate(m)
        entry = queues[_INACTIVE].head
        m.examined += 1
        if not may_go(m, entry, process):
            move_to_tail(m, _INACTIVE, entry, 0)
        elif not m.bits[entry] & ACCESSED:
            return entry
        else:
            m.bits[entry] &= ~ACCESSED
            if m.nodes[entry].mark:
                _activate(m, entry)
            else:
                m.nodes[entry].mark = 1
                move_to_tail(m, _INACTIVE, entry, 0)
    victim = first(m, _INACTIVE, process, 0)
    return victim if victim >= 0 else first(m, _ACTIVE, process, 0)


@callback
def _replace(m: MachineRecord, process: int) -> int:
    return _reclaim(m, process)


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    return _reclaim(m, -1) if wanted > 0 else -1


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
