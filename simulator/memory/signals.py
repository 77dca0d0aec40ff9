"""Signals to the daemons: when the memory manager wakes which of them.

A woken daemon is put into the outbox; those in it go on at that time, first come, first served, after the I/O that
completes then (`simulator.memory.kernel`). A daemon that is busy is told that it is wanted again (`daemon_pending`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from simulator.compile import compiled, pointer
from simulator.hardware.processor import make_ready
from simulator.layout import OUTBOX
from simulator.records import (
    BALANCE,
    DAEMONS,
    MAPPED_WRITER,
    ON_FREE,
    ON_MAPPED,
    ON_MODIFIED,
    ON_ZEROED,
    WRITER,
    ZEROER,
    available,
    lists,
    machine,
    threads,
)

OUTBOX_SIZE = DAEMONS
"""A daemon waits for one thing at a time, so it is woken once before it goes on."""
RESTING, WORKING, WRITING = range(3)
"""Stages of a daemon: it has nothing to do; it takes processor time; the write that it has gathered is on its way."""


@compiled
def outbox(a: int) -> Any:
    """The daemons that were woken, in that order."""
    return carray(pointer(machine(a).outbox_at), (OUTBOX_SIZE,), OUTBOX)


@compiled
def wake(a: int, daemon: int, t: int) -> None:
    """Have a daemon go on at time t, which is now."""
    m = machine(a)
    if m.outbox_count == OUTBOX_SIZE:
        raise ValueError("a daemon is woken twice")
    entry = outbox(a)[m.outbox_count]
    entry.time = t
    entry.daemon = daemon
    m.outbox_count += 1


@compiled
def take_woken(a: int) -> int:
    """The daemon that was woken first leaves the outbox."""
    m = machine(a)
    woken = outbox(a)
    daemon = woken[0].daemon
    m.outbox_count -= 1
    m.outbox_seen = max(np.int64(0), m.outbox_seen - 1)
    m.step_seen = 0
    for i in range(m.outbox_count):
        woken[i].time = woken[i + 1].time
        woken[i].daemon = woken[i + 1].daemon
    return daemon


@compiled
def wake_idle(a: int, daemon: int, t: int) -> bool:
    """Wake a daemon unless it is busy; it becomes so."""
    m = machine(a)
    if m.daemon_busy[daemon]:
        return False
    m.daemon_busy[daemon] = 1
    wake(a, daemon, t)
    return True


@compiled
def request_daemon(a: int, daemon: int, t: int) -> None:
    """Wake a daemon, or, if it is busy, have it look again when it is done."""
    m = machine(a)
    if not m.demand_paging and not wake_idle(a, daemon, t):
        m.daemon_pending[daemon] = 1


@compiled
def work(a: int, daemon: int, nanoseconds: int, t: int) -> bool:
    """A daemon takes processor time, at the priority of its thread, and goes on then; False: it takes none."""
    if nanoseconds == 0:
        return False
    m = machine(a)
    m.daemon_stage[daemon] = WORKING
    thread = m.user_threads + daemon
    threads(a)[thread].debt = nanoseconds
    make_ready(a, thread, t)
    return True


@compiled
def stop_work(a: int, daemon: int) -> bool:
    """A daemon has nothing left to do, and rests; False: it was asked to look again meanwhile."""
    m = machine(a)
    m.daemon_stage[daemon] = RESTING
    m.daemon_busy[daemon] = m.daemon_pending[daemon]
    m.daemon_pending[daemon] = 0
    return m.daemon_busy[daemon] == 0


@compiled
def should_write(a: int) -> bool:
    """Whether the modified page writer has reason to write (WI6): zeroed and free pages are short and modified pages
    many, or a thread waits for a frame."""
    m = machine(a)
    on = lists(a)
    modified = on[ON_MODIFIED].count
    if m.demand_paging or m.immediate or modified == 0:
        return False
    if m.frame_waiting > 0:
        return True
    ready = on[ON_ZEROED].count + m.frame_count - m.fresh + on[ON_FREE].count
    if ready >= m.free_trigger:
        return False
    return modified > min(available(a) // m.available_divisor, m.modified_maximum)


@compiled
def should_write_mapped(a: int) -> bool:
    """Whether the mapped page writer, once running, has reason to go on."""
    m = machine(a)
    modified = lists(a)[ON_MAPPED].count
    if modified == 0:
        return False
    return m.mapped_flush != 0 or modified > m.mapped_trigger or available(a) < m.low or m.frame_waiting > 0


@compiled
def signal(a: int, t: int) -> None:
    """Look at every level that wakes a daemon; called after each step that may have changed one."""
    m = machine(a)
    if m.demand_paging:
        return
    free = available(a)
    if free >= m.low:
        m.low_signalled = 0
    elif not m.low_signalled:
        m.low_signalled = 1
        request_daemon(a, BALANCE, t)
    if not m.daemon_busy[WRITER] and should_write(a):
        request_daemon(a, WRITER, t)
    if not m.daemon_busy[MAPPED_WRITER] and lists(a)[ON_MAPPED].count > 0 and (free < m.low or m.frame_waiting > 0):
        request_daemon(a, MAPPED_WRITER, t)
    if m.zero_enabled and not m.daemon_busy[ZEROER] and lists(a)[ON_FREE].count >= m.zero_trigger:
        request_daemon(a, ZEROER, t)
