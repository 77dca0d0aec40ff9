"""Variable-interval sampled working set: samples more often while a process faults more."""

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
from simulator.policies.unused import begin_search, next_unused, searching

_LEAST, _MOST, _FAULTS = range(3)
"""Places of the policy's integers: M, L and Q. The notes on a process have in `time` when it was last sampled, and in
`count` its faults since."""


@callback
def _withdraw(m: MachineRecord, process: int) -> int:
    if not searching(m):
        own, notes = m.policy_integers, m.process_notes[process]
        now = virtual_time(m, process)
        since = now - notes.time
        notes.count += 1
        if since < own[_MOST] and (notes.count < own[_FAULTS] or since < own[_LEAST]):
            return -1
        notes.time, notes.count = now, 0
        begin_search(m)
    return next_unused(m, process)


@register("policy", "vsws")
@parameters(config=STRICT)
class Vsws(Policy):
    """Variable-interval sampled working set (Ferrari and Yih, "VSWS: the variable-interval sampled working set policy",
    IEEE Transactions on Software Engineering 9(3), 1983): a sample takes away what the process hasn't used since the
    last one, and clears the accessed bits. It is due L references after the last one, or earlier after Q faults, but
    not before M references. All faults count, soft ones too.

    The machine asks at faults, so a sample that is due is taken at the process's next fault. When a frame must be had
    all the same, the clock takes a page, and the bits that it clears count as unused if they stay so."""

    least: Count = Field(default=10_000, ge=1, description="M, in the process's own references; chosen")
    most: Count = Field(default=200_000, ge=1, description="L, in the process's own references; chosen")
    faults: Count = Field(default=16, ge=1, description="Q; chosen")
    compiled: ClassVar = Compiled(replace=replace_unused, trim=trim_unused, withdraw=_withdraw)

    def prepare(self, memory: PolicyMemory) -> None:
        """M, L and Q."""
        memory.integers[:3] = self.least, self.most, self.faults
