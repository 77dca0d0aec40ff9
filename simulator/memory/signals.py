"""Signals to the daemons: when the memory manager wakes which of them.

A woken daemon is put into the outbox; SimPy runs it at that time. A daemon that is busy is told that it is wanted
again (`daemon_pending`).
"""

from __future__ import annotations

from numba import carray

from simulator.compile import compiled, pointer
from simulator.layout import OUTBOX
from simulator.records import (
    BALANCE,
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
)

OUTBOX_SIZE = 64


@compiled
def wake(a: int, daemon: int, t: int) -> None:
    """Have SimPy run a daemon at time t."""
    m = machine(a)
    entry = carray(pointer(m.outbox_at), (OUTBOX_SIZE,), OUTBOX)[m.outbox_count]
    entry.time = t
    entry.daemon = daemon
    m.outbox_count += 1


@compiled
def request_daemon(a: int, daemon: int, t: int) -> None:
    """Wake a daemon, or, if it is busy, have it look again when it is done."""
    m = machine(a)
    if m.demand_paging:
        return
    if m.daemon_busy[daemon]:
        m.daemon_pending[daemon] = 1
    else:
        m.daemon_busy[daemon] = 1
        wake(a, daemon, t)


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
