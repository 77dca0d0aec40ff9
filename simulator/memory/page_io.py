"""Reads and writes beside those of faults and writers: prefetching, flushing a view, and what is in memory at the
start."""

from __future__ import annotations

from typing import Any

from simulator.compile import compiled
from simulator.hardware.disk import submit
from simulator.memory.backing import attach_write, begin_read, begin_write, new_request
from simulator.memory.transitions import allocate, move
from simulator.memory.working_set import note_dirty
from simulator.state.constants import ACTIVE, BY_FLUSH, BY_PREFETCH, IO_NONE, IO_WRITE, STANDBY, TRANSITION, VALID
from simulator.state.queries import available
from simulator.state.record import Frame, Nanoseconds
from simulator.state.schema import MachineRecord

DEFAULT_PRIORITY = 5
"""The memory priority of a process, and so of a page, unless it is changed [MEMORY_PRIORITY_INFORMATION]."""
MOST = 64
"""Pages in one read or write that a process asks for: 256 KiB; chosen."""


@compiled
def prefetch_all(m: MachineRecord, numbers: Any, process: int, t: Nanoseconds) -> int:
    """Start reads of the contents that are on backing store and not in memory, neighbours in one; they end on standby.
    Stops where memory would become low. Returns how many pages are read."""
    m.now = t
    count = 0
    request, last = -1, -1
    for content in numbers:
        c = m.contents[content]
        if c.frame >= 0 or c.location < 0:
            continue
        if available(m) <= m.low:
            break
        frame = allocate(m, False, content, m.processes[process].memory_priority, TRANSITION)
        if frame < 0:
            break
        if request >= 0:
            r = m.requests[request]
            if r.location + r.pages != c.location or r.pages == MOST:
                submit(m, request, t)
                request = -1
        if request < 0:
            request = new_request(m, c.location, 0, False, BY_PREFETCH, process)
            last = -1
        begin_read(m, frame, request, last)
        last = frame
        m.requests[request].pages += 1
        count += 1
    if request >= 0:
        submit(m, request, t)
    return count


@compiled
def start_on_standby(m: MachineRecord, numbers: Any) -> None:
    """Put contents, none of them in memory, on standby as if they had been read before time 0, at the default priority,
    one after another while more frames are zeroed than the high-memory threshold asks for."""
    for content in numbers:
        if m.frame_count - m.fresh <= m.high:
            break
        move(m, allocate(m, False, content, DEFAULT_PRIORITY, TRANSITION), STANDBY)


@compiled
def _begin(m: MachineRecord, frame: Frame, request: int, last: int) -> None:
    if m.frames[frame].state == ACTIVE:
        attach_write(m, frame, request, last)
    else:
        begin_write(m, frame, request, last)


@compiled
def fold_all(m: MachineRecord, entries: Any) -> None:
    """Carry the dirty bits of entries over to their frames."""
    for e in entries:
        if m.bits[e] & VALID:
            note_dirty(m, e)


@compiled
def flush_all(m: MachineRecord, numbers: Any, t: Nanoseconds) -> int:
    """Start writes of those of these contents that are pages of files and modified, neighbours in one. Pages that are
    mapped stay so, and are clean. Returns how many pages are written."""
    m.now = t
    count = 0
    request, last = -1, -1
    for content in numbers:
        if content < 0 or m.contents[content].file < 0 or m.contents[content].frame < 0:
            continue
        frame = m.contents[content].frame
        if not m.frames[frame].modified or m.frames[frame].io != IO_NONE:
            continue
        location = m.contents[content].location
        r = m.requests[request]
        if request >= 0 and (r.location + r.pages != location or r.pages == MOST):
            submit(m, request, t)
            request = -1
        if request < 0:
            request = new_request(m, location, 0, True, BY_FLUSH, -1)
            last = -1
        _begin(m, frame, request, last)
        last = frame
        m.requests[request].pages += 1
        count += 1
    if request >= 0:
        submit(m, request, t)
    return count


@compiled
def write_in_flight(m: MachineRecord, numbers: Any) -> int:
    """The request of a write of one of these contents that isn't done; -1: there is none."""
    for content in numbers:
        frame = m.contents[content].frame
        if frame >= 0 and m.frames[frame].io == IO_WRITE:
            return m.frames[frame].request
    return -1
