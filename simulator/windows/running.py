"""One thread's program on its way: the generator that is asked what it wants next, and what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any

import numpy as np
import simpy

from simulator.result import SimulationError
from simulator.state.constants import STATUS_CONTROL_C_EXIT
from simulator.windows.failure import ThreadEnded, WindowsException
from simulator.windows.process import EndedProcess, Process
from simulator.windows.process_state import ProcessState, ThreadObject
from simulator.windows.requests import EndThread, Exit, References, Request, Wait

Program = Callable[..., Generator[Any, Any, Any]]
"""What a thread does: a generator function whose first argument is the process."""

_WISHES = 1000
"""Calls that a program may try after its end before it is taken to go on for ever; chosen."""


@dataclass(eq=False)
class Running:
    """One thread's program, and what it waits for."""

    owner: ProcessState
    object: ThreadObject
    process: Process
    calls: list[Generator[Any, Any, Any]]
    """the generators that are on their way: the program, the call that it makes, a call that this makes, and so on"""
    main: bool
    value: Any = None
    """what it gets when it goes on"""
    thrown: Exception | None = None
    """what is raised in it when it goes on"""
    awaited: simpy.Event | None = None
    """what it waits for in SimPy"""
    awaiting: bool = False
    live: simpy.Process | None = None
    """its life in SimPy"""
    wait: Wait | None = None
    references: References | None = None
    held: tuple[Any, ...] = field(default=())
    """arrays whose addresses the machine has"""

    def ask(self, thrown: Exception | None) -> Request:
        """What the program wants next, given what it asked for last, or an exception; raises SimulationError if it
        fails for a reason of its own. A call that it yields is made, and its result sent to it."""
        value, self.value, self.references = self.value, None, None
        while True:
            try:
                request = self.calls[-1].throw(thrown) if thrown else self.calls[-1].send(value)
            except StopIteration as ending:
                self.calls.pop()
                value, thrown = ending.value, None
                if not self.calls:
                    code = int(value) if isinstance(value, int | np.integer) else 0
                    return Exit(code) if self.main else EndThread(code)
            except Exception as error:
                self.calls.pop()
                if not self.calls:
                    if isinstance(error, WindowsException):
                        return Exit(error.status)
                    if isinstance(error, simpy.Interrupt):
                        return Exit(STATUS_CONTROL_C_EXIT)
                    raise self._failed(error) from error
                thrown = error
            else:
                if type(request) is not GeneratorType:
                    return request
                self.calls.append(request)
                value = thrown = None

    def abandon(self) -> None:
        """The thread has ended: its program does nothing more. It may tidy up what is Python's own (`finally`), but the
        calls that it makes there do nothing and don't return. Raises SimulationError if that fails, or it goes on."""
        self.process.__class__ = EndedProcess
        for _ in range(_WISHES):
            if not self.calls:
                return
            try:
                self.calls[-1].throw(ThreadEnded)
            except (ThreadEnded, StopIteration, WindowsException):
                self.calls.pop()
            except Exception as error:
                raise self._failed(error) from error
        raise SimulationError(f"the program of {self.owner.name} has ended, but goes on: it catches ThreadEnded")

    def _failed(self, error: Exception) -> SimulationError:
        return SimulationError(f"the program of {self.owner.name} failed: {type(error).__name__}: {error}")


def satisfied(wait: Wait) -> int | None:
    """The index of the object that ends a wait now, 0 if all had to; None: it goes on. What that changes is done."""
    if wait.every:
        if all(item.signalled for item in wait.objects):
            for item in wait.objects:
                item.consume()
            return 0
        return None
    for index, item in enumerate(wait.objects):
        if item.signalled:
            item.consume()
            return index
    return None
