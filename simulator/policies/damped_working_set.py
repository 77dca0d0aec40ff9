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
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    callback,
    compiled,
    entry_of,
    np,
    parameters,
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
def _entered(m: MachineRecord, entry: Pte) -> int:
    m.nodes[entry].time = NEVER  # until its first use is found
    return 0


@compiled
def _note_use(m: MachineRecord, entry: Pte, now: int) -> None:
    m.bits[entry] &= ~ACCESSED
    m.nodes[entry].time = now
    requeue(m, entry)


@compiled
def _look(m: MachineRecord, process: int, now: int) -> None:
    """Note which pages of a process were used, if the last look is long enough ago; most chunks of bits have none."""
    p, b = m.processes[process], m.bits
    notes = m.process_notes[process]
    turn = (now // m.policy_integers[_RESOLUTION]) & 0x7FFFFFFF
    if notes.mark == turn:
        return
    notes.mark = turn
    if p.tables_at:
        for place in range(p.ptes):
            entry = entry_of(m, process, place)
            if b[entry] & ACCESSED and not m.ptes[entry].fixed:
                _note_use(m, entry, now)
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
                    _note_use(m, entry, now)


@compiled
def _oldest(m: MachineRecord, process: int, now: int, kept: int) -> int:
    """The entry whose last use was found longest ago, and that isn't locked, -1: none; those that were used since go to
    the end, and so does `kept`."""
    entry = first_unlocked(m, process)
    while entry >= 0 and (m.bits[entry] & ACCESSED or (entry == kept and m.nodes[entry].time != now)):
        _note_use(m, entry, now)
        entry = first_unlocked(m, process)
    return entry


@callback
def _withdraw(m: MachineRecord, process: int) -> int:
    own, now = m.policy_integers, virtual_time(m, process)
    if own[_ASKED] == 2:
        own[_ASKED] = 0
        return -1
    if own[_ASKED] == 0:
        own[_ASKED] = 1
        _look(m, process, now)
    entry = _oldest(m, process, now, faulting(m))
    if entry >= 0:
        age = now - m.nodes[entry].time
        if age > own[_DAMPED]:
            own[_ASKED] = 1 if age > own[_WINDOW] else 2
            return entry
    own[_ASKED] = 0
    return -1


@callback
def _replace(m: MachineRecord, process: int) -> int:
    if process >= 0:
        return _oldest(m, process, virtual_time(m, process), -1)
    victim, longest = -1, 0
    for p in range(m.process_count):
        now = virtual_time(m, p)
        entry = _oldest(m, p, now, -1)
        if entry >= 0 and (victim < 0 or now - m.nodes[entry].time > longest):
            victim, longest = entry, now - m.nodes[entry].time
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
