"""Windows' working-set manager: ages pages by their accessed bits, and trims by process and age."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    PINNED,
    STRICT,
    Compiled,
    Field,
    Policy,
    PolicyMemory,
    available,
    bits,
    callback,
    compiled,
    machine,
    np,
    parameters,
    policy_integers,
    policy_reals,
    process_notes,
    processes,
    ptes,
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
def _replace(machine: int, process: int) -> int:
    if process < 0:
        process = _largest(machine)
        if process < 0:
            return -1
    p = processes(machine)[process]
    entry = np.int64(p.hand if p.hand >= 0 else p.head)
    victim, best = np.int64(-1), -1
    for _ in range(min(np.int64(WINDOW), p.size)):
        b = bits(machine)[entry]
        score = -1 if b & PINNED else (0 if b & ACCESSED else 1 + ptes(machine)[entry].age)
        if score > best:
            victim, best = entry, score
        entry = np.int64(ptes(machine)[entry].next)
        if entry < 0:
            entry = np.int64(p.head)
    if victim >= 0:
        p.hand = ptes(machine)[victim].next
    return victim


@compiled
def _largest(a: int) -> int:
    largest, size = -1, np.int64(0)
    for p in range(machine(a).process_count):
        if processes(a)[p].size > size:
            largest, size = p, processes(a)[p].size
    return largest


@compiled
def _age(a: int, process: int, count: int) -> None:
    """Age `count` entries of a process from its hand on, and move the hand behind them."""
    p = processes(a)[process]
    notes = process_notes(a)[process]
    hand = notes.slot % p.size
    entry = np.int64(p.head)
    for _ in range(hand):
        entry = np.int64(ptes(a)[entry].next)
    for _ in range(count):
        e = ptes(a)[entry]
        e.age = 0 if bits(a)[entry] & ACCESSED else min(OLDEST, e.age + 1)
        bits(a)[entry] &= ~ACCESSED
        entry = np.int64(e.next if e.next >= 0 else p.head)
    notes.slot = (hand + count) % p.size
    machine(a).examined += count


@compiled
def _begin(a: int, wanted: int) -> None:
    """A pass begins: age, and sum up the ages of each working set."""
    own = policy_integers(a)
    for process in range(machine(a).process_count):
        p = processes(a)[process]
        if p.size == 0:
            continue
        _age(a, process, p.size if wanted > 0 else np.int64(np.ceil(p.size * policy_reals(a)[0])))
        total, entry = np.int64(0), np.int64(p.head)
        while entry >= 0:
            total += ptes(a)[entry].age
            entry = np.int64(ptes(a)[entry].next)
        process_notes(a)[process].time = total
    own[_PASS], own[_ROUND], own[_PROCESS] = machine(a).passes, 0, -1
    own[_HAD] = available(a)


@compiled
def _goes_before(a: int, one: int, other: int) -> bool:
    """Whether a process is trimmed before another: not in the foreground, larger or longer idle, less important."""
    p, q = processes(a)[one], processes(a)[other]
    if p.foreground != q.foreground:
        return p.foreground < q.foreground
    mine, yours = process_notes(a)[one].time, process_notes(a)[other].time
    if mine != yours:
        return mine > yours
    return p.memory_priority < q.memory_priority or (p.memory_priority == q.memory_priority and one < other)


@compiled
def _next_process(a: int) -> bool:
    """Turn to the process whose turn is next in this round; False: there is none."""
    own = policy_integers(a)
    turn = machine(a).passes * 4 + own[_ROUND]
    chosen = -1
    for process in range(machine(a).process_count):
        p = processes(a)[process]
        waits = p.size > 0 and process_notes(a)[process].mark != turn
        if waits and (chosen < 0 or _goes_before(a, process, chosen)):
            chosen = process
    if chosen < 0:
        return False
    p = processes(a)[chosen]
    process_notes(a)[chosen].mark = turn
    own[_PROCESS], own[_AGE], own[_NEXT] = chosen, OLDEST, p.head
    own[_SPARE] = p.size - (p.minimum if own[_ROUND] < 2 else 0)
    return True


@compiled
def _next_entry(a: int) -> int:
    """The oldest entry that the process may lose in this round, in order of entry among those of one age; -1: none."""
    own = policy_integers(a)
    youngest = 1 if own[_ROUND] == 0 else 0
    while own[_SPARE] > 0 and own[_AGE] >= youngest:
        while own[_NEXT] >= 0:
            entry = own[_NEXT]
            own[_NEXT] = ptes(a)[entry].next
            if ptes(a)[entry].age == own[_AGE] and not bits(a)[entry] & PINNED:
                own[_SPARE] -= 1
                return entry
        own[_AGE] -= 1
        own[_NEXT] = processes(a)[own[_PROCESS]].head
    return -1


@callback
def _trim(a: int, wanted: int) -> int:
    own = policy_integers(a)
    if own[_PASS] != machine(a).passes:
        _begin(a, wanted)
    if wanted == 0:
        return -1
    while own[_ROUND] < 2 or (own[_ROUND] == 2 and own[_HAD] == 0):
        if own[_PROCESS] >= 0 or _next_process(a):
            entry = _next_entry(a)
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
