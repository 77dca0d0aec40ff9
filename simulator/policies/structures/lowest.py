"""Whose entry goes when any may: that of the process whose own choice has the lowest key, or the highest.

A policy's `replace` chooses for one process; it leaves the key of its choice in the process's state, as a `Lowest`.
"""

from typing import Any

from simulator.policies.base import I8, NONE, MachineRecord, Record, call, compiled
from simulator.policies.structures.rounds import above_minimum


class Lowest(Record):
    """The key of the entry that a process would lose."""

    key: I8[int]


@compiled
def lowest_of_all(m: MachineRecord, lowest: Any, spares: bool, fullest: bool) -> int:
    """What the process with the lowest key loses, -1 if there is nothing; with `spares` none at its minimum does. Of
    several the first loses, or with `fullest` the one with most pages above its minimum."""
    victim, loser = NONE, NONE
    for process in range(m.process_count):
        if m.processes[process].size == 0 or (spares and above_minimum(m, process) <= 0):
            continue
        entry = call(m.replace_hook, m, process)
        if entry < 0:
            continue
        lower = loser < 0 or lowest[process].key < lowest[loser].key
        same = loser >= 0 and lowest[process].key == lowest[loser].key
        if lower or (fullest and same and above_minimum(m, process) > above_minimum(m, loser)):
            victim, loser = entry, process
    return victim


@compiled
def lowest_to_trim(m: MachineRecord, lowest: Any) -> int:
    """As `lowest_of_all`, first of working sets above their minimum, then of any; the fullest loses."""
    entry = lowest_of_all(m, lowest, True, True)
    return entry if entry >= 0 else lowest_of_all(m, lowest, False, True)
