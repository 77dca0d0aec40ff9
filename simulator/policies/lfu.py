"""Least frequently used: takes the page with the fewest uses, of several the one whose last use lies furthest back."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    callback,
    compiled,
    np,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.heap import change, enter, last, leave

_NOW, _REMEMBERS = range(2)
"""Places of the policy's integers: uses made so far, and whether counts outlast a stay in memory."""
_SHIFT = 33
_MOST = 1 << 29
"""A node's `time`, by which the heaps are ordered, is -(uses of its page << _SHIFT | number of its last use); uses are
counted up to _MOST."""


@compiled
def _rank(m: MachineRecord, uses: int) -> int:
    """The place in the order of a page that is used now, for the so-manieth time."""
    m.policy_integers[_NOW] += 1
    return -((np.int64(min(uses, _MOST)) << _SHIFT) + m.policy_integers[_NOW])


@compiled
def _uses(m: MachineRecord, entry: Pte) -> int:
    return -m.nodes[entry].time >> _SHIFT


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    before = _uses(m, entry) if m.policy_integers[_REMEMBERS] else 0
    enter(m, entry, _rank(m, before + 1))
    return 0


@callback
def _hit(m: MachineRecord, entry: Pte) -> int:
    change(m, entry, _rank(m, _uses(m, entry) + 1))
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    leave(m, entry)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    if process >= 0:
        return last(m, process)
    victim = -1
    for p in range(m.process_count):
        entry = last(m, p)
        if entry >= 0 and (victim < 0 or m.nodes[entry].time > m.nodes[victim].time):
            victim = entry
    return victim


@register("policy", "lfu")
@parameters(config=STRICT)
class Lfu(Policy):
    """Least frequently used (Coffman and Denning, "Operating Systems Theory", 1973, section 6.2), among all processes.
    Published as a bound on what counting can do: sees every use; takes logarithmic time for each."""

    remember: bool = Field(default=False, description="uses of earlier stays in memory count, too; chosen")
    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_entered, left=_left, hit=_hit)

    def prepare(self, memory: PolicyMemory) -> None:
        """Whether counts outlast a stay in memory."""
        memory.integers[_REMEMBERS] = self.remember
