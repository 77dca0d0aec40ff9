"""The compiled steps of what a process can ask of its pages: each takes arrays of PTEs or contents.

Hits of all running threads must have been committed up to time t. When calls are made, and by whom, is said by
`simulator.memory.pages`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.compile import compiled
from simulator.hardware.scheduler import forget_scans
from simulator.memory.deletion import delete_content, drop_versions
from simulator.memory.page_log import note_left
from simulator.memory.transitions import allocate, begin_contents, list_fresh, move, put_on_list, take
from simulator.memory.working_set import detach, note_dirty, remove, unshare, valid_bits
from simulator.state.constants import (
    ACTIVE,
    FREE,
    IO_NONE,
    LOCKED,
    MODIFIED,
    NO_EXECUTE,
    OFFERED,
    PROTECTED,
    RESET,
    SEEN,
    STANDBY,
    VALID,
    WRITE,
    ZEROED,
)
from simulator.state.record import NONE, Frame, Nanoseconds, Pte
from simulator.state.schema import MachineRecord


@compiled
def _leave(m: MachineRecord, pte: Pte, reason: int, t: Nanoseconds) -> None:
    note_left(m, pte, reason, -1, -1, -1)
    remove(m, pte, t)


@compiled
def evict_all(m: MachineRecord, entries: Any, reason: int, t: Nanoseconds) -> int:
    """Take entries out of their working set, but for locked ones; returns how many."""
    m.now = t
    count = 0
    for e in entries:
        if not m.bits[e] & VALID or m.ptes[e].fixed or m.bits[e] & LOCKED:
            continue
        _leave(m, e, reason, t)
        count += 1
    return count


@compiled
def walk(m: MachineRecord, process: int) -> Any:
    """A process's working set in order of entry."""
    p = m.processes[process]
    entries = np.empty(p.size, np.int64)
    entry = p.head
    for i in range(p.size):
        entries[i] = entry
        entry = m.ptes[entry].next
    return entries


@compiled
def _hide_fixed(m: MachineRecord, e: Pte) -> None:
    note_dirty(m, e)
    m.bits[e] &= SEEN
    m.frames[m.contents[m.ptes[e].content].frame].share -= 1


@compiled
def _show_fixed(m: MachineRecord, e: Pte) -> None:
    m.bits[e] = (m.bits[e] & SEEN) | valid_bits(m, e)
    m.frames[m.contents[m.ptes[e].content].frame].share += 1


@compiled
def set_access_all(
    m: MachineRecord, entries: Any, accessible: Any, writable: Any, executable: Any, t: Nanoseconds
) -> int:
    """Change what may be done to pages; what may not be touched any more leaves the working set; returns how many
    did."""
    m.now = t
    left = 0
    for i in range(len(entries)):
        e = entries[i]
        pte = m.ptes[e]
        if m.bits[e] & VALID and not accessible[i]:
            if pte.fixed:
                _hide_fixed(m, e)
            else:
                _leave(m, e, PROTECTED, t)
                left += 1
        pte.accessible = accessible[i]
        pte.writable = writable[i]
        pte.executable = executable[i]
        if m.bits[e] & VALID:
            now = valid_bits(m, e)
            if not now & WRITE:
                note_dirty(m, e)
            m.bits[e] = (m.bits[e] & ~(WRITE | NO_EXECUTE)) | now
        elif pte.fixed and pte.accessible:
            _show_fixed(m, e)
        forget_scans(m, pte.process)
    return left


@compiled
def delete_all(m: MachineRecord, entries: Any, reason: int, t: Nanoseconds) -> int:
    """Pages are gone from an address space: out of the working set, locked or not; private ones are deleted, others
    lose a sharer; returns how many were in the working set."""
    m.now = t
    left = 0
    for e in entries:
        pte = m.ptes[e]
        if pte.content < 0:
            continue
        private = m.contents[pte.content].process >= 0
        if m.bits[e] & VALID and not pte.fixed:
            note_left(m, e, reason, -1, -1, -1)
            frame = detach(m, e)
            left += 1
            if not private:
                unshare(m, frame, t)
        elif m.bits[e] & VALID:
            _hide_fixed(m, e)
            forget_scans(m, pte.process)
        m.bits[e] &= SEEN
        if private and not pte.fixed:
            delete_content(m, pte.content, reason)
    return left


@compiled
def delete_contents_all(m: MachineRecord, first: int, count: int, reason: int, t: Nanoseconds) -> None:
    """Contents that no PTE shows any more are gone."""
    m.now = t
    for content in range(first, first + count):
        if m.contents[content].frame >= 0 or m.contents[content].location >= 0 or m.contents[content].version > 0:
            delete_content(m, content, reason)


@compiled
def lock_all(m: MachineRecord, entries: Any, on: bool) -> None:
    """Lock valid entries in their working set, or unlock them."""
    for e in entries:
        if on and not m.bits[e] & VALID:
            raise ValueError("a page that isn't in memory can't be locked")
        if on:
            m.bits[e] |= LOCKED
        else:
            m.bits[e] &= ~LOCKED


@compiled
def _resettle(m: MachineRecord, frame: Frame, reason: int) -> None:
    """A frame on a list goes where it belongs now, by way of active, as if it had been faulted in and trimmed."""
    move(m, frame, ACTIVE)
    put_on_list(m, frame, reason, -1)


@compiled
def reset_all(m: MachineRecord, entries: Any, t: Nanoseconds) -> None:
    """What pages hold needn't be kept any more (MEM_RESET): copies in the paging files are dropped, those in memory
    count as clean, and stay where they are until their frames are wanted; then the pages have no contents."""
    m.now = t
    for e in entries:
        content = m.ptes[e].content
        c = m.contents[content]
        if m.bits[e] & VALID:
            note_dirty(m, e)
        frame = c.frame
        if frame >= 0 and m.frames[frame].state != ACTIVE and m.frames[frame].io != IO_NONE:
            delete_content(m, content, RESET)
            c.discarded = 1
            continue
        c.discarded |= frame < 0 and c.version > 0
        drop_versions(m, content)
        if frame < 0:
            continue
        c.discardable = 1
        m.frames[frame].modified = 0
        if m.frames[frame].state == MODIFIED:
            _resettle(m, frame, RESET)


@compiled
def offer_all(m: MachineRecord, entries: Any, priority: int, t: Nanoseconds) -> int:
    """Pages are offered: out of the working set, locked or not, to the standby list of a priority, never written;
    returns how many were in the working set."""
    m.now = t
    left = 0
    for e in entries:
        c = m.contents[m.ptes[e].content]
        frame = c.frame
        valid = m.bits[e] & VALID
        if valid:
            note_dirty(m, e)
        if frame < 0:
            continue
        f = m.frames[frame]
        if f.state != ACTIVE and f.io != IO_NONE:
            continue
        if valid:
            f.priority = priority
        drop_versions(m, m.ptes[e].content)
        c.discardable = 1
        f.modified = 0
        if valid:
            _leave(m, e, OFFERED, t)
            left += 1
        elif f.state in (STANDBY, MODIFIED):
            move(m, frame, ACTIVE)
            f.priority = priority
            put_on_list(m, frame, OFFERED, -1)
    return left


@compiled
def reclaim_all(m: MachineRecord, entries: Any, t: Nanoseconds) -> Any:
    """What pages hold is to be kept again, after a reset or an offer: whether each still has it."""
    m.now = t
    intact = np.ones(len(entries), np.uint8)
    for i in range(len(entries)):
        content = m.ptes[entries[i]].content
        c = m.contents[content]
        intact[i] = not c.discarded
        c.discarded = 0
        if c.discardable:
            c.discardable = 0
            c.version = 1
            m.frames[c.frame].modified = 1
            if m.frames[c.frame].state == STANDBY:
                _resettle(m, c.frame, OFFERED)
    return intact


@compiled
def fix_all(m: MachineRecord, numbers: Any, t: Nanoseconds) -> int:
    """Take a zeroed frame, for good, for each of these contents as long as there are any; returns how many."""
    m.now = t
    for i in range(len(numbers)):
        frame = allocate(m, True, numbers[i], 5, ACTIVE)
        if frame < 0:
            return i
        begin_contents(m, frame)
        m.frames[frame].fixed = 1
    return len(numbers)


@compiled
def fix_contiguous_all(m: MachineRecord, numbers: Any, t: Nanoseconds) -> bool:
    """Give contents frames for good that follow one another, from a multiple of their number on; False: no such stretch
    of frames is available."""
    m.now = t
    count = len(numbers)
    for base in range(0, m.frame_count - count + 1, count):
        there = 0
        while there < count and _available(m, base + there):
            there += 1
        if there < count:
            continue
        list_fresh(m, base + count)
        for i in range(count):
            if m.frames[base + i].state == FREE:
                move(m, base + i, ZEROED)
            take(m, base + i, numbers[i], 5, ACTIVE)
            begin_contents(m, base + i)
            m.frames[base + i].fixed = 1
        return True
    return False


@compiled
def _available(m: MachineRecord, frame: Frame) -> bool:
    return frame >= m.fresh or m.frames[frame].state in (ZEROED, FREE, STANDBY)


@compiled
def map_fixed_all(m: MachineRecord, entries: Any, numbers: Any) -> None:
    """Have PTEs, which are invalid, show contents that have their frames for good."""
    for i in range(len(entries)):
        pte = m.ptes[entries[i]]
        pte.content = numbers[i]
        pte.private = NONE
        pte.fixed = 1
        if pte.accessible:
            _show_fixed(m, entries[i])
        forget_scans(m, pte.process)


@compiled
def unmap_fixed_all(m: MachineRecord, entries: Any) -> None:
    """Have PTEs that show fixed contents show nothing."""
    for e in entries:
        pte = m.ptes[e]
        if m.bits[e] & VALID:
            _hide_fixed(m, e)
        pte.fixed = 0
        pte.content = NONE
        forget_scans(m, pte.process)
