"""The balance set manager's steps, compiled: passes in which the policy trims, each paid for with processor time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.hardware.scheduler import commit_all
from simulator.memory.follow_up import follow_up
from simulator.memory.promise import ask
from simulator.memory.signals import WORKING, stop_work, wake_idle, work
from simulator.memory.swapper import outswap
from simulator.memory.working_set import checked, trim
from simulator.state.constants import BALANCE, MAPPED_WRITER, ON_MAPPED, ON_MODIFIED, ON_NO_WRITE, TRIMMED, WRITER
from simulator.state.queries import available
from simulator.state.record import NONE, Nanoseconds
from simulator.state.schema import MachineRecord


@compiled
def wanted(m: MachineRecord) -> int:
    """Pages that a pass should trim: what is missing to the high threshold, beyond what is being written or can be."""
    room = False
    for store in range(m.paging_files):
        room |= m.stores[store].used < m.stores[store].size
    writable = m.lists[ON_MAPPED].count + (m.lists[ON_MODIFIED].count if room else 0)
    return max(0, m.high - available(m) - writable)


@compiled
def trim_pass(m: MachineRecord, goal: int, t: Nanoseconds, room: NDArray[np.int64]) -> int:
    """One pass of a compiled policy: trim what it proposes, one after another, at most `goal`; returns how many, and
    which in `room`, as far as that reaches. With a goal of 0 the policy only ages."""
    m.now = t
    m.passes += 1
    m.examined = 0
    m.actor = NONE
    m.goal = goal
    if goal == 0:
        ask(m, m.trim_hook, 0)
    trimmed = 0
    while trimmed < goal:
        entry = checked(m, ask(m, m.trim_hook, goal - trimmed))
        if entry < 0:
            break
        trim(m, entry, t, TRIMMED)
        if trimmed < len(room):
            room[trimmed] = entry
        trimmed += 1
    return trimmed


@compiled
def end_pass(m: MachineRecord, trimmed: int, examined: int, t: Nanoseconds) -> bool:
    """A pass has trimmed so many entries of those that it examined, and takes the time for that; True: it takes none,
    and another pass was asked for meanwhile."""
    follow_up(m, t)
    starved = m.frame_waiting == m.living_threads and m.woken == m.woken_before
    m.fruitless = m.fruitless + 1 if starved and trimmed == 0 else 0
    m.woken_before = m.woken
    return not work(m, BALANCE, m.age_cost * examined + m.trim_cost * trimmed, t) and not stop_work(m, BALANCE)


@compiled
def balance(m: MachineRecord, t: Nanoseconds) -> bool:
    """The balance set manager goes on: passes, as long as somebody asked for one; False: Python has to make them."""
    if m.daemon_stage[BALANCE] == WORKING and stop_work(m, BALANCE):
        return True
    if m.passes_in_python:
        return False
    nowhere = np.empty(0, np.int64)
    again = True
    while again:
        commit_all(m, t)
        trimmed = trim_pass(m, wanted(m), t, nowhere)
        again = end_pass(m, trimmed, m.examined, t)
    return True


@compiled
def stuck(m: MachineRecord) -> bool:
    """Whether every thread waits for a frame and nothing will ever free one: no I/O is in flight, the writers have
    nothing to write, and two passes in a row trimmed nothing."""
    if m.frame_waiting == 0 or m.frame_waiting < m.living_threads or m.in_flight > 0:
        return False
    if m.demand_paging:
        return True
    if m.daemon_busy[WRITER] or m.daemon_busy[MAPPED_WRITER] or m.lists[ON_NO_WRITE].count > 0:
        return False
    return m.fruitless >= 2 and m.woken_before == m.woken


@compiled
def tick_balance(m: MachineRecord, t: Nanoseconds) -> None:
    """The balance set manager's period is over: it wakes unless it is busy, and each so many times has the swapper
    empty the working sets of those that do nothing."""
    m.next_balance += m.balance_period
    m.balance_ticks += 1
    swaps = m.swapper_wakes > 0 and m.balance_ticks % m.swapper_wakes == 0
    if swaps:
        commit_all(m, t)
        outswap(m, m.swapper_idle, t)
    wake_idle(m, BALANCE, t)
    if swaps:
        follow_up(m, t)
