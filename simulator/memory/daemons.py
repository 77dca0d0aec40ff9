"""The memory manager's daemons as SimPy processes: when they wake, what they do, and the processor time it takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import Any, ClassVar

import numpy as np
import simpy

from simulator import records
from simulator.calendar import TIMER, WAKE, Bell, Calendar
from simulator.compile import compiled
from simulator.hardware.processor import commit_all, make_ready
from simulator.memory import writers
from simulator.memory.decisions import compiled_pass, recall, wanted
from simulator.memory.kernel import settle
from simulator.memory.signals import should_write, should_write_mapped
from simulator.memory.state import State
from simulator.memory.swapper import outswap
from simulator.memory.view import View
from simulator.memory.working_set import requeue, trim
from simulator.observe import Hooks
from simulator.policies.base import Decision, Policy
from simulator.records import TRIMMED, machine, threads
from simulator.result import PolicyRefused

Steps = Generator[simpy.Event, None, None]


@compiled
def _give_work(a: int, thread: int, nanoseconds: int, t: int) -> None:
    threads(a)[thread].debt = nanoseconds
    make_ready(a, thread, t)


@compiled
def _done(a: int, daemon: int) -> bool:
    """A daemon has nothing left to do; True if it was asked to look again meanwhile."""
    m = machine(a)
    again = m.daemon_pending[daemon] != 0
    m.daemon_pending[daemon] = 0
    if not again:
        m.daemon_busy[daemon] = 0
    return again


@compiled
def _trim_all(a: int, entries: Any, goal: int, t: int) -> None:
    machine(a).now = t
    machine(a).goal = goal
    for entry in entries:
        trim(a, entry, t, TRIMMED)


@compiled
def _requeue_all(a: int, entries: Any) -> None:
    for entry in entries:
        requeue(a, entry)


class Daemon(ABC):
    """A system thread with a SimPy process: waits for its bell, works, waits again."""

    number: ClassVar[int]

    def __init__(self, state: State, calendar: Calendar) -> None:
        """Begin to wait; nothing happens before time 0."""
        self.state = state
        self.calendar = calendar
        self.thread = state.user_threads + self.number
        self.bell = Bell(calendar)
        calendar.process(self._live())

    @property
    def now(self) -> int:
        """The simulated time."""
        return int(self.calendar.now)

    def wait(self) -> Bell:
        """The next time somebody wakes this daemon."""
        self.bell = Bell(self.calendar)
        return self.bell

    def work(self, nanoseconds: int) -> Steps:
        """Take processor time, at the priority of the daemon's thread."""
        if nanoseconds > 0:
            _give_work(self.state.address, self.thread, nanoseconds, self.now)
            yield self.wait()

    def claim(self) -> bool:
        """Become busy; False if it is already."""
        busy = self.state.record[0]["daemon_busy"]
        if busy[self.number]:
            return False
        busy[self.number] = 1
        return True

    def done(self) -> bool:
        """Stop being busy, unless somebody asked for another look meanwhile (True)."""
        return bool(_done(self.state.address, self.number))

    @abstractmethod
    def run(self) -> Steps:
        """What it does when woken, up to not being busy any more."""

    def _live(self) -> Steps:
        while True:
            yield self.bell
            yield from self.run()
            self.wait()

    def every(self, period: int, action: Callable[[], None]) -> Steps:
        """A timer: `action` at each multiple of `period`."""
        time = period
        while True:
            yield self.calendar.at(time, TIMER)
            action()
            time += period


class BalanceSetManager(Daemon):
    """Wakes once a period and when memory runs low; asks the policy which pages to trim, and trims them."""

    number = records.BALANCE

    def __init__(self, state: State, calendar: Calendar, policy: Policy, hooks: Hooks) -> None:
        """Start its timer."""
        super().__init__(state, calendar)
        self.policy = policy
        self.hooks = hooks
        self.fruitless = 0
        """passes in a row that trimmed nothing while every thread waited for a frame"""
        self._woken = 0
        self._ticks = 0
        calendar.process(self.every(state.manager.trimming.period, self._tick))

    @property
    def in_vain(self) -> bool:
        """Two passes trimmed nothing while every thread waited for a frame, and none has got one since."""
        return self.fruitless >= 2 and self._woken == self.state.record[0]["woken"]

    def _tick(self) -> None:
        self._ticks += 1
        swapper = self.state.manager.swapper
        if swapper.enabled and self._ticks % swapper.wakes == 0:
            commit_all(self.state.address, self.now)
            outswap(self.state.address, swapper.idle, self.now)
            settle(self.state.address, self.now)
        if self.claim():
            self.bell.ring(self.now, WAKE)

    def run(self) -> Steps:
        """One pass, and another as long as somebody asked for it meanwhile."""
        while True:
            yield from self.work(self._pass())
            if not self.done():
                return

    def _pass(self) -> int:
        """Ask the policy and apply what it says; returns the processor time that this takes."""
        state, now = self.state, self.now
        commit_all(state.address, now)
        goal = int(wanted(state.address))
        if state.record[0]["trim_hook"]:
            trimmed, examined = compiled_pass(state, goal, now)
            decision = Decision(trimmed=trimmed, examined=examined)
        else:
            recall(state, self.policy)
            decision = self.policy.trim(View(state, now), goal)
            self._check(decision)
            self._apply(decision, goal)
        self.hooks.call("decided", state, now, self.policy.name, goal, decision)
        settle(state.address, now)
        m, count = state.record[0], len(decision.trimmed)
        stuck = m["frame_waiting"] == m["living_threads"] and m["woken"] == self._woken
        self.fruitless = self.fruitless + 1 if stuck and count == 0 else 0
        self._woken = int(m["woken"])
        return int(m["age_cost"]) * decision.examined + int(m["trim_cost"]) * count

    def _apply(self, decision: Decision, goal: int) -> None:
        bits, ptes = self.state.arrays["bits"], self.state.arrays["ptes"]
        bits[decision.cleared] &= np.uint8(0xFF ^ records.ACCESSED)
        ptes["age"][decision.aged] = decision.ages
        _requeue_all(self.state.address, np.asarray(decision.requeued, np.int64))
        _trim_all(self.state.address, np.asarray(decision.trimmed, np.int64), goal, self.now)

    def _check(self, decision: Decision) -> None:
        """Refuse what a policy may not propose, before any of it is done; raises PolicyRefused."""
        bits, count = self.state.arrays["bits"], self.state.pte_count
        for verb, entries in (
            ("clear", decision.cleared),
            ("age", decision.aged),
            ("requeue", decision.requeued),
            ("trim", decision.trimmed),
        ):
            entries = np.asarray(entries, np.int64)
            known = (entries >= 0) & (entries < count)
            known[known] = bits[entries[known]] & records.VALID != 0
            refused, why = entries[~known], "isn't in a working set"
            if verb == "trim" and not len(refused):
                refused, why = entries[bits[entries] & records.PINNED != 0], "is locked"
                if not len(refused):
                    values, times = np.unique(entries, return_counts=True)
                    refused, why = values[times > 1], "is proposed twice"
            if len(refused):
                raise PolicyRefused(
                    f"policy {self.policy.name}: proposed to {verb} entry {int(refused[0])}, which {why}"
                )
        if len(decision.ages) != len(decision.aged):
            found, wanted = len(decision.ages), len(decision.aged)
            raise PolicyRefused(f"policy {self.policy.name}: proposed {found} ages for {wanted} entries")


class ModifiedPageWriter(Daemon):
    """Writes modified pages to the paging files while they are many and free ones few."""

    number = records.WRITER

    def run(self) -> Steps:
        """Write clusters, one I/O at a time, while there is reason to."""
        a = self.state.address
        while should_write(a):
            request = writers.gather(a)
            if request < 0:
                break
            yield from self.work(self.state.config.costs.write)
            writers.submit_for(a, request, self.number, self.now)
            yield self.wait()
        self.done()


class MappedPageWriter(Daemon):
    """Writes modified pages of mapped files: when they are many, when memory is low, and all of them now and then."""

    number = records.MAPPED_WRITER

    def __init__(self, state: State, calendar: Calendar) -> None:
        """Start its timer."""
        super().__init__(state, calendar)
        self.next_flush = state.manager.mapped_writer.flush_period
        calendar.process(self.every(state.manager.mapped_writer.period, self._tick))

    def _tick(self) -> None:
        if not self.claim():
            return
        if self.now >= self.next_flush:
            self.next_flush += self.state.manager.mapped_writer.flush_period
            writers.begin_flush(self.state.address, self.now)
        self.bell.ring(self.now, WAKE)

    def run(self) -> Steps:
        """Write runs of pages that are contiguous in their file, one I/O at a time, while there is reason to."""
        a = self.state.address
        while should_write_mapped(a):
            request = writers.gather_mapped(a)
            yield from self.work(self.state.config.costs.write)
            writers.submit_for(a, request, self.number, self.now)
            yield self.wait()
        self.state.record[0]["mapped_flush"] = 0
        self.done()


class ZeroPageThread(Daemon):
    """Zeroes free pages when no other thread wants a processor."""

    number = records.ZEROER

    def run(self) -> Steps:
        """Zero batches until the free list is empty."""
        a = self.state.address
        lists, settings = self.state.arrays["lists"], self.state.manager.zero_page_thread
        while lists[records.ON_FREE]["count"] > 0:
            batch = min(settings.batch, int(lists[records.ON_FREE]["count"]))
            yield from self.work(batch * self.state.config.costs.zero_page)
            writers.zero(a, batch)
            settle(a, self.now)
        self.done()


def start_daemons(state: State, calendar: Calendar, policy: Policy, hooks: Hooks) -> list[Daemon]:
    """The daemons in the order of their numbers, the balance set manager first; the textbook machine has none."""
    if state.manager.model == "demand-paging":
        return []
    return [
        BalanceSetManager(state, calendar, policy, hooks),
        ModifiedPageWriter(state, calendar),
        MappedPageWriter(state, calendar),
        ZeroPageThread(state, calendar),
    ]
