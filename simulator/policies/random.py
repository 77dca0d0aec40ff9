"""A page at random: the baseline that knows nothing."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    PINNED,
    STRICT,
    Compiled,
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
    trim_by_replacing,
)

_SEED, _DRAWS = range(2)
"""Places of the policy's integers. The pages of a process stand in the nodes of its own entries: place i is `slot` of
the node of its `entry_of(i)`, the entry there has it in `count`, and `mark` of the notes on the process says how many
there are."""


@compiled
def draw(a: int, below: int) -> int:
    """A number in [0, below): splitmix64 of the seed and how many were drawn before (Steele, Lea, Flood, "Fast
    splittable pseudorandom number generators", OOPSLA 2014)."""
    own = policy_integers(a)
    own[_DRAWS] += 1
    z = np.uint64(own[_SEED]) + np.uint64(own[_DRAWS]) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(1)) % below


@callback
def _entered(a: int, entry: int) -> int:
    process = np.int64(ptes(a)[entry].process)
    notes = process_notes(a)[process]
    place = np.int64(notes.mark)
    nodes(a)[entry_of(a, process, place)].slot = entry
    nodes(a)[entry].count = place
    notes.mark += 1
    return 0


@callback
def _left(a: int, entry: int) -> int:
    process = np.int64(ptes(a)[entry].process)
    notes = process_notes(a)[process]
    notes.mark -= 1
    last = np.int64(nodes(a)[entry_of(a, process, notes.mark)].slot)
    nodes(a)[entry_of(a, process, nodes(a)[entry].count)].slot = last
    nodes(a)[last].count = nodes(a)[entry].count
    return 0


@compiled
def _from(a: int, process: int, place: int) -> int:
    """The page of a process at a place, or the next one that isn't locked; -1: there is none."""
    notes = process_notes(a)[process]
    size = np.int64(notes.mark)
    for step in range(size):
        entry = np.int64(nodes(a)[entry_of(a, process, (place + step) % size)].slot)
        if not bits(a)[entry] & PINNED:
            return entry
    return -1


@compiled
def _any(a: int) -> int:
    """A page of any process, each as likely as the others; -1: there is none that isn't locked."""
    count, total = machine(a).process_count, np.int64(0)
    for process in range(count):
        total += processes(a)[process].size
    if total == 0:
        return -1
    place = draw(a, total)
    process = np.int64(0)
    while place >= processes(a)[process].size:
        place -= processes(a)[process].size
        process += 1
    for step in range(count):
        entry = _from(a, (process + step) % count, place if step == 0 else np.int64(0))
        if entry >= 0:
            return entry
    return -1


@callback
def _replace(a: int, process: int) -> int:
    if process < 0:
        return _any(a)
    size = processes(a)[process].size
    return _from(a, process, draw(a, size)) if size > 0 else -1


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
