"""Backing store: slots of the paging files, and the I/O requests that carry pages to and from it.

Space in a paging file is promised when memory is committed; a page's slot is chosen when the page is written (WI6).
Pages of files, and on the textbook machine all pages, have a place of their own instead, and are written there. Every
slot remembers which version of which content it holds, so that a lost or misplaced write can't go unseen.
"""

from __future__ import annotations

import numpy as np

from simulator.compile import compiled
from simulator.hardware.disk import submit
from simulator.memory.transitions import move, put_on_list
from simulator.state.constants import (
    ACTIVE,
    AT_TRIM,
    IO_NONE,
    IO_READ,
    IO_WRITE,
    MODIFIED,
    STORE_MASK,
    STORE_SHIFT,
    TRANSITION,
)
from simulator.state.record import Content, Frame, Nanoseconds
from simulator.state.schema import MachineRecord


@compiled
def _slots(m: MachineRecord, store: int) -> np.ndarray:
    return m.stores[store].slots


@compiled
def in_paging_file(m: MachineRecord, location: int) -> bool:
    """Whether a location is a slot of a paging file, taken as long as it holds a page, and no page's own place."""
    return location >> STORE_SHIFT < m.paging_files


@compiled
def free_slot(m: MachineRecord, content: Content) -> None:
    """Give up a content's slot in a paging file, if it has one: its copy is stale or the content is gone."""
    c = m.contents[content]
    if c.location < 0 or not in_paging_file(m, c.location):
        return
    store = c.location >> STORE_SHIFT
    _slots(m, store)[c.location & STORE_MASK] = 0
    m.stores[store].used -= 1
    c.location = -1


@compiled
def _free_run(m: MachineRecord, store: int, wanted: int) -> tuple[int, int]:
    """First slot and length of the run next-fit finds: `wanted` slots, or the longest run there is."""
    s = m.stores[store]
    slots = _slots(m, store)
    best, longest = -1, 0
    for part in range(2):
        run = 0
        for slot in range(s.hint if part == 0 else 0, s.size):
            run = 0 if slots[slot] else run + 1
            if run > longest:
                longest, best = run, slot - run + 1
                if longest == wanted:
                    return best, longest
    return best, longest


@compiled
def take_slots(m: MachineRecord, wanted: int) -> tuple[int, int]:
    """Take up to `wanted` contiguous slots: (location of the first, how many); none: (-1, 0).

    The paging file with most free slots is used, the first of equals.
    """
    store, most = -1, 0
    for i in range(m.paging_files):
        free = m.stores[i].size - m.stores[i].used
        if free > most:
            store, most = i, free
    if store < 0:
        return -1, 0
    first, count = _free_run(m, store, wanted)
    s = m.stores[store]
    slots = _slots(m, store)
    for slot in range(first, first + count):
        slots[slot] = 1
    s.used += count
    s.hint = first + count
    return (store << STORE_SHIFT) | first, count


@compiled
def reclaim_slots(m: MachineRecord) -> None:
    """Take slots back from active pages, which become modified: full paging files mustn't stop the writer.

    Looks at active frames from where the last call stopped, until a write cluster of slots is free.
    """
    found = 0
    for _ in range(m.frame_count):
        frame = m.reclaim_hand
        m.reclaim_hand = (frame + 1) % m.frame_count
        f = m.frames[frame]
        if f.state != ACTIVE or f.io != IO_NONE or f.modified:
            continue
        location = m.contents[f.content].location
        if location < 0 or not in_paging_file(m, location):
            continue
        free_slot(m, f.content)
        f.modified = 1
        found += 1
        if found == m.write_cluster:
            return


@compiled
def new_request(m: MachineRecord, location: int, pages: int, write: bool, cause: int, process: int) -> int:
    """A request for `pages` contiguous pages at a location; not yet submitted."""
    r = m.requests
    request = m.free_request
    if request >= 0:
        m.free_request = r[request].next
    else:
        request = m.fresh_request
        m.fresh_request += 1
    store = m.stores[location >> STORE_SHIFT]
    r[request].location = location
    r[request].offset = store.base + (location & STORE_MASK)
    r[request].disk = store.disk
    r[request].pages = pages
    r[request].write = write
    r[request].cause = cause
    r[request].process = process
    r[request].daemon = -1
    r[request].first = -1
    r[request].waiters = -1
    r[request].last_waiter = -1
    return request


@compiled
def drop_request(m: MachineRecord, request: int) -> None:
    """Give a finished request's record back."""
    m.requests[request].next = m.free_request
    m.free_request = request


@compiled
def _attach(m: MachineRecord, frame: Frame, request: int, last: int, io: int) -> None:
    """Hang a frame on a request, behind frame `last`; -1: it is the first."""
    f = m.frames[frame]
    f.io = io
    f.request = request
    f.next = -1
    if last < 0:
        m.requests[request].first = frame
    else:
        m.frames[last].next = frame


@compiled
def begin_read(m: MachineRecord, frame: Frame, request: int, last: int) -> None:
    """Hang a frame in transition on a read, behind frame `last` (-1: it is the first)."""
    _attach(m, frame, request, last, IO_READ)


@compiled
def begin_write(m: MachineRecord, frame: Frame, request: int, last: int) -> None:
    """Take a modified page off its list into a write, behind frame `last`; from now on it counts as clean."""
    move(m, frame, TRANSITION)
    attach_write(m, frame, request, last)


@compiled
def attach_write(m: MachineRecord, frame: Frame, request: int, last: int) -> None:
    """Have a write carry a page as it is now, behind frame `last`; from now on it counts as clean."""
    f = m.frames[frame]
    f.modified = 0
    f.io_version = m.contents[f.content].version
    _attach(m, frame, request, last, IO_WRITE)


@compiled
def write_one(m: MachineRecord, frame: Frame, t: Nanoseconds, cause: int) -> None:
    """Start a write of one page that is on a modified list; without a free slot it stays there."""
    location = m.contents[m.frames[frame].content].location
    if location < 0:
        location, count = take_slots(m, 1)
        if count == 0:
            reclaim_slots(m)
            location, count = take_slots(m, 1)
            if count == 0:
                return
    request = new_request(m, location, 1, True, cause, -1)
    begin_write(m, frame, request, -1)
    submit(m, request, t)


@compiled
def release_to_list(m: MachineRecord, frame: Frame, t: Nanoseconds, reason: int) -> None:
    """Put a frame that nothing holds where it belongs; with immediate writes a modified page is written at once."""
    put_on_list(m, frame, reason, -1)
    if m.frames[frame].state == MODIFIED and m.immediate:
        write_one(m, frame, t, AT_TRIM)


@compiled
def free_written(m: MachineRecord, location: int) -> None:
    """Give up a slot that was written for nothing: the content changed, or is gone, meanwhile."""
    store = location >> STORE_SHIFT
    _slots(m, store)[location & STORE_MASK] = 0
    m.stores[store].used -= 1


@compiled
def note_written(m: MachineRecord, content: Content, location: int, version: int) -> None:
    """Record that the backing store now holds `version` of a content."""
    c = m.contents[content]
    c.location = location
    c.written = version
    if not in_paging_file(m, location):
        return
    store = location >> STORE_SHIFT
    s = m.stores[store]
    slot = location & STORE_MASK
    s.content[slot] = content
    s.version[slot] = version


@compiled
def check_read(m: MachineRecord, content: Content) -> None:
    """Raise ValueError unless what was read is what was last written of this content."""
    c = m.contents[content]
    held = c.written
    if in_paging_file(m, c.location):
        store = c.location >> STORE_SHIFT
        s = m.stores[store]
        slot = c.location & STORE_MASK
        if s.content[slot] != content:
            raise ValueError("lost write: a paging-file slot holds another page")
        held = s.version[slot]
    if held != c.version:
        raise ValueError("lost write: an old version was read")
