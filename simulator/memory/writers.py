"""The compiled steps of the modified page writer, the mapped page writer and the zero page thread.

When they run, and in what order, is said by the SimPy processes of `simulator.memory.daemons`.
"""

from __future__ import annotations

import numpy as np

from simulator.compile import compiled
from simulator.hardware.disk import submit
from simulator.memory.backing import begin_write, new_request, reclaim_slots, take_slots
from simulator.memory.page_log import note
from simulator.memory.transitions import move
from simulator.records import (
    BY_MAPPED_WRITER,
    BY_WRITER,
    FLUSHED,
    MODIFIED,
    ON_FREE,
    ON_MAPPED,
    ON_MODIFIED,
    ON_MODIFIED_LIST,
    ON_NO_WRITE,
    ZEROED,
    contents,
    frames,
    lists,
    machine,
    requests,
)


@compiled
def gather(a: int) -> int:
    """A write of the oldest modified pages to one contiguous run of slots, sorted by address; -1: no slot is free."""
    m = machine(a)
    wanted = min(m.write_cluster, lists(a)[ON_MODIFIED].count)
    location, count = take_slots(a, wanted)
    if count == 0:
        reclaim_slots(a)
        location, count = take_slots(a, wanted)
        if count == 0:
            return -1
    chosen = np.empty(count, np.int64)
    frame = lists(a)[ON_MODIFIED].head
    for i in range(count):
        chosen[i] = (np.int64(frames(a)[frame].content) << 32) | frame
        frame = frames(a)[frame].next
    chosen.sort()
    request = new_request(a, location, count, True, BY_WRITER, -1)
    last = np.int64(-1)
    for i in range(count):
        frame = chosen[i] & 0xFFFFFFFF
        begin_write(a, frame, request, last)
        last = frame
    return request


@compiled
def gather_mapped(a: int) -> int:
    """A write of the oldest modified page of a file and of those that follow it in the file and are modified too."""
    m = machine(a)
    frame = np.int64(lists(a)[ON_MAPPED].head)
    content = frames(a)[frame].content
    request = new_request(a, contents(a)[content].location, 1, True, BY_MAPPED_WRITER, -1)
    begin_write(a, frame, request, -1)
    last = frame
    count = 1
    while count < m.mapped_cluster and contents(a)[content].adjacent:
        content += 1
        frame = np.int64(contents(a)[content].frame)
        if frame < 0 or frames(a)[frame].list != ON_MAPPED + 1:
            break
        begin_write(a, frame, request, last)
        last = frame
        count += 1
    requests(a)[request].pages = count
    return request


@compiled
def submit_for(a: int, request: int, daemon: int, t: int) -> None:
    """Give a gathered write to its disk; the daemon is woken when it is done."""
    requests(a)[request].daemon = daemon
    submit(a, request, t)


@compiled
def begin_flush(a: int, t: int) -> None:
    """Everything is to be written to files from time t on: pages held back from the writer are let go."""
    machine(a).now = t
    machine(a).mapped_flush = 1
    while lists(a)[ON_NO_WRITE].count > 0:
        frame = lists(a)[ON_NO_WRITE].head
        move(a, frame, MODIFIED)
        note(a, ON_MODIFIED_LIST, FLUSHED, -1, frames(a)[frame].content, -1, -1, -1)


@compiled
def zero(a: int, most: int) -> None:
    """Zero the oldest free pages, `most` at the most: they go to the zeroed list."""
    for _ in range(min(most, lists(a)[ON_FREE].count)):
        move(a, lists(a)[ON_FREE].head, ZEROED)
