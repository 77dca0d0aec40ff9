"""A heap's lock: its process's threads use a heap one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any

from simulator.windows.requests import Wait


class Lock:
    """A critical section, which threads wait for like for a kernel object, first come, first served, though it is none:
    Windows has keyed events for this, which cost a process nothing [Critical Section Objects]."""

    def __init__(self, wake: Any) -> None:
        """`wake` is called with the lock when threads that wait for it may go on: `System.wake`."""
        self._wake = wake
        self._held = False
        self.waiters: deque[Any] = deque()
        """kept by whoever runs the threads"""

    @property
    def signalled(self) -> bool:
        """Whether nobody holds it."""
        return not self._held

    def consume(self) -> None:
        """A thread's wait has ended, which holds it now."""
        self._held = True

    def acquire(self) -> Generator[Any, Any, None]:
        """Hold it, if need be after a wait [EnterCriticalSection]."""
        if self._held:
            yield Wait((self,))
        else:
            self._held = True

    def release(self) -> None:
        """Let the next one hold it [LeaveCriticalSection]."""
        self._held = False
        if self.waiters:
            self._wake(self)
