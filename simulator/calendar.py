"""The SimPy calendar: an environment that lets the compiled machine run between two events.

SimPy holds what comes from outside or by the clock: process starts, the daemons' timers, the end of the run. Before
each event, `step` has the kernel run processors, faults, I/O and woken daemons up to that event's time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

START, TIMER = 1, 2
"""Ranks of events at one time, after I/O completions and woken daemons and before samples and references; equal ranks:
first come, first served."""


class Bell(simpy.Event):
    """An event that can be rung for an absolute time, with a rank among the events of that time."""

    def ring(self, time: int, rank: int) -> Bell:
        """Schedule it; raises RuntimeError if it was rung before."""
        if self.triggered:
            raise RuntimeError("a bell rings once")
        self._ok = True
        self._value = None
        self.env.schedule(self, rank, time - self.env.now)  # type: ignore[arg-type]
        return self


class Calendar(simpy.Environment):
    """A SimPy environment with integer nanoseconds; `before` is called with the next event's time ahead of it."""

    def __init__(self, before: Callable[[float], None]) -> None:
        """Start at time 0."""
        super().__init__(initial_time=0)
        self._before = before

    def at(self, time: int, rank: int, action: Callable[[], Any] | None = None) -> Bell:
        """An event at an absolute time; `action` is called then."""
        bell = Bell(self).ring(time, rank)
        if action is not None and bell.callbacks is not None:
            bell.callbacks.append(lambda _event: action())
        return bell

    def every(self, period: int, action: Callable[[int], Any]) -> None:
        """A timer: `action` is called at each multiple of `period`, with the time."""
        self.process(self._tick(period, action))

    def _tick(self, period: int, action: Callable[[int], Any]) -> Generator[simpy.Event, None, None]:
        time = period
        while True:
            yield self.at(time, TIMER)
            action(time)
            time += period

    def step(self) -> None:
        """Run the machine up to the next event, then that event."""
        self._before(self.peek())
        super().step()
