"""What follows each step: threads that waited for a frame get it, and the levels that wake daemons are looked at."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.scheduler import make_ready
from simulator.memory.completion import end_process
from simulator.memory.exact import policy_saw_reference
from simulator.memory.faults import ASKS, DENIED, RESOLVED, attempt, log_fault
from simulator.memory.signals import signal
from simulator.state.constants import (
    NOT_COMMITTED,
    NOT_EXECUTABLE,
    READ_ONLY,
    STATUS_ACCESS_VIOLATION,
    STORE,
    VIOLATION,
)
from simulator.state.queries import available
from simulator.state.record import Nanoseconds, Thread
from simulator.state.schema import MachineRecord


@compiled
def follow_up(m: MachineRecord, t: Nanoseconds) -> None:
    """After each step: threads that wait for a frame get theirs, then the daemons' levels are looked at."""
    m.now = t
    while m.frame_waiting > 0 and available(m) > 0:
        thread = m.frame_waiters
        th = m.threads[thread]
        m.frame_waiters = th.next
        m.frame_waiting -= 1
        th.fault_queue += t - th.wait_since
        outcome = attempt(m, thread, t)
        m.woken += 1
        if outcome == ASKS:
            raise ValueError("a waiter's fault makes room twice")
        if outcome == RESOLVED:
            policy_saw_reference(m, thread, t)
            make_ready(m, thread, t)
        elif outcome == DENIED:
            if th.program:
                make_ready(m, thread, t)  # it traps again, and then its program is told
            else:
                violate(m, thread, t)
    signal(m, t)


@compiled
def violate(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A thread's access violation, which nobody handles, ends its process."""
    th = m.threads[thread]
    m.processes[th.process].kinds[VIOLATION] += 1
    log_violation(m, thread)
    end_process(m, th.process, STATUS_ACCESS_VIOLATION, t)


@compiled
def log_violation(m: MachineRecord, thread: Thread) -> None:
    """Append an access violation to the fault log."""
    th = m.threads[thread]
    cause = READ_ONLY if th.fault_access == STORE else NOT_EXECUTABLE
    log_fault(m, thread, VIOLATION, cause if m.ptes[th.fault_pte].accessible else NOT_COMMITTED, 0)
