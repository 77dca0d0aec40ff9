"""Denning's working set: the pages that a process used within its last T references, no more and no less."""

from __future__ import annotations

from typing import ClassVar, Literal

from simulator.policies.base import (
    PINNED,
    STRICT,
    Compiled,
    Count,
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
    trim_by_replacing,
)
from simulator.policies.window import current, own_time, set_current, window


@callback
def _used(m: MachineRecord, entry: Pte) -> int:
    set_current(m, entry)
    m.nodes[entry].time = own_time(m, m.ptes[entry].process)
    requeue(m, entry)
    return 0


@compiled
def _oldest(m: MachineRecord, process: int) -> int:
    """The entry that a process used longest ago and that isn't locked; -1: there is none."""
    entry = m.processes[process].head
    while entry >= 0 and m.bits[entry] & PINNED:
        entry = m.ptes[entry].next
    return entry


@callback
def _withdraw(m: MachineRecord, process: int) -> int:
    now, used = own_time(m, process), current(m, process)
    if used >= 0:
        m.nodes[used].time = now - 1
    entry = _oldest(m, process)
    if entry >= 0 and now - m.nodes[entry].time > window(m):
        return entry
    return -1


@callback
def _replace(m: MachineRecord, process: int) -> int:
    if process >= 0:
        return _oldest(m, process)
    victim, longest = -1, -1
    for p in range(m.process_count):
        entry = _oldest(m, p)
        if entry >= 0 and own_time(m, p) - m.nodes[entry].time > longest:
            victim, longest = entry, own_time(m, p) - m.nodes[entry].time
    return victim


@register("policy", "working-set")
@parameters(config=STRICT)
class WorkingSet(Policy):
    """The working set (Denning, "The working set model for program behavior", CACM 11(5), 1968), kept exactly: a page
    leaves when its process has made `window` references without using it, and no earlier unless a frame must be had;
    then the page goes that has been unused for longest in its process's own time. Sees every reference."""

    window: Count = Field(default=100_000, ge=1, description="T, in the process's own references or uses; chosen")
    unit: Literal["reference", "use"] = Field(
        default="reference", description="use: a run of references to one page counts once"
    )
    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(
        replace=_replace, trim=trim_by_replacing, withdraw=_withdraw, entered=_used, hit=_used
    )

    def prepare(self, memory: PolicyMemory) -> None:
        """The window and its unit."""
        memory.integers[:2] = self.window, self.unit == "use"
