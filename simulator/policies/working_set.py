"""Denning's working set: the pages that a process used within its last T references, no more and no less."""

from __future__ import annotations

from typing import ClassVar, Literal

from simulator.policies.base import (
    PINNED,
    STRICT,
    Compiled,
    Count,
    Field,
    Policy,
    PolicyMemory,
    bits,
    callback,
    compiled,
    machine,
    nodes,
    np,
    parameters,
    processes,
    ptes,
    register,
    requeue,
    trim_by_replacing,
)
from simulator.policies.window import current, own_time, set_current, window


@callback
def _used(machine: int, entry: int) -> int:
    set_current(machine, entry)
    nodes(machine)[entry].time = own_time(machine, ptes(machine)[entry].process)
    requeue(machine, entry)
    return 0


@compiled
def _oldest(a: int, process: int) -> int:
    """The entry that a process used longest ago and that isn't locked; -1: there is none."""
    entry = np.int64(processes(a)[process].head)
    while entry >= 0 and bits(a)[entry] & PINNED:
        entry = np.int64(ptes(a)[entry].next)
    return entry


@callback
def _withdraw(machine: int, process: int) -> int:
    now, used = own_time(machine, process), current(machine, process)
    if used >= 0:
        nodes(machine)[used].time = now - 1
    entry = _oldest(machine, process)
    if entry >= 0 and now - nodes(machine)[entry].time > window(machine):
        return entry
    return -1


@callback
def _replace(a: int, process: int) -> int:
    if process >= 0:
        return _oldest(a, process)
    victim, longest = np.int64(-1), np.int64(-1)
    for p in range(machine(a).process_count):
        entry = _oldest(a, p)
        if entry >= 0 and own_time(a, p) - nodes(a)[entry].time > longest:
            victim, longest = entry, own_time(a, p) - nodes(a)[entry].time
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
