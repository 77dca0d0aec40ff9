"""First in, first out: the page that has been longest in a working set goes first, used or not."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Compiled,
    MachineRecord,
    Policy,
    callback,
    oldest,
    oldest_to_trim,
    parameters,
    register,
)


@callback
def _replace(m: MachineRecord, process: int) -> int:
    return oldest(m, process, False)


@callback
def _trim(m: MachineRecord, wanted: int) -> int:
    return oldest_to_trim(m) if wanted > 0 else -1


@register("policy", "fifo")
@parameters(config=STRICT)
class Fifo(Policy):
    """First in, first out. With a standby list behind it this is the segmented FIFO of VMS (Turner and Levy,
    "Segmented FIFO page replacement", SIGMETRICS 1981). Trims the oldest pages of all working sets, first from those
    above their minimum, then from any."""

    compiled: ClassVar = Compiled(replace=_replace, trim=_trim)
