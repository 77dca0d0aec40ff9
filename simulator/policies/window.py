"""What the working set and VMIN have in common: a window in a process's own time, and the page it used last.

A process's own time counts its references, or its uses of pages (runs of references to one page). The notes on a
process keep, in `next[0]`, the entry it used last; the window stands in the first of the policy's
integers, and whether uses are counted in the second.
"""

from __future__ import annotations

from simulator.policies.base import (
    compiled,
    last_thread,
    np,
    policy_integers,
    process_notes,
    processes,
    ptes,
    threads,
    virtual_time,
)


@compiled
def window(a: int) -> int:
    """The window, in references or uses."""
    return policy_integers(a)[0]


@compiled
def own_time(a: int, process: int) -> int:
    """References, or uses of pages, that a process has made."""
    if not policy_integers(a)[1]:
        return virtual_time(a, process)
    p = processes(a)[process]
    uses = np.int64(0)
    for thread in range(p.first_thread, last_thread(a, process)):
        if threads(a)[thread].process == process:
            uses += threads(a)[thread].runs
    return uses


@compiled
def set_current(a: int, entry: int) -> None:
    """A process uses a page."""
    process_notes(a)[ptes(a)[entry].process].next[0] = entry


@compiled
def current(a: int, process: int) -> int:
    """The entry that a process used last, -1 if its working set is empty."""
    return np.int64(process_notes(a)[process].next[0]) if processes(a)[process].size > 0 else np.int64(-1)
