"""No trimming at all: what the machine does when nobody takes pages away."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import STRICT, Decision, MemoryView, callback, parameters, register


@callback
def _replace(_machine: int, _process: int) -> int:
    return -1


@register("policy", "none")
@parameters(config=STRICT)
class NoTrimming:
    """Working sets only grow. A bound, and a baseline: with too little memory the run can't go on."""

    requires: ClassVar[frozenset[str]] = frozenset()
    compiled_replace: ClassVar = _replace

    def trim(self, view: MemoryView, goal: int) -> Decision:
        """Nothing."""
        return Decision()

    def replace(self, view: MemoryView, process: int | None) -> int | None:
        """Nothing: the working set grows."""
        return None
