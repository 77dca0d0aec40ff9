"""Not recently used: four classes by the accessed and the dirty bit."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    DIRTY,
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
)
from simulator.policies.rings import join, leave, ring_head
from simulator.policies.rounds import above_minimum


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    join(m, entry, 0)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    leave(m, entry)
    return 0


@compiled
def _class(m: MachineRecord, entry: Pte) -> int:
    """0: neither used nor stored to, 1: stored to, 2: used, 3: both."""
    b = m.bits[entry]
    return (2 if b & ACCESSED else 0) + (1 if b & DIRTY else 0)


@compiled
def _move(m: MachineRecord, entry: Pte, ring: int) -> None:
    leave(m, entry)
    join(m, entry, ring)


@compiled
def _tick(m: MachineRecord, process: int) -> None:
    """If the clock has ticked since a process was last looked at, clear its accessed bits."""
    p = m.processes[process]
    tick = m.now // m.policy_integers[0]
    if p.size == 0 or m.process_notes[process].time == tick:
        return
    m.process_notes[process].time = tick
    for ring in range(4):
        entry = ring_head(m, process, ring)
        last = m.nodes[entry].previous[0] if entry >= 0 else -1
        while entry >= 0:
            following = m.nodes[entry].next[0] if entry != last else -1
            m.bits[entry] &= ~ACCESSED
            m.examined += 1
            if _class(m, entry) != ring:
                _move(m, entry, _class(m, entry))
            entry = following


@compiled
def _lowest(m: MachineRecord, process: int) -> int:
    """An entry of the lowest class that a process has, of those that aren't locked; -1: there is none. An entry stands
    on the ring of the class it was last found in; it can't be of a lower one."""
    _tick(m, process)
    for ring in range(4):
        entry = ring_head(m, process, ring)
        last = m.nodes[entry].previous[0] if entry >= 0 else -1
        while entry >= 0:
            following = m.nodes[entry].next[0] if entry != last else -1
            m.examined += 1
            if _class(m, entry) != ring:
                _move(m, entry, _class(m, entry))
            elif not m.bits[entry] & PINNED:
                return entry
            entry = following
    return -1


@compiled
def _lowest_of_all(m: MachineRecord, spares: bool) -> int:
    """An entry of the lowest class that any process has; with `spares` of those above their minimum."""
    victim, loser = -1, -1
    for process in range(m.process_count):
        if m.processes[process].size == 0 or (spares and above_minimum(m, process) <= 0):
            continue
        entry = _lowest(m, process)
        if entry < 0:
            continue
        lower = victim < 0 or _class(m, entry) < _class(m, victim)
        same = victim >= 0 and _class(m, entry) == _class(m, victim)
        if lower or (same and above_minimum(m, process) > above_minimum(m, loser)):
            victim, loser = entry, process
    return victim


@callback
def _replace(m: MachineRecord, process: int) -> int:
    return _lowest(m, process) if process >= 0 else _lowest_of_all(m, False)


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    if wanted == 0:
        for process in range(m.process_count):
            _tick(m, process)
        return -1
    entry = _lowest_of_all(m, True)
    return entry if entry >= 0 else _lowest_of_all(m, False)


@register("policy", "nru")
@parameters(config=STRICT)
class NotRecentlyUsed(Policy):
    """Not recently used (Tanenbaum and Bos, Modern Operating Systems, 4th ed., 2015, section 3.4.2; classes by use and
    change bit are in Belady, IBM Systems Journal 5(2), 1966): a page of the lowest class goes: neither used since the
    last tick nor stored to, stored to, used, both. Tanenbaum takes one at random; here goes the one that was first
    found in its class. Of several processes with such pages the one with most pages above its minimum loses; a pass
    takes pages below the minima last. Ticks clear the accessed bits; the machine asks at faults and in passes only, so
    several ticks between two questions are one."""

    period: Count = Field(
        default=20_000_000, ge=1, description="ns between ticks of the clock (20 ms: Tanenbaum and Bos, 3.4.7)"
    )
    compiled: ClassVar = Compiled(replace=_replace, trim=_trim, entered=_entered, left=_left)

    def prepare(self, memory: PolicyMemory) -> None:
        """The clock's period."""
        memory.integers[0] = self.period
