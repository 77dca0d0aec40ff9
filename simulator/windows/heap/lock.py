"""A heap's lock: its process's threads use a heap's back end one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any

from simulator.windows.requests import Wait


class Lock:
    """A critical section, which threads wait for like for a kernel object, first come, first served, though it is none:
    Windows has keyed events for this, which cost a process nothing. Who owns it may enter it again [Critical Section
    Objects]."""

    def __init__(self, wake: Any) -> None:
        """`wake` is called with the lock when threads that wait for it may go on: `System.wake`."""
        self._wake = wake
        self._held = False
        self._owner: Any = None
        self._depth = 0
        """how often the owner has entered"""
        self.waiters: deque[Any] = deque()
        """kept by whoever runs the threads"""

    @property
    def signalled(self) -> bool:
        """Whether nobody holds it."""
        return not self._held

    def consume(self) -> None:
        """A thread's wait has ended, which holds it now."""
        self._held = True

    def owned(self, thread: Any) -> bool:
        """Whether a thread owns it."""
        return self._owner is thread

    def acquire(self, thread: Any) -> Generator[Any, Any, None]:
        """Have a thread own it, if need be after a wait [EnterCriticalSection]."""
        if not self.owned(thread):
            if self._held:
                yield Wait((self,))
            else:
                self._held = True
            self._owner = thread
        self._depth += 1

    def release(self) -> None:
        """Leave it as often as it was entered, and the next one may own it [LeaveCriticalSection]."""
        self._depth -= 1
        if self._depth:
            return
        self._owner = None
        self._held = False
        if self.waiters:
            self._wake(self)
