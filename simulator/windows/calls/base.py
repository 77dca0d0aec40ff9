"""What all calls have in common: the thread that makes them, its last error, what they cost, and what they touch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from simulator.windows.failure import Failure
from simulator.windows.heap.memory import CALL, ENTRY, LOAD
from simulator.windows.requests import References, Request

if TYPE_CHECKING:
    from simulator.windows.owner import Owner
    from simulator.windows.system import System

T = TypeVar("T")
Steps = Generator[Request, Any, T]
"""A call: a generator that asks things of the machine and returns what Windows returns."""

MOST_PENDING = 4096
"""Rows after which a heap call has them executed."""


class Calls:
    """The base of all mixins of `windows.process.Process`, whose constructor calls this one.

    Calls of user mode (heaps) needn't enter the kernel: what they touch and take is kept as rows of the thread, in the
    form of `windows.heap.memory.Touch`, which are executed before whatever else the thread asks of the machine.
    """

    system: System
    own: Owner
    thread: int

    def __init__(self) -> None:
        self.last_error = 0
        self._rows: list[int] = []
        self._touch = self._rows.append
        """adds a row"""

    def get_last_error(self) -> int:
        """The code of the thread's last call that failed [GetLastError]."""
        return self.last_error

    def set_last_error(self, code: int) -> None:
        """Set what `get_last_error` gives [SetLastError]."""
        self.last_error = code

    def _call(self, function: Callable[..., T], *arguments: Any, failed: Any = 0) -> Steps[Any]:
        """A system call: do it at once, charge its processor time, give its result or, on Failure, `failed`."""
        if self._rows:
            yield from self._flush()
        try:
            result = function(*arguments)
        except Failure as failure:
            self.last_error = failure.code
            result = failed
        yield self.system.costs.system_call + self.system.pages.spent()
        if self.system.pool.any_touched:
            yield from self._touch_pool()
        return result

    def _touch_pool(self) -> Steps[None]:
        """Reference the paged pool that a call has read and changed."""
        entries = self.system.pool.touched()
        ones = np.ones(len(entries), np.uint8)
        yield References(entries, np.zeros(len(entries), np.uint16), ones, ones)

    def _flush(self) -> Steps[None]:
        """Execute what user-mode calls have left: their processor time, then their references, whose faults may raise
        WindowsException here; those after the one that did are lost, as nobody makes them."""
        if not self._rows:
            return
        rows = np.fromiter(self._rows, np.int64, len(self._rows))
        self._rows.clear()
        charges = rows < 0
        time = 0
        if charges.any():
            time = -int(rows[charges].sum())
            rows = rows[~charges]
        time += self.system.costs.heap_call * int((rows // CALL & 0xF).sum())
        if time:
            yield time
        if len(rows):
            fetches = np.zeros(len(rows), np.uint16)
            yield References(rows >> ENTRY, fetches, (rows // LOAD & 0xFF).astype(np.uint8), rows.astype(np.uint8))
