"""A process's own time, which counts the references that it makes and stands still while it waits; and the future."""

from typing import Any

from simulator.policies.base import MachineRecord, compiled
from simulator.state.constants import NEVER

__all__ = ["NEVER", "last_thread", "next_use", "uses", "virtual_time"]


@compiled
def last_thread(m: MachineRecord, process: int) -> int:
    """The end of the range that begins with a process's first thread and has all of them; a program starts threads
    among those of others."""
    p = m.processes[process]
    return m.thread_count if p.tables_at else p.first_thread + p.threads


@compiled
def virtual_time(m: MachineRecord, process: int) -> int:
    """References that a process has made."""
    made = 0
    for thread in range(m.processes[process].first_thread, last_thread(m, process)):
        if m.threads[thread].process == process:
            made += m.threads[thread].references
    return made


@compiled
def uses(m: MachineRecord, process: int) -> int:
    """Uses of pages that a process has made: runs of references to one page."""
    made = 0
    for thread in range(m.processes[process].first_thread, last_thread(m, process)):
        if m.threads[thread].process == process:
            made += m.threads[thread].runs
    return made


@compiled
def next_use(m: MachineRecord, in_uses: bool) -> int:
    """For the use of a page that is just being made: when its thread uses that page again, in the same time; NEVER if
    it doesn't. Only for a policy that declares `future`."""
    th: Any = m.threads[m.actor]
    return th.next_run[th.position] if in_uses else th.next_reference[th.position]
