"""LRU-2: takes the page whose use before the last lies furthest back."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Count,
    Field,
    Policy,
    PolicyMemory,
    callback,
    compiled,
    machine,
    may_leave,
    nodes,
    np,
    parameters,
    policy_integers,
    processes,
    ptes,
    register,
    trim_by_replacing,
)
from simulator.policies.heap import change, enter, last, leave

_NOW, _CORRELATED, _RETAINED = range(3)
"""Places of the policy's integers: uses made so far, and the two periods of the paper."""
_ONCE = 1 << 60
"""A node's `time`, by which the heaps are ordered, is -HIST(2), or, as long as there is no use before the last,
_ONCE - LAST. HIST(1) is kept in its `next`, LAST in its `previous`, 31 bits in each half; 0: never."""
_HALF = (1 << 31) - 1


@compiled
def _hist(a: int, entry: int) -> int:
    """HIST(1): when the newest uncorrelated use was made."""
    n = nodes(a)[entry]
    return (np.int64(n.next[1]) << 31) + n.next[0] if n.next[1] >= 0 else np.int64(0)


@compiled
def _latest(a: int, entry: int) -> int:
    """LAST: when the newest use was made, correlated with the one before or not."""
    n = nodes(a)[entry]
    return (np.int64(n.previous[1]) << 31) + n.previous[0] if n.previous[1] >= 0 else np.int64(0)


@compiled
def _set_hist(a: int, entry: int, time: int) -> None:
    nodes(a)[entry].next[0], nodes(a)[entry].next[1] = time & _HALF, time >> 31


@compiled
def _set_latest(a: int, entry: int, time: int) -> None:
    nodes(a)[entry].previous[0], nodes(a)[entry].previous[1] = time & _HALF, time >> 31


@callback
def _entered(machine: int, entry: int) -> int:
    own = policy_integers(machine)
    own[_NOW] += 1
    known = _latest(machine, entry) > 0
    if known and own[_RETAINED] > 0:
        known = own[_NOW] - _latest(machine, entry) <= own[_RETAINED]
    enter(machine, entry, -_hist(machine, entry) if known else _ONCE - own[_NOW])
    _set_hist(machine, entry, own[_NOW])
    _set_latest(machine, entry, own[_NOW])
    return 0


@callback
def _hit(machine: int, entry: int) -> int:
    own = policy_integers(machine)
    own[_NOW] += 1
    before = _latest(machine, entry)
    if own[_NOW] - before > own[_CORRELATED]:
        change(machine, entry, -before)  # HIST(1), put off by how long the correlated uses took, is LAST
        _set_hist(machine, entry, own[_NOW])
    elif nodes(machine)[entry].time > 0:
        change(machine, entry, _ONCE - own[_NOW])
    _set_latest(machine, entry, own[_NOW])
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    leave(machine, entry)
    return 0


@compiled
def _may_go(a: int, entry: int) -> bool:
    """Whether an entry isn't locked, and its last use is far enough back that the next one won't belong to it."""
    own = policy_integers(a)
    return may_leave(a, entry) and own[_NOW] + 1 - _latest(a, entry) > own[_CORRELATED]


@compiled
def _choice(a: int, process: int) -> int:
    """The entry of a process with the oldest use before the last; -1: there is none that may go."""
    victim = last(a, process)
    if victim < 0 or _may_go(a, victim):
        return victim
    victim, entry = np.int64(-1), np.int64(processes(a)[process].head)
    while entry >= 0:
        if _may_go(a, entry) and (victim < 0 or nodes(a)[entry].time > nodes(a)[victim].time):
            victim = entry
        entry = np.int64(ptes(a)[entry].next)
    return victim


@callback
def _replace(a: int, process: int) -> int:
    victim = np.int64(-1)
    for rushed in range(2):  # all pages are in use: then one of these
        for p in range(machine(a).process_count):
            if process >= 0 and p != process:
                continue
            entry = last(a, p) if rushed else _choice(a, p)
            if entry >= 0 and (victim < 0 or nodes(a)[entry].time > nodes(a)[victim].time):
                victim = entry
        if victim >= 0:
            break
    return victim


@register("policy", "lru-k")
@parameters(config=STRICT)
class LruK(Policy):
    """LRU-K with K = 2 (O'Neil, O'Neil, Weikum, "The LRU-K page replacement algorithm for database disk buffering",
    SIGMOD 1993). Uses that follow one another within the correlated reference period count as one, and a page that was
    used so recently stays; pages with a single use go first, the least recently used of them before the others.
    Published for buffers: sees every use; takes logarithmic time for each."""

    correlated: Count = Field(
        default=0, ge=0, description="correlated reference period, in uses of any page; chosen: a run is one use anyway"
    )
    retained: Count = Field(
        default=0, ge=0, description="retained information period, in uses of any page; 0: nothing is forgotten; chosen"
    )
    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_entered, left=_left, hit=_hit)

    def prepare(self, memory: PolicyMemory) -> None:
        """The two periods."""
        memory.integers[_CORRELATED], memory.integers[_RETAINED] = self.correlated, self.retained
