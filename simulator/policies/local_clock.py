"""A clock for each working set: every process loses pages by its own hand."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    STRICT,
    Compiled,
    MachineRecord,
    Policy,
    callback,
    compiled,
    parameters,
    register,
    requeue,
)
from simulator.policies.rounds import first_unlocked, fullest


@compiled
def _turn(m: MachineRecord, process: int) -> int:
    """Turn a process's hand, the head of its order of entry, up to an entry that wasn't used since the last round."""
    entry = first_unlocked(m, process)
    while entry >= 0 and m.bits[entry] & ACCESSED:
        m.examined += 1
        m.bits[entry] &= ~ACCESSED
        requeue(m, entry)
        entry = first_unlocked(m, process)
    return entry


@callback
def _replace(m: MachineRecord, process: int) -> int:
    loser = process if process >= 0 else fullest(m)
    return _turn(m, loser) if loser >= 0 else -1


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    loser = fullest(m) if wanted > 0 else -1
    if loser < 0:
        return -1
    m.examined += 1
    return _turn(m, loser)


@register("policy", "local-clock")
@parameters(config=STRICT)
class LocalClock(Policy):
    """The clock (Corbato, "A paging experiment with the Multics system", 1968) turned within each working set, as in
    local replacement with fixed allotments. Who loses a page when it isn't said whose it shall be: the process with
    most pages above its minimum, so that allotments tend to be equal; pages below the minimum go last. One process
    alone loses what the global `clock` would take."""

    compiled: ClassVar = Compiled(replace=_replace, trim=_trim)
