"""What somebody outside may do to a running process, at the present instant; all hits up to it have been committed."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware import scheduler
from simulator.memory.completion import end_process
from simulator.memory.follow_up import follow_up
from simulator.memory.page_calls import evict_all, walk
from simulator.state.constants import EMPTIED, LIMITS_LOWERED, LOCKED
from simulator.state.record import Nanoseconds
from simulator.state.schema import MachineRecord

_set_thread_priority, _suspend_thread, _resume_thread = scheduler.set_priority, scheduler.suspend, scheduler.resume


@compiled
def set_limits(m: MachineRecord, process: int, minimum: int, maximum: int, hard: bool, t: Nanoseconds) -> None:
    """Set the limits of a working set, in pages; what a lower maximum leaves no room for goes, oldest first, but for
    locked pages [SetProcessWorkingSetSize]."""
    p = m.processes[process]
    p.minimum = minimum
    p.maximum = maximum
    p.hard_maximum = hard
    entries = walk(m, process)
    count = 0
    for entry in entries:
        if p.size - count > maximum and not m.bits[entry] & LOCKED:
            entries[count] = entry
            count += 1
    evict_all(m, entries[:count], LIMITS_LOWERED, t)
    follow_up(m, t)


@compiled
def empty_working_set(m: MachineRecord, process: int, t: Nanoseconds) -> None:
    """Take out all that can be: all but locked pages [EmptyWorkingSet]."""
    evict_all(m, walk(m, process), EMPTIED, t)
    follow_up(m, t)


@compiled
def set_priority(m: MachineRecord, process: int, priority: int, t: Nanoseconds) -> None:
    """Change the priority of a process's threads, in their order."""
    for thread in range(m.thread_count):
        if m.threads[thread].process == process:
            _set_thread_priority(m, thread, priority, t)
    follow_up(m, t)


@compiled
def suspend(m: MachineRecord, process: int, t: Nanoseconds) -> None:
    """Suspend all threads of a process, in their order."""
    for thread in range(m.thread_count):
        if m.threads[thread].process == process:
            _suspend_thread(m, thread, t)
    follow_up(m, t)


@compiled
def resume(m: MachineRecord, process: int, t: Nanoseconds) -> None:
    """Resume all threads of a process, in their order."""
    for thread in range(m.thread_count):
        if m.threads[thread].process == process:
            _resume_thread(m, thread, t)
    follow_up(m, t)


@compiled
def terminate(m: MachineRecord, process: int, status: int, t: Nanoseconds) -> None:
    """End a process that follows streams, wherever its threads are."""
    m.now = t
    end_process(m, process, status, t)
    follow_up(m, t)
