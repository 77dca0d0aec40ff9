"""First in, first out: the page that has been longest in a working set goes first, used or not."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    STRICT,
    Decision,
    MemoryView,
    callback,
    np,
    oldest,
    parameters,
    register,
)


@callback
def _replace(machine: int, process: int) -> int:
    return oldest(machine, process)


@register("policy", "fifo")
@parameters(config=STRICT)
class Fifo:
    """First in, first out. With a standby list behind it this is the segmented FIFO of VMS (Turner and Levy,
    "Segmented FIFO page replacement", SIGMETRICS 1981)."""

    requires: ClassVar[frozenset[str]] = frozenset()
    compiled_replace: ClassVar = _replace

    def trim(self, view: MemoryView, goal: int) -> Decision:
        """The oldest entries of all working sets, first from those above their minimum, then from any."""
        sets = view.working_sets
        if goal == 0 or not sets:
            return Decision()
        entry = np.concatenate([ws.entries.entry for ws in sets])
        owner = np.repeat(np.arange(len(sets)), [ws.size for ws in sets])
        order = np.argsort(np.concatenate([ws.entries.entered for ws in sets]))
        order = order[~np.concatenate([ws.entries.locked for ws in sets])[order]]
        spare = [ws.size - ws.minimum for ws in sets]
        chosen: list[int] = []
        passed_over: list[int] = []
        for i in order:
            if len(chosen) == goal:
                break
            if spare[owner[i]] > 0:
                spare[owner[i]] -= 1
                chosen.append(i)
            else:
                passed_over.append(i)
        chosen += passed_over[: goal - len(chosen)]
        return Decision(trimmed=entry[np.array(chosen, np.int64)])

    def replace(self, view: MemoryView, process: int | None) -> int | None:
        """The oldest entry of the process, or of all."""
        heads = [
            (ws.entries.entered[unlocked[0]], int(ws.entries.entry[unlocked[0]]))
            for ws in view.working_sets
            if process in (None, ws.index) and len(unlocked := np.flatnonzero(~ws.entries.locked))
        ]
        return min(heads)[1] if heads else None
