"""How a thread is told what to do next, in compiled steps at the present instant."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.scheduler import ON_HOLD, end_thread, make_ready, never_wake
from simulator.memory.follow_up import log_violation
from simulator.memory.waiting import stop_waiting, wait_for_read
from simulator.state.constants import BLOCKED, ENDED, RUNNING, SLEEP, STALL_WRITE, VIOLATION
from simulator.state.record import NONE, Nanoseconds, Thread
from simulator.state.schema import MachineRecord


@compiled
def exception_of(m: MachineRecord, thread: Thread) -> int:
    """The status that a program's reference has raised, 0: none."""
    return m.threads[thread].exception


@compiled
def charge_time(m: MachineRecord, thread: Thread, nanoseconds: int) -> None:
    """A thread owes processor time; then its program goes on."""
    m.asking = NONE
    th = m.threads[thread]
    th.debt += nanoseconds
    th.exception = 0
    th.position = 0
    th.offset = 0
    th.length = 0
    th.stop = 0
    th.waits = 0
    th.wait = 0


@compiled
def give_block(
    m: MachineRecord, thread: Thread, runs: int, page: int, fetches: int, loads: int, stores: int, fetching: bool
) -> None:
    """A thread's next runs lie at these addresses; then its program goes on."""
    charge_time(m, thread, 0)
    th = m.threads[thread]
    th.length = runs
    th.block_end = -1
    th.stop = runs
    th.page_at = page
    th.fetches_at = fetches
    th.loads_at = loads
    th.stores_at = stores
    th.fetching = fetching


@compiled
def give_waits(m: MachineRecord, thread: Thread, count: int, row: int, first: int, until: int, pause: int) -> None:
    """The block just given has waits, at these addresses; the first comes before run `first`."""
    th = m.threads[thread]
    th.waits = count
    th.stop = first
    th.wait_row_at = row
    th.wait_until_at = until
    th.wait_pause_at = pause


@compiled
def try_again(m: MachineRecord, thread: Thread) -> None:
    """Whatever kept a thread from its reference has been mended."""
    m.asking = NONE
    m.threads[thread].exception = 0


@compiled
def count_violation(m: MachineRecord, thread: Thread) -> None:
    """A program's reference is an access violation."""
    m.processes[m.threads[thread].process].kinds[VIOLATION] += 1
    log_violation(m, thread)


@compiled
def sleeps(m: MachineRecord, thread: Thread) -> bool:
    """Whether a thread sleeps of its own will."""
    th = m.threads[thread]
    return th.state == BLOCKED and th.stall == SLEEP and th.suspended != ON_HOLD


@compiled
def rouse(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """What a sleeping thread waited for has come."""
    never_wake(m, thread)
    make_ready(m, thread, t)


@compiled
def wait_for_write(m: MachineRecord, thread: Thread, request: int, t: Nanoseconds) -> None:
    """Block a thread until a write is done."""
    wait_for_read(m, thread, request, STALL_WRITE, t)


@compiled
def stop_thread(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A program's thread ends, wherever it is; all hits up to t have been committed."""
    th = m.threads[thread]
    if m.asking == thread:
        m.asking = NONE
    if th.state not in (RUNNING, ENDED):
        stop_waiting(m, thread)
    m.processes[th.process].living_threads -= 1
    m.living_threads -= 1
    end_thread(m, thread, t)


@compiled
def mark_ended(m: MachineRecord, process: int, status: int, t: Nanoseconds) -> None:
    """A program's process has given back all that it had."""
    p = m.processes[process]
    if p.size or p.commit:
        raise ValueError("a process that ended still has pages or commit charge")
    p.status = status
    p.finished = t
    p.alive = 0
    m.alive -= 1


@compiled
def begin_thread(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A new thread of a living process is ready to run."""
    m.threads[thread].since = t
    make_ready(m, thread, t)


@compiled
def interrupt(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A thread makes no more of its references, and waits for nothing: it asks what to do when it has a processor."""
    th = m.threads[thread]
    charge_time(m, thread, 0)
    if th.state == BLOCKED and th.suspended != ON_HOLD:
        stop_waiting(m, thread)
        make_ready(m, thread, t)
