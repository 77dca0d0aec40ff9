"""What follows each step: threads that waited for a frame get it, and the levels that wake daemons are looked at."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.processor import make_ready
from simulator.memory.completion import end_process
from simulator.memory.exact import told
from simulator.memory.faults import ASKS, DENIED, RESOLVED, attempt, log_fault
from simulator.memory.signals import signal
from simulator.records import (
    NOT_COMMITTED,
    NOT_EXECUTABLE,
    READ_ONLY,
    STATUS_ACCESS_VIOLATION,
    STORE,
    VIOLATION,
    available,
    machine,
    processes,
    ptes,
    threads,
)


@compiled
def settle(a: int, t: int) -> None:
    """After each step: threads that wait for a frame get theirs, then the daemons' levels are looked at."""
    m = machine(a)
    m.now = t
    while m.frame_waiting > 0 and available(a) > 0:
        thread = m.frame_waiters
        th = threads(a)[thread]
        m.frame_waiters = th.next
        m.frame_waiting -= 1
        th.fault_queue += t - th.wait_since
        outcome = attempt(a, thread, t)
        m.woken += 1
        if outcome == ASKS:
            raise ValueError("a waiter's fault makes room twice")
        if outcome == RESOLVED:
            told(a, thread, t)
            make_ready(a, thread, t)
        elif outcome == DENIED:
            if th.program:
                make_ready(a, thread, t)  # it traps again, and then its program is told
            else:
                violate(a, thread, t)
    signal(a, t)


@compiled
def violate(a: int, thread: int, t: int) -> None:
    """A thread's access violation, which nobody handles, ends its process."""
    th = threads(a)[thread]
    processes(a)[th.process].kinds[VIOLATION] += 1
    log_violation(a, thread)
    end_process(a, th.process, STATUS_ACCESS_VIOLATION, t)


@compiled
def log_violation(a: int, thread: int) -> None:
    """Append an access violation to the fault log."""
    th = threads(a)[thread]
    cause = READ_ONLY if th.fault_access == STORE else NOT_EXECUTABLE
    log_fault(a, thread, VIOLATION, cause if ptes(a)[th.fault_pte].accessible else NOT_COMMITTED, 0)
