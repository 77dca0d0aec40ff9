"""Reads and writes beside those of faults and writers: prefetching, flushing a view, and what is in memory at the
start."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.compile import compiled
from simulator.hardware.disk import submit
from simulator.memory.backing import begin_read, begin_write, hang_write, new_request
from simulator.memory.transitions import allocate, move
from simulator.memory.working_set import fold_dirty
from simulator.records import (
    ACTIVE,
    BY_FLUSH,
    BY_PREFETCH,
    IO_NONE,
    IO_WRITE,
    STANDBY,
    TRANSITION,
    VALID,
    available,
    bits,
    contents,
    frames,
    machine,
    processes,
    requests,
)

DEFAULT_PRIORITY = 5
"""The memory priority of a process, and so of a page, unless it is changed [MEMORY_PRIORITY_INFORMATION]."""
MOST = 64
"""Pages in one read or write that a process asks for: 256 KiB; chosen."""


@compiled
def prefetch_all(a: int, numbers: Any, process: int, t: int) -> int:
    """Start reads of the contents that are on backing store and not in memory, neighbours in one; they end on standby.
    Stops where memory would become low. Returns how many pages are read."""
    m = machine(a)
    m.now = t
    count = 0
    request, last = np.int64(-1), np.int64(-1)
    for content in numbers:
        c = contents(a)[content]
        if c.frame >= 0 or c.location < 0:
            continue
        if available(a) <= m.low:
            break
        frame = allocate(a, False, content, processes(a)[process].memory_priority, TRANSITION)
        if frame < 0:
            break
        if request >= 0:
            r = requests(a)[request]
            if r.location + r.pages != c.location or r.pages == MOST:
                submit(a, request, t)
                request = np.int64(-1)
        if request < 0:
            request = new_request(a, c.location, 0, False, BY_PREFETCH, process)
            last = np.int64(-1)
        begin_read(a, frame, request, last)
        last = np.int64(frame)
        requests(a)[request].pages += 1
        count += 1
    if request >= 0:
        submit(a, request, t)
    return count


@compiled
def start_on_standby(a: int, numbers: Any) -> None:
    """Put contents, none of them in memory, on standby as if they had been read before time 0, at the default priority,
    one after another while more frames are zeroed than the high-memory threshold asks for."""
    m = machine(a)
    for content in numbers:
        if m.frame_count - m.fresh <= m.high:
            break
        move(a, allocate(a, False, content, DEFAULT_PRIORITY, TRANSITION), STANDBY)


@compiled
def _begin(a: int, frame: int, request: int, last: int) -> None:
    if frames(a)[frame].state == ACTIVE:
        hang_write(a, frame, request, last)
    else:
        begin_write(a, frame, request, last)


@compiled
def fold_all(a: int, entries: Any) -> None:
    """Carry the dirty bits of entries over to their frames."""
    for e in entries:
        if bits(a)[e] & VALID:
            fold_dirty(a, e)


@compiled
def flush_all(a: int, numbers: Any, t: int) -> int:
    """Start writes of those of these contents that are pages of files and modified, neighbours in one. Pages that are
    mapped stay so, and are clean. Returns how many pages are written."""
    m = machine(a)
    m.now = t
    count = 0
    request, last = np.int64(-1), np.int64(-1)
    for content in numbers:
        if content < 0 or contents(a)[content].file < 0 or contents(a)[content].frame < 0:
            continue
        frame = np.int64(contents(a)[content].frame)
        if not frames(a)[frame].modified or frames(a)[frame].io != IO_NONE:
            continue
        location = contents(a)[content].location
        r = requests(a)[request]
        if request >= 0 and (r.location + r.pages != location or r.pages == MOST):
            submit(a, request, t)
            request = np.int64(-1)
        if request < 0:
            request = new_request(a, location, 0, True, BY_FLUSH, -1)
            last = np.int64(-1)
        _begin(a, frame, request, last)
        last = frame
        requests(a)[request].pages += 1
        count += 1
    if request >= 0:
        submit(a, request, t)
    return count


@compiled
def write_in_flight(a: int, numbers: Any) -> int:
    """The request of a write of one of these contents that isn't done; -1: there is none."""
    for content in numbers:
        frame = contents(a)[content].frame
        if frame >= 0 and frames(a)[frame].io == IO_WRITE:
            return np.int64(frames(a)[frame].request)
    return np.int64(-1)
