"""Policies in plain Python for the tests, and how they are entered in the registry for the length of one test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from simulator import registry
from simulator.policies.base import Compiled, Decision, MemoryView, Nothing, Policy


def enter(patch: pytest.MonkeyPatch, name: str, policy: type) -> str:
    """Register a policy until the end of the test; returns its name."""
    registry.names("policy")
    patch.setitem(registry._FOUND["policy"], name, policy)
    policy.name = name  # type: ignore[attr-defined]
    return name


def unlocked(working_set: Any) -> list[tuple[int, int]]:
    """What may be taken from a working set: pairs of (place in the order of entry, entry)."""
    columns = working_set.entries
    rows = zip(columns.entered.tolist(), columns.entry.tolist(), columns.locked.tolist(), strict=True)
    return [(entered, entry) for entered, entry, locked in rows if not locked]


class PlainFifo(Policy):
    """First in, first out, once more: from lists of Python integers, without any compiled code."""

    name: ClassVar[str]

    def replace(self, view: MemoryView, process: int | None) -> int | None:
        """The oldest entry."""
        pairs = [pair for ws in view.working_sets if process in (None, ws.index) for pair in unlocked(ws)]
        return min(pairs)[1] if pairs else None

    def trim(self, view: MemoryView, goal: int) -> Decision:
        """The oldest entries, first those of processes above their minimum."""
        entries = sorted((*pair, ws.index) for ws in view.working_sets for pair in unlocked(ws))
        spare = {ws.index: ws.size - ws.minimum for ws in view.working_sets}
        chosen: list[int] = []
        for floor in (True, False):
            for _, entry, index in entries:
                if len(chosen) < goal and entry not in chosen and (spare[index] > 0 or not floor):
                    spare[index] -= 1
                    chosen.append(entry)
        return Decision(trimmed=np.array(chosen, np.int64))


def proposing(
    *,
    trim: Callable[[MemoryView], Decision] | None = None,
    replace: Callable[[MemoryView, int | None], int] | None = None,
) -> type:
    """A policy that proposes what it is told to, legal or not, and nothing else."""

    class Proposing(Policy):
        name: ClassVar[str]

        def trim(self, view: MemoryView, goal: int) -> Decision:
            return Decision() if trim is None else trim(view)

        def replace(self, view: MemoryView, process: int | None) -> int | None:
            return None if replace is None else replace(view, process)

    return Proposing


def compiled(hook: Any) -> type:
    """A compiled policy that replaces so: `hook` is a function of a module, of the machine and a process."""

    class Hooks(Compiled[Nothing, Nothing, Nothing]):
        replace = hook

    return type("Proposing", (Policy,), {"compiled": Hooks})
