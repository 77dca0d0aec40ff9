"""WSClock: one clock over all frames, that passes over what its process's working set holds."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    DIRTY,
    NEVER,
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
    virtual_time,
)
from simulator.policies.queues import drop, move_to_tail, push_tail
from simulator.policies.rounds import first_unlocked

_CIRCLE, _CLEANING = range(2)
"""Queues: all pages, the hand being at the head; those that wait to be cleaned."""
_WINDOW, _QUIET = range(2)
"""Places of the policy's integers: tau; and how many references all processes must have made before any page of the
circle can be outside of its window, which saves the search."""


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    m.nodes[entry].time = NEVER  # its first use is found, and timed, when the hand comes by
    push_tail(m, _CIRCLE, entry, 0)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    drop(m, entry, 0)
    return 0


@compiled
def _unused_for(m: MachineRecord, entry: Pte) -> int:
    """References that a page's process made since its use was last found; negative: it wasn't looked at yet."""
    return virtual_time(m, m.ptes[entry].process) - m.nodes[entry].time


@compiled
def _note_use(m: MachineRecord, entry: Pte) -> None:
    m.bits[entry] &= ~ACCESSED
    m.nodes[entry].time = virtual_time(m, m.ptes[entry].process)


@compiled
def _worth_a_round(m: MachineRecord) -> bool:
    """Whether any page of the circle was last found used longer than tau ago."""
    own, made = m.policy_integers, 0
    for process in range(m.process_count):
        made += virtual_time(m, process)
    if made < own[_QUIET]:
        return False
    left = own[_WINDOW]
    entry = m.policy_queues[_CIRCLE].head
    while entry >= 0:
        left = min(left, own[_WINDOW] - _unused_for(m, entry))
        if left < 0:
            return True
        entry = m.nodes[entry].next[0]
    own[_QUIET] = made + left + 1
    return False


@compiled
def _round(m: MachineRecord, dirty_too: bool) -> int:
    """Turn the hand once round at most, up to a clean page outside of its window; dirty ones are taken out of the
    circle, to be cleaned. -1: there was none."""
    for _ in range(m.policy_queues[_CIRCLE].count):
        entry = m.policy_queues[_CIRCLE].head
        b = m.bits[entry]
        m.examined += 1
        if b & ACCESSED:
            _note_use(m, entry)
        elif not b & PINNED and _unused_for(m, entry) > m.policy_integers[_WINDOW]:
            if dirty_too or not b & DIRTY:
                return entry
            move_to_tail(m, _CLEANING, entry, 0)
            continue
        move_to_tail(m, _CIRCLE, entry, 0)
    return -1


@compiled
def _to_clean(m: MachineRecord) -> int:
    """The page that waits longest to be cleaned, -1: none; those used meanwhile go back into the circle."""
    while m.policy_queues[_CLEANING].head >= 0:
        entry = m.policy_queues[_CLEANING].head
        m.examined += 1
        if not m.bits[entry] & (ACCESSED | PINNED):
            return entry
        if m.bits[entry] & ACCESSED:
            _note_use(m, entry)
        move_to_tail(m, _CIRCLE, entry, 0)
    return -1


@compiled
def _second_chance(m: MachineRecord) -> int:
    """What the clock takes when all pages are inside their windows: the next one that isn't found used; -1: none."""
    for _ in range(2 * m.policy_queues[_CIRCLE].count):
        entry = m.policy_queues[_CIRCLE].head
        m.examined += 1
        if not m.bits[entry] & (ACCESSED | PINNED):
            return entry
        if m.bits[entry] & ACCESSED:
            _note_use(m, entry)
        move_to_tail(m, _CIRCLE, entry, 0)
    return -1


@callback
def _replace(m: MachineRecord, process: int) -> int:
    if process < 0:
        entry = _round(m, False) if _worth_a_round(m) else -1
        entry = entry if entry >= 0 else _to_clean(m)
        return entry if entry >= 0 else _second_chance(m)
    entry = first_unlocked(m, process)
    while entry >= 0 and m.bits[entry] & ACCESSED:
        _note_use(m, entry)
        requeue(m, entry)
        entry = first_unlocked(m, process)
    return entry


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    if wanted == 0:
        return -1
    entry = _to_clean(m)
    if entry < 0 and _worth_a_round(m):
        entry = _round(m, True)
    return entry if entry >= 0 else _second_chance(m)


@register("policy", "wsclock")
@parameters(config=STRICT)
class WsClock(Policy):
    """WSClock (Carr and Hennessy, "WSClock: a simple and effective algorithm for virtual memory management", SOSP
    1981). A hand goes round over the pages of all processes: one that was used since it last came by gets its process's
    own time as time of last use; one that its process hasn't used for `tau` references goes if it is clean, and is put
    in line to be cleaned if it is dirty. After a round without a clean one the first in that line goes, unless it was
    used meanwhile.

    What differs here: a policy can't write a page that stays, so being trimmed or replaced is what cleans it (in a pass
    of the balance set manager dirty pages go at once, to the modified list, from where a reference fetches them back);
    nobody is swapped out when all pages are in working sets, instead the hand takes the next page that it finds unused,
    as a clock does; a working set at its own limit loses pages by a clock of its own. Knows no minima."""

    tau: Count = Field(default=100_000, ge=1, description="window, in the process's own references; chosen")
    compiled: ClassVar = Compiled(replace=_replace, trim=_trim, entered=_entered, left=_left)

    def prepare(self, memory: PolicyMemory) -> None:
        """The window."""
        memory.integers[_WINDOW] = self.tau
