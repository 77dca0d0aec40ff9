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
        """Wake a thread, with a full quantum."""
        thread.quantum_left = self.quantum
        thread.change("ready", t)
        idle = next((cpu for cpu in self.cpus if cpu.thread is None), None)
        if idle is not None:
            self._dispatch(idle, thread, t)
            return
        cpu = min(self.cpus, key=lambda cpu: cpu.thread.priority if cpu.thread else 0)
        assert cpu.thread is not None
        if cpu.thread.priority >= thread.priority:
            self._queue(thread).append(thread)
            return
        loser = cpu.run_until(t)
        loser.quantum_left = cpu.quantum_end - t if cpu.quantum_end > t else self.quantum
        loser.change("ready", t)
        self._queue(loser).appendleft(loser)
        self._dispatch(cpu, thread, t)

    def leave(self, thread: Thread, t: int) -> None:
        """A running thread has blocked or ended: its processor takes the best ready thread."""
        cpu = next(cpu for cpu in self.cpus if cpu.thread is thread)
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
