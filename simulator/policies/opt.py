"""Belady's MIN: takes the page that is used again last. No policy can have fewer misses."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Policy,
    callback,
    next_use,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.heap import change, enter, furthest, leave


@callback
def _entered(machine: int, entry: int) -> int:
    enter(machine, entry, next_use(machine)[1])
    return 0


@callback
def _hit(machine: int, entry: int) -> int:
    change(machine, entry, next_use(machine)[1])
    return 0


@callback
def _left(machine: int, entry: int) -> int:
    leave(machine, entry)
    return 0


@callback
def _replace(machine: int, process: int) -> int:
    return furthest(machine, process)


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
