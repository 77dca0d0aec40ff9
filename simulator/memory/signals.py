"""Signals to the daemons: when the memory manager wakes which of them.

A woken daemon is put into the outbox; those in it go on at that time, first come, first served, after the I/O that
completes then (`simulator.loop`). A daemon that is busy is told that it is wanted again (`daemon_pending`).
"""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.scheduler import make_ready
from simulator.state.constants import (
    BALANCE,
    DAEMONS,
    MAPPED_WRITER,
    ON_FREE,
    ON_MAPPED,
    ON_MODIFIED,
    ON_ZEROED,
    WRITER,
    ZEROER,
)
from simulator.state.queries import available
from simulator.state.record import Nanoseconds
from simulator.state.schema import MachineRecord

OUTBOX_SIZE = DAEMONS
"""A daemon waits for one thing at a time, so it is woken once before it goes on."""
RESTING, WORKING, WRITING = range(3)
"""Stages of a daemon: it has nothing to do; it takes processor time; the write that it has gathered is on its way."""


@compiled
def wake(m: MachineRecord, daemon: int, t: Nanoseconds) -> None:
    """Have a daemon go on at time t, which is now."""
    if m.outbox_count == OUTBOX_SIZE:
        raise ValueError("a daemon is woken twice")
    entry = m.outbox[m.outbox_count]
    entry.time = t
    entry.daemon = daemon
    m.outbox_count += 1


@compiled
def take_woken(m: MachineRecord) -> int:
    """The daemon that was woken first leaves the outbox."""
    woken = m.outbox
    daemon = woken[0].daemon
    m.outbox_count -= 1
    m.outbox_seen = max(0, m.outbox_seen - 1)
    m.step_seen = 0
    for i in range(m.outbox_count):
        woken[i].time = woken[i + 1].time
        woken[i].daemon = woken[i + 1].daemon
    return daemon


@compiled
def wake_idle(m: MachineRecord, daemon: int, t: Nanoseconds) -> bool:
    """Wake a daemon unless it is busy; it becomes so."""
    if m.daemon_busy[daemon]:
        return False
    m.daemon_busy[daemon] = 1
    wake(m, daemon, t)
    return True


@compiled
def request_daemon(m: MachineRecord, daemon: int, t: Nanoseconds) -> None:
    """Wake a daemon, or, if it is busy, have it look again when it is done."""
    if not m.demand_paging and not wake_idle(m, daemon, t):
        m.daemon_pending[daemon] = 1


@compiled
def work(m: MachineRecord, daemon: int, nanoseconds: int, t: Nanoseconds) -> bool:
    """A daemon takes processor time, at the priority of its thread, and goes on then; False: it takes none."""
    if nanoseconds == 0:
        return False
    m.daemon_stage[daemon] = WORKING
    thread = m.user_threads + daemon
    m.threads[thread].debt = nanoseconds
    make_ready(m, thread, t)
    return True


@compiled
def stop_work(m: MachineRecord, daemon: int) -> bool:
    """A daemon has nothing left to do, and rests; False: it was asked to look again meanwhile."""
    m.daemon_stage[daemon] = RESTING
    m.daemon_busy[daemon] = m.daemon_pending[daemon]
    m.daemon_pending[daemon] = 0
    return m.daemon_busy[daemon] == 0


@compiled
def should_write(m: MachineRecord) -> bool:
    """Whether the modified page writer has reason to write (WI6): zeroed and free pages are short and modified pages
    many, or a thread waits for a frame."""
    on = m.lists
    modified = on[ON_MODIFIED].count
    if m.demand_paging or m.immediate or modified == 0:
        return False
    if m.frame_waiting > 0:
        return True
    ready = on[ON_ZEROED].count + m.frame_count - m.fresh + on[ON_FREE].count
    if ready >= m.free_trigger:
        return False
    return modified > min(available(m) // m.available_divisor, m.modified_maximum)


@compiled
def should_write_mapped(m: MachineRecord) -> bool:
    """Whether the mapped page writer, once running, has reason to go on."""
    modified = m.lists[ON_MAPPED].count
    if modified == 0:
        return False
    return m.mapped_flush != 0 or modified > m.mapped_trigger or available(m) < m.low or m.frame_waiting > 0


@compiled
def signal(m: MachineRecord, t: Nanoseconds) -> None:
    """Look at every level that wakes a daemon; called after each step that may have changed one."""
    if m.demand_paging:
        return
    free = available(m)
    if free >= m.low:
        m.low_signalled = 0
    elif not m.low_signalled:
        m.low_signalled = 1
        request_daemon(m, BALANCE, t)
    if not m.daemon_busy[WRITER] and should_write(m):
        request_daemon(m, WRITER, t)
    if not m.daemon_busy[MAPPED_WRITER] and m.lists[ON_MAPPED].count > 0 and (free < m.low or m.frame_waiting > 0):
        request_daemon(m, MAPPED_WRITER, t)
    if m.zero_enabled and not m.daemon_busy[ZEROER] and m.lists[ON_FREE].count >= m.zero_trigger:
        request_daemon(m, ZEROER, t)
