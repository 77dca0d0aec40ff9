"""A page at random: the baseline that knows nothing."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    PINNED,
    STRICT,
    Compiled,
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
    trim_by_replacing,
)

_SEED, _DRAWS = range(2)
"""Places of the policy's integers. The pages of a process stand in the nodes of its own entries: place i is `slot` of
the node of its `entry_of(i)`, the entry there has it in `count`, and `mark` of the notes on the process says how many
there are."""


@compiled
def draw(m: MachineRecord, below: int) -> int:
    """A number in [0, below): splitmix64 of the seed and how many were drawn before (Steele, Lea, Flood, "Fast
    splittable pseudorandom number generators", OOPSLA 2014)."""
    own = m.policy_integers
    own[_DRAWS] += 1
    z = np.uint64(own[_SEED]) + np.uint64(own[_DRAWS]) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(1)) % below


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    process = m.ptes[entry].process
    notes = m.process_notes[process]
    place = np.int64(notes.mark)
    m.nodes[entry_of(m, process, place)].slot = entry
    m.nodes[entry].count = place
    notes.mark += 1
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    process = m.ptes[entry].process
    notes = m.process_notes[process]
    notes.mark -= 1
    last = m.nodes[entry_of(m, process, notes.mark)].slot
    m.nodes[entry_of(m, process, m.nodes[entry].count)].slot = last
    m.nodes[last].count = m.nodes[entry].count
    return 0


@compiled
def _from(m: MachineRecord, process: int, place: int) -> int:
    """The page of a process at a place, or the next one that isn't locked; -1: there is none."""
    notes = m.process_notes[process]
    size = np.int64(notes.mark)
    for step in range(size):
        entry = np.int64(m.nodes[entry_of(m, process, (place + step) % size)].slot)
        if not m.bits[entry] & PINNED:
            return entry
    return -1


@compiled
def _any(m: MachineRecord) -> int:
    """A page of any process, each as likely as the others; -1: there is none that isn't locked."""
    count, total = m.process_count, 0
    for process in range(count):
        total += m.processes[process].size
    if total == 0:
        return -1
    place = draw(m, total)
    process = 0
    while place >= m.processes[process].size:
        place -= m.processes[process].size
        process += 1
    for step in range(count):
        entry = _from(m, (process + step) % count, place if step == 0 else 0)
        if entry >= 0:
            return entry
    return -1


@callback
def _replace(m: MachineRecord, process: int) -> int:
    if process < 0:
        return _any(m)
    size = m.processes[process].size
    return _from(m, process, draw(m, size)) if size > 0 else -1


@register("policy", "random")
@parameters(config=STRICT)
class Random(Policy):
    """Random replacement (Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
    Journal 5(2), 1966): each page, of the process or of all, is as likely as the others to go; one that is locked gives
    its turn to the next. Knows no minima. The same seed makes the same choices."""

    seed: int = Field(default=0, ge=0, lt=1 << 63, description="of its own stream of random numbers")
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_entered, left=_left)

    def prepare(self, memory: PolicyMemory) -> None:
        """The seed."""
        memory.integers[_SEED] = self.seed
