"""Threads that wait: for a frame, or for a read in flight. Each queue is linked through the threads' `next`."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.processor import block_thread, leave_ready_queue, taken_out
from simulator.hardware.sleep import never_wake
from simulator.memory.signals import request_daemon
from simulator.records import (
    BALANCE,
    READY,
    SLEEP,
    STALL_FRAME,
    machine,
    requests,
    threads,
)


@compiled
def wait_for_frame(a: int, thread: int, t: int) -> None:
    """Block a thread until a frame can be had; the balance set manager is told."""
    m = machine(a)
    block_thread(a, thread, STALL_FRAME, t)
    th = threads(a)[thread]
    th.wait_since = t
    th.room_made = 1  # who has waited for a frame doesn't make room as well
    th.next = -1
    if m.frame_waiters < 0:
        m.frame_waiters = thread
    else:
        threads(a)[m.last_frame_waiter].next = thread
    m.last_frame_waiter = thread
    m.frame_waiting += 1
    request_daemon(a, BALANCE, t)


@compiled
def wait_for_read(a: int, thread: int, request: int, stall: int, t: int) -> None:
    """Block a thread until a read is done; it goes behind those who wait for it already."""
    block_thread(a, thread, stall, t)
    th = threads(a)[thread]
    th.wait_since = t
    th.next = -1
    th.request = request
    r = requests(a)[request]
    if r.waiters < 0:
        r.waiters = thread
    else:
        threads(a)[r.last_waiter].next = thread
    r.last_waiter = thread


@compiled
def stop_waiting(a: int, thread: int) -> None:
    """A thread that doesn't run leaves whatever queue it stands in: its process ended."""
    m = machine(a)
    th = threads(a)[thread]
    if th.state == READY:
        leave_ready_queue(a, thread)
    elif th.stall == SLEEP:
        never_wake(a, thread)
    elif th.stall == STALL_FRAME:
        m.frame_waiters, m.last_frame_waiter = taken_out(a, thread, m.frame_waiters, m.last_frame_waiter)
        m.frame_waiting -= 1
    else:
        r = requests(a)[th.request]
        r.waiters, r.last_waiter = taken_out(a, thread, r.waiters, r.last_waiter)
