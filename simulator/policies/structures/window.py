"""A window in a process's own time, which counts its references, or its uses of pages."""

from typing import Literal

from simulator.policies.base import I8, U1, Count, Field, MachineRecord, Policy, Record, compiled, parameters
from simulator.policies.structures.own_time import uses, virtual_time


class Window(Record):
    """The window and its unit, 1: a use."""

    window: I8[int]
    unit: U1[int]


@parameters
class Windowed(Policy):
    """The parameters of a policy with a window."""

    window: Count = Field(default=100_000, ge=1, description="T, in the process's own references or uses; chosen")
    unit: Literal["reference", "use"] = Field(
        default="reference", description="use: a run of references to one page counts once"
    )


@compiled
def own_time(m: MachineRecord, window: Window, process: int) -> int:
    """References, or uses of pages, that a process has made."""
    return uses(m, process) if window.unit else virtual_time(m, process)
