"""How a program's thread is told what to do next, in compiled steps at the present instant."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.processor import end_thread, make_ready
from simulator.hardware.sleep import never_wake
from simulator.memory.settling import log_violation
from simulator.memory.waiting import stop_waiting, wait_for_read
from simulator.records import (
    BLOCKED,
    ENDED,
    RUNNING,
    SLEEP,
    STALL_WRITE,
    VIOLATION,
    machine,
    processes,
    threads,
)


@compiled
def exception_of(a: int, thread: int) -> int:
    """The status that a program's reference has raised, 0: none."""
    return threads(a)[thread].exception


@compiled
def charge_time(a: int, thread: int, nanoseconds: int) -> None:
    """A thread owes processor time; then its program goes on."""
    machine(a).asking = -1
    th = threads(a)[thread]
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
    a: int, thread: int, runs: int, page: int, fetches: int, loads: int, stores: int, fetching: bool
) -> None:
    """A thread's next runs lie at these addresses; then its program goes on."""
    charge_time(a, thread, 0)
    th = threads(a)[thread]
    th.length = runs
    th.stop = runs
    th.page_at = page
    th.fetches_at = fetches
    th.loads_at = loads
    th.stores_at = stores
    th.fetching = fetching


@compiled
def give_waits(a: int, thread: int, count: int, row: int, first: int, until: int, pause: int) -> None:
    """The block just given has waits, at these addresses; the first comes before run `first`."""
    th = threads(a)[thread]
    th.waits = count
    th.stop = first
    th.wait_row_at = row
    th.wait_until_at = until
    th.wait_pause_at = pause


@compiled
def try_again(a: int, thread: int) -> None:
    """Whatever kept a thread from its reference has been mended."""
    machine(a).asking = -1
    threads(a)[thread].exception = 0


@compiled
def count_violation(a: int, thread: int) -> None:
    """A program's reference is an access violation."""
    processes(a)[threads(a)[thread].process].kinds[VIOLATION] += 1
    log_violation(a, thread)


@compiled
def sleeps(a: int, thread: int) -> bool:
    """Whether a thread is asleep."""
    th = threads(a)[thread]
    return th.state == BLOCKED and th.stall == SLEEP


@compiled
def rouse(a: int, thread: int, t: int) -> None:
    """What a sleeping thread waited for has come."""
    never_wake(a, thread)
    make_ready(a, thread, t)


@compiled
def wait_for_write(a: int, thread: int, request: int, t: int) -> None:
    """Block a thread until a write is done."""
    wait_for_read(a, thread, request, STALL_WRITE, t)


@compiled
def stop_thread(a: int, thread: int, t: int) -> None:
    """A program's thread ends, wherever it is; all hits up to t have been committed."""
    m = machine(a)
    th = threads(a)[thread]
    if m.asking == thread:
        m.asking = -1
    if th.state not in (RUNNING, ENDED):
        stop_waiting(a, thread)
    processes(a)[th.process].living_threads -= 1
    m.living_threads -= 1
    end_thread(a, thread, t)


@compiled
def mark_ended(a: int, process: int, status: int, t: int) -> None:
    """A program's process has given back all that it had."""
    p = processes(a)[process]
    if p.size or p.commit:
        raise ValueError("a process that ended still has pages or commit charge")
    p.status = status
    p.finished = t
    p.alive = 0
    machine(a).alive -= 1


@compiled
def begin_thread(a: int, thread: int, t: int) -> None:
    """A new thread of a living process is ready to run."""
    threads(a)[thread].since = t
    make_ready(a, thread, t)
