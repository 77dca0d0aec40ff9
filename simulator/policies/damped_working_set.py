"""Damped working set: at a fault also the least recently used page leaves, if it is old enough."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    NEVER,
    STRICT,
    Compiled,
    Count,
    Field,
    Policy,
    PolicyMemory,
    bits,
    callback,
    compiled,
    entry_of,
    machine,
    nodes,
    np,
    parameters,
    policy_integers,
    process_notes,
    processes,
    ptes,
    register,
    requeue,
    trim_by_replacing,
    virtual_time,
)
from simulator.policies.rounds import first_unlocked
from simulator.policies.unused import faulting

_WINDOW, _DAMPED, _RESOLUTION, _ASKED = range(4)
"""Places of the policy's integers: the window; the age at which a fault takes the least recently used page; how often
bits are looked at; and whether this fault was asked about before (1), and has taken that page (2). The notes
on a process have in `mark` when it was last looked at, in units of the resolution; each node in `time` when a use was
last found. A working set's order of entry is kept as the order of those times."""
_CHUNK = 64


@callback
def _entered(machine: int, entry: int) -> int:
    nodes(machine)[entry].time = NEVER  # until its first use is found
    return 0


@compiled
def _note_use(a: int, entry: int, now: int) -> None:
    bits(a)[entry] &= ~ACCESSED
    nodes(a)[entry].time = now
    requeue(a, entry)


@compiled
def _look(a: int, process: int, now: int) -> None:
    """Note which pages of a process were used, if the last look is long enough ago; most chunks of bits have none."""
    p, b = processes(a)[process], bits(a)
    notes = process_notes(a)[process]
    turn = (now // policy_integers(a)[_RESOLUTION]) & 0x7FFFFFFF
    if notes.mark == turn:
        return
    notes.mark = turn
    if p.tables_at:
        for place in range(p.ptes):
            entry = entry_of(a, process, place)
            if b[entry] & ACCESSED and not ptes(a)[entry].fixed:
                _note_use(a, entry, now)
        return
    end = p.first_pte + p.ptes
    for chunk in range(p.first_pte, end, _CHUNK):
        found = np.uint8(0)
        stop = min(chunk + _CHUNK, end)
        mine = b[chunk:stop]
        for i in range(len(mine)):
            found |= mine[i]
        if found & ACCESSED:
            for entry in range(chunk, stop):
                if b[entry] & ACCESSED:
                    _note_use(a, entry, now)


@compiled
def _oldest(a: int, process: int, now: int, kept: int) -> int:
    """The entry whose last use was found longest ago, and that isn't locked, -1: none; those that were used since go to
    the end, and so does `kept`."""
    entry = first_unlocked(a, process)
    while entry >= 0 and (bits(a)[entry] & ACCESSED or (entry == kept and nodes(a)[entry].time != now)):
        _note_use(a, entry, now)
        entry = first_unlocked(a, process)
    return entry


@callback
def _withdraw(a: int, process: int) -> int:
    own, now = policy_integers(a), virtual_time(a, process)
    if own[_ASKED] == 2:
        own[_ASKED] = 0
        return -1
    if own[_ASKED] == 0:
        own[_ASKED] = 1
        _look(a, process, now)
    entry = _oldest(a, process, now, faulting(a))
    if entry >= 0:
        age = now - nodes(a)[entry].time
        if age > own[_DAMPED]:
            own[_ASKED] = 1 if age > own[_WINDOW] else 2
            return entry
    own[_ASKED] = 0
    return -1


@callback
def _replace(a: int, process: int) -> int:
    if process >= 0:
        return _oldest(a, process, virtual_time(a, process), -1)
    victim, longest = np.int64(-1), np.int64(0)
    for p in range(machine(a).process_count):
        now = virtual_time(a, p)
        entry = _oldest(a, p, now, -1)
        if entry >= 0 and (victim < 0 or now - nodes(a)[entry].time > longest):
            victim, longest = entry, now - nodes(a)[entry].time
    return victim


@register("policy", "damped-working-set")
@parameters(config=STRICT)
class DampedWorkingSet(Policy):
    """Damped working set (Smith, "A modified working set paging algorithm", IEEE Transactions on Computers 25(9),
    1976): Denning's working set, but at a fault the least recently used page leaves, too, if it wasn't used for
    `damping` times the window, so that the set doesn't swell when the program turns to other pages. All faults count,
    soft ones too.

    Sees accessed bits only, and only at faults: they are read once in `resolution` references, and for the pages that
    might leave at each fault; a use counts from when it was found. When a frame must be had all the same, the page goes
    that is known to be unused for longest in its process's own time."""

    window: Count = Field(default=100_000, ge=1, description="T, in the process's own references; chosen")
    damping: float = Field(default=0.5, gt=0, le=1, description="share of the window; chosen")
    resolution: Count = Field(default=1_000, ge=1, description="in the process's own references; chosen")
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, withdraw=_withdraw, entered=_entered)

    def prepare(self, memory: PolicyMemory) -> None:
        """The window, the age for damping, and the resolution."""
        memory.integers[:3] = self.window, int(self.damping * self.window), self.resolution
