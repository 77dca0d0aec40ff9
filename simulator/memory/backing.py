"""Backing store: slots of the paging files, and the I/O requests that carry pages to and from it.

Space in a paging file is promised when memory is committed; a page's slot is chosen when the page is written (WI6).
Pages of files, and on the textbook machine all pages, have a place of their own instead, and are written there. Every
slot remembers which version of which content it holds, so that a lost or misplaced write can't go unseen.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from simulator.compile import compiled, pointer
from simulator.hardware.disk import submit
from simulator.memory.transitions import idle, move
from simulator.records import (
    ACTIVE,
    AT_TRIM,
    IO_NONE,
    IO_READ,
    IO_WRITE,
    MODIFIED,
    STORE_MASK,
    STORE_SHIFT,
    TRANSITION,
    contents,
    frames,
    machine,
    requests,
    stores,
)


@compiled
def _slots(a: int, store: int) -> np.ndarray:
    return carray(pointer(stores(a)[store].slots_at), (stores(a)[store].maximum,), np.uint8)


@compiled
def in_paging_file(a: int, location: int) -> bool:
    """Whether a location is a slot of a paging file, taken as long as it holds a page, and no page's own place."""
    return location >> STORE_SHIFT < machine(a).paging_files


@compiled
def free_slot(a: int, content: int) -> None:
    """Give up a content's slot in a paging file, if it has one: its copy is stale or the content is gone."""
    c = contents(a)[content]
    if c.location < 0 or not in_paging_file(a, c.location):
        return
    store = c.location >> STORE_SHIFT
    _slots(a, store)[c.location & STORE_MASK] = 0
    stores(a)[store].used -= 1
    c.location = -1


@compiled
def _free_run(a: int, store: int, wanted: int) -> tuple[int, int]:
    """First slot and length of the run next-fit finds: `wanted` slots, or the longest run there is."""
    s = stores(a)[store]
    slots = _slots(a, store)
    best, longest = np.int64(-1), np.int64(0)
    for part in range(2):
        run = np.int64(0)
        for slot in range(s.hint if part == 0 else np.int64(0), s.size):
            run = 0 if slots[slot] else run + 1
            if run > longest:
                longest, best = run, slot - run + 1
                if longest == wanted:
                    return best, longest
    return best, longest


@compiled
def take_slots(a: int, wanted: int) -> tuple[int, int]:
    """Take up to `wanted` contiguous slots: (location of the first, how many); none: (-1, 0).

    The paging file with most free slots is used, the first of equals.
    """
    m = machine(a)
    store, most = np.int64(-1), np.int64(0)
    for i in range(m.paging_files):
        free = stores(a)[i].size - stores(a)[i].used
        if free > most:
            store, most = i, free
    if store < 0:
        return np.int64(-1), np.int64(0)
    first, count = _free_run(a, store, wanted)
    s = stores(a)[store]
    slots = _slots(a, store)
    for slot in range(first, first + count):
        slots[slot] = 1
    s.used += count
    s.hint = first + count
    return (store << STORE_SHIFT) | first, count


@compiled
def reclaim_slots(a: int) -> None:
    """Take slots back from active pages, which become modified: full paging files mustn't stop the writer.

    Looks at active frames from where the last call stopped, until a write cluster of slots is free.
    """
    m = machine(a)
    found = 0
    for _ in range(m.frame_count):
        frame = m.reclaim_hand
        m.reclaim_hand = (frame + 1) % m.frame_count
        f = frames(a)[frame]
        if f.state != ACTIVE or f.io != IO_NONE or f.modified:
            continue
        location = contents(a)[f.content].location
        if location < 0 or not in_paging_file(a, location):
            continue
        free_slot(a, f.content)
        f.modified = 1
        found += 1
        if found == m.write_cluster:
            return


@compiled
def new_request(a: int, location: int, pages: int, write: bool, cause: int, process: int) -> int:
    """A request for `pages` contiguous pages at a location; not yet submitted."""
    m = machine(a)
    r = requests(a)
    request = m.free_request
    if request >= 0:
        m.free_request = r[request].next
    else:
        request = m.fresh_request
        m.fresh_request += 1
    store = stores(a)[location >> STORE_SHIFT]
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
def drop_request(a: int, request: int) -> None:
    """Give a finished request's record back."""
    m = machine(a)
    requests(a)[request].next = m.free_request
    m.free_request = request


@compiled
def _hang(a: int, frame: int, request: int, last: int, io: int) -> None:
    """Hang a frame on a request, behind frame `last`; -1: it is the first."""
    f = frames(a)[frame]
    f.io = io
    f.request = request
    f.next = -1
    if last < 0:
        requests(a)[request].first = frame
    else:
        frames(a)[last].next = frame


@compiled
def begin_read(a: int, frame: int, request: int, last: int) -> None:
    """Hang a frame in transition on a read, behind frame `last` (-1: it is the first)."""
    _hang(a, frame, request, last, IO_READ)


@compiled
def begin_write(a: int, frame: int, request: int, last: int) -> None:
    """Take a modified page off its list into a write, behind frame `last`; from now on it counts as clean."""
    move(a, frame, TRANSITION)
    hang_write(a, frame, request, last)


@compiled
def hang_write(a: int, frame: int, request: int, last: int) -> None:
    """Have a write carry a page as it is now, behind frame `last`; from now on it counts as clean."""
    f = frames(a)[frame]
    f.modified = 0
    f.io_version = contents(a)[f.content].version
    _hang(a, frame, request, last, IO_WRITE)


@compiled
def write_one(a: int, frame: int, t: int, cause: int) -> None:
    """Start a write of one page that is on a modified list; without a free slot it stays there."""
    location = contents(a)[frames(a)[frame].content].location
    if location < 0:
        location, count = take_slots(a, 1)
        if count == 0:
            reclaim_slots(a)
            location, count = take_slots(a, 1)
            if count == 0:
                return
    request = new_request(a, location, 1, True, cause, -1)
    begin_write(a, frame, request, -1)
    submit(a, request, t)


@compiled
def rest(a: int, frame: int, t: int, reason: int) -> None:
    """Put a frame that nothing holds where it belongs; with immediate writes a modified page is written at once."""
    idle(a, frame, reason, -1)
    if frames(a)[frame].state == MODIFIED and machine(a).immediate:
        write_one(a, frame, t, AT_TRIM)


@compiled
def free_written(a: int, location: int) -> None:
    """Give up a slot that was written for nothing: the content changed, or is gone, meanwhile."""
    store = location >> STORE_SHIFT
    _slots(a, store)[location & STORE_MASK] = 0
    stores(a)[store].used -= 1


@compiled
def note_written(a: int, content: int, location: int, version: int) -> None:
    """Record that the backing store now holds `version` of a content."""
    c = contents(a)[content]
    c.location = location
    c.written = version
    if not in_paging_file(a, location):
        return
    store = location >> STORE_SHIFT
    s = stores(a)[store]
    slot = location & STORE_MASK
    carray(pointer(s.content_at), (s.maximum,), np.int32)[slot] = content
    carray(pointer(s.version_at), (s.maximum,), np.uint32)[slot] = version


@compiled
def check_read(a: int, content: int) -> None:
    """Raise ValueError unless what was read is what was last written of this content."""
    c = contents(a)[content]
    held = c.written
    if in_paging_file(a, c.location):
        store = c.location >> STORE_SHIFT
        s = stores(a)[store]
        slot = c.location & STORE_MASK
        if carray(pointer(s.content_at), (s.maximum,), np.int32)[slot] != content:
            raise ValueError("lost write: a paging-file slot holds another page")
        held = carray(pointer(s.version_at), (s.maximum,), np.uint32)[slot]
    if held != c.version:
        raise ValueError("lost write: an old version was read")
