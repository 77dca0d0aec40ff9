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
    Policy,
    PolicyMemory,
    bits,
    callback,
    compiled,
    machine,
    nodes,
    np,
    parameters,
    policy_integers,
    process_notes,
    processes,
    register,
)
from simulator.policies.rings import join, leave, ring_head
from simulator.policies.rounds import above_minimum


@callback
def _entered(machine: int, entry: int) -> int:
    join(machine, entry, 0)
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    leave(machine, entry)
    return 0


@compiled
def _class(a: int, entry: int) -> int:
    """0: neither used nor stored to, 1: stored to, 2: used, 3: both."""
    b = bits(a)[entry]
    return (2 if b & ACCESSED else 0) + (1 if b & DIRTY else 0)


@compiled
def _move(a: int, entry: int, ring: int) -> None:
    leave(a, entry)
    join(a, entry, ring)


@compiled
def _tick(a: int, process: int) -> None:
    """If the clock has ticked since a process was last looked at, clear its accessed bits."""
    p = processes(a)[process]
    tick = machine(a).now // policy_integers(a)[0]
    if p.size == 0 or process_notes(a)[process].time == tick:
        return
    process_notes(a)[process].time = tick
    for ring in range(4):
        entry = ring_head(a, process, ring)
        last = np.int64(nodes(a)[entry].previous[0]) if entry >= 0 else np.int64(-1)
        while entry >= 0:
            following = np.int64(nodes(a)[entry].next[0]) if entry != last else np.int64(-1)
            bits(a)[entry] &= ~ACCESSED
            machine(a).examined += 1
            if _class(a, entry) != ring:
                _move(a, entry, _class(a, entry))
            entry = following


@compiled
def _lowest(a: int, process: int) -> int:
    """An entry of the lowest class that a process has, of those that aren't locked; -1: there is none. An entry stands
    on the ring of the class it was last found in; it can't be of a lower one."""
    _tick(a, process)
    for ring in range(4):
        entry = ring_head(a, process, ring)
        last = np.int64(nodes(a)[entry].previous[0]) if entry >= 0 else np.int64(-1)
        while entry >= 0:
            following = np.int64(nodes(a)[entry].next[0]) if entry != last else np.int64(-1)
            machine(a).examined += 1
            if _class(a, entry) != ring:
                _move(a, entry, _class(a, entry))
            elif not bits(a)[entry] & PINNED:
                return entry
            entry = following
    return -1


@compiled
def _lowest_of_all(a: int, spares: bool) -> int:
    """An entry of the lowest class that any process has; with `spares` of those above their minimum."""
    victim, loser = np.int64(-1), np.int64(-1)
    for process in range(machine(a).process_count):
        if processes(a)[process].size == 0 or (spares and above_minimum(a, process) <= 0):
            continue
        entry = _lowest(a, process)
        if entry < 0:
            continue
        lower = victim < 0 or _class(a, entry) < _class(a, victim)
        same = victim >= 0 and _class(a, entry) == _class(a, victim)
        if lower or (same and above_minimum(a, process) > above_minimum(a, loser)):
            victim, loser = entry, np.int64(process)
    return victim


@callback
def _replace(machine: int, process: int) -> int:
    return _lowest(machine, process) if process >= 0 else _lowest_of_all(machine, False)


@callback
def _trim(a: int, wanted: int) -> int:
    if wanted == 0:
        for process in range(machine(a).process_count):
            _tick(a, process)
        return -1
    entry = _lowest_of_all(a, True)
    return entry if entry >= 0 else _lowest_of_all(a, False)


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
