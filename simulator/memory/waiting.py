"""Threads that wait: for a frame, or for a read in flight. Each queue is linked through the threads' `next`."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.scheduler import block_thread, leave_ready_queue, never_wake, taken_out
from simulator.memory.signals import request_daemon
from simulator.state.constants import BALANCE, READY, SLEEP, STALL_FRAME
from simulator.state.record import NONE, Nanoseconds, Thread
from simulator.state.schema import MachineRecord


@compiled
def wait_for_frame(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """Block a thread until a frame can be had; the balance set manager is told."""
    block_thread(m, thread, STALL_FRAME, t)
    th = m.threads[thread]
    th.wait_since = t
    th.room_made = 1  # who has waited for a frame doesn't make room as well
    th.next = NONE
    if m.frame_waiters < 0:
        m.frame_waiters = thread
    else:
        m.threads[m.last_frame_waiter].next = thread
    m.last_frame_waiter = thread
    m.frame_waiting += 1
    request_daemon(m, BALANCE, t)


@compiled
def wait_for_read(m: MachineRecord, thread: Thread, request: int, stall: int, t: Nanoseconds) -> None:
    """Block a thread until a read is done; it goes behind those who wait for it already."""
    block_thread(m, thread, stall, t)
    th = m.threads[thread]
    th.wait_since = t
    th.next = NONE
    th.request = request
    r = m.requests[request]
    if r.waiters < 0:
        r.waiters = thread
    else:
        m.threads[r.last_waiter].next = thread
    r.last_waiter = thread


@compiled
def stop_waiting(m: MachineRecord, thread: Thread) -> None:
    """A thread that doesn't run leaves whatever queue it stands in: its process ended."""
    th = m.threads[thread]
    if th.state == READY:
        leave_ready_queue(m, thread)
    elif th.stall == SLEEP:
        never_wake(m, thread)
    elif th.stall == STALL_FRAME:
        m.frame_waiters, m.last_frame_waiter = taken_out(m, thread, m.frame_waiters, m.last_frame_waiter)
        m.frame_waiting -= 1
    else:
        r = m.requests[th.request]
        r.waiters, r.last_waiter = taken_out(m, thread, r.waiters, r.last_waiter)
