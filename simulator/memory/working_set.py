"""Working sets: each process's list of valid pages in order of entry, and the ways in and out of it."""

from __future__ import annotations

from simulator.compile import call, compiled
from simulator.hardware.processor import forget_scans
from simulator.memory.backing import free_slot, rest
from simulator.memory.page_log import note, note_left
from simulator.memory.transitions import move
from simulator.records import (
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
    available,
    bits,
    contents,
    frames,
    machine,
    processes,
    ptes,
    threads,
)

REFUSED = "proposed "
"""How the error begins that compiled code raises when a compiled policy proposes what it may not."""


@compiled
def append(a: int, pte: int) -> None:
    """Enter a PTE at the tail of its process's working-set list, with a new place in the global order of entry."""
    m = machine(a)
    e = ptes(a)[pte]
    p = processes(a)[e.process]
    e.entered = m.entry_sequence
    m.entry_sequence += 1
    e.next = -1
    e.previous = p.tail
    if p.tail >= 0:
        ptes(a)[p.tail].next = pte
    else:
        p.head = pte
    p.tail = pte


@compiled
def unlink(a: int, pte: int) -> None:
    """Take a PTE out of its process's working-set list; a hand that points at it moves on."""
    e = ptes(a)[pte]
    p = processes(a)[e.process]
    if p.hand == pte:
        p.hand = e.next
    if e.previous >= 0:
        ptes(a)[e.previous].next = e.next
    else:
        p.head = e.next
    if e.next >= 0:
        ptes(a)[e.next].previous = e.previous
    else:
        p.tail = e.previous


@compiled
def requeue(a: int, pte: int) -> None:
    """Move a PTE to the tail, as if it had entered now; raises ValueError for one that is on no list."""
    if ptes(a)[pte].fixed:
        raise ValueError("proposed to requeue an entry that isn't in a working set")
    unlink(a, pte)
    append(a, pte)


@compiled
def resize(a: int, process: int, change: int) -> None:
    """A working set gains or loses pages now; what it held until now goes into its space-time product."""
    p = processes(a)[process]
    now = machine(a).now
    p.space_time += p.size * (now - p.space_time_at)
    p.space_time_at = now
    p.size += change


@compiled
def settle_space_time(a: int, t: int) -> None:
    """Carry the space-time products of all living processes on to time t."""
    machine(a).now = t
    for process in range(machine(a).process_count):
        if processes(a)[process].alive:
            resize(a, process, 0)


@compiled
def valid_bits(a: int, pte: int) -> int:
    """The bits that a PTE's protection gives it when it is valid. A page that shows what a copy-on-write copy will
    differ from isn't writable."""
    e = ptes(a)[pte]
    writes = e.writable and (e.private < 0 or e.private == e.content)
    return VALID | (WRITE if writes else 0) | (0 if e.executable else NO_EXECUTE)


@compiled
def map_page(a: int, thread: int, frame: int, cause: int) -> None:
    """Make the PTE that a thread faulted on valid: the frame becomes active and a page of the process's working set.
    `cause` is where the page was found."""
    m = machine(a)
    pte = threads(a)[thread].fault_pte
    e = ptes(a)[pte]
    p = processes(a)[e.process]
    f = frames(a)[frame]
    if f.state != ACTIVE:
        move(a, frame, ACTIVE)
    if f.share == 0 or p.memory_priority > f.priority:
        f.priority = p.memory_priority
    f.share += 1
    e.age = 0
    bits(a)[pte] = (bits(a)[pte] & SEEN) | valid_bits(a, pte)
    note(a, ENTERED, cause, pte, e.content, -1, threads(a)[thread].number, threads(a)[thread].fault_time)
    append(a, pte)
    resize(a, e.process, 1)
    p.peak = max(p.peak, p.size)
    if m.entered_hook:
        m.actor = thread
        call(m.entered_hook, a, pte)


@compiled
def unshare(a: int, frame: int, t: int) -> None:
    """One PTE less maps a frame; without any it goes to transition (I/O in flight), standby or a modified list."""
    f = frames(a)[frame]
    f.share -= 1
    if f.share > 0:
        return
    if f.io != IO_NONE:
        move(a, frame, TRANSITION)
    else:
        rest(a, frame, t, OUT_OF_WORKING_SETS)


@compiled
def fold_dirty(a: int, pte: int) -> None:
    """A valid PTE's dirty bit goes over to its frame: the content has been stored to, so its copy in a paging file is
    stale, also while others share the page."""
    if bits(a)[pte] & DIRTY:
        free_slot(a, ptes(a)[pte].content)
        c = contents(a)[ptes(a)[pte].content]
        frames(a)[c.frame].modified = 1
        frames(a)[c.frame].stored = 1
        c.version += 1
        c.losable = 0
        bits(a)[pte] &= ~DIRTY


@compiled
def detach(a: int, pte: int) -> int:
    """Make a PTE invalid and take it out of the working set, its dirty bit folded into the frame; returns the frame."""
    e = ptes(a)[pte]
    frame = contents(a)[e.content].frame
    fold_dirty(a, pte)
    bits(a)[pte] &= SEEN
    unlink(a, pte)
    resize(a, e.process, -1)
    if machine(a).left_hook:
        call(machine(a).left_hook, a, pte)
    forget_scans(a, e.process)
    return frame


@compiled
def remove(a: int, pte: int, t: int) -> None:
    """Take a page out of its process's working set at time t. Other sharers keep theirs."""
    unshare(a, detach(a, pte), t)


@compiled
def trim(a: int, pte: int, t: int, reason: int) -> None:
    """Remove a page that the manager trims: TRIMMED in a pass, or WITHDRAWN at the policy's wish."""
    note_left(a, pte, reason, machine(a).goal if reason == TRIMMED else -1, -1, -1)
    remove(a, pte, t)
    machine(a).trimmed += 1
    processes(a)[ptes(a)[pte].process].trimmed += 1


@compiled
def may_leave(a: int, pte: int) -> bool:
    """Whether an entry is in a working set, and not locked there."""
    return bits(a)[pte] & (VALID | PINNED) == VALID and not ptes(a)[pte].fixed


@compiled
def checked(a: int, pte: int) -> int:
    """An entry that a compiled policy proposes to take out of its working set; raises ValueError if it may not be."""
    if pte >= 0 and (not bits(a)[pte] & VALID or ptes(a)[pte].fixed):
        raise ValueError("proposed an entry that isn't in a working set")
    if pte >= 0 and bits(a)[pte] & PINNED:
        raise ValueError("proposed an entry that is locked")
    return pte


@compiled
def withdraw(a: int, process: int, t: int) -> bool:
    """Take out the pages that the policy wants out of a process's working set now; True if there were any."""
    m = machine(a)
    m.now = t
    taken = False
    while True:
        pte = checked(a, call(m.withdraw_hook, a, process))
        if pte < 0:
            return taken
        trim(a, pte, t, WITHDRAWN)
        m.withdrawn += 1
        taken = True


@compiled
def at_limit(a: int, process: int) -> bool:
    """Whether a fault of this process must replace one of its own pages: at its maximum while memory isn't plentiful
    (or the maximum is hard), or memory is tight and it has its minimum."""
    m = machine(a)
    p = processes(a)[process]
    if m.demand_paging or p.size == 0:
        return False
    if p.size < p.minimum and not (p.hard_maximum and p.size >= p.maximum):
        return False
    free = available(a)
    return (p.size >= p.maximum and (p.hard_maximum != 0 or free < m.high)) or (p.size >= p.minimum and free < m.tight)
