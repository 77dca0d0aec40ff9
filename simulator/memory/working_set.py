"""Working sets: each process's list of valid pages in order of entry, and the ways in and out of it."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.scheduler import forget_scans
from simulator.memory.backing import free_slot, release_to_list
from simulator.memory.page_log import note, note_left
from simulator.memory.promise import ask
from simulator.memory.transitions import move
from simulator.state.constants import (
    ACTIVE,
    DIRTY,
    ENTERED,
    IO_NONE,
    NO_EXECUTE,
    OUT_OF_WORKING_SETS,
    PINNED,
    SEEN,
    TRANSITION,
    TRIMMED,
    VALID,
    WITHDRAWN,
    WRITE,
)
from simulator.state.queries import available
from simulator.state.record import NONE, Frame, Nanoseconds, Pte, Thread
from simulator.state.schema import MachineRecord

REFUSED = "proposed "
"""How the error begins that compiled code raises when a compiled policy proposes what it may not."""


@compiled
def append(m: MachineRecord, pte: Pte) -> None:
    """Enter a PTE at the tail of its process's working-set list, with a new place in the global order of entry."""
    e = m.ptes[pte]
    p = m.processes[e.process]
    e.entered = m.entry_sequence
    m.entry_sequence += 1
    e.next = NONE
    e.previous = p.tail
    if p.tail >= 0:
        m.ptes[p.tail].next = pte
    else:
        p.head = pte
    p.tail = pte


@compiled
def unlink(m: MachineRecord, pte: Pte) -> None:
    """Take a PTE out of its process's working-set list; a hand that points at it moves on."""
    e = m.ptes[pte]
    p = m.processes[e.process]
    if p.hand == pte:
        p.hand = e.next
    if e.previous >= 0:
        m.ptes[e.previous].next = e.next
    else:
        p.head = e.next
    if e.next >= 0:
        m.ptes[e.next].previous = e.previous
    else:
        p.tail = e.previous


@compiled
def requeue(m: MachineRecord, pte: Pte) -> None:
    """Move a PTE to the tail, as if it had entered now; raises ValueError for one that is on no list."""
    if m.ptes[pte].fixed:
        raise ValueError("proposed to requeue an entry that isn't in a working set")
    unlink(m, pte)
    append(m, pte)


@compiled
def resize(m: MachineRecord, process: int, change: int) -> None:
    """A working set gains or loses pages now; what it held until now goes into its space-time product."""
    p = m.processes[process]
    now = m.now
    p.space_time += p.size * (now - p.space_time_at)
    p.space_time_at = now
    p.size += change


@compiled
def account_space_time(m: MachineRecord, t: Nanoseconds) -> None:
    """Carry the space-time products of all living processes on to time t."""
    m.now = t
    for process in range(m.process_count):
        if m.processes[process].alive:
            resize(m, process, 0)


@compiled
def valid_bits(m: MachineRecord, pte: Pte) -> int:
    """The bits that a PTE's protection gives it when it is valid. A page that shows what a copy-on-write copy will
    differ from isn't writable."""
    e = m.ptes[pte]
    writes = e.writable and (e.private < 0 or e.private == e.content)
    return VALID | (WRITE if writes else 0) | (0 if e.executable else NO_EXECUTE)


@compiled
def map_page(m: MachineRecord, thread: Thread, frame: Frame, cause: int) -> None:
    """Make the PTE that a thread faulted on valid: the frame becomes active and a page of the process's working set.
    `cause` is where the page was found."""
    pte = m.threads[thread].fault_pte
    e = m.ptes[pte]
    p = m.processes[e.process]
    f = m.frames[frame]
    if f.state != ACTIVE:
        move(m, frame, ACTIVE)
    if f.share == 0 or p.memory_priority > f.priority:
        f.priority = p.memory_priority
    f.share += 1
    e.age = 0
    m.bits[pte] = (m.bits[pte] & SEEN) | valid_bits(m, pte)
    note(m, ENTERED, cause, pte, e.content, -1, m.threads[thread].number, m.threads[thread].fault_time)
    append(m, pte)
    resize(m, e.process, 1)
    p.peak = max(p.peak, p.size)
    if m.entered_hook:
        m.actor = thread
        ask(m, m.entered_hook, pte)


@compiled
def unshare(m: MachineRecord, frame: Frame, t: Nanoseconds) -> None:
    """One PTE less maps a frame; without any it goes to transition (I/O in flight), standby or a modified list."""
    f = m.frames[frame]
    f.share -= 1
    if f.share > 0:
        return
    if f.io != IO_NONE:
        move(m, frame, TRANSITION)
    else:
        release_to_list(m, frame, t, OUT_OF_WORKING_SETS)


@compiled
def note_dirty(m: MachineRecord, pte: Pte) -> None:
    """A valid PTE's dirty bit goes over to its frame: the content has been stored to, so its copy in a paging file is
    stale, also while others share the page."""
    if m.bits[pte] & DIRTY:
        free_slot(m, m.ptes[pte].content)
        c = m.contents[m.ptes[pte].content]
        m.frames[c.frame].modified = 1
        m.frames[c.frame].stored = 1
        c.version += 1
        c.discardable = 0
        m.bits[pte] &= ~DIRTY


@compiled
def detach(m: MachineRecord, pte: Pte) -> int:
    """Make a PTE invalid and take it out of the working set, its dirty bit folded into the frame; returns the frame."""
    e = m.ptes[pte]
    frame = m.contents[e.content].frame
    note_dirty(m, pte)
    m.bits[pte] &= SEEN
    unlink(m, pte)
    resize(m, e.process, -1)
    if m.left_hook:
        ask(m, m.left_hook, pte)
    forget_scans(m, e.process)
    return frame


@compiled
def remove(m: MachineRecord, pte: Pte, t: Nanoseconds) -> None:
    """Take a page out of its process's working set at time t. Other sharers keep theirs."""
    unshare(m, detach(m, pte), t)


@compiled
def trim(m: MachineRecord, pte: Pte, t: Nanoseconds, reason: int) -> None:
    """Remove a page that the manager trims: TRIMMED in a pass, or WITHDRAWN at the policy's wish."""
    note_left(m, pte, reason, m.goal if reason == TRIMMED else -1, -1, -1)
    remove(m, pte, t)
    m.trimmed += 1
    m.processes[m.ptes[pte].process].trimmed += 1


@compiled
def may_leave(m: MachineRecord, pte: Pte) -> bool:
    """Whether an entry is in a working set, and not locked there."""
    return m.bits[pte] & (VALID | PINNED) == VALID and not m.ptes[pte].fixed


@compiled
def checked(m: MachineRecord, pte: Pte) -> int:
    """An entry that a compiled policy proposes to take out of its working set; raises ValueError if it may not be."""
    if pte >= 0 and (not m.bits[pte] & VALID or m.ptes[pte].fixed):
        raise ValueError("proposed an entry that isn't in a working set")
    if pte >= 0 and m.bits[pte] & PINNED:
        raise ValueError("proposed an entry that is locked")
    return pte


@compiled
def withdraw(m: MachineRecord, process: int, t: Nanoseconds) -> bool:
    """Take out the pages that the policy wants out of a process's working set now; True if there were any."""
    m.now = t
    taken = False
    while True:
        pte = checked(m, ask(m, m.withdraw_hook, process))
        if pte < 0:
            return taken
        trim(m, pte, t, WITHDRAWN)
        m.withdrawn += 1
        taken = True


@compiled
def at_limit(m: MachineRecord, process: int) -> bool:
    """Whether a fault of this process must replace one of its own pages: at its maximum while memory isn't plentiful
    (or the maximum is hard), or memory is tight and it has its minimum."""
    p = m.processes[process]
    if m.demand_paging or p.size == 0:
        return False
    if p.size < p.minimum and not (p.hard_maximum and p.size >= p.maximum):
        return False
    free = available(m)
    return (p.size >= p.maximum and (p.hard_maximum != 0 or free < m.high)) or (p.size >= p.minimum and free < m.tight)
