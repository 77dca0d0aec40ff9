"""Sleeping threads: those that wait for a time, and for nobody."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.processor import block_thread, make_ready
from simulator.records import SLEEP, machine, sleepers, threads


@compiled
def fall_asleep(a: int, thread: int, wake: int, t: int) -> None:
    """A thread gives up its processor until time `wake`. Who wakes at one time does so in the order of falling
    asleep."""
    m = machine(a)
    block_thread(a, thread, SLEEP, t)
    threads(a)[thread].wake = wake
    asleep = sleepers(a)
    at = m.sleeping
    while at > 0 and threads(a)[asleep[at - 1]].wake <= wake:
        asleep[at] = asleep[at - 1]
        at -= 1
    asleep[at] = thread
    m.sleeping += 1


@compiled
def wake_next(a: int) -> int:
    """The next thread to wake becomes ready; returns the time."""
    m = machine(a)
    m.sleeping -= 1
    thread = sleepers(a)[m.sleeping]
    t = threads(a)[thread].wake
    m.now = t
    make_ready(a, thread, t)
    return t


@compiled
def never_wake(a: int, thread: int) -> None:
    """A sleeping thread's process ended."""
    m = machine(a)
    asleep = sleepers(a)
    at = 0
    while at < m.sleeping and asleep[at] != thread:
        at += 1
    if at == m.sleeping:
        raise ValueError("a thread that doesn't sleep can't be woken")
    m.sleeping -= 1
    for i in range(at, m.sleeping):
        asleep[i] = asleep[i + 1]
