"""2Q: a page that is used once passes through a queue; only one that is wanted again soon after is kept for long."""

from __future__ import annotations

from typing import ClassVar, Literal

from simulator.policies.base import (
    STRICT,
    Compiled,
    Field,
    MachineRecord,
    Policy,
    PolicyMemory,
    Pte,
    Ratio,
    callback,
    parameters,
    register,
    trim_by_replacing,
)
from simulator.policies.choices import faulting, first
from simulator.policies.queues import drop, move_to_tail, push_tail

_IN, _M, _OUT = range(3)
"""The paper's A1in, Am and A1out, of which the last holds ghosts."""
_IN_SIZE, _OUT_SIZE, _FORGETS_FIRST = range(3)
"""Places of the policy's integers. A node's `mark` says that the page that is being brought in was a ghost."""


@callback
def _entered(m: MachineRecord, entry: Pte) -> int:
    n = m.nodes[entry]
    move_to_tail(m, _M if n.mark or n.queue[0] == _OUT else _IN, entry, 0)
    n.mark = 0
    return 0


@callback
def _hit(m: MachineRecord, entry: Pte) -> int:
    if m.nodes[entry].queue[0] == _M:
        move_to_tail(m, _M, entry, 0)
    return 0


@callback
def _left(m: MachineRecord, entry: Pte) -> int:
    was_in = m.nodes[entry].queue[0] == _IN
    drop(m, entry, 0)
    if was_in:
        push_tail(m, _OUT, entry, 0)
        if m.policy_queues[_OUT].count > m.policy_integers[_OUT_SIZE]:
            drop(m, m.policy_queues[_OUT].head, 0)
    return 0


@callback
def _replace(m: MachineRecord, process: int) -> int:
    own, ghost = m.policy_integers, faulting(m)
    if ghost >= 0 and m.nodes[ghost].queue[0] == _OUT:
        m.nodes[ghost].mark = 1
        if own[_FORGETS_FIRST]:
            drop(m, ghost, 0)
    in_first = m.policy_queues[_IN].count > own[_IN_SIZE]
    victim = first(m, _IN if in_first else _M, process, 0)
    return victim if victim >= 0 else first(m, _M if in_first else _IN, process, 0)


@register("policy", "2q")
@parameters(config=STRICT)
class TwoQ(Policy):
    """2Q, full version (Johnson and Shasha, "2Q: a low overhead high performance buffer management replacement
    algorithm", VLDB 1994). Published for caches: sees every use."""

    pages_in: float = Field(default=0.25, ge=0, le=1, description="Kin, as a share of the frames (the paper)")
    pages_out: Ratio = Field(default=0.5, ge=0, description="Kout, ghosts, as a share of the frames (the paper)")
    variant: Literal["vldb", "libcachesim"] = Field(
        default="vldb",
        description="libcachesim: a page that is wanted again leaves the ghosts before room is made for it, not after",
    )
    requires: ClassVar[frozenset[str]] = frozenset({"last_access"})
    compiled: ClassVar = Compiled(replace=_replace, trim=trim_by_replacing, entered=_entered, left=_left, hit=_hit)

    def prepare(self, memory: PolicyMemory) -> None:
        """Sizes of the queues, cut to whole pages."""
        own = memory.integers
        own[_IN_SIZE], own[_OUT_SIZE] = int(memory.frames * self.pages_in), int(memory.frames * self.pages_out)
        own[_FORGETS_FIRST] = self.variant == "libcachesim"
