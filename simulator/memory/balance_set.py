"""The balance set manager's steps, compiled: passes in which the policy trims, each paid for with processor time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.compile import call, compiled
from simulator.hardware.processor import commit_all
from simulator.memory.settling import settle
from simulator.memory.signals import WORKING, stop_work, work
from simulator.memory.working_set import checked, trim
from simulator.records import (
    BALANCE,
    MAPPED_WRITER,
    ON_MAPPED,
    ON_MODIFIED,
    ON_NO_WRITE,
    TRIMMED,
    WRITER,
    available,
    lists,
    machine,
    stores,
)


@compiled
def wanted(a: int) -> int:
    """Pages that a pass should trim: what is missing to the high threshold, beyond what is being written or can be."""
    m = machine(a)
    room = False
    for store in range(m.paging_files):
        room |= stores(a)[store].used < stores(a)[store].size
    writable = lists(a)[ON_MAPPED].count + (lists(a)[ON_MODIFIED].count if room else 0)
    return max(0, m.high - available(a) - writable)


@compiled
def trim_pass(a: int, goal: int, t: int, room: NDArray[np.int64]) -> int:
    """One pass of a compiled policy: trim what it proposes, one after another, at most `goal`; returns how many, and
    which in `room`, as far as that reaches. With a goal of 0 the policy only ages."""
    m = machine(a)
    m.now = t
    m.passes += 1
    m.examined = 0
    m.actor = -1
    m.goal = goal
    if goal == 0:
        call(m.trim_hook, a, 0)
    trimmed = 0
    while trimmed < goal:
        entry = checked(a, call(m.trim_hook, a, goal - trimmed))
        if entry < 0:
            break
        trim(a, entry, t, TRIMMED)
        if trimmed < len(room):
            room[trimmed] = entry
        trimmed += 1
    return trimmed


@compiled
def end_pass(a: int, trimmed: int, examined: int, t: int) -> bool:
    """A pass has trimmed so many entries of those that it examined, and takes the time for that; True: it takes none,
    and another pass was asked for meanwhile."""
    m = machine(a)
    settle(a, t)
    starved = m.frame_waiting == m.living_threads and m.woken == m.woken_before
    m.fruitless = m.fruitless + 1 if starved and trimmed == 0 else 0
    m.woken_before = m.woken
    return not work(a, BALANCE, m.age_cost * examined + m.trim_cost * trimmed, t) and not stop_work(a, BALANCE)


@compiled
def balance(a: int, t: int) -> bool:
    """The balance set manager goes on: passes, as long as somebody asked for one; False: Python has to make them."""
    m = machine(a)
    if m.daemon_stage[BALANCE] == WORKING and stop_work(a, BALANCE):
        return True
    if m.passes_in_python:
        return False
    nowhere = np.empty(0, np.int64)
    again = True
    while again:
        commit_all(a, t)
        trimmed = trim_pass(a, wanted(a), t, nowhere)
        again = end_pass(a, trimmed, m.examined, t)
    return True


@compiled
def stuck(a: int) -> bool:
    """Whether every thread waits for a frame and nothing will ever free one: no I/O is in flight, the writers have
    nothing to write, and two passes in a row trimmed nothing."""
    m = machine(a)
    if m.frame_waiting == 0 or m.frame_waiting < m.living_threads or m.in_flight > 0:
        return False
    if m.demand_paging:
        return True
    if m.daemon_busy[WRITER] or m.daemon_busy[MAPPED_WRITER] or lists(a)[ON_NO_WRITE].count > 0:
        return False
    return m.fruitless >= 2 and m.woken_before == m.woken
