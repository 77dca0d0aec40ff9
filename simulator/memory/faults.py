"""Page faults: what a trapped reference finds, and what becomes of its thread.

`attempt` is made when a reference traps and again when a thread that waited for a frame is woken. It resolves the
fault, or blocks the thread, or finds an access violation. A resolved fault executes the faulting reference at once,
so every fault makes progress however fast its page is taken away again.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from simulator.compile import call, compiled, extent, pointer
from simulator.hardware.disk import submit
from simulator.hardware.mmu import block
from simulator.hardware.processor import commit_all
from simulator.logs import FAULT_LOG, WATCH
from simulator.memory.backing import begin_read, new_request
from simulator.memory.page_log import note, note_left
from simulator.memory.transitions import allocate, begin_contents, zeroed_at_hand
from simulator.memory.waiting import wait_for_frame, wait_for_read
from simulator.memory.working_set import at_limit, checked, map_page, remove, unshare, valid_bits
from simulator.records import (
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
    available,
    bits,
    contents,
    frames,
    machine,
    processes,
    ptes,
    requests,
    threads,
)

RESOLVED, WAITS, DENIED, ASKS = range(4)
"""What became of an attempt: resolved, blocked, an access violation, or a policy in Python must choose a victim."""

NOT_ASKED = -2
"""`thread.victim` before a policy in Python was asked; -1: it was, and gives none."""


@compiled
def log_fault(a: int, thread: int, kind: int, cause: int, service: int) -> None:
    """Append a row to the fault log, if there is one."""
    m = machine(a)
    if not m.log_faults:
        return
    th = threads(a)[thread]
    row = carray(pointer(m.fault_log_at), extent(m.fault_log_room), FAULT_LOG)[m.fault_count]
    m.fault_count += 1
    row.time_ns = th.fault_time
    row.page = ptes(a)[th.fault_pte].vpn
    row.queue_ns = th.fault_queue
    row.service_ns = service
    row.cpu_ns = th.fault_cpu
    row.process = th.process
    row.thread = th.number
    row.kind = kind
    row.cause = cause
    row.access = th.fault_access


@compiled
def watch(a: int, thread: int, kind: int) -> None:
    """Note a fault down for who watches the working set that it was made in, as long as there is room."""
    th = threads(a)[thread]
    pte = ptes(a)[th.fault_pte]
    p = processes(a)[pte.process]
    if p.watch_count == p.watch_limit:
        return
    row = carray(pointer(p.watch_at), (1 << 40,), WATCH)[p.watch_count]
    p.watch_count += 1
    row.page = pte.vpn
    row.thread = thread
    row.kind = kind
    row.access = th.fault_access


@compiled
def finish(a: int, thread: int, kind: int, cause: int, cost: int, service: int) -> None:
    """A fault is resolved: count and log it, charge its processor time, execute the faulting reference if it may."""
    th = threads(a)[thread]
    th.fault_cpu += cost
    processes(a)[th.process].kinds[kind] += 1
    log_fault(a, thread, kind, cause, service)
    watch(a, thread, kind)
    th.debt += th.fault_cpu
    pte = bits(a)
    if th.fault_access == STORE:
        if not pte[th.fault_pte] & WRITE:
            pte[th.fault_pte] |= HELD  # a copy-on-write page was brought in: the store traps again, and copies it
            return
        pte[th.fault_pte] |= ACCESSED | SEEN | DIRTY
    else:
        pte[th.fault_pte] |= ACCESSED | SEEN
    th.debt += machine(a).reference_cost
    th.references += 1
    th.runs += th.offset == 0
    _, fetches, loads, stores = block(a, thread)
    th.offset += 1
    if th.offset == int(fetches[th.position]) + int(loads[th.position]) + int(stores[th.position]):
        th.offset = 0
        th.position += 1


@compiled
def _choose(a: int, thread: int, process: int) -> int:
    """The page of a process (-1: of any) that the policy would replace; -1: none; NOT_ASKED: it is in Python."""
    m = machine(a)
    if m.replace_hook:
        m.actor = thread
        return checked(a, call(m.replace_hook, a, process))
    th = threads(a)[thread]
    victim = th.victim
    th.victim = NOT_ASKED
    return victim


@compiled
def _replace(a: int, thread: int, victim: int, t: int) -> None:
    m = machine(a)
    th = threads(a)[thread]
    note_left(a, victim, REPLACED, th.fault_pte, th.number, th.fault_time)
    remove(a, victim, t)
    m.replaced += 1
    processes(a)[ptes(a)[victim].process].replaced += 1
    th.fault_cpu += m.trim_cost


@compiled
def _make_room(a: int, thread: int, t: int) -> bool:
    """Replace a page of the faulting process if it is at its limit, once in a fault; False: a policy in Python must be
    asked first."""
    th = threads(a)[thread]
    if th.room_made:
        return True
    process = np.int64(ptes(a)[th.fault_pte].process)
    if at_limit(a, process):
        if processes(a)[process].threads != 1:
            commit_all(a, t)
        victim = _choose(a, thread, process)
        if victim == NOT_ASKED:
            return False
        if victim >= 0:
            _replace(a, thread, victim, t)
    th.room_made = 1
    return True


@compiled
def _find_frame(a: int, thread: int, t: int) -> bool:
    """Replace pages of any process until one gives up its frame (others may share it), if no frame is available, once
    in a fault; False as for `_make_room`."""
    th = threads(a)[thread]
    if th.room_made:
        return True
    if available(a) == 0:
        commit_all(a, t)
        gained = False
        while not gained:
            victim = _choose(a, thread, -1)
            if victim == NOT_ASKED:
                return False
            if victim < 0:
                break
            frame = contents(a)[ptes(a)[victim].content].frame
            _replace(a, thread, victim, t)
            gained = frames(a)[frame].share == 0
    th.room_made = 1
    return True


@compiled
def _copy_on_write(a: int, thread: int, t: int) -> int:
    m = machine(a)
    th = threads(a)[thread]
    pte = ptes(a)[th.fault_pte]
    frame = allocate(a, False, pte.private, processes(a)[th.process].memory_priority, ACTIVE)
    if frame < 0:
        bits(a)[th.fault_pte] |= HELD
        wait_for_frame(a, thread, t)
        return WAITS
    shared = contents(a)[pte.content].frame
    pte.content = pte.private
    pte.age = 0
    frames(a)[frame].share = 1
    frames(a)[frame].modified = 1
    frames(a)[frame].stored = 1
    contents(a)[pte.private].version += 1
    bits(a)[th.fault_pte] = (bits(a)[th.fault_pte] & (SEEN | LOCKED)) | valid_bits(a, th.fault_pte)
    processes(a)[pte.process].departures[FROM_COPY] += 1
    note(a, COPIED, FROM_COPY, th.fault_pte, pte.content, -1, th.number, th.fault_time)
    unshare(a, shared, t)
    finish(a, thread, COPY_ON_WRITE, FROM_COPY, m.copy_cost, 0)
    return RESOLVED


@compiled
def _soft(a: int, thread: int, frame: int) -> int:
    m = machine(a)
    f = frames(a)[frame]
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
    map_page(a, thread, frame, cause)
    finish(a, thread, kind, cause, m.transition_cost, 0)
    return RESOLVED


@compiled
def _demand_zero(a: int, thread: int, content: int, t: int) -> int:
    """Give a page that has no contents anywhere a zeroed frame, dirty from birth."""
    m = machine(a)
    th = threads(a)[thread]
    cost = m.demand_zero_cost if zeroed_at_hand(a) else m.demand_zero_cost + m.zero_page_cost
    frame = allocate(a, True, content, processes(a)[th.process].memory_priority, ACTIVE)
    if frame < 0:
        wait_for_frame(a, thread, t)
        return WAITS
    begin_contents(a, frame)
    map_page(a, thread, frame, FIRST_TOUCH)
    if bits(a)[th.fault_pte] & WRITE:
        bits(a)[th.fault_pte] |= DIRTY
    finish(a, thread, DEMAND_ZERO, FIRST_TOUCH, cost, 0)
    return RESOLVED


@compiled
def _hard(a: int, thread: int, content: int, t: int) -> int:
    """Read a page with the neighbours that follow it both in the address space and on the backing store (WI6)."""
    m = machine(a)
    th = threads(a)[thread]
    priority = processes(a)[th.process].memory_priority
    last = allocate(a, False, content, priority, TRANSITION)
    if last < 0:
        wait_for_frame(a, thread, t)
        return WAITS
    location = contents(a)[content].location
    request = new_request(a, location, 1, False, PAGE_IN, th.process)
    begin_read(a, last, request, -1)
    for j in range(1, m.read_cluster):
        neighbour = content + j
        if not contents(a)[neighbour - 1].adjacent or contents(a)[neighbour].location != location + j:
            break
        if contents(a)[neighbour].frame >= 0:
            continue  # resident: read into a dummy frame if the run goes on behind it
        if available(a) <= m.low:
            break
        frame = allocate(a, False, neighbour, priority, TRANSITION)
        if frame < 0:
            break
        begin_read(a, frame, request, last)
        last = frame
        requests(a)[request].pages = j + 1
    submit(a, request, t)
    wait_for_read(a, thread, request, STALL_READ, t)
    return WAITS


@compiled
def refuses(a: int, thread: int) -> bool:
    """Whether the reference is an access violation: to what isn't committed or may not be touched, a store to a
    read-only page, a fetch from one that isn't executable."""
    th = threads(a)[thread]
    pte = ptes(a)[th.fault_pte]
    if not pte.accessible:
        return True
    return (th.fault_access == STORE and not pte.writable) or (th.fault_access == FETCH and not pte.executable)


@compiled
def _page_in(a: int, thread: int, t: int) -> int:
    """Resolve a fault on a page that is in no working set of this process."""
    m = machine(a)
    content = ptes(a)[threads(a)[thread].fault_pte].content
    if not m.demand_paging and not _make_room(a, thread, t):
        return ASKS
    frame = contents(a)[content].frame
    if frame >= 0:
        f = frames(a)[frame]
        if f.state == TRANSITION and f.io == IO_READ:
            wait_for_read(a, thread, f.request, STALL_COLLIDED, t)
            return WAITS
        return _soft(a, thread, frame)
    if m.demand_paging and not _find_frame(a, thread, t):
        return ASKS
    if contents(a)[content].location < 0:
        return _demand_zero(a, thread, content, t)
    return _hard(a, thread, content, t)


@compiled
def attempt(a: int, thread: int, t: int) -> int:
    """Try to resolve a thread's fault at time t; see the module for what may become of it."""
    m = machine(a)
    th = threads(a)[thread]
    bits(a)[th.fault_pte] &= ~HELD
    if refuses(a, thread):
        return DENIED
    if bits(a)[th.fault_pte] & VALID:
        if th.fault_access != STORE or bits(a)[th.fault_pte] & WRITE:
            finish(a, thread, SOFT, FROM_SHARER, m.transition_cost, 0)  # another thread brought it in meanwhile
            return RESOLVED
        bits(a)[th.fault_pte] |= HELD  # the page that is to be copied isn't the one that makes room for its copy
        if m.demand_paging and not _find_frame(a, thread, t):
            return ASKS
        bits(a)[th.fault_pte] &= ~HELD
        return _copy_on_write(a, thread, t)
    return _page_in(a, thread, t)
