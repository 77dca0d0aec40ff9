"""The steps of the modified page writer, the mapped page writer and the zero page thread, compiled."""

from __future__ import annotations

import numpy as np

from simulator.compile import compiled
from simulator.hardware.disk import submit
from simulator.memory.backing import begin_write, new_request, reclaim_slots, take_slots
from simulator.memory.page_log import note
from simulator.memory.settling import settle
from simulator.memory.signals import WORKING, WRITING, should_write, should_write_mapped, stop_work, work
from simulator.memory.transitions import move
from simulator.records import (
    BY_MAPPED_WRITER,
    BY_WRITER,
    FLUSHED,
    MAPPED_WRITER,
    MODIFIED,
    ON_FREE,
    ON_MAPPED,
    ON_MODIFIED,
    ON_MODIFIED_LIST,
    ON_NO_WRITE,
    ZEROED,
    ZEROER,
    contents,
    frames,
    lists,
    machine,
    requests,
)


@compiled
def _gather(a: int) -> int:
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
def _gather_mapped(a: int) -> int:
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
def _next_write(a: int, daemon: int) -> int:
    """The next write of a writer, gathered; -1: it has no reason to write, or no slot is free."""
    if daemon == MAPPED_WRITER:
        return _gather_mapped(a) if should_write_mapped(a) else -1
    return _gather(a) if should_write(a) else -1


@compiled
def write(a: int, daemon: int, t: int) -> None:
    """A writer goes on: gathers pages, works, gives them to the disk, waits until they are written, and so on while
    there is reason to."""
    m = machine(a)
    if m.daemon_stage[daemon] != WORKING:
        request = _next_write(a, daemon)
        if request < 0:
            if daemon == MAPPED_WRITER:
                m.mapped_flush = 0
            stop_work(a, daemon)
            return
        m.daemon_job[daemon] = request
        if work(a, daemon, m.write_cost, t):
            return
    m.daemon_stage[daemon] = WRITING
    requests(a)[m.daemon_job[daemon]].daemon = daemon
    submit(a, m.daemon_job[daemon], t)


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
def zero(a: int, t: int) -> None:
    """The zero page thread goes on: takes the time to zero a batch of free pages, moves the oldest that are left to
    the zeroed list, and so on until the free list is empty."""
    m = machine(a)
    free = lists(a)[ON_FREE]
    worked = m.daemon_stage[ZEROER] == WORKING
    while worked or free.count > 0:
        if not worked:
            m.daemon_job[ZEROER] = min(m.zero_batch, free.count)
            if work(a, ZEROER, m.daemon_job[ZEROER] * m.zero_page_cost, t):
                return
        for _ in range(min(m.daemon_job[ZEROER], free.count)):
            move(a, free.head, ZEROED)
        settle(a, t)
        worked = False
    stop_work(a, ZEROER)
