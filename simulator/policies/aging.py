"""Aging: for each page a shift register of its accessed bits, one for each tick of a clock."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
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
    np,
    parameters,
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
def _entered(m: MachineRecord, entry: Pte) -> int:
    own, n = m.policy_integers, m.nodes[entry]
    n.time = own[_ENTRIES]
    own[_ENTRIES] += 1
    n.count = 0
    n.slot = m.process_notes[m.ptes[entry].process].mark + 1
    return 0


@compiled
def _tick(m: MachineRecord, process: int) -> None:
    """If the clock has ticked since a process was last looked at, shift its accessed bits into the registers, clear
    them, and put its entries in order of their registers; of equal ones the first that came in is the first."""
    p, own = m.processes[process], m.policy_integers
    tick = (m.now // own[_PERIOD]) & 0x3FFFFFFF
    if p.size == 0 or m.process_notes[process].mark == tick:
        return
    m.process_notes[process].mark = tick
    entries, keys = np.empty(p.size, np.int64), np.empty(p.size, np.int64)
    entry = p.head
    for i in range(p.size):
        n = m.nodes[entry]
        n.count >>= 1
        if m.bits[entry] & ACCESSED:
            n.count |= 1 << (own[_BITS] - 1)
        m.bits[entry] &= ~ACCESSED
        entries[i], keys[i] = entry, (n.count << 44) | n.time
        entry = m.ptes[entry].next
    for i in np.argsort(keys):
        requeue(m, entries[i])
    m.examined += len(entries)


@compiled
def _first(m: MachineRecord, process: int) -> int:
    """The entry that a process loses first, -1: none: used since the last tick last, then by registers. Those found
    used go to the end, once in a tick."""
    _tick(m, process)
    turn = m.process_notes[process].mark + 1
    entry = first_unlocked(m, process)
    while entry >= 0 and m.bits[entry] & ACCESSED and m.nodes[entry].slot != turn:
        m.examined += 1
        m.nodes[entry].slot = turn
        requeue(m, entry)
        entry = first_unlocked(m, process)
    return entry


@compiled
def _value(m: MachineRecord, entry: Pte) -> int:
    """The register as it would be if the clock ticked now, but for the bit that falls out."""
    used = 1 if m.bits[entry] & ACCESSED else 0
    return (used << m.policy_integers[_BITS]) | m.nodes[entry].count


@compiled
def _first_of_all(m: MachineRecord, spares: bool) -> int:
    """The entry with the lowest value of any process; with `spares` of those above their minimum."""
    victim, loser = -1, -1
    for process in range(m.process_count):
        if m.processes[process].size == 0 or (spares and above_minimum(m, process) <= 0):
            continue
        entry = _first(m, process)
        if entry < 0:
            continue
        lower = victim < 0 or _value(m, entry) < _value(m, victim)
        same = victim >= 0 and _value(m, entry) == _value(m, victim)
        if lower or (same and above_minimum(m, process) > above_minimum(m, loser)):
            victim, loser = entry, process
    return victim


@callback
def _replace(m: MachineRecord, process: int) -> int:
    return _first(m, process) if process >= 0 else _first_of_all(m, False)


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    if wanted == 0:
        for process in range(m.process_count):
            _tick(m, process)
        return -1
    entry = _first_of_all(m, True)
    return entry if entry >= 0 else _first_of_all(m, False)


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
