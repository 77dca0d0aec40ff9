"""No trimming at all: what the machine does when nobody takes pages away."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import STRICT, Compiled, Policy, callback, parameters, register


@callback
def _nothing(_machine: int, _argument: int) -> int:
    return -1


@register("policy", "none")
@parameters(config=STRICT)
class NoTrimming(Policy):
    """Working sets only grow. A bound, and a baseline: with too little memory the run can't go on."""

    compiled: ClassVar = Compiled(replace=_nothing, trim=_nothing)
