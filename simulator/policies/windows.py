"""Windows' working-set manager: ages pages by their accessed bits, and trims by process and age."""

from simulator.policies.base import (
    F8,
    I4,
    I8,
    NONE,
    U1,
    Compiled,
    Field,
    Nothing,
    Policy,
    Pte,
    Record,
    compiled,
    np,
    policy,
)
from simulator.policies.structures.entries import accessed, available, clear_accessed, locked

WINDOW = 16
"""Entries that a local replacement looks at; chosen (WI6 says only that it doesn't look at all)."""
OLDEST = 7
"""Ages run from 0 to 7."""
UNUSED, ANY, BELOW_MINIMUM = range(3)
"""The rounds of a pass: what wasn't used since the last one, anything, both down to the minima; anything at all."""


class Own(Record):
    age_share: F8[float]
    passed: I8[int]  # the pass that has begun
    round: U1[int]
    had: I8[int]  # pages available when it began
    process: I4[int] = NONE  # that is being trimmed
    age: I8[int]  # that is being taken from it
    next: I4[Pte]  # where to go on
    spare: I8[int]  # how many it may still lose


class Process(Record):
    hand: I8[int]  # the place in the order of entry where aging goes on
    ages: I8[int]  # the sum of its pages' ages
    turn: I8[int]  # the last pass and round in which it was trimmed


class Hooks(Compiled[Own, Nothing, Process]):
    def replace(m, process: int) -> int:
        if process < 0:
            process = largest(m)
        if process < 0:
            return NONE
        p = m.processes[process]
        entry = p.hand if p.hand >= 0 else p.head
        victim, best = NONE, NONE
        for _ in range(min(WINDOW, p.size)):
            score = NONE if locked(m, entry) else (0 if accessed(m, entry) else 1 + m.ptes[entry].age)
            if score > best:
                victim, best = entry, score
            entry = m.ptes[entry].next
            entry = entry if entry >= 0 else p.head
        if victim >= 0:
            p.hand = m.ptes[victim].next
        return victim

    def trim(m, wanted: int) -> int:
        own = m.own
        if own.passed != m.passes:
            begin_pass(m, wanted)
        if wanted == 0:
            return NONE
        while own.round < BELOW_MINIMUM or (own.round == BELOW_MINIMUM and own.had == 0):
            if own.process >= 0 or next_process(m):
                entry = next_entry(m)
                if entry >= 0:
                    return entry
                own.process = NONE
            else:
                own.round += 1
        return NONE


@compiled
def largest(m: Hooks) -> int:
    """The process with the largest working set."""
    largest, size = NONE, 0
    for p in range(m.process_count):
        if m.processes[p].size > size:
            largest, size = p, m.processes[p].size
    return largest


@compiled
def age(m: Hooks, process: int, count: int) -> None:
    """Age `count` entries of a process from its hand on, and move the hand behind them."""
    p, state = m.processes[process], m.process_state[process]
    hand = state.hand % p.size
    entry = p.head
    for _ in range(hand):
        entry = m.ptes[entry].next
    for _ in range(count):
        e = m.ptes[entry]
        e.age = 0 if accessed(m, entry) else min(OLDEST, e.age + 1)
        clear_accessed(m, entry)
        entry = e.next if e.next >= 0 else p.head
    state.hand = (hand + count) % p.size
    m.examined += count


@compiled
def begin_pass(m: Hooks, wanted: int) -> None:
    """Age, and sum up the ages of each working set."""
    own = m.own
    for process in range(m.process_count):
        p = m.processes[process]
        if p.size == 0:
            continue
        age(m, process, p.size if wanted > 0 else np.int64(np.ceil(p.size * own.age_share)))
        total, entry = 0, p.head
        while entry >= 0:
            total += m.ptes[entry].age
            entry = m.ptes[entry].next
        m.process_state[process].ages = total
    own.passed, own.round, own.process = m.passes, UNUSED, NONE
    own.had = available(m)


@compiled
def goes_before(m: Hooks, one: int, other: int) -> bool:
    """Whether a process is trimmed before another: not in the foreground, larger or longer idle, less important."""
    p, q = m.processes[one], m.processes[other]
    if p.foreground != q.foreground:
        return p.foreground < q.foreground
    mine, yours = m.process_state[one].ages, m.process_state[other].ages
    if mine != yours:
        return mine > yours
    return p.memory_priority < q.memory_priority or (p.memory_priority == q.memory_priority and one < other)


@compiled
def next_process(m: Hooks) -> bool:
    """Turn to the process whose turn is next in this round; False: there is none."""
    own = m.own
    turn = m.passes * 4 + own.round
    chosen = NONE
    for process in range(m.process_count):
        waits = m.processes[process].size > 0 and m.process_state[process].turn != turn
        if waits and (chosen < 0 or goes_before(m, process, chosen)):
            chosen = process
    if chosen < 0:
        return False
    p = m.processes[chosen]
    m.process_state[chosen].turn = turn
    own.process, own.age, own.next = chosen, OLDEST, p.head
    own.spare = p.size - (p.minimum if own.round < BELOW_MINIMUM else 0)
    return True


@compiled
def next_entry(m: Hooks) -> int:
    """The oldest entry that the process may lose in this round, in order of entry among those of one age; -1: none."""
    own = m.own
    youngest = 1 if own.round == UNUSED else 0
    while own.spare > 0 and own.age >= youngest:
        while own.next >= 0:
            entry = own.next
            own.next = m.ptes[entry].next
            if m.ptes[entry].age == own.age and not locked(m, entry):
                own.spare -= 1
                return entry
        own.age -= 1
        own.next = m.processes[own.process].head
    return NONE


@policy("windows", Hooks)
class Windows(Policy):
    """Aging, claim and process order of the Windows working-set manager (WI6).

    Each pass ages pages: accessed since the last look: age 0; not: one older, up to 7. With plenty of memory only a
    share of each working set is looked at, going on where the last pass stopped. When pages are wanted, processes are
    taken in this order: foreground ones last; then by the sum of their pages' ages, so that large and long-idle ones
    come first; then by memory priority. First pages that weren't used since the last pass, oldest first, down to each
    minimum; then any down to the minimum; below it only when no page is available at all.
    """

    age_share: float = Field(default=1 / 8, gt=0, le=1, description="share of a working set aged per pass; chosen")
