"""Linux's multi-generational LRU: pages age by generations, and reclaim takes from the oldest."""

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
)
from simulator.policies.choices import first, may_go
from simulator.policies.queues import drop, move_to_tail

_OLDEST, _YOUNGEST, _WINDOW = range(3)
"""Places of the policy's integers: min_seq, max_seq, and how many neighbours a look around takes in."""
_MOST, _LEAST = 4, 2
"""MAX_NR_GENS and MIN_NR_GENS. Generation g is queue g % _MOST, the oldest of its pages at the head."""


@compiled
def _rejuvenate(m: MachineRecord, entry: Pte) -> None:
    """A page was used: it belongs to the youngest generation."""
    m.bits[entry] &= ~ACCESSED
    move_to_tail(m, m.policy_integers[_YOUNGEST] % _MOST, entry, 0)


@compiled
def _age(m: MachineRecord) -> None:
    """Walk all page tables, move what was used to the youngest generation, and begin another."""
    for p in range(m.process_count):
        entry = m.processes[p].head
        while entry >= 0:
            m.examined += 1
            if m.bits[entry] & ACCESSED:
                _rejuvenate(m, entry)
            entry = m.ptes[entry].next
    m.policy_integers[_YOUNGEST] += 1


@compiled
def _look_around(m: MachineRecord, entry: Pte) -> None:
    """A used page was met: its used neighbours in the page table move to the youngest generation with it."""
    process = m.ptes[entry].process
    window = m.ptes[entry].vpn // np.uint64(m.policy_integers[_WINDOW])
    _rejuvenate(m, entry)
    for step in (-1, 1):
        other = entry + step
        while 0 <= other < m.pte_count and m.ptes[other].process == process:
            if m.ptes[other].vpn // np.uint64(m.policy_integers[_WINDOW]) != window:
                break
            m.examined += 1
            if m.bits[other] & ACCESSED and not m.ptes[other].fixed:
                _rejuvenate(m, other)
            other += step


@compiled
def _evict(m: MachineRecord, process: int) -> int:
    """Go through the oldest generation to a page that may go and wasn't used; what may not go is passed on to the
    next generation, and when the oldest is empty it ends; -1: no page may go."""
    own, queues, held = m.policy_integers, m.policy_queues, 0
    for generation in range(_MOST):
        held += queues[generation].count
    for _ in range(3 * held + 2 * _MOST):
        if own[_YOUNGEST] - own[_OLDEST] < _LEAST:
            _age(m)
        entry = np.int64(queues[own[_OLDEST] % _MOST].head)
        if entry < 0:
            own[_OLDEST] += 1
            continue
        m.examined += 1
        if not may_go(m, entry, process):
            move_to_tail(m, (own[_OLDEST] + 1) % _MOST, entry, 0)
        elif m.bits[entry] & ACCESSED:
            _look_around(m, entry)
        else:
            return entry
    for generation in range(own[_OLDEST], own[_YOUNGEST] + 1):
        entry = first(m, generation % _MOST, process, 0)
        if entry >= 0:
            return entry
    return -1


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    move_to_tail(m, m.policy_integers[_YOUNGEST] % _MOST, entry, 0)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    drop(m, entry, 0)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    return _evict(m, process)


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    return _evict(m, -1) if wanted > 0 else -1


@register("policy", "mglru")
@parameters(config=STRICT)
class Mglru(Policy):
    """Linux's multi-generational LRU (Documentation/mm/multigen_lru.rst and mm/vmscan.c, Linux 6.1 and later). Sees
    accessed bits. A page that faults in belongs to the youngest generation; one met with its bit set while the oldest
    is reclaimed moves there with its used neighbours; when fewer than the least number of generations are left behind
    the youngest, all page tables are walked.

    Tiers are left out: they rank pages by uses through file descriptors, which there are none of here, so that each
    page would be of the lowest tier and their controller had nothing to weigh. Left out as well: separate lists for
    files, Bloom filters over page tables, and reclaim in batches. Trims as it replaces, among all processes, and knows
    no minima.
    """

    look_around: Count = Field(default=64, ge=1, description="pages of an aligned window of neighbours (BITS_PER_LONG)")
    compiled: ClassVar = Compiled(replace=_replace, trim=_trim, entered=_entered, left=_left)

    def prepare(self, memory: PolicyMemory) -> None:
        """The least number of generations exist; the window."""
        memory.integers[_YOUNGEST], memory.integers[_WINDOW] = _LEAST, self.look_around
