"""Most recently used: right for cyclic scans that don't fit, wrong for nearly all else."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
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
from simulator.policies.choices import may_go
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
    entry = m.policy_queues[0].tail
    while entry >= 0 and not may_go(m, entry, process):
        entry = m.nodes[entry].previous[0]
    return entry


@register("policy", "mru")
@parameters(config=STRICT)
class Mru(Policy):
    """Most recently used (Chou and DeWitt, "An evaluation of buffer management strategies for relational database
    systems", VLDB 1985, for looping scans): takes the page whose last use is the most recent, among all processes.
    Published for buffers: sees every use."""

    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_used, left=_left, hit=_used)
