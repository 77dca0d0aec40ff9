"""Processors and the ready queues: the highest priority first; within one, first come first served, a quantum each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from simulator.reference.entities import Thread


@dataclass(eq=False)
class CPU:
    """A processor: the thread it runs, up to when it has worked (`clock`), and the end of its quantum."""

    index: int
    thread: Thread | None = None
    clock: int = 0
    quantum_end: int = 0

    @property
    def next_time(self) -> int | None:
        """When it acts next; None if idle."""
        if self.thread is None:
            return None
        return min(self.quantum_end, self.clock + self.thread.work)

    def run_until(self, t: int) -> Thread:
        """Let the running thread do its work up to a time."""
        assert self.thread is not None
        self.thread.work -= t - self.clock
        self.clock = t
        assert self.thread.work >= 0
        return self.thread


class Processors:
    """All processors. `step(cpu, t)` is called when a running thread has no work left: it takes its next step."""

    def __init__(self, count: int, quantum: int, step: Callable[[CPU, int], None]) -> None:
        self.cpus = [CPU(index) for index in range(count)]
        self.quantum = quantum
        self.step = step
        self.queues: dict[int, deque[Thread]] = {}

    def ready(self, thread: Thread, t: int) -> None:
        """Wake a thread, with a full quantum; a suspended one sleeps until it is resumed."""
        if thread.suspended:
            thread.held = True
            thread.change("sleep", t)
            return
        thread.quantum_left = self.quantum
        thread.change("ready", t)
        self._place(thread, t)

    def _place(self, thread: Thread, t: int) -> None:
        """A thread that has become ready takes a processor, or waits for one."""
        idle = next((cpu for cpu in self.cpus if cpu.thread is None), None)
        if idle is not None:
            self._dispatch(idle, thread, t)
            return
        cpu = min(self.cpus, key=lambda cpu: cpu.thread.priority if cpu.thread else 0)
        assert cpu.thread is not None
        if cpu.thread.priority >= thread.priority:
            self._queue(thread).append(thread)
            return
        self._preempt(cpu, t)
        self._dispatch(cpu, thread, t)

    def _preempt(self, cpu: CPU, t: int) -> None:
        """A running thread gives way: it keeps what is left of its quantum, and comes first in its queue."""
        loser = cpu.run_until(t)
        loser.quantum_left = cpu.quantum_end - t if cpu.quantum_end > t else self.quantum
        loser.change("ready", t)
        self._queue(loser).appendleft(loser)

    def set_priority(self, thread: Thread, priority: int, t: int) -> None:
        """Change a thread's priority: it may take a processor from another, or lose its own."""
        if thread.state == "ready":
            self.withdraw(thread)
        thread.priority = priority
        if thread.state == "ready":
            self._place(thread, t)
        elif thread.state == "running":
            cpu, best = self._of(thread), self._best()
            if best is not None and best > priority:
                self._preempt(cpu, t)
                self._dispatch(cpu, self.queues[best].popleft(), t)

    def suspend(self, thread: Thread, t: int) -> None:
        """A thread stops where it is; what it waits for may come meanwhile."""
        if thread.suspended or thread.state == "ended":
            return
        thread.suspended = True
        thread.held = thread.state in ("ready", "running")
        if thread.state == "ready":
            self.withdraw(thread)
            thread.change("sleep", t)
        elif thread.state == "running":
            self._of(thread).run_until(t)
            thread.change("sleep", t)
            self.leave(thread, t)

    def resume(self, thread: Thread, t: int) -> None:
        """A suspended thread goes on."""
        held, thread.suspended, thread.held = thread.held, False, False
        if held and thread.state != "ended":
            self.ready(thread, t)

    def _of(self, thread: Thread) -> CPU:
        return next(cpu for cpu in self.cpus if cpu.thread is thread)

    def leave(self, thread: Thread, t: int) -> None:
        """A running thread has blocked or ended: its processor takes the best ready thread."""
        cpu = self._of(thread)
        cpu.thread = None
        best = self._best()
        if best is not None:
            self._dispatch(cpu, self.queues[best].popleft(), t)

    def withdraw(self, thread: Thread) -> None:
        """A ready thread ends."""
        self.queues[thread.priority].remove(thread)

    def act(self, cpu: CPU, t: int) -> None:
        """What a processor does at its next time: end a quantum, or let the thread step."""
        thread = cpu.run_until(t)
        if t < cpu.quantum_end:
            self.step(cpu, t)
            return
        best = self._best()
        if best is None or best < thread.priority:
            cpu.quantum_end += self.quantum
            return
        thread.quantum_left = self.quantum
        thread.change("ready", t)
        self._queue(thread).append(thread)
        self._dispatch(cpu, self.queues[best].popleft(), t)

    def _queue(self, thread: Thread) -> deque[Thread]:
        return self.queues.setdefault(thread.priority, deque())

    def _best(self) -> int | None:
        return max((priority for priority, queue in self.queues.items() if queue), default=None)

    @staticmethod
    def _dispatch(cpu: CPU, thread: Thread, t: int) -> None:
        cpu.thread, cpu.clock = thread, t
        cpu.quantum_end = t + thread.quantum_left
        thread.change("running", t)
        thread.processor = cpu.index
