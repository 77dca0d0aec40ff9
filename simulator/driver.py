"""The memory manager as a SimPy process: it runs the compiled machine, and is never ahead of what may still happen.

The machine has a past and no future: it is as it was at some time up to the environment's present, and is brought to
the present whenever somebody looks at it or acts on it. In between the driver sleeps until the first time at which
somebody outside could notice anything (`simulator.loop.notice`): a thread has made its references and is asked what it
wants next, or ends. While a machine runs an environment of its own, nothing can happen before the environment's next
event, so it may run ahead up to that.

At one time the driver comes last: it makes references that start at t when everything else that happens at t is done.
"""

from __future__ import annotations

from collections.abc import Generator
from math import ceil
from typing import Any, Protocol

import simpy

from simulator.loop import Stop, advance, notice
from simulator.memory.state import State
from simulator.state.constants import NEVER

LAST = 1 << 30
"""The priority of the driver's events among those of one time."""
_FOREVER = int(NEVER)


class Served(Protocol):
    """What the driver asks of the machine."""

    def serve(self, stop: Stop, horizon: int) -> None:
        """Do in Python what the compiled machine stopped for on its way to a time."""

    def finish(self) -> None:
        """The last process has ended."""


class Driver:
    """Runs one machine in an environment."""

    def __init__(self, env: simpy.Environment, state: State, machine: Served, alone: bool) -> None:
        """`alone`: nobody acts on the machine but what is in the environment's queue."""
        self.env, self.state = env, state
        self._machine = machine
        self._alone = alone
        self._record = state.record[0]
        self._record["acted_on"] = not alone
        self._origin = env.now
        self.turns: dict[int, simpy.Event] = {}
        """for a thread, by number, the event by which it learns that it is asked what it wants next"""
        self._reached = -1
        """the time up to which all events have happened"""
        self._waiting: Stop | None = None
        """why the machine waits for the environment to come to its time"""
        self.process = env.process(self._run())

    @property
    def now(self) -> int:
        """The present, in nanoseconds since the machine was made; between two nanoseconds the later one."""
        return ceil(self.env.now - self._origin)

    def later(self, delay: float, priority: int = LAST) -> simpy.Event:
        """An event after some time, behind all others of that time."""
        event = simpy.Event(self.env)
        event._ok, event._value = True, None  # as simpy.Timeout does
        self.env.schedule(event, priority, delay)  # type: ignore[arg-type]
        return event

    def catch_up(self) -> int:
        """Bring the machine to the present, up to references that start now; returns the time."""
        now = self.now
        if self._reached < now and self._advance(now, now) == Stop.THREAD_ASKS:
            raise AssertionError(f"a thread asked at {self._record['now']} ns, before the present, {now} ns")
        return now

    def wake(self) -> None:
        """Somebody has acted on the machine: what it does next may come earlier."""
        if self.process.is_alive and self.env.active_process is not self.process:
            self.process.interrupt()

    def _run(self) -> Generator[simpy.Event, Any, None]:
        delay: float | None = 0
        while delay is not None:
            try:
                yield simpy.Event(self.env) if delay == float("inf") else self.later(delay)
                delay = self._go_on()
            except simpy.Interrupt:
                delay = 0

    def _go_on(self) -> float | None:
        """Run the machine as far as it may; returns the time until it has something to do again, None: it is over."""
        now, waiting = self.now, self._waiting
        self._waiting = None
        if waiting == Stop.FINISHED:
            self._machine.finish()
            return None
        horizon = max(now + 1, self._peek()) if self._alone else now + 1
        stop = self._advance(horizon if self._alone else now, horizon)
        if stop == Stop.THREAD_ASKS:
            return self._ask(int(self._record["asking"]), int(self._record["now"]) - now)
        if stop == Stop.FINISHED:
            self._waiting = stop
            return int(self._record["now"]) - now
        until = horizon if self._alone else int(notice(self.state.address, now + 1))
        return float("inf") if until >= _FOREVER else until - now

    def _ask(self, thread: int, delay: int) -> int:
        """Have a thread told, after some time, that it is its turn; returns that time: the driver comes last then."""
        turn = self.turns.pop(thread, None)  # None: its SimPy process has only just been made
        if turn is not None:
            turn._ok, turn._value = True, None
            self.env.schedule(turn, delay=delay)
        return delay

    def _peek(self) -> int:
        """When the environment's next event is."""
        next_event = self.env.peek()
        return _FOREVER if next_event == float("inf") else ceil(next_event - self._origin)

    def _advance(self, last: int, horizon: int) -> Stop:
        """Run the machine up to a time, or until a thread asks what to do, or all have ended; see `advance`."""
        self._reached = last
        while True:
            stop = Stop(advance(self.state.address, last, horizon))
            if stop in (Stop.THREAD_ASKS, Stop.FINISHED):
                return stop
            self._machine.serve(stop, horizon)
            if stop == Stop.IDLE:
                return stop
