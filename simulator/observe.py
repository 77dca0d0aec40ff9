"""Observers: what may watch a run. Every hook does nothing unless overridden, and what isn't overridden isn't called.

An observer looks; it must not change the machine. Hits, soft faults and page-ins happen in compiled code and have no
hook each: the fault log, the I/O log and the samples tell of them (`simulator.metrics`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.memory.state import State


class Observer:
    """Base class of all observers."""

    def started(self, state: State) -> None:
        """The machine is built; nothing has happened yet."""

    def stepped(self, state: State, time: int) -> None:
        """A daemon is about to go on, or an event of SimPy's to happen; hits of running threads may not be committed
        yet."""

    def decided(self, state: State, time: int, policy: str, goal: int, decision: Any) -> None:
        """The balance set manager made a pass: `goal` pages were wanted, the policy's decision has been applied."""

    def sampled(self, state: State, time: int) -> None:
        """A sample was taken; all hits up to `time` are committed."""

    def finished(self, state: State, time: int) -> None:
        """The run is over; all hits up to `time` are committed."""


class Hooks:
    """The hooks of all observers of a run: `call("stepped", ...)` reaches those that override it."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        """Find out who overrides what."""
        names = [name for name in vars(Observer) if not name.startswith("_")]
        self._called: dict[str, list[Callable[..., None]]] = {
            name: [getattr(o, name) for o in observers if getattr(type(o), name) is not getattr(Observer, name)]
            for name in names
        }

    def call(self, name: str, *arguments: Any) -> None:
        """Call one hook of every observer that has it."""
        for hook in self._called[name]:
            hook(*arguments)

    def wanted(self, name: str) -> bool:
        """Whether anybody overrides a hook."""
        return bool(self._called[name])
