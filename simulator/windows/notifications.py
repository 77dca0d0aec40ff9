"""The events by which the system says that memory, pool or commit charge is short or plentiful."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.units import GiB, MiB
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.objects import Event

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

_PLENTY_PAGES = 400
"""MmPlentyFreePages, twice as many from 63 MiB of memory on [ros: ARM3/mminit.c]"""
_PLENTY_DOUBLES = 63 * MiB
_LOW_CAP = 64 * MiB
_SMALLEST_SHARE = 32
"""low memory is at most this part of all memory, as for the trimming policy's signals: chosen, so that small machines
aren't always low"""
_NONPAGED = ((8 * MiB, 1 / 3), (20 * MiB, 1 / 2))
"""free nonpaged pool that is low, high: bytes, but at most a share of its limit [ros: ARM3/pool.c]"""
_PAGED = ((30 * MiB, 1 / 5), (60 * MiB, 2 / 5))
"""free paged pool that is low, high [ros: ARM3/mminit.c]"""


def low_memory_threshold(memory: int, page_size: int) -> int:
    """Bytes available at which memory is low: above 1 GiB 32 MiB + 8 MiB for each further GiB, from 128 MiB on plenty
    + 4 MiB for each further 128 MiB, below that plenty; at most 64 MiB [ros: ARM3/mminit.c], and 1/32 of memory."""
    plenty = _PLENTY_PAGES * page_size * (2 if memory >= _PLENTY_DOUBLES else 1)
    low = plenty
    if memory > GiB:
        low = 32 * MiB + (memory - GiB) // GiB * 8 * MiB
    elif memory > 128 * MiB:
        low = plenty + (memory - 128 * MiB) // (128 * MiB) * 4 * MiB
    return min(low, _LOW_CAP, memory // _SMALLEST_SHARE)


class Condition(Event):
    """An event that the system keeps set while something is so [Standard Event Objects]."""

    def __init__(self, system: System, name: str) -> None:
        super().__init__(system, manual_reset=True, name=f"KernelObjects\\{name}Condition")
        self.permanent = True

    @property
    def signalled(self) -> bool:
        """Whether it is so now."""
        self.system.notifications.check()
        return self._set

    def show(self, true: bool) -> None:
        """Set or reset it."""
        if true:
            self.set()
        else:
            self.reset()


class Notifications:
    """The system's conditions, each an event: level-triggered, set while it holds; between low and high neither is.

    Who asks an event is told what is so at that time. While a thread waits for one, `check` is to be called whenever
    available memory, a pool or the commit charge may have changed.
    """

    _NAMES = ("Memory", "PagedPool", "NonPagedPool", "Commit")

    def __init__(self, system: System) -> None:
        """Make the events in nonpaged pool, with their names, and set those that hold."""
        self._system = system
        self.events = {
            level + name: Condition(system, level + name) for name in self._NAMES for level in ("Low", "High")
        }
        self.events["MaximumCommit"] = Condition(system, "MaximumCommit")
        settings = system.settings.conditions
        memory = system.pages.frames * system.page_size
        low = settings.low_memory or low_memory_threshold(memory, system.page_size)
        high = settings.high_memory or 3 * low
        self.low_memory = low // system.page_size
        """available pages at which memory is low"""
        self.high_memory = max(high // system.page_size, self.low_memory + 1)
        """available pages at which memory is high"""
        self._largest = system.pages.commit_maximum()
        self._seen: tuple[int, ...] = ()
        """what the events were set by last"""
        self.check()

    def check(self) -> None:
        """Set and reset the events by what is so now; threads that wait for one that is set go on."""
        pages, pool = self._system.pages, self._system.pool
        now = (
            pages.available(),
            pages.commit_total(),
            pages.commit_limit(),
            pool.nonpaged.used,
            pool.paged.used,
        )
        if now == self._seen:
            return
        self._seen = now
        available, total, limit, nonpaged, paged = now
        self._show("Memory", available <= self.low_memory, available >= self.high_memory)
        self._pool("NonPagedPool", pool.limit(paged=False), nonpaged, _NONPAGED)
        self._pool("PagedPool", pool.limit(paged=True), paged, _PAGED)
        settings = self._system.settings.conditions
        self._show("Commit", total <= settings.low_commit * limit, total >= settings.high_commit * limit)
        self.events["MaximumCommit"].show(total >= settings.high_commit * self._largest)

    def _show(self, name: str, low: bool, high: bool) -> None:
        self.events["Low" + name].show(low)
        self.events["High" + name].show(high)

    def _pool(self, name: str, limit: int, used: int, thresholds: tuple[tuple[int, float], tuple[int, float]]) -> None:
        low, high = (min(size, int(limit * share)) for size, share in thresholds)
        free = limit - used * self._system.page_size
        self._show(name, free <= low, free >= high)


def create_memory_resource_notification(own: ProcessState, kind: int) -> int:
    """A handle to the event that is set while memory is low (0) or high (1) [CreateMemoryResourceNotification].
    ERROR_INVALID_PARAMETER for another kind."""
    names = {c.LOW_MEMORY_RESOURCE_NOTIFICATION: "Low", c.HIGH_MEMORY_RESOURCE_NOTIFICATION: "High"}
    if kind not in names:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    return own.handles.add(own.system.notifications.events[f"{names[kind]}Memory"])


def query_memory_resource_notification(own: ProcessState, handle: int) -> bool:
    """Whether memory is low, or high, as the handle was made for [QueryMemoryResourceNotification]; whether it is set,
    if it is any other event's [k32/sync.c:719]. ERROR_INVALID_PARAMETER for 0 and -1, ERROR_INVALID_HANDLE if it is no
    event's."""
    if handle in (0, c.INVALID_HANDLE_VALUE):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    return own.handles.get(handle, Event).signalled
