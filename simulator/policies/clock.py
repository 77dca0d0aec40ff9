"""The clock: first in, first out, but a page used since the hand last passed gets another round."""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    STRICT,
    Decision,
    MemoryView,
    bits,
    callback,
    np,
    oldest,
    parameters,
    register,
    requeue,
)


@callback
def _replace(machine: int, process: int) -> int:
    entry = oldest(machine, process)
    while entry >= 0 and bits(machine)[entry] & ACCESSED:
        bits(machine)[entry] &= ~ACCESSED
        requeue(machine, entry)
        entry = oldest(machine, process)
    return entry


@register("policy", "clock")
@parameters(config=STRICT)
class Clock:
    """The clock, or second chance (Corbato, "A paging experiment with the Multics system", 1968). The fault's own
    reference sets the accessed bit, so a page is never taken on the first round after it came in."""

    requires: ClassVar[frozenset[str]] = frozenset()
    compiled_replace: ClassVar = _replace

    def trim(self, view: MemoryView, goal: int) -> Decision:
        """One sweep over the entries of all working sets in order of entry: accessed ones lose the bit and go to the
        end, others are trimmed; first from those above their minimum, then, if that isn't enough, from any."""
        sets = view.working_sets
        if goal == 0 or not sets:
            return Decision()
        entry = np.concatenate([ws.entries.entry for ws in sets])
        owner = np.repeat(np.arange(len(sets)), [ws.size for ws in sets])
        accessed = np.concatenate([ws.entries.accessed for ws in sets])
        locked = np.concatenate([ws.entries.locked for ws in sets])
        order = np.argsort(np.concatenate([ws.entries.entered for ws in sets]))
        spare = [ws.size - ws.minimum for ws in sets]
        hand = deque(int(i) for i in order if not locked[i])
        passed_over: deque[int] = deque()
        trimmed: list[int] = []
        requeued: list[int] = []
        examined = 0
        below_minimum = False
        while len(trimmed) < goal and (hand or (passed_over and not below_minimum)):
            if not hand:
                hand, passed_over, below_minimum = passed_over, deque(), True
            i = hand.popleft()
            if spare[owner[i]] <= 0 and not below_minimum:
                passed_over.append(i)
                continue
            examined += 1
            if accessed[i]:
                accessed[i] = False
                requeued.append(i)
                hand.append(i)
            else:
                spare[owner[i]] -= 1
                trimmed.append(i)
        moved = entry[np.array(requeued, np.int64)]
        return Decision(cleared=moved, requeued=moved, trimmed=entry[np.array(trimmed, np.int64)], examined=examined)

    def replace(self, view: MemoryView, process: int | None) -> int | None:
        """Unused: the compiled version stands in."""
        raise AssertionError("the clock replaces in compiled code")
