"""VMIN: drops a page at once if it won't be used within the window; the least memory for the working set's faults."""

from __future__ import annotations

from typing import ClassVar, Literal

from simulator.policies.base import (
    STRICT,
    Compiled,
    Count,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    callback,
    may_leave,
    next_use,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.heap import change, enter, furthest, leave
from simulator.policies.window import current, own_time, set_current, window


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    set_current(m, entry)
    enter(m, entry, next_use(m)[0 if m.policy_integers[1] else 1])
    return 0


@callback
def _hit(m: MachineRecord, entry: Pte) -> int:
    set_current(m, entry)
    change(m, entry, next_use(m)[0 if m.policy_integers[1] else 1])
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    leave(m, entry)
    return 0


@callback
def _withdraw(m: MachineRecord, process: int) -> int:
    entry = current(m, process)
    in_run = m.threads[m.actor].offset > 0
    if in_run or entry < 0 or not may_leave(m, entry):
        return -1
    ahead = m.nodes[entry].time - (own_time(m, process) - 1)
    return entry if ahead > window(m) else -1


@callback
def _replace(m: MachineRecord, process: int) -> int:
    return furthest(m, process)


@register("policy", "vmin")
@parameters(config=STRICT)
class Vmin(Policy):
    """VMIN (Prieve and Fabry, "VMIN: an optimal variable-space page replacement algorithm", CACM 19(5), 1976): after
    each use a page stays only if it is used again within `window`. Faults as the working set with that window does, and
    holds the least memory that this takes."""

    window: Count = Field(default=100_000, ge=1, description="in the process's own references or uses; chosen")
    unit: Literal["reference", "use"] = Field(
        default="reference", description="use: a run of references to one page counts once"
    )
    requires: ClassVar[frozenset[str]] = frozenset({"future"})
    compiled: ClassVar = Compiled(
        replace=_replace, trim=trim_by_replacing, withdraw=_withdraw, entered=_entered, left=_left, hit=_hit
    )

    def prepare(self, memory: PolicyMemory) -> None:
        """The window and its unit."""
        memory.integers[:2] = self.window, self.unit == "use"
