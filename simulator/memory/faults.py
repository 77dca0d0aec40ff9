"""Page faults: what a trapped reference finds, and what becomes of its thread.

`attempt` is made when a reference traps and again when a thread that waited for a frame is woken. It resolves the
fault, or blocks the thread, or finds an access violation. A resolved fault executes the faulting reference at once,
so every fault makes progress however fast its page is taken away again.
"""

from __future__ import annotations

from typing import Any

from simulator.compile import compiled
from simulator.hardware.disk import submit
from simulator.hardware.mmu import block
from simulator.hardware.scheduler import commit_all
from simulator.memory.backing import begin_read, new_request
from simulator.memory.page_log import note, note_left
from simulator.memory.promise import ask
from simulator.memory.transitions import allocate, begin_contents, zeroed_at_hand
from simulator.memory.waiting import wait_for_frame, wait_for_read
from simulator.memory.working_set import at_limit, checked, map_page, remove, unshare, valid_bits
from simulator.state.constants import (
    ACCESSED,
    ACTIVE,
    COPIED,
    COPY_ON_WRITE,
    DEMAND_ZERO,
    DIRTY,
    FETCH,
    FIRST_TOUCH,
    FROM_COPY,
    FROM_MODIFIED,
    FROM_NO_WRITE,
    FROM_SHARER,
    FROM_STANDBY,
    FROM_WRITE,
    HELD,
    IO_READ,
    LOCKED,
    MODIFIED,
    NO_WRITE,
    PAGE_IN,
    REPLACED,
    SEEN,
    SHARED,
    SOFT,
    STALL_COLLIDED,
    STALL_READ,
    STANDBY,
    STORE,
    TRANSITION,
    VALID,
    WRITE,
)
from simulator.state.queries import available
from simulator.state.record import Content, Frame, Nanoseconds, Pte, Thread
from simulator.state.schema import MachineRecord

RESOLVED, WAITS, DENIED, ASKS = range(4)
"""What became of an attempt: resolved, blocked, an access violation, or a policy in Python must choose a victim."""

NOT_ASKED: Any = -2
"""`thread.victim` before a policy in Python was asked; -1: it was, and gives none."""


@compiled
def log_fault(m: MachineRecord, thread: Thread, kind: int, cause: int, service: int) -> None:
    """Append a row to the fault log, if there is one."""
    if not m.log_faults:
        return
    th = m.threads[thread]
    row = m.fault_log[m.fault_count]
    m.fault_count += 1
    row.time_ns = th.fault_time
    row.page = m.ptes[th.fault_pte].vpn
    row.queue_ns = th.fault_queue
    row.service_ns = service
    row.cpu_ns = th.fault_cpu
    row.process = th.process
    row.thread = th.number
    row.kind = kind
    row.cause = cause
    row.access = th.fault_access


@compiled
def watch(m: MachineRecord, thread: Thread, kind: int) -> None:
    """Note a fault down for who watches the working set that it was made in, as long as there is room."""
    th = m.threads[thread]
    pte = m.ptes[th.fault_pte]
    p = m.processes[pte.process]
    if p.watch_count == p.watch_limit:
        return
    row = p.watch[p.watch_count]
    p.watch_count += 1
    row.page = pte.vpn
    row.thread = thread
    row.kind = kind
    row.access = th.fault_access


@compiled
def finish(m: MachineRecord, thread: Thread, kind: int, cause: int, cost: int, service: int) -> None:
    """A fault is resolved: count and log it, charge its processor time, execute the faulting reference if it may."""
    th = m.threads[thread]
    th.fault_cpu += cost
    m.processes[th.process].kinds[kind] += 1
    log_fault(m, thread, kind, cause, service)
    watch(m, thread, kind)
    th.debt += th.fault_cpu
    pte = m.bits
    if th.fault_access == STORE:
        if not pte[th.fault_pte] & WRITE:
            pte[th.fault_pte] |= HELD  # a copy-on-write page was brought in: the store traps again, and copies it
            return
        pte[th.fault_pte] |= ACCESSED | SEEN | DIRTY
    else:
        pte[th.fault_pte] |= ACCESSED | SEEN
    th.debt += m.reference_cost
    th.references += 1
    th.runs += th.offset == 0
    _, fetches, loads, stores = block(m, thread)
    th.offset += 1
    if th.offset == int(fetches[th.position]) + int(loads[th.position]) + int(stores[th.position]):
        th.offset = 0
        th.position += 1


@compiled
def _choose(m: MachineRecord, thread: Thread, process: int) -> int:
    """The page of a process (-1: of any) that the policy would replace; -1: none; NOT_ASKED: it is in Python."""
    if m.replace_hook:
        m.actor = thread
        return checked(m, ask(m, m.replace_hook, process))
    th = m.threads[thread]
    victim = th.victim
    th.victim = NOT_ASKED
    return victim


@compiled
def _replace(m: MachineRecord, thread: Thread, victim: Pte, t: Nanoseconds) -> None:
    th = m.threads[thread]
    note_left(m, victim, REPLACED, th.fault_pte, th.number, th.fault_time)
    remove(m, victim, t)
    m.replaced += 1
    m.processes[m.ptes[victim].process].replaced += 1
    th.fault_cpu += m.trim_cost


@compiled
def _make_room(m: MachineRecord, thread: Thread, t: Nanoseconds) -> bool:
    """Replace a page of the faulting process if it is at its limit, once in a fault; False: a policy in Python must be
    asked first."""
    th = m.threads[thread]
    if th.room_made:
        return True
    process = m.ptes[th.fault_pte].process
    if at_limit(m, process):
        if m.processes[process].threads != 1:
            commit_all(m, t)
        victim = _choose(m, thread, process)
        if victim == NOT_ASKED:
            return False
        if victim >= 0:
            _replace(m, thread, victim, t)
    th.room_made = 1
    return True


@compiled
def _find_frame(m: MachineRecord, thread: Thread, t: Nanoseconds) -> bool:
    """Replace pages of any process until one gives up its frame (others may share it), if no frame is available, once
    in a fault; False as for `_make_room`."""
    th = m.threads[thread]
    if th.room_made:
        return True
    if available(m) == 0:
        commit_all(m, t)
        gained = False
        while not gained:
            victim = _choose(m, thread, -1)
            if victim == NOT_ASKED:
                return False
            if victim < 0:
                break
            frame = m.contents[m.ptes[victim].content].frame
            _replace(m, thread, victim, t)
            gained = m.frames[frame].share == 0
    th.room_made = 1
    return True


@compiled
def _copy_on_write(m: MachineRecord, thread: Thread, t: Nanoseconds) -> int:
    th = m.threads[thread]
    pte = m.ptes[th.fault_pte]
    frame = allocate(m, False, pte.private, m.processes[th.process].memory_priority, ACTIVE)
    if frame < 0:
        m.bits[th.fault_pte] |= HELD
        wait_for_frame(m, thread, t)
        return WAITS
    shared = m.contents[pte.content].frame
    pte.content = pte.private
    pte.age = 0
    m.frames[frame].share = 1
    m.frames[frame].modified = 1
    m.frames[frame].stored = 1
    m.contents[pte.private].version += 1
    m.bits[th.fault_pte] = (m.bits[th.fault_pte] & (SEEN | LOCKED)) | valid_bits(m, th.fault_pte)
    m.processes[pte.process].departures[FROM_COPY] += 1
    note(m, COPIED, FROM_COPY, th.fault_pte, pte.content, -1, th.number, th.fault_time)
    unshare(m, shared, t)
    finish(m, thread, COPY_ON_WRITE, FROM_COPY, m.copy_cost, 0)
    return RESOLVED


@compiled
def _soft(m: MachineRecord, thread: Thread, frame: Frame) -> int:
    f = m.frames[frame]
    if f.state == ACTIVE:
        kind, cause = SHARED, FROM_SHARER
    elif f.state == STANDBY:
        kind, cause = SOFT, FROM_STANDBY
    elif f.state == MODIFIED:
        kind, cause = SOFT, FROM_MODIFIED
    elif f.state == NO_WRITE:
        kind, cause = SOFT, FROM_NO_WRITE
    else:
        kind, cause = SOFT, FROM_WRITE
    map_page(m, thread, frame, cause)
    finish(m, thread, kind, cause, m.transition_cost, 0)
    return RESOLVED


@compiled
def _demand_zero(m: MachineRecord, thread: Thread, content: Content, t: Nanoseconds) -> int:
    """Give a page that has no contents anywhere a zeroed frame, dirty from birth."""
    th = m.threads[thread]
    cost = m.demand_zero_cost if zeroed_at_hand(m) else m.demand_zero_cost + m.zero_page_cost
    frame = allocate(m, True, content, m.processes[th.process].memory_priority, ACTIVE)
    if frame < 0:
        wait_for_frame(m, thread, t)
        return WAITS
    begin_contents(m, frame)
    map_page(m, thread, frame, FIRST_TOUCH)
    if m.bits[th.fault_pte] & WRITE:
        m.bits[th.fault_pte] |= DIRTY
    finish(m, thread, DEMAND_ZERO, FIRST_TOUCH, cost, 0)
    return RESOLVED


@compiled
def _hard(m: MachineRecord, thread: Thread, content: Content, t: Nanoseconds) -> int:
    """Read a page with the neighbours that follow it both in the address space and on the backing store (WI6)."""
    th = m.threads[thread]
    priority = m.processes[th.process].memory_priority
    last = allocate(m, False, content, priority, TRANSITION)
    if last < 0:
        wait_for_frame(m, thread, t)
        return WAITS
    location = m.contents[content].location
    request = new_request(m, location, 1, False, PAGE_IN, th.process)
    begin_read(m, last, request, -1)
    for j in range(1, m.read_cluster):
        neighbour = content + j
        if not m.contents[neighbour - 1].adjacent or m.contents[neighbour].location != location + j:
            break
        if m.contents[neighbour].frame >= 0:
            continue  # resident: read into a dummy frame if the run goes on behind it
        if available(m) <= m.low:
            break
        frame = allocate(m, False, neighbour, priority, TRANSITION)
        if frame < 0:
            break
        begin_read(m, frame, request, last)
        last = frame
        m.requests[request].pages = j + 1
    submit(m, request, t)
    wait_for_read(m, thread, request, STALL_READ, t)
    return WAITS


@compiled
def refuses(m: MachineRecord, thread: Thread) -> bool:
    """Whether the reference is an access violation: to what isn't committed or may not be touched, a store to a
    read-only page, a fetch from one that isn't executable."""
    th = m.threads[thread]
    pte = m.ptes[th.fault_pte]
    if not pte.accessible:
        return True
    return (th.fault_access == STORE and not pte.writable) or (th.fault_access == FETCH and not pte.executable)


@compiled
def _page_in(m: MachineRecord, thread: Thread, t: Nanoseconds) -> int:
    """Resolve a fault on a page that is in no working set of this process."""
    content = m.ptes[m.threads[thread].fault_pte].content
    if not m.demand_paging and not _make_room(m, thread, t):
        return ASKS
    frame = m.contents[content].frame
    if frame >= 0:
        f = m.frames[frame]
        if f.state == TRANSITION and f.io == IO_READ:
            wait_for_read(m, thread, f.request, STALL_COLLIDED, t)
            return WAITS
        return _soft(m, thread, frame)
    if m.demand_paging and not _find_frame(m, thread, t):
        return ASKS
    if m.contents[content].location < 0:
        return _demand_zero(m, thread, content, t)
    return _hard(m, thread, content, t)


@compiled
def attempt(m: MachineRecord, thread: Thread, t: Nanoseconds) -> int:
    """Try to resolve a thread's fault at time t; see the module for what may become of it."""
    th = m.threads[thread]
    m.bits[th.fault_pte] &= ~HELD
    if refuses(m, thread):
        return DENIED
    if m.bits[th.fault_pte] & VALID:
        if th.fault_access != STORE or m.bits[th.fault_pte] & WRITE:
            finish(m, thread, SOFT, FROM_SHARER, m.transition_cost, 0)  # another thread brought it in meanwhile
            return RESOLVED
        m.bits[th.fault_pte] |= HELD  # the page that is to be copied isn't the one that makes room for its copy
        if m.demand_paging and not _find_frame(m, thread, t):
            return ASKS
        m.bits[th.fault_pte] &= ~HELD
        return _copy_on_write(m, thread, t)
    return _page_in(m, thread, t)
