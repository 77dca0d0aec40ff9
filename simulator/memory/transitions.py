"""The page-state diagram: the only code that changes a frame's state or its place on a page list.

`move` knows every arc of MODEL.md section 4 and raises on any other, so a wrong step anywhere in the memory manager
is loud. A frame is on exactly one list, or active, or in transition (an I/O in flight and no PTE that maps it).
"""

from __future__ import annotations

import numpy as np

from simulator.compile import compiled
from simulator.memory.page_log import note
from simulator.state.constants import (
    ACTIVE,
    BAD,
    FOR_ANOTHER,
    FREE,
    FREED,
    HELD_BACK,
    IO_NONE,
    MODIFIED,
    NO_WRITE,
    ON_BAD,
    ON_FREE,
    ON_MAPPED,
    ON_MODIFIED,
    ON_MODIFIED_LIST,
    ON_NO_WRITE,
    ON_STANDBY,
    ON_STANDBY_LIST,
    ON_ZEROED,
    REPURPOSED,
    STANDBY,
    STANDBY_PRIORITIES,
    TRANSITION,
    ZEROED,
)
from simulator.state.record import NONE, Content, Frame
from simulator.state.schema import MachineRecord

ARCS = {
    ZEROED: (ACTIVE, TRANSITION, BAD),
    FREE: (ZEROED, ACTIVE, TRANSITION, BAD),
    STANDBY: (ACTIVE, TRANSITION, FREE, BAD),  # to active: a soft fault, or repurposed
    MODIFIED: (ACTIVE, TRANSITION, FREE, BAD),
    NO_WRITE: (ACTIVE, MODIFIED, FREE, BAD),
    BAD: (),
    ACTIVE: (STANDBY, MODIFIED, NO_WRITE, TRANSITION, FREE, BAD),
    TRANSITION: (STANDBY, MODIFIED, NO_WRITE, ACTIVE, FREE, BAD),
}
"""From each state, the states that it may change to."""

LEGAL = np.zeros((8, 8), np.bool_)
for _from, _targets in ARCS.items():
    for _to in _targets:
        LEGAL[_from, _to] = True


@compiled
def _unlink(m: MachineRecord, frame: Frame) -> None:
    f = m.frames[frame]
    on = m.lists[f.list - 1]
    if f.previous >= 0:
        m.frames[f.previous].next = f.next
    else:
        on.head = f.next
    if f.next >= 0:
        m.frames[f.next].previous = f.previous
    else:
        on.tail = f.previous
    on.count -= 1
    f.list = 0


@compiled
def _append(m: MachineRecord, number: int, frame: Frame) -> None:
    f = m.frames[frame]
    on = m.lists[number]
    f.list = number + 1
    f.next = NONE
    f.previous = on.tail
    if on.tail >= 0:
        m.frames[on.tail].next = frame
    else:
        on.head = frame
    on.tail = frame
    on.count += 1


@compiled
def _list_of(m: MachineRecord, frame: Frame, state: int) -> int:
    if state == STANDBY:
        return ON_STANDBY + m.frames[frame].priority
    if state == MODIFIED:
        return ON_MAPPED if m.contents[m.frames[frame].content].file >= 0 else ON_MODIFIED
    if state == ZEROED:
        return ON_ZEROED
    if state == FREE:
        return ON_FREE
    if state == NO_WRITE:
        return ON_NO_WRITE
    return ON_BAD


@compiled
def move(m: MachineRecord, frame: Frame, state: int) -> None:
    """Change a frame's state, and its list with it: off the old one, to the tail of the new one.

    Raises ValueError on an arc that the diagram doesn't have.
    """
    f = m.frames[frame]
    if not LEGAL[f.state, state]:
        raise ValueError("illegal page-state move")
    if f.list:
        _unlink(m, frame)
    m.states_active += (1 if state == ACTIVE else 0) - (1 if f.state == ACTIVE else 0)
    m.states_transition += (1 if state == TRANSITION else 0) - (1 if f.state == TRANSITION else 0)
    f.state = state
    if state < ACTIVE:
        _append(m, _list_of(m, frame, state), frame)


@compiled
def put_on_list(m: MachineRecord, frame: Frame, reason: int, since: int) -> None:
    """Put a frame that no PTE maps, and no I/O holds, where it belongs: standby if clean, else a modified list.

    The page log tells the reason, and since when the I/O took that brought it here (-1: none did).
    """
    f = m.frames[frame]
    file = m.contents[f.content].file
    if not f.modified:
        move(m, frame, STANDBY)
        note(m, ON_STANDBY_LIST, reason, -1, f.content, -1, -1, since)
    elif file >= 0 and m.stores[file].metadata:
        move(m, frame, NO_WRITE)
        note(m, HELD_BACK, reason, -1, f.content, -1, -1, since)
    else:
        move(m, frame, MODIFIED)
        note(m, ON_MODIFIED_LIST, reason, -1, f.content, -1, -1, since)


@compiled
def release(m: MachineRecord, frame: Frame, reason: int) -> None:
    """Free a frame: its content no longer has it."""
    f = m.frames[frame]
    note(m, FREED, reason, -1, f.content, -1, -1, -1)
    if not f.deleted:  # else its content went on without it
        m.contents[f.content].frame = NONE
    f.io = IO_NONE
    f.deleted = 0
    f.share = 0
    f.modified = 0
    f.fixed = 0
    move(m, frame, FREE)
    f.content = NONE


@compiled
def _repurpose(m: MachineRecord, frame: Frame, content: Content) -> None:
    f = m.frames[frame]
    c = m.contents[f.content]
    if c.discardable:
        c.discardable = 0
        c.discarded = 1
    elif c.version != (c.written if c.location >= 0 else 0):
        raise ValueError("lost write: a page is repurposed whose backing store hasn't got what it holds")
    c.frame = NONE
    note(m, REPURPOSED, FOR_ANOTHER, -1, f.content, content, -1, -1)
    m.repurposed += 1
    m.dirty_evictions += f.stored


@compiled
def _head(m: MachineRecord, zeroed: bool) -> int:
    on = m.lists
    zeroes = m.fresh if m.fresh < m.frame_count else on[ON_ZEROED].head
    free = on[ON_FREE].head
    frame = zeroes if (zeroed or free < 0) and zeroes >= 0 else free
    if frame < 0:
        for priority in range(STANDBY_PRIORITIES):
            frame = on[ON_STANDBY + priority].head
            if frame >= 0:
                break
    return frame


@compiled
def allocate(m: MachineRecord, zeroed: bool, content: Content, priority: int, state: int) -> int:
    """Take a frame for `content` and make it active or in transition; -1: there is none.

    Order (WI6): zeroed wanted: zeroed, free, standby; any frame will do: free, zeroed, standby. From standby the
    lowest priority first, oldest first; that page is repurposed. `zeroed_at_hand` tells beforehand whether the frame
    that a demand-zero fault gets still has to be zeroed.
    """
    frame = _head(m, zeroed)
    if frame >= 0:
        take(m, frame, content, priority, state)
    return frame


@compiled
def take(m: MachineRecord, frame: Frame, content: Content, priority: int, state: int) -> None:
    """Give a frame that is available to `content`; of those that were never used only the first can be taken."""
    f = m.frames[frame]
    if f.state == STANDBY:
        _repurpose(m, frame, content)
    if frame == m.fresh:
        m.fresh += 1
    move(m, frame, state)
    f.content = content
    f.priority = priority
    f.modified = 0
    f.stored = 0
    f.share = 0
    f.io = IO_NONE
    m.contents[content].frame = frame


@compiled
def begin_contents(m: MachineRecord, frame: Frame) -> None:
    """A frame was zeroed for its content: the zeros are the content's first version, which no backing store has, so
    that the frame counts as modified from now on [ros: ARM3/pagfault.c, MiResolveDemandZeroFault]."""
    f = m.frames[frame]
    c = m.contents[f.content]
    if c.version > 0:
        raise ValueError("lost write: a page that has contents is zeroed")
    c.version = 1
    c.discardable = 0
    c.zeroed += 1
    f.modified = 1
    f.stored = 1


@compiled
def list_fresh(m: MachineRecord, end: int) -> None:
    """Put the frames below `end` that were never used on the zeroed list, so that any of them can be taken."""
    while m.fresh < end:
        m.frames[m.fresh].content = NONE
        _append(m, ON_ZEROED, m.fresh)
        m.fresh += 1


@compiled
def zeroed_at_hand(m: MachineRecord) -> bool:
    """Whether a demand-zero fault would get a frame that is zeroed already."""
    return m.fresh < m.frame_count or m.lists[ON_ZEROED].count > 0
