"""A simulated process as others in its environment see it: a SimPy process that ends when it ends."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from simulator.memory import control

if TYPE_CHECKING:
    from simulator.machine import Machine


class Process(simpy.Process):
    """A process of a machine, whatever it runs: a program or a trace.

    `yield` it to wait for its end; its value is its exit status. What is done to it takes effect at once: after all
    that happens in the machine at this time, and before references that start now.
    """

    def __init__(self, machine: Machine, number: int, name: str) -> None:
        """Made by `Machine.start` and `Machine.processes`."""
        self.machine, self.number, self._name = machine, number, name
        self.ended = simpy.Event(machine.env)
        """triggered by the machine, with the exit status"""
        super().__init__(machine.env, self._live())

    @property
    def name(self) -> str:
        """The process's name."""
        return self._name

    def _live(self) -> Generator[simpy.Event, Any, int]:
        while True:
            try:
                return int((yield self.ended))
            except simpy.Interrupt as interrupt:
                self.machine.interrupt(self.number, interrupt.cause)

    def __repr__(self) -> str:
        """Its name and number."""
        return f"<Process {self._name!r}, number {self.number}>"

    @property
    def _record(self) -> Any:
        return self.machine.state.arrays["processes"][self.number]

    def set_working_set(self, minimum: int, maximum: int, hard_maximum: bool = False) -> None:
        """Set the limits of its working set, in bytes; a lower maximum takes out what is above it, oldest first
        [SetProcessWorkingSetSizeEx]. Raises ValueError unless 0 <= minimum <= maximum and there is a page."""
        page = self.machine.state.config.page_size
        if not 0 <= minimum <= maximum or maximum < page:
            raise ValueError(
                f"found a minimum of {minimum} and a maximum of {maximum} bytes, allowed are 0 <= minimum <= maximum, "
                f"and at least {page}"
            )
        with self.machine.acting() as now:
            control.set_limits(
                self.machine.state.address, self.number, minimum // page, maximum // page, hard_maximum, now
            )

    def empty_working_set(self) -> None:
        """Take out all that can be: all but locked pages [EmptyWorkingSet]."""
        with self.machine.acting() as now:
            control.empty_working_set(self.machine.state.address, self.number, now)

    @property
    def priority(self) -> int:
        """The priority of its threads, 1 to 15; setting one out of range raises ValueError."""
        record = self._record
        threads = self.machine.state.arrays["threads"]
        return int(threads["priority"][record["first_thread"]])

    @priority.setter
    def priority(self, priority: int) -> None:
        _check("priority", priority, 1, 15)
        with self.machine.acting() as now:
            control.set_priority(self.machine.state.address, self.number, priority, now)

    @property
    def memory_priority(self) -> int:
        """The standby list that its pages go to, 1 to 5; setting one out of range raises ValueError."""
        return int(self._record["memory_priority"])

    @memory_priority.setter
    def memory_priority(self, priority: int) -> None:
        _check("memory priority", priority, 1, 5)
        with self.machine.acting():
            self._record["memory_priority"] = priority

    @property
    def foreground(self) -> bool:
        """Whether it is trimmed last by the `windows` policy."""
        return bool(self._record["foreground"])

    @foreground.setter
    def foreground(self, foreground: bool) -> None:
        with self.machine.acting():
            self._record["foreground"] = foreground

    def suspend(self) -> None:
        """Stop all its threads until `resume`; reads that they wait for go on [SuspendThread]."""
        with self.machine.acting() as now:
            control.suspend(self.machine.state.address, self.number, now)

    def resume(self) -> None:
        """Let suspended threads go on [ResumeThread]."""
        with self.machine.acting() as now:
            control.resume(self.machine.state.address, self.number, now)

    def terminate(self, status: int = 1) -> None:
        """End it, wherever its threads are; an ended one stays as it is [TerminateProcess]."""
        with self.machine.acting() as now:
            self.machine.terminate(self.number, status, now)

    def counters(self) -> dict[str, int]:
        """Its counters at this moment; see `Machine.counters`."""
        return self.machine.process_counters(self.number)


def _check(what: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ValueError(f"{what}: found {value}, allowed is {lowest} to {highest}")
