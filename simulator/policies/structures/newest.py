"""The fault's own reference taken back: papers have a page come in with its accessed bit clear, but here that reference
sets it. So the bit of the page that a process brought in last is cleared when the process faults again: what it
referenced since is taken for a part of the fault."""

from typing import Any

from simulator.policies.base import I4, NONE, MachineRecord, Pte, Record, compiled
from simulator.policies.structures.entries import clear_accessed, faulting


class Newest(Record):
    """Of a process: the page that it brought in last."""

    entry: I4[Pte] = NONE


@compiled
def _forget(m: MachineRecord, newest: Newest) -> None:
    if newest.entry >= 0:
        clear_accessed(m, newest.entry)
        newest.entry = NONE


@compiled
def forget_fault(m: MachineRecord, newest: Any) -> None:
    """Before a choice is made: clear the accessed bit of the page that the process brought in before."""
    entry = faulting(m)
    if entry >= 0:
        _forget(m, newest[m.ptes[entry].process])


@compiled
def note_fault(m: MachineRecord, newest: Any, entry: Pte) -> None:
    """An entry came in: from here on the page before it is judged by its accessed bit."""
    mine = newest[m.ptes[entry].process]
    _forget(m, mine)
    mine.entry = entry
