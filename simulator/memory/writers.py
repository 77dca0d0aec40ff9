"""The steps of the modified page writer, the mapped page writer and the zero page thread, compiled."""

from __future__ import annotations

import numpy as np

from simulator.compile import compiled
from simulator.hardware.disk import submit
from simulator.memory.backing import begin_write, new_request, reclaim_slots, take_slots
from simulator.memory.follow_up import follow_up
from simulator.memory.page_log import note
from simulator.memory.signals import WORKING, WRITING, should_write, should_write_mapped, stop_work, wake_idle, work
from simulator.memory.transitions import move
from simulator.state.constants import (
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
)
from simulator.state.record import Nanoseconds
from simulator.state.schema import MachineRecord


@compiled
def _gather(m: MachineRecord) -> int:
    """A write of the oldest modified pages to one contiguous run of slots, sorted by address; -1: no slot is free."""
    wanted = min(m.write_cluster, m.lists[ON_MODIFIED].count)
    location, count = take_slots(m, wanted)
    if count == 0:
        reclaim_slots(m)
        location, count = take_slots(m, wanted)
        if count == 0:
            return -1
    chosen = np.empty(count, np.int64)
    frame = m.lists[ON_MODIFIED].head
    for i in range(count):
        chosen[i] = (m.frames[frame].content << 32) | frame
        frame = m.frames[frame].next
    chosen.sort()
    request = new_request(m, location, count, True, BY_WRITER, -1)
    last = -1
    for i in range(count):
        frame = chosen[i] & 0xFFFFFFFF
        begin_write(m, frame, request, last)
        last = frame
    return request


@compiled
def _gather_mapped(m: MachineRecord) -> int:
    """A write of the oldest modified page of a file and of those that follow it in the file and are modified too."""
    frame = m.lists[ON_MAPPED].head
    content = int(m.frames[frame].content)
    request = new_request(m, m.contents[content].location, 1, True, BY_MAPPED_WRITER, -1)
    begin_write(m, frame, request, -1)
    last = frame
    count = 1
    while count < m.mapped_cluster and m.contents[content].adjacent:
        content += 1
        frame = m.contents[content].frame
        if frame < 0 or m.frames[frame].list != ON_MAPPED + 1:
            break
        begin_write(m, frame, request, last)
        last = frame
        count += 1
    m.requests[request].pages = count
    return request


@compiled
def _next_write(m: MachineRecord, daemon: int) -> int:
    """The next write of a writer, gathered; -1: it has no reason to write, or no slot is free."""
    if daemon == MAPPED_WRITER:
        return _gather_mapped(m) if should_write_mapped(m) else -1
    return _gather(m) if should_write(m) else -1


@compiled
def write(m: MachineRecord, daemon: int, t: Nanoseconds) -> None:
    """A writer goes on: gathers pages, works, gives them to the disk, waits until they are written, and so on while
    there is reason to."""
    if m.daemon_stage[daemon] != WORKING:
        request = _next_write(m, daemon)
        if request < 0:
            if daemon == MAPPED_WRITER:
                m.mapped_flush = 0
            stop_work(m, daemon)
            return
        m.daemon_job[daemon] = request
        if work(m, daemon, m.write_cost, t):
            return
    m.daemon_stage[daemon] = WRITING
    m.requests[m.daemon_job[daemon]].daemon = daemon
    submit(m, m.daemon_job[daemon], t)


@compiled
def begin_flush(m: MachineRecord, t: Nanoseconds) -> None:
    """Everything is to be written to files from time t on: pages held back from the writer are let go."""
    m.now = t
    m.mapped_flush = 1
    while m.lists[ON_NO_WRITE].count > 0:
        frame = m.lists[ON_NO_WRITE].head
        move(m, frame, MODIFIED)
        note(m, ON_MODIFIED_LIST, FLUSHED, -1, m.frames[frame].content, -1, -1, -1)


@compiled
def zero(m: MachineRecord, t: Nanoseconds) -> None:
    """The zero page thread goes on: takes the time to zero a batch of free pages, moves the oldest that are left to
    the zeroed list, and so on until the free list is empty."""
    free = m.lists[ON_FREE]
    worked = m.daemon_stage[ZEROER] == WORKING
    while worked or free.count > 0:
        if not worked:
            m.daemon_job[ZEROER] = min(m.zero_batch, free.count)
            if work(m, ZEROER, m.daemon_job[ZEROER] * m.zero_page_cost, t):
                return
        for _ in range(min(m.daemon_job[ZEROER], free.count)):
            move(m, free.head, ZEROED)
        follow_up(m, t)
        worked = False
    stop_work(m, ZEROER)


@compiled
def tick_mapped(m: MachineRecord, t: Nanoseconds) -> None:
    """The mapped page writer's period is over: it wakes unless it is busy, now and then to write everything."""
    m.next_mapped += m.mapped_period
    if wake_idle(m, MAPPED_WRITER, t) and t >= m.next_flush:
        m.next_flush += m.flush_period
        begin_flush(m, t)
