"""The compiled steps of what a process can ask of its pages: each takes arrays of PTEs or contents.

Hits of all running threads must have been committed up to time t. When calls are made, and by whom, is said by
`simulator.memory.pages`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.compile import compiled
from simulator.hardware.processor import forget_scans
from simulator.memory.deletion import delete_content, drop_versions
from simulator.memory.page_log import note_left
from simulator.memory.transitions import allocate, begin_contents, idle, list_fresh, move, take
from simulator.memory.working_set import detach, fold_dirty, remove, unshare, valid_bits
from simulator.records import (
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
    bits,
    contents,
    frames,
    machine,
    processes,
    ptes,
)


@compiled
def _leave(a: int, pte: int, reason: int, t: int) -> None:
    note_left(a, pte, reason, -1, -1, -1)
    remove(a, pte, t)


@compiled
def evict_all(a: int, entries: Any, reason: int, t: int, locked: bool) -> int:
    """Take entries out of their working set, locked ones too if `locked`; returns how many."""
    machine(a).now = t
    count = 0
    for e in entries:
        if not bits(a)[e] & VALID or ptes(a)[e].fixed or (bits(a)[e] & LOCKED and not locked):
            continue
        _leave(a, e, reason, t)
        count += 1
    return count


@compiled
def walk(a: int, process: int) -> Any:
    """A process's working set in order of entry."""
    p = processes(a)[process]
    entries = np.empty(p.size, np.int64)
    entry = np.int64(p.head)
    for i in range(p.size):
        entries[i] = entry
        entry = np.int64(ptes(a)[entry].next)
    return entries


@compiled
def _hide_fixed(a: int, e: int) -> None:
    fold_dirty(a, e)
    bits(a)[e] &= SEEN
    frames(a)[contents(a)[ptes(a)[e].content].frame].share -= 1


@compiled
def _show_fixed(a: int, e: int) -> None:
    bits(a)[e] = (bits(a)[e] & SEEN) | valid_bits(a, e)
    frames(a)[contents(a)[ptes(a)[e].content].frame].share += 1


@compiled
def set_access_all(a: int, entries: Any, accessible: Any, writable: Any, executable: Any, t: int) -> int:
    """Change what may be done to pages; what may not be touched any more leaves the working set; returns how many
    did."""
    machine(a).now = t
    left = 0
    for i in range(len(entries)):
        e = entries[i]
        pte = ptes(a)[e]
        if bits(a)[e] & VALID and not accessible[i]:
            if pte.fixed:
                _hide_fixed(a, e)
            else:
                _leave(a, e, PROTECTED, t)
                left += 1
        pte.accessible = accessible[i]
        pte.writable = writable[i]
        pte.executable = executable[i]
        if bits(a)[e] & VALID:
            now = valid_bits(a, e)
            if not now & WRITE:
                fold_dirty(a, e)
            bits(a)[e] = (bits(a)[e] & ~(WRITE | NO_EXECUTE)) | now
        elif pte.fixed and pte.accessible:
            _show_fixed(a, e)
        forget_scans(a, pte.process)
    return left


@compiled
def delete_all(a: int, entries: Any, reason: int, t: int) -> int:
    """Pages are gone from an address space: out of the working set, locked or not; private ones are deleted, others
    lose a sharer; returns how many were in the working set."""
    machine(a).now = t
    left = 0
    for e in entries:
        pte = ptes(a)[e]
        if pte.content < 0:
            continue
        private = contents(a)[pte.content].process >= 0
        if bits(a)[e] & VALID and not pte.fixed:
            note_left(a, e, reason, -1, -1, -1)
            frame = detach(a, e)
            left += 1
            if not private:
                unshare(a, frame, t)
        elif bits(a)[e] & VALID:
            _hide_fixed(a, e)
            forget_scans(a, pte.process)
        bits(a)[e] &= SEEN
        if private and not pte.fixed:
            delete_content(a, pte.content, reason)
    return left


@compiled
def delete_contents_all(a: int, first: int, count: int, reason: int, t: int) -> None:
    """Contents that no PTE shows any more are gone."""
    machine(a).now = t
    for content in range(first, first + count):
        if contents(a)[content].frame >= 0 or contents(a)[content].location >= 0 or contents(a)[content].version > 0:
            delete_content(a, content, reason)


@compiled
def lock_all(a: int, entries: Any, on: bool) -> None:
    """Lock valid entries in their working set, or unlock them."""
    for e in entries:
        if on and not bits(a)[e] & VALID:
            raise ValueError("a page that isn't in memory can't be locked")
        if on:
            bits(a)[e] |= LOCKED
        else:
            bits(a)[e] &= ~LOCKED


@compiled
def _resettle(a: int, frame: int, reason: int) -> None:
    """A frame on a list goes where it belongs now, by way of active, as if it had been faulted in and trimmed."""
    move(a, frame, ACTIVE)
    idle(a, frame, reason, -1)


@compiled
def reset_all(a: int, entries: Any, t: int) -> None:
    """What pages hold needn't be kept any more (MEM_RESET): copies in the paging files are dropped, those in memory
    count as clean, and stay where they are until their frames are wanted; then the pages have no contents."""
    machine(a).now = t
    for e in entries:
        content = np.int64(ptes(a)[e].content)
        c = contents(a)[content]
        if bits(a)[e] & VALID:
            fold_dirty(a, e)
        frame = c.frame
        if frame >= 0 and frames(a)[frame].state != ACTIVE and frames(a)[frame].io != IO_NONE:
            delete_content(a, content, RESET)
            c.lost = 1
            continue
        c.lost |= frame < 0 and c.version > 0
        drop_versions(a, content)
        if frame < 0:
            continue
        c.losable = 1
        frames(a)[frame].modified = 0
        if frames(a)[frame].state == MODIFIED:
            _resettle(a, frame, RESET)


@compiled
def offer_all(a: int, entries: Any, priority: int, t: int) -> int:
    """Pages are offered: out of the working set, locked or not, to the standby list of a priority, never written;
    returns how many were in the working set."""
    machine(a).now = t
    left = 0
    for e in entries:
        c = contents(a)[ptes(a)[e].content]
        frame = c.frame
        valid = bits(a)[e] & VALID
        if valid:
            fold_dirty(a, e)
        if frame < 0:
            continue
        f = frames(a)[frame]
        if f.state != ACTIVE and f.io != IO_NONE:
            continue
        if valid:
            f.priority = priority
        drop_versions(a, ptes(a)[e].content)
        c.losable = 1
        f.modified = 0
        if valid:
            _leave(a, e, OFFERED, t)
            left += 1
        elif f.state in (STANDBY, MODIFIED):
            move(a, frame, ACTIVE)
            f.priority = priority
            idle(a, frame, OFFERED, -1)
    return left


@compiled
def reclaim_all(a: int, entries: Any, t: int) -> Any:
    """What pages hold is to be kept again, after a reset or an offer: whether each still has it."""
    machine(a).now = t
    intact = np.ones(len(entries), np.uint8)
    for i in range(len(entries)):
        content = np.int64(ptes(a)[entries[i]].content)
        c = contents(a)[content]
        intact[i] = not c.lost
        c.lost = 0
        if c.losable:
            c.losable = 0
            c.version = 1
            frames(a)[c.frame].modified = 1
            if frames(a)[c.frame].state == STANDBY:
                _resettle(a, c.frame, OFFERED)
    return intact


@compiled
def fix_all(a: int, numbers: Any, t: int) -> int:
    """Take a zeroed frame, for good, for each of these contents as long as there are any; returns how many."""
    machine(a).now = t
    for i in range(len(numbers)):
        frame = allocate(a, True, numbers[i], 5, ACTIVE)
        if frame < 0:
            return i
        begin_contents(a, frame)
        frames(a)[frame].fixed = 1
    return len(numbers)


@compiled
def fix_contiguous_all(a: int, numbers: Any, t: int) -> bool:
    """Give contents frames for good that follow one another, from a multiple of their number on; False: no such stretch
    of frames is available."""
    m = machine(a)
    m.now = t
    count = len(numbers)
    for base in range(0, m.frame_count - count + 1, count):
        there = 0
        while there < count and _available(a, base + there):
            there += 1
        if there < count:
            continue
        list_fresh(a, base + count)
        for i in range(count):
            if frames(a)[base + i].state == FREE:
                move(a, base + i, ZEROED)
            take(a, base + i, numbers[i], 5, ACTIVE)
            begin_contents(a, base + i)
            frames(a)[base + i].fixed = 1
        return True
    return False


@compiled
def _available(a: int, frame: int) -> bool:
    return frame >= machine(a).fresh or frames(a)[frame].state in (ZEROED, FREE, STANDBY)


@compiled
def map_fixed_all(a: int, entries: Any, numbers: Any) -> None:
    """Have PTEs, which are invalid, show contents that have their frames for good."""
    for i in range(len(entries)):
        pte = ptes(a)[entries[i]]
        pte.content = numbers[i]
        pte.private = -1
        pte.fixed = 1
        if pte.accessible:
            _show_fixed(a, entries[i])
        forget_scans(a, pte.process)


@compiled
def unmap_fixed_all(a: int, entries: Any) -> None:
    """Have PTEs that show fixed contents show nothing."""
    for e in entries:
        pte = ptes(a)[e]
        if bits(a)[e] & VALID:
            _hide_fixed(a, e)
        pte.fixed = 0
        pte.content = -1
        forget_scans(a, pte.process)


@compiled
def clear_dirty(a: int, entries: Any) -> None:
    """Carry the dirty bits of entries over to their frames, so that the next store is seen (write watch)."""
    for e in entries:
        if bits(a)[e] & VALID:
            fold_dirty(a, e)
