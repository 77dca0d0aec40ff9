"""Windows' working-set manager: ages pages by their accessed bits, and trims by process and age."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    PINNED,
    STRICT,
    Compiled,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    available,
    callback,
    compiled,
    np,
    parameters,
    register,
)

WINDOW = 16
"""Entries that a local replacement looks at; chosen (WI6 says only that it doesn't look at all)."""
OLDEST = 7
"""Ages run from 0 to 7."""
_PASS, _ROUND, _PROCESS, _AGE, _NEXT, _SPARE, _HAD = range(7)
"""Places of the policy's integers: the pass; its round (0: what wasn't used since the last pass, 1: anything,
both down to the minima, 2: anything at all); the process being trimmed (-1: the next has to be found), the
age being taken from it, the entry to go on at, how many it may still lose, and the pages available at the start.

A process's notes keep its aging hand (`slot`), the sum of its pages' ages (`time`) and the last pass and round
in which its turn came (`mark`)."""


@callback
def _replace(m: MachineRecord, process: int) -> int:
    if process < 0:
        process = _largest(m)
        if process < 0:
            return -1
    p = m.processes[process]
    entry = p.hand if p.hand >= 0 else p.head
    victim, best = -1, -1
    for _ in range(min(WINDOW, p.size)):
        b = m.bits[entry]
        score = -1 if b & PINNED else (0 if b & ACCESSED else 1 + m.ptes[entry].age)
        if score > best:
            victim, best = entry, score
        entry = m.ptes[entry].next
        if entry < 0:
            entry = p.head
    if victim >= 0:
        p.hand = m.ptes[victim].next
    return victim


@compiled
def _largest(m: MachineRecord) -> int:
    largest, size = -1, 0
    for p in range(m.process_count):
        if m.processes[p].size > size:
            largest, size = p, m.processes[p].size
    return largest


@compiled
def _age(m: MachineRecord, process: int, count: int) -> None:
    """Age `count` entries of a process from its hand on, and move the hand behind them."""
    p = m.processes[process]
    notes = m.process_notes[process]
    hand = notes.slot % p.size
    entry = p.head
    for _ in range(hand):
        entry = m.ptes[entry].next
    for _ in range(count):
        e = m.ptes[entry]
        e.age = 0 if m.bits[entry] & ACCESSED else min(OLDEST, e.age + 1)
        m.bits[entry] &= ~ACCESSED
        entry = np.int64(e.next if e.next >= 0 else p.head)
    notes.slot = (hand + count) % p.size
    m.examined += count


@compiled
def _begin(m: MachineRecord, wanted: int) -> None:
    """A pass begins: age, and sum up the ages of each working set."""
    own = m.policy_integers
    for process in range(m.process_count):
        p = m.processes[process]
        if p.size == 0:
            continue
        _age(m, process, p.size if wanted > 0 else np.int64(np.ceil(p.size * m.policy_reals[0])))
        total, entry = 0, p.head
        while entry >= 0:
            total += m.ptes[entry].age
            entry = m.ptes[entry].next
        m.process_notes[process].time = total
    own[_PASS], own[_ROUND], own[_PROCESS] = m.passes, 0, -1
    own[_HAD] = available(m)


@compiled
def _goes_before(m: MachineRecord, one: int, other: int) -> bool:
    """Whether a process is trimmed before another: not in the foreground, larger or longer idle, less important."""
    p, q = m.processes[one], m.processes[other]
    if p.foreground != q.foreground:
        return p.foreground < q.foreground
    mine, yours = m.process_notes[one].time, m.process_notes[other].time
    if mine != yours:
        return mine > yours
    return p.memory_priority < q.memory_priority or (p.memory_priority == q.memory_priority and one < other)


@compiled
def _next_process(m: MachineRecord) -> bool:
    """Turn to the process whose turn is next in this round; False: there is none."""
    own = m.policy_integers
    turn = m.passes * 4 + own[_ROUND]
    chosen = -1
    for process in range(m.process_count):
        p = m.processes[process]
        waits = p.size > 0 and m.process_notes[process].mark != turn
        if waits and (chosen < 0 or _goes_before(m, process, chosen)):
            chosen = process
    if chosen < 0:
        return False
    p = m.processes[chosen]
    m.process_notes[chosen].mark = turn
    own[_PROCESS], own[_AGE], own[_NEXT] = chosen, OLDEST, p.head
    own[_SPARE] = p.size - (p.minimum if own[_ROUND] < 2 else 0)
    return True


@compiled
def _next_entry(m: MachineRecord) -> int:
    """The oldest entry that the process may lose in this round, in order of entry among those of one age; -1: none."""
    own = m.policy_integers
    youngest = 1 if own[_ROUND] == 0 else 0
    while own[_SPARE] > 0 and own[_AGE] >= youngest:
        while own[_NEXT] >= 0:
            entry = own[_NEXT]
            own[_NEXT] = m.ptes[entry].next
            if m.ptes[entry].age == own[_AGE] and not m.bits[entry] & PINNED:
                own[_SPARE] -= 1
                return entry
        own[_AGE] -= 1
        own[_NEXT] = m.processes[own[_PROCESS]].head
    return -1


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    own = m.policy_integers
    if own[_PASS] != m.passes:
        _begin(m, wanted)
    if wanted == 0:
        return -1
    while own[_ROUND] < 2 or (own[_ROUND] == 2 and own[_HAD] == 0):
        if own[_PROCESS] >= 0 or _next_process(m):
            entry = _next_entry(m)
            if entry >= 0:
                return entry
            own[_PROCESS] = -1
        else:
            own[_ROUND] += 1
    return -1


@register("policy", "windows")
@parameters(config=STRICT)
class Windows(Policy):
    """Aging, claim and process order of the Windows working-set manager (WI6).

    Each pass ages pages: accessed since the last look: age 0; not: one older, up to 7. With plenty of memory only a
    share of each working set is looked at, going on where the last pass stopped. When pages are wanted, processes are
    taken in this order: foreground ones last; then by the sum of their pages' ages, so that large and long-idle ones
    come first; then by memory priority. First pages that weren't used since the last pass, oldest first, down to each
    minimum; then any down to the minimum; below it only when no page is available at all.
    """

    age_share: float = Field(default=1 / 8, gt=0, le=1, description="share of a working set aged per pass; chosen")
    compiled: ClassVar = Compiled(replace=_replace, trim=_trim)

    def prepare(self, memory: PolicyMemory) -> None:
        """The share that is aged."""
        memory.reals[0] = self.age_share
