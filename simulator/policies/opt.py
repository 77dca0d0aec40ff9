"""Belady's MIN: takes the page that is used again last. No policy can have fewer misses."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    MachineRecord,
    Policy,
    Pte,
    callback,
    next_use,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.heap import change, enter, furthest, leave


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    enter(m, entry, next_use(m)[1])
    return 0


@callback
def _hit(m: MachineRecord, entry: Pte) -> int:
    change(m, entry, next_use(m)[1])
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    leave(m, entry)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    return furthest(m, process)


@register("policy", "opt")
@parameters(config=STRICT)
class Opt(Policy):
    """MIN (Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966):
    takes the page whose next use is furthest ahead; the page that faults must come in.

    For one process that is the least possible number of misses. Among several, distances are counted in each process's
    own references: how they will interleave depends on what is taken.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"future"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_entered, left=_left, hit=_hit)
