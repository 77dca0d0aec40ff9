"""Windows' working-set manager: ages pages by their accessed bits, and trims by process and age."""

from __future__ import annotations

from typing import ClassVar

from simulator.policies.base import (
    ACCESSED,
    PINNED,
    STRICT,
    Decision,
    Field,
    MemoryView,
    WorkingSetView,
    bits,
    callback,
    np,
    parameters,
    processes,
    ptes,
    register,
)
from simulator.policies.base import machine as machine_of

WINDOW = 16
"""Entries that a local replacement looks at; chosen (WI6 says only that it doesn't look at all)."""
OLDEST = 7
"""Ages run from 0 to 7."""


@callback
def _replace(machine: int, process: int) -> int:
    if process < 0:
        largest = np.int64(0)
        for p in range(machine_of(machine).process_count):
            if processes(machine)[p].size > largest:
                process, largest = p, processes(machine)[p].size
        if process < 0:
            return -1
    p = processes(machine)[process]
    entry = np.int64(p.hand if p.hand >= 0 else p.head)
    victim, best = np.int64(-1), -1
    for _ in range(min(np.int64(WINDOW), p.size)):
        b = bits(machine)[entry]
        score = -1 if b & PINNED else (0 if b & ACCESSED else 1 + ptes(machine)[entry].age)
        if score > best:
            victim, best = entry, score
        entry = np.int64(ptes(machine)[entry].next)
        if entry < 0:
            entry = np.int64(p.head)
    if victim >= 0:
        p.hand = ptes(machine)[victim].next
    return victim


@register("policy", "windows")
@parameters(config=STRICT)
class Windows:
    """Aging, claim and process order of the Windows working-set manager (WI6).

    Each pass ages pages: accessed since the last look: age 0; not: one older, up to 7. With plenty of memory only a
    share of each working set is looked at, going on where the last pass stopped. When pages are wanted, processes are
    taken in this order: foreground ones last; then by the sum of their pages' ages, so that large and long-idle ones
    come first; then by memory priority. First pages that weren't used since the last pass, oldest first, down to each
    minimum; then any down to the minimum; below it only when no page is available at all.
    """

    age_share: float = Field(default=1 / 8, gt=0, le=1, description="share of a working set aged per pass; chosen")
    requires: ClassVar[frozenset[str]] = frozenset()
    compiled_replace: ClassVar = _replace

    def __post_init__(self) -> None:
        """Hands by process name: where aging goes on."""
        object.__setattr__(self, "_hands", {})

    def trim(self, view: MemoryView, goal: int) -> Decision:
        """Age; then, if pages are wanted, trim by process and age."""
        ages: list[np.ndarray] = []
        cleared, aged, new_ages = [], [], []
        examined = 0
        for ws in view.working_sets:
            looked_at = self._turn(ws, whole=goal > 0)
            entries = ws.entries
            accessed = entries.accessed[looked_at]
            age = np.where(accessed, 0, np.minimum(OLDEST, entries.age[looked_at].astype(np.int64) + 1))
            now = entries.age.astype(np.int64)
            now[looked_at] = age
            ages.append(now)
            cleared.append(entries.entry[looked_at][accessed])
            aged.append(entries.entry[looked_at])
            new_ages.append(age)
            examined += len(looked_at)
        trimmed = self._choose(view, ages, goal) if goal > 0 else []
        return Decision(
            cleared=_joined(cleared),
            aged=_joined(aged),
            ages=_joined(new_ages).astype(np.uint8),
            trimmed=_joined(trimmed),
            examined=examined,
        )

    def _turn(self, ws: WorkingSetView, *, whole: bool) -> np.ndarray:
        """The positions to be aged in this pass, and the hand moved behind them."""
        hands: dict[str, int] = self._hands  # type: ignore[attr-defined]
        count = ws.size if whole else int(np.ceil(ws.size * self.age_share))
        if count == 0:
            return np.empty(0, np.int64)
        hand = hands.get(ws.name, 0) % ws.size
        hands[ws.name] = (hand + count) % ws.size
        return (hand + np.arange(count)) % ws.size

    def _choose(self, view: MemoryView, ages: list[np.ndarray], goal: int) -> list[np.ndarray]:
        sets = view.working_sets
        order = sorted(
            range(len(sets)),
            key=lambda i: (sets[i].foreground, -int(ages[i].sum()), sets[i].memory_priority, sets[i].index),
        )
        left = [np.lexsort((np.arange(len(age)), -age)) for age in ages]
        left = [o[~sets[i].entries.locked[o]] for i, o in enumerate(left)]
        size = [ws.size for ws in sets]
        chosen: list[np.ndarray] = []
        for youngest, floor in ((1, True), (0, True), (0, False)):
            if not floor and view.available > 0:
                break
            for i in order:
                spare = size[i] - (sets[i].minimum if floor else 0)
                old = int((ages[i][left[i]] >= youngest).sum())
                count = max(0, min(goal, spare, old))
                chosen.append(sets[i].entries.entry[left[i][:count]])
                left[i] = left[i][count:]
                size[i] -= count
                goal -= count
        return chosen

    def replace(self, view: MemoryView, process: int | None) -> int | None:
        """Unused: the compiled version stands in."""
        raise AssertionError("the windows policy replaces in compiled code")


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
