"""An observer of the invariants that a run of any length can afford."""

from __future__ import annotations

from simulator.invariants import Invariants
from simulator.memory.state import State

_CHECKS = 50


class Thinning(Invariants):
    """Looks at the start, the end, and after each step at first; half as often after each 50 looks."""

    def _check(self, state: State) -> None:
        super()._check(state)
        if self.checks % _CHECKS == 0:
            self.every = 2 * (self.every or 1)
