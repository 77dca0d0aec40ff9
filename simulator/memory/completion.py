"""I/O completions, and the end of a process: what becomes of frames and of the threads that waited for them."""

from __future__ import annotations

from numba import carray

from simulator.compile import compiled, extent, pointer
from simulator.hardware.disk import land
from simulator.hardware.mmu import commit
from simulator.hardware.processor import end_thread, make_ready
from simulator.logs import IO_LOG
from simulator.memory.backing import check_read, drop_request, free_written, in_paging_file, note_written, rest
from simulator.memory.deletion import delete_content
from simulator.memory.exact import told
from simulator.memory.faults import DENIED, RESOLVED, attempt, finish, log_fault, refuses
from simulator.memory.page_log import note, note_left
from simulator.memory.signals import wake
from simulator.memory.transitions import idle, release
from simulator.memory.waiting import stop_waiting
from simulator.memory.working_set import detach, map_page, unshare
from simulator.records import (
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
    bits,
    contents,
    frames,
    machine,
    processes,
    ptes,
    requests,
    threads,
)


@compiled
def finish_thread(a: int, thread: int, t: int) -> None:
    """A thread has made all its references; with the last of its threads its process ends."""
    p = processes(a)[threads(a)[thread].process]
    p.living_threads -= 1
    machine(a).living_threads -= 1
    if p.living_threads == 0:
        _delete_process(a, threads(a)[thread].process, 0, t)
    end_thread(a, thread, t)


@compiled
def end_process(a: int, process: int, status: int, t: int) -> None:
    """A process ends before its threads do: they end wherever they are."""
    m = machine(a)
    p = processes(a)[process]
    own = range(p.first_thread, p.first_thread + p.threads)
    for thread in own:
        th = threads(a)[thread]
        if th.state == RUNNING:
            commit(a, th.processor, t)
        elif th.state != ENDED:
            stop_waiting(a, thread)
            end_thread(a, thread, t)
    _delete_process(a, process, status, t)
    m.living_threads -= p.living_threads
    p.living_threads = 0
    for thread in own:
        if threads(a)[thread].state == RUNNING:
            end_thread(a, thread, t)


@compiled
def _delete_process(a: int, process: int, status: int, t: int) -> None:
    """A process is gone: its private pages are deleted, shared ones leave its working set, its commit is returned."""
    m = machine(a)
    p = processes(a)[process]
    for e in range(p.first_pte, p.first_pte + p.ptes):
        pte = ptes(a)[e]
        if pte.content < 0:
            continue
        shared = contents(a)[pte.content].file >= 0
        if bits(a)[e] & VALID:
            note_left(a, e, PROCESS_ENDED, -1, -1, -1)
            frame = detach(a, e)
            if shared:
                unshare(a, frame, t)
        if not shared:
            delete_content(a, pte.content, PROCESS_ENDED)
    m.commit -= p.commit
    p.status = status
    p.finished = t
    p.alive = 0
    m.alive -= 1


@compiled
def _log_io(a: int, request: int) -> None:
    m = machine(a)
    if not m.log_io:
        return
    r = requests(a)[request]
    row = carray(pointer(m.io_log_at), extent(m.io_log_room), IO_LOG)[m.io_count]
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
def _settle_waits(a: int, thread: int, request: int) -> int:
    """Split a thread's wait for a read into queue and service; returns the service part."""
    r = requests(a)[request]
    th = threads(a)[thread]
    th.fault_queue += max(0, r.start - th.wait_since)
    return r.end - max(r.start, th.wait_since)


@compiled
def _arrive(a: int, request: int, cause: int) -> None:
    """The pages of a good read, from where `cause` says: mapped for those who wait for them, else on standby."""
    r = requests(a)[request]
    frame = r.first
    while frame >= 0:
        f = frames(a)[frame]
        following = f.next
        content = f.content
        f.io = IO_NONE
        if f.deleted:
            release(a, frame, PROCESS_ENDED)
            frame = following
            continue
        check_read(a, content)
        wanted = False
        thread = r.waiters
        while thread >= 0:
            pte = threads(a)[thread].fault_pte
            if ptes(a)[pte].content == content and ptes(a)[pte].accessible and not bits(a)[pte] & VALID:
                map_page(a, thread, frame, cause if threads(a)[thread].stall == STALL_READ else FROM_READ)
                wanted = True
            thread = threads(a)[thread].next
        if not wanted:
            idle(a, frame, READ_IN_VAIN if frame == r.first else READ_AHEAD, r.submit)
        frame = following


@compiled
def _read_done(a: int, request: int, t: int) -> None:
    m = machine(a)
    r = requests(a)[request]
    cause = FROM_FILE if contents(a)[frames(a)[r.first].content].file >= 0 else FROM_PAGING_FILE
    _arrive(a, request, cause)
    thread = r.waiters
    while thread >= 0:
        service = _settle_waits(a, thread, request)
        if not bits(a)[threads(a)[thread].fault_pte] & VALID or refuses(a, thread):
            pass  # the page was deleted or protected meanwhile: the thread finds that out when it tries again
        elif threads(a)[thread].stall == STALL_READ:
            finish(a, thread, HARD, cause, m.hard_cost, service)
        else:
            finish(a, thread, COLLIDED, FROM_READ, m.hard_cost, service)
        thread = threads(a)[thread].next
    thread = r.waiters
    while thread >= 0:
        following = threads(a)[thread].next
        told(a, thread, t)
        make_ready(a, thread, t)
        thread = following


@compiled
def _read_failed(a: int, request: int, t: int) -> None:
    """An in-page error: the process that faulted ends; of those who collided with its read, who is left tries again."""
    r = requests(a)[request]
    frame = r.first
    while frame >= 0:
        following = frames(a)[frame].next
        release(a, frame, READ_ERROR)
        frame = following
    if r.waiters >= 0 and threads(a)[r.waiters].stall == STALL_READ:
        thread = r.waiters
        service = _settle_waits(a, thread, request)
        p = processes(a)[threads(a)[thread].process]
        p.kinds[HARD] += 1
        p.kinds[PAGE_ERROR] += 1
        log_fault(a, thread, PAGE_ERROR, READ_ERROR, service)
        if threads(a)[thread].program:
            r.waiters = threads(a)[thread].next
            threads(a)[thread].exception = STATUS_IN_PAGE_ERROR
            threads(a)[thread].stop = threads(a)[thread].position
            make_ready(a, thread, t)
        else:
            end_process(a, threads(a)[thread].process, STATUS_IN_PAGE_ERROR, t)
    following = r.waiters
    while following >= 0:
        thread, following = following, threads(a)[following].next
        threads(a)[thread].fault_queue += t - threads(a)[thread].wait_since
        outcome = attempt(a, thread, t)
        if outcome == RESOLVED:
            told(a, thread, t)
        if outcome in (RESOLVED, DENIED):  # a program's page that may not be touched any more traps again
            make_ready(a, thread, t)


@compiled
def _write_done(a: int, request: int, t: int) -> None:
    r = requests(a)[request]
    location = r.location
    frame = r.first
    while frame >= 0:
        f = frames(a)[frame]
        following = f.next
        c = contents(a)[f.content]
        f.io = IO_NONE
        overtaken = f.deleted or f.modified
        came_to = WRITE_FAILED if not r.ok else WRITE_OVERTAKEN if overtaken else WRITE_DONE
        note(a, WRITTEN, came_to, -1, f.content, location & STORE_MASK, location >> STORE_SHIFT, r.submit)
        if c.process >= 0:
            processes(a)[c.process].pages_output += processes(a)[c.process].alive
        slot = in_paging_file(a, location)
        if r.ok and not f.deleted and not c.losable and not (slot and f.modified):
            note_written(a, f.content, location, f.io_version)
        elif slot:
            free_written(a, location)
        if f.deleted:
            release(a, frame, PROCESS_ENDED)
        else:
            if not r.ok:
                f.modified = 1
            if f.share == 0:
                rest(a, frame, t, came_to)
        location += 1
        frame = following
    thread = r.waiters
    while thread >= 0:
        following = threads(a)[thread].next
        make_ready(a, thread, t)
        thread = following


@compiled
def complete(a: int) -> int:
    """Handle the next I/O completion; returns its time."""
    m = machine(a)
    request = land(a)
    r = requests(a)[request]
    t = r.end
    m.now = t
    _log_io(a, request)
    if r.write:
        m.page_writes += 1
        m.pages_output += r.pages
        _write_done(a, request, t)
        if r.daemon >= 0:
            wake(a, r.daemon, t)
    else:
        m.page_reads += 1
        m.pages_input += r.pages
        processes(a)[r.process].page_reads += 1
        processes(a)[r.process].pages_input += r.pages
        if r.ok:
            _read_done(a, request, t)
        else:
            _read_failed(a, request, t)
    drop_request(a, request)
    return t
