"""Least frequently used: takes the page with the fewest uses, of several the one whose last use lies furthest back."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Field,
    Policy,
    PolicyMemory,
    callback,
    compiled,
    machine,
    nodes,
    np,
    parameters,
    policy_integers,
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
def _rank(a: int, uses: int) -> int:
    """The place in the order of a page that is used now, for the so-manieth time."""
    policy_integers(a)[_NOW] += 1
    return -((np.int64(min(uses, _MOST)) << _SHIFT) + policy_integers(a)[_NOW])


@compiled
def _uses(a: int, entry: int) -> int:
    return -nodes(a)[entry].time >> _SHIFT


@callback
def _entered(machine: int, entry: int) -> int:
    before = _uses(machine, entry) if policy_integers(machine)[_REMEMBERS] else np.int64(0)
    enter(machine, entry, _rank(machine, before + 1))
    return 0


@callback
def _hit(machine: int, entry: int) -> int:
    change(machine, entry, _rank(machine, _uses(machine, entry) + 1))
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    leave(machine, entry)
    return 0


@callback
def _replace(a: int, process: int) -> int:
    if process >= 0:
        return last(a, process)
    victim = np.int64(-1)
    for p in range(machine(a).process_count):
        entry = last(a, p)
        if entry >= 0 and (victim < 0 or nodes(a)[entry].time > nodes(a)[victim].time):
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
