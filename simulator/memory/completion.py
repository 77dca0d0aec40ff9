"""I/O completions, and the end of a process: what becomes of frames and of the threads that waited for them."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.disk import finish_service
from simulator.hardware.mmu import commit
from simulator.hardware.scheduler import end_thread, make_ready
from simulator.memory.backing import (
    check_read,
    drop_request,
    free_written,
    in_paging_file,
    note_written,
    release_to_list,
)
from simulator.memory.deletion import delete_content
from simulator.memory.exact import policy_saw_reference
from simulator.memory.faults import DENIED, RESOLVED, attempt, finish, log_fault, refuses
from simulator.memory.page_log import note, note_left
from simulator.memory.signals import wake
from simulator.memory.transitions import put_on_list, release
from simulator.memory.waiting import stop_waiting
from simulator.memory.working_set import detach, map_page, unshare
from simulator.state.constants import (
    COLLIDED,
    ENDED,
    FROM_FILE,
    FROM_PAGING_FILE,
    FROM_READ,
    HARD,
    IO_NONE,
    PAGE_ERROR,
    PROCESS_ENDED,
    READ_AHEAD,
    READ_ERROR,
    READ_IN_VAIN,
    RUNNING,
    STALL_READ,
    STATUS_IN_PAGE_ERROR,
    STORE_MASK,
    STORE_SHIFT,
    VALID,
    WRITE_DONE,
    WRITE_FAILED,
    WRITE_OVERTAKEN,
    WRITTEN,
)
from simulator.state.record import Nanoseconds, Thread
from simulator.state.schema import MachineRecord


@compiled
def finish_thread(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A thread has made all its references; with the last of its threads its process ends."""
    p = m.processes[m.threads[thread].process]
    p.living_threads -= 1
    m.living_threads -= 1
    if p.living_threads == 0:
        _delete_process(m, m.threads[thread].process, 0, t)
    end_thread(m, thread, t)


@compiled
def end_process(m: MachineRecord, process: int, status: int, t: Nanoseconds) -> None:
    """A process ends before its threads do: they end wherever they are."""
    p = m.processes[process]
    own = range(p.first_thread, p.first_thread + p.threads)
    for thread in own:
        th = m.threads[thread]
        if th.state == RUNNING:
            commit(m, th.processor, t)
        elif th.state != ENDED:
            stop_waiting(m, thread)
            end_thread(m, thread, t)
    _delete_process(m, process, status, t)
    m.living_threads -= p.living_threads
    p.living_threads = 0
    for thread in own:
        if m.threads[thread].state == RUNNING:
            end_thread(m, thread, t)


@compiled
def _delete_process(m: MachineRecord, process: int, status: int, t: Nanoseconds) -> None:
    """A process is gone: its private pages are deleted, shared ones leave its working set, its commit is returned."""
    p = m.processes[process]
    for e in range(p.first_pte, p.first_pte + p.ptes):
        pte = m.ptes[e]
        if pte.content < 0:
            continue
        shared = m.contents[pte.content].file >= 0
        if m.bits[e] & VALID:
            note_left(m, e, PROCESS_ENDED, -1, -1, -1)
            frame = detach(m, e)
            if shared:
                unshare(m, frame, t)
        if not shared:
            delete_content(m, pte.content, PROCESS_ENDED)
    m.commit -= p.commit
    p.status = status
    p.finished = t
    p.alive = 0
    m.alive -= 1


@compiled
def _log_io(m: MachineRecord, request: int) -> None:
    if not m.log_io:
        return
    r = m.requests[request]
    row = m.io_log[m.io_count]
    m.io_count += 1
    row.submit_ns = r.submit
    row.start_ns = r.start
    row.end_ns = r.end
    row.offset = r.offset
    row.pages = r.pages
    row.disk = r.disk
    row.write = r.write
    row.cause = r.cause
    row.ok = r.ok


@compiled
def _settle_waits(m: MachineRecord, thread: Thread, request: int) -> int:
    """Split a thread's wait for a read into queue and service; returns the service part."""
    r = m.requests[request]
    th = m.threads[thread]
    th.fault_queue += max(0, r.start - th.wait_since)
    return r.end - max(r.start, th.wait_since)


@compiled
def _arrive(m: MachineRecord, request: int, cause: int) -> None:
    """The pages of a good read, from where `cause` says: mapped for those who wait for them, else on standby."""
    r = m.requests[request]
    frame = r.first
    while frame >= 0:
        f = m.frames[frame]
        following = f.next
        content = f.content
        f.io = IO_NONE
        if f.deleted:
            release(m, frame, PROCESS_ENDED)
            frame = following
            continue
        check_read(m, content)
        wanted = False
        thread = r.waiters
        while thread >= 0:
            pte = m.threads[thread].fault_pte
            if m.ptes[pte].content == content and m.ptes[pte].accessible and not m.bits[pte] & VALID:
                map_page(m, thread, frame, cause if m.threads[thread].stall == STALL_READ else FROM_READ)
                wanted = True
            thread = m.threads[thread].next
        if not wanted:
            put_on_list(m, frame, READ_IN_VAIN if frame == r.first else READ_AHEAD, r.submit)
        frame = following


@compiled
def _read_done(m: MachineRecord, request: int, t: Nanoseconds) -> None:
    r = m.requests[request]
    cause = FROM_FILE if m.contents[m.frames[r.first].content].file >= 0 else FROM_PAGING_FILE
    _arrive(m, request, cause)
    thread = r.waiters
    while thread >= 0:
        service = _settle_waits(m, thread, request)
        if not m.bits[m.threads[thread].fault_pte] & VALID or refuses(m, thread):
            pass  # the page was deleted or protected meanwhile: the thread finds that out when it tries again
        elif m.threads[thread].stall == STALL_READ:
            finish(m, thread, HARD, cause, m.hard_cost, service)
        else:
            finish(m, thread, COLLIDED, FROM_READ, m.hard_cost, service)
        thread = m.threads[thread].next
    thread = r.waiters
    while thread >= 0:
        following = m.threads[thread].next
        policy_saw_reference(m, thread, t)
        make_ready(m, thread, t)
        thread = following


@compiled
def _read_failed(m: MachineRecord, request: int, t: Nanoseconds) -> None:
    """An in-page error: the process that faulted ends; of those who collided with its read, who is left tries again."""
    r = m.requests[request]
    frame = r.first
    while frame >= 0:
        following = m.frames[frame].next
        release(m, frame, READ_ERROR)
        frame = following
    if r.waiters >= 0 and m.threads[r.waiters].stall == STALL_READ:
        thread = r.waiters
        service = _settle_waits(m, thread, request)
        p = m.processes[m.threads[thread].process]
        p.kinds[HARD] += 1
        p.kinds[PAGE_ERROR] += 1
        log_fault(m, thread, PAGE_ERROR, READ_ERROR, service)
        if m.threads[thread].program:
            r.waiters = m.threads[thread].next
            m.threads[thread].exception = STATUS_IN_PAGE_ERROR
            m.threads[thread].stop = m.threads[thread].position
            make_ready(m, thread, t)
        else:
            end_process(m, m.threads[thread].process, STATUS_IN_PAGE_ERROR, t)
    behind = r.waiters
    while behind >= 0:
        thread, behind = behind, m.threads[behind].next
        m.threads[thread].fault_queue += t - m.threads[thread].wait_since
        outcome = attempt(m, thread, t)
        if outcome == RESOLVED:
            policy_saw_reference(m, thread, t)
        if outcome in (RESOLVED, DENIED):  # a program's page that may not be touched any more traps again
            make_ready(m, thread, t)


@compiled
def _write_done(m: MachineRecord, request: int, t: Nanoseconds) -> None:
    r = m.requests[request]
    location = r.location
    frame = r.first
    while frame >= 0:
        f = m.frames[frame]
        following = f.next
        c = m.contents[f.content]
        f.io = IO_NONE
        overtaken = f.deleted or f.modified
        came_to = WRITE_FAILED if not r.ok else WRITE_OVERTAKEN if overtaken else WRITE_DONE
        note(m, WRITTEN, came_to, -1, f.content, location & STORE_MASK, location >> STORE_SHIFT, r.submit)
        if c.process >= 0:
            m.processes[c.process].pages_output += m.processes[c.process].alive
        slot = in_paging_file(m, location)
        if r.ok and not f.deleted and not c.discardable and not (slot and f.modified):
            note_written(m, f.content, location, f.io_version)
        elif slot:
            free_written(m, location)
        if f.deleted:
            release(m, frame, PROCESS_ENDED)
        else:
            if not r.ok:
                f.modified = 1
            if f.share == 0:
                release_to_list(m, frame, t, came_to)
        location += 1
        frame = following
    thread = r.waiters
    while thread >= 0:
        behind = m.threads[thread].next
        make_ready(m, thread, t)
        thread = behind


@compiled
def complete(m: MachineRecord) -> int:
    """Handle the next I/O completion; returns its time."""
    request = finish_service(m)
    r = m.requests[request]
    t = r.end
    m.now = t
    _log_io(m, request)
    if r.write:
        m.page_writes += 1
        m.pages_output += r.pages
        _write_done(m, request, t)
        if r.daemon >= 0:
            wake(m, r.daemon, t)
    else:
        m.page_reads += 1
        m.pages_input += r.pages
        m.processes[r.process].page_reads += 1
        m.processes[r.process].pages_input += r.pages
        if r.ok:
            _read_done(m, request, t)
        else:
            _read_failed(m, request, t)
    drop_request(m, request)
    return t
