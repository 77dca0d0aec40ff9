"""The page log: a row for each thing that happens to a page beside being referenced, at the machine's present time.

What the events mean, and what a row's `other` and `number` are:

| event | what happened | other | number |
|---|---|---|---|
| entered | a fault brought it into the working set of the entry's process | | thread that faulted |
| left | it was taken out of it; trimmed: in a pass of the balance set manager | pages that the pass was to trim | |
| left, replaced | ... to make room at a fault | entry that the fault is on | thread that faulted |
| copied | a store made a private copy of it | | thread that faulted |
| standby, modified, modified-no-write | it came onto that page list | | |
| written | a write of it was completed | page of the store | store |
| repurposed | its frame was taken from the standby list | the content that gets it | |
| freed | its frame was given up | | |
"""

from __future__ import annotations

from simulator.compile import compiled
from simulator.state.constants import ACCESSED, LEFT
from simulator.state.record import Content, Pte
from simulator.state.schema import MachineRecord


@compiled
def note(
    m: MachineRecord, event: int, reason: int, entry: Pte, content: Content, other: int, number: int, since: int
) -> None:
    """Append a row, if there is a page log; raises ValueError if it is full."""
    if not m.log_pages:
        return
    if m.page_count == m.page_rows:
        raise ValueError("the page log is full")
    row = m.page_log[m.page_count]
    m.page_count += 1
    row.time_ns = m.now
    row.since_ns = since
    row.entry = entry
    row.content = content
    row.other = other
    row.number = number
    row.event = event
    row.reason = reason
    row.accessed = 0
    row.age = 0


@compiled
def note_left(m: MachineRecord, entry: Pte, reason: int, other: int, number: int, since: int) -> None:
    """Count a page that is about to leave its working set, and append its row."""
    m.processes[m.ptes[entry].process].departures[reason] += 1
    if not m.log_pages:
        return
    note(m, LEFT, reason, entry, m.ptes[entry].content, other, number, since)
    row = m.page_log[m.page_count - 1]
    row.accessed = (m.bits[entry] & ACCESSED) != 0
    row.age = m.ptes[entry].age
