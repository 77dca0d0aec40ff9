"""LRU-2: takes the page whose use before the last lies furthest back."""

from __future__ import annotations

from typing import ClassVar

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
    compiled,
    may_leave,
    np,
    parameters,
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
def _hist(m: MachineRecord, entry: Pte) -> int:
    """HIST(1): when the newest uncorrelated use was made."""
    n = m.nodes[entry]
    return (np.int64(n.next[1]) << 31) + n.next[0] if n.next[1] >= 0 else 0


@compiled
def _latest(m: MachineRecord, entry: Pte) -> int:
    """LAST: when the newest use was made, correlated with the one before or not."""
    n = m.nodes[entry]
    return (np.int64(n.previous[1]) << 31) + n.previous[0] if n.previous[1] >= 0 else 0


@compiled
def _set_hist(m: MachineRecord, entry: Pte, time: int) -> None:
    m.nodes[entry].next[0], m.nodes[entry].next[1] = time & _HALF, time >> 31


@compiled
def _set_latest(m: MachineRecord, entry: Pte, time: int) -> None:
    m.nodes[entry].previous[0], m.nodes[entry].previous[1] = time & _HALF, time >> 31


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    own = m.policy_integers
    own[_NOW] += 1
    known = _latest(m, entry) > 0
    if known and own[_RETAINED] > 0:
        known = own[_NOW] - _latest(m, entry) <= own[_RETAINED]
    enter(m, entry, -_hist(m, entry) if known else _ONCE - own[_NOW])
    _set_hist(m, entry, own[_NOW])
    _set_latest(m, entry, own[_NOW])
    return 0


@callback
def _hit(m: MachineRecord, entry: Pte) -> int:
    own = m.policy_integers
    own[_NOW] += 1
    before = _latest(m, entry)
    if own[_NOW] - before > own[_CORRELATED]:
        change(m, entry, -before)  # HIST(1), put off by how long the correlated uses took, is LAST
        _set_hist(m, entry, own[_NOW])
    elif m.nodes[entry].time > 0:
        change(m, entry, _ONCE - own[_NOW])
    _set_latest(m, entry, own[_NOW])
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    leave(m, entry)
    return 0


@compiled
def _may_go(m: MachineRecord, entry: Pte) -> bool:
    """Whether an entry isn't locked, and its last use is far enough back that the next one won't belong to it."""
    own = m.policy_integers
    return may_leave(m, entry) and own[_NOW] + 1 - _latest(m, entry) > own[_CORRELATED]


@compiled
def _choice(m: MachineRecord, process: int) -> int:
    """The entry of a process with the oldest use before the last; -1: there is none that may go."""
    victim = last(m, process)
    if victim < 0 or _may_go(m, victim):
        return victim
    victim, entry = -1, m.processes[process].head
    while entry >= 0:
        if _may_go(m, entry) and (victim < 0 or m.nodes[entry].time > m.nodes[victim].time):
            victim = entry
        entry = m.ptes[entry].next
    return victim


@callback
def _replace(m: MachineRecord, process: int) -> int:
    victim = -1
    for rushed in range(2):  # all pages are in use: then one of these
        for p in range(m.process_count):
            if process >= 0 and p != process:
                continue
            entry = last(m, p) if rushed else _choice(m, p)
            if entry >= 0 and (victim < 0 or m.nodes[entry].time > m.nodes[victim].time):
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
