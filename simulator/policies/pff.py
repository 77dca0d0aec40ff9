"""Page fault frequency: a process that faults seldom loses what it didn't use since its last fault."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Count,
    Field,
    Policy,
    PolicyMemory,
    callback,
    parameters,
    policy_integers,
    process_notes,
    register,
    virtual_time,
)
from simulator.policies.rounds import replace_unused, trim_unused
from simulator.policies.unused import begin_search, clear_accessed, next_unused, searching


@callback
def _withdraw(a: int, process: int) -> int:
    if not searching(a):
        now, notes = virtual_time(a, process), process_notes(a)[process]
        since = now - notes.time
        notes.time = now
        if since < policy_integers(a)[0]:
            clear_accessed(a, process)
            return -1
        begin_search(a)
    return next_unused(a, process)


@register("policy", "pff")
@parameters(config=STRICT)
class PageFaultFrequency(Policy):
    """Page fault frequency (Chu and Opderbeck, "The page fault frequency replacement algorithm", AFIPS FJCC 1972): at
    a fault, if the process has made at least `interval` references since its last one, the pages that it hasn't used
    since then leave; else it only grows. Accessed bits are cleared at each fault. All faults count, soft ones too.

    The paper has no rule for a machine whose memory is full; here the clock then takes a page, and the bits that it
    clears count as unused if they stay so."""

    interval: Count = Field(
        default=10_000, ge=1, description="critical time between faults, in the process's own references; chosen"
    )
    compiled: ClassVar = Compiled(replace=replace_unused, trim=trim_unused, withdraw=_withdraw)

    def prepare(self, memory: PolicyMemory) -> None:
        """The critical time between faults."""
        memory.integers[0] = self.interval
