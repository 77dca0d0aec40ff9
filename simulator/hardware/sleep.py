"""Sleeping threads: those that wait for a time, and for nobody."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.processor import block_thread, make_ready
from simulator.state.constants import SLEEP
from simulator.state.record import Nanoseconds, Thread
from simulator.state.schema import MachineRecord


@compiled
def fall_asleep(m: MachineRecord, thread: Thread, wake: int, t: Nanoseconds) -> None:
    """A thread gives up its processor until time `wake`. Who wakes at one time does so in the order of falling
    asleep."""
    block_thread(m, thread, SLEEP, t)
    m.threads[thread].wake = wake
    asleep = m.sleepers
    at = m.sleeping
    while at > 0 and m.threads[asleep[at - 1]].wake <= wake:
        asleep[at] = asleep[at - 1]
        at -= 1
    asleep[at] = thread
    m.sleeping += 1


@compiled
def wake_next(m: MachineRecord) -> int:
    """The next thread to wake becomes ready; returns the time."""
    m.sleeping -= 1
    thread = m.sleepers[m.sleeping]
    t = m.threads[thread].wake
    m.now = t
    make_ready(m, thread, t)
    return t


@compiled
def never_wake(m: MachineRecord, thread: Thread) -> None:
    """A sleeping thread's process ended."""
    asleep = m.sleepers
    at = 0
    while at < m.sleeping and asleep[at] != thread:
        at += 1
    if at == m.sleeping:
        raise ValueError("a thread that doesn't sleep can't be woken")
    m.sleeping -= 1
    for i in range(at, m.sleeping):
        asleep[i] = asleep[i + 1]
