"""What the working set and VMIN have in common: a window in a process's own time, and the page it used last.

A process's own time counts its references, or its uses of pages (runs of references to one page). The notes on a
process keep, in `next[0]`, the entry it used last; the window stands in the first of the policy's
integers, and whether uses are counted in the second.
"""

from __future__ import annotations

from simulator.policies.base import (
    MachineRecord,
    Pte,
    compiled,
    last_thread,
    virtual_time,
)


@compiled
def window(m: MachineRecord) -> int:
    """The window, in references or uses."""
    return m.policy_integers[0]


@compiled
def own_time(m: MachineRecord, process: int) -> int:
    """References, or uses of pages, that a process has made."""
    if not m.policy_integers[1]:
        return virtual_time(m, process)
    p = m.processes[process]
    uses = 0
    for thread in range(p.first_thread, last_thread(m, process)):
        if m.threads[thread].process == process:
            uses += m.threads[thread].runs
    return uses


@compiled
def set_current(m: MachineRecord, entry: Pte) -> None:
    """A process uses a page."""
    m.process_notes[m.ptes[entry].process].next[0] = entry


@compiled
def current(m: MachineRecord, process: int) -> int:
    """The entry that a process used last, -1 if its working set is empty."""
    return m.process_notes[process].next[0] if m.processes[process].size > 0 else -1
