"""Aging: for each page a shift register of its accessed bits, one for each tick of a clock."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
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
    ptes,
    register,
    requeue,
)
from simulator.policies.rounds import above_minimum, first_unlocked

_PERIOD, _BITS, _ENTRIES = range(3)
"""Places of the policy's integers: the clock's period, the register's length, how many entries there were so far. A
node has the number of its entry in `time`, its register in `count`, and in `slot` the tick, counted from 1, in which it
came in or was found used; a process's notes have in `mark` the tick at which it was last aged. Of ticks only the
last 31 bits are kept: they are only compared with each other."""


@callback
def _entered(a: int, entry: int) -> int:
    own, n = policy_integers(a), nodes(a)[entry]
    n.time = own[_ENTRIES]
    own[_ENTRIES] += 1
    n.count = 0
    n.slot = process_notes(a)[ptes(a)[entry].process].mark + 1
    return 0


@compiled
def _tick(a: int, process: int) -> None:
    """If the clock has ticked since a process was last looked at, shift its accessed bits into the registers, clear
    them, and put its entries in order of their registers; of equal ones the first that came in is the first."""
    p, own = processes(a)[process], policy_integers(a)
    tick = (machine(a).now // own[_PERIOD]) & 0x3FFFFFFF
    if p.size == 0 or process_notes(a)[process].mark == tick:
        return
    process_notes(a)[process].mark = tick
    entries, keys = np.empty(p.size, np.int64), np.empty(p.size, np.int64)
    entry = np.int64(p.head)
    for i in range(p.size):
        n = nodes(a)[entry]
        n.count >>= 1
        if bits(a)[entry] & ACCESSED:
            n.count |= 1 << (own[_BITS] - 1)
        bits(a)[entry] &= ~ACCESSED
        entries[i], keys[i] = entry, (n.count << 44) | n.time
        entry = np.int64(ptes(a)[entry].next)
    for i in np.argsort(keys):
        requeue(a, entries[i])
    machine(a).examined += len(entries)


@compiled
def _first(a: int, process: int) -> int:
    """The entry that a process loses first, -1: none: used since the last tick last, then by registers. Those found
    used go to the end, once in a tick."""
    _tick(a, process)
    turn = process_notes(a)[process].mark + 1
    entry = first_unlocked(a, process)
    while entry >= 0 and bits(a)[entry] & ACCESSED and nodes(a)[entry].slot != turn:
        machine(a).examined += 1
        nodes(a)[entry].slot = turn
        requeue(a, entry)
        entry = first_unlocked(a, process)
    return entry


@compiled
def _value(a: int, entry: int) -> int:
    """The register as it would be if the clock ticked now, but for the bit that falls out."""
    used = np.int64(1) if bits(a)[entry] & ACCESSED else np.int64(0)
    return (used << policy_integers(a)[_BITS]) | nodes(a)[entry].count


@compiled
def _first_of_all(a: int, spares: bool) -> int:
    """The entry with the lowest value of any process; with `spares` of those above their minimum."""
    victim, loser = np.int64(-1), np.int64(-1)
    for process in range(machine(a).process_count):
        if processes(a)[process].size == 0 or (spares and above_minimum(a, process) <= 0):
            continue
        entry = _first(a, process)
        if entry < 0:
            continue
        lower = victim < 0 or _value(a, entry) < _value(a, victim)
        same = victim >= 0 and _value(a, entry) == _value(a, victim)
        if lower or (same and above_minimum(a, process) > above_minimum(a, loser)):
            victim, loser = entry, np.int64(process)
    return victim


@callback
def _replace(machine: int, process: int) -> int:
    return _first(machine, process) if process >= 0 else _first_of_all(machine, False)


@callback
def _trim(a: int, wanted: int) -> int:
    if wanted == 0:
        for process in range(machine(a).process_count):
            _tick(a, process)
        return -1
    entry = _first_of_all(a, True)
    return entry if entry >= 0 else _first_of_all(a, False)


@register("policy", "aging")
@parameters(config=STRICT)
class Aging(Policy):
    """Not frequently used, with aging (Tanenbaum and Bos, Modern Operating Systems, 4th ed., 2015, section 3.4.7): at
    each tick a page's accessed bit is shifted into its register from the left and cleared; the page with the lowest
    register goes. A page used since the last tick is spared as if the clock ticked now; of pages with equal registers
    the first that came in goes, and of those used since the last tick the first that was found so. Of several processes
    with such pages the one with most above its minimum loses; a pass takes pages below the minima last. The machine
    asks at faults and in passes only, so several ticks between two questions are one."""

    bits: int = Field(default=8, ge=1, le=16, description="of a register (Tanenbaum and Bos, 3.4.7)")
    period: Count = Field(
        default=20_000_000, ge=1, description="ns between ticks of the clock (20 ms: Tanenbaum and Bos, 3.4.7)"
    )
    compiled: ClassVar = Compiled(replace=_replace, trim=_trim, entered=_entered)

    def prepare(self, memory: PolicyMemory) -> None:
        """The clock's period and the registers' length."""
        memory.integers[:2] = self.period, self.bits
