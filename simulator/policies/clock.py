"""The clock: first in, first out, but a page used since the hand last passed gets another round."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    STRICT,
    Compiled,
    MachineRecord,
    Policy,
    callback,
    oldest,
    oldest_to_trim,
    parameters,
    register,
    requeue,
)


@callback
def _replace(m: MachineRecord, process: int) -> int:
    entry = oldest(m, process, False)
    while entry >= 0 and m.bits[entry] & ACCESSED:
        m.bits[entry] &= ~ACCESSED
        requeue(m, entry)
        entry = oldest(m, process, False)
    return entry


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    if wanted == 0:
        return -1
    entry = oldest_to_trim(m)
    while entry >= 0:
        m.examined += 1
        if not m.bits[entry] & ACCESSED:
            break
        m.bits[entry] &= ~ACCESSED
        requeue(m, entry)
        entry = oldest_to_trim(m)
    return entry


@register("policy", "clock")
@parameters(config=STRICT)
class Clock(Policy):
    """The clock, or second chance (Corbato, "A paging experiment with the Multics system", 1968). The fault's own
    reference sets the accessed bit, so a page is never taken on the first round after it came in. Trims in one sweep
    over all working sets in order of entry, first those above their minimum, then any."""

    compiled: ClassVar = Compiled(replace=_replace, trim=_trim)
