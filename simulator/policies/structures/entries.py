"""What is asked of an entry, and what a policy may do to it: its accessed bit, whether it may go, its place in the
order of entry."""

from simulator.memory.working_set import may_leave, requeue
from simulator.policies.base import MachineRecord, Pte, compiled
from simulator.state.constants import ACCESSED, DIRTY, PINNED, VALID
from simulator.state.queries import available, entry_of

__all__ = [
    "accessed",
    "available",
    "clear_accessed",
    "dirty",
    "entry_of",
    "faulting",
    "locked",
    "may_go",
    "may_leave",
    "requeue",
    "resident",
]


@compiled
def accessed(m: MachineRecord, entry: Pte) -> bool:
    """Whether an entry was referenced since its bit was last cleared, or since it came in."""
    return m.bits[entry] & ACCESSED != 0


@compiled
def clear_accessed(m: MachineRecord, entry: Pte) -> None:
    """Clear an entry's accessed bit."""
    m.bits[entry] &= ~ACCESSED


@compiled
def dirty(m: MachineRecord, entry: Pte) -> bool:
    """Whether an entry was stored to since it came in."""
    return m.bits[entry] & DIRTY != 0


@compiled
def locked(m: MachineRecord, entry: Pte) -> bool:
    """Whether an entry may not leave its working set now."""
    return m.bits[entry] & PINNED != 0


@compiled
def resident(m: MachineRecord, entry: Pte) -> bool:
    """Whether an entry is valid."""
    return m.bits[entry] & VALID != 0


@compiled
def may_go(m: MachineRecord, entry: Pte, process: int) -> bool:
    """Whether an entry is in the working set of a process (-1: of any), and not locked there."""
    return may_leave(m, entry) and (process < 0 or m.ptes[entry].process == process)


@compiled
def faulting(m: MachineRecord) -> int:
    """The entry that room is made for; -1: a pass trims, for none."""
    if m.actor < 0:
        return -1
    entry = m.threads[m.actor].fault_pte
    return -1 if resident(m, entry) else entry
