"""Page fault frequency: a process that faults seldom loses what it didn't use since its last fault."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    Count,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    callback,
    parameters,
    register,
    virtual_time,
)
from simulator.policies.rounds import replace_unused, trim_unused
from simulator.policies.unused import begin_search, clear_accessed, next_unused, searching


@callback
def _withdraw(m: MachineRecord, process: int) -> int:
    if not searching(m):
        now, notes = virtual_time(m, process), m.process_notes[process]
        since = now - notes.time
        notes.time = now
        if since < m.policy_integers[0]:
            clear_accessed(m, process)
            return -1
        begin_search(m)
    return next_unused(m, process)


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
