"""Least recently used within each working set, exactly: a bound for local replacement."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    MachineRecord,
    Policy,
    Pte,
    callback,
    parameters,
    register,
    requeue,
    trim_by_replacing,
)
from simulator.policies.rounds import first_unlocked, fullest


@callback
def _used(m: MachineRecord, entry: Pte) -> int:
    if m.processes[m.ptes[entry].process].tail != entry:
        requeue(m, entry)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    loser = process if process >= 0 else fullest(m)
    return first_unlocked(m, loser) if loser >= 0 else -1


@register("policy", "local-lru")
@parameters(config=STRICT)
class LocalLru(Policy):
    """Least recently used (Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2),
    1970) within each working set. Who loses a page when it isn't said whose it shall be: the process with most pages
    above its minimum, so that allotments tend to be equal; pages below the minimum go last. Sees every use."""

    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_used, hit=_used)
