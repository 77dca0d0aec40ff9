"""The order of time: what the machine does next, compiled.

`advance` runs the machine up to a time, or until Python is needed: for what a thread wants next, for a policy in
Python, to empty a log, to start a process. At one time come first I/O completions, then threads that wake up, then
daemons in the order in which they were woken, then processes that start, then timers, then what comes from SimPy, then
samples, then processors by number, one step each (a step may cause more of the former). So the outcome is that of the
reference machine, in which each reference is an event of its own.
"""

from __future__ import annotations

from enum import IntEnum

from simulator.compile import compiled
from simulator.hardware.mmu import (
    CHUNK,
    CLEAR,
    END_OF_RUNS,
    LIMIT,
    TRAP,
    WORK_DONE,
    access_at,
    block,
    commit,
    count_references,
    execute,
    scan,
    still_traps,
)
from simulator.hardware.scheduler import (
    block_thread,
    commit_all,
    fall_asleep,
    quantum_end,
    roll_quanta,
    turn,
    wake_next,
)
from simulator.memory.balance_set import balance, stuck, tick_balance
from simulator.memory.completion import complete
from simulator.memory.exact import commit_exact, make_exact, policy_saw_reference
from simulator.memory.faults import ASKS, DENIED, RESOLVED, attempt
from simulator.memory.follow_up import follow_up, violate
from simulator.memory.sampling import SAMPLE_ROWS, take_sample
from simulator.memory.signals import take_woken, wake
from simulator.memory.working_set import withdraw
from simulator.memory.writers import tick_mapped, write, zero
from simulator.state.constants import (
    BALANCE,
    BLOCKED,
    ENDED,
    NEVER,
    RUNNING,
    SLEEP,
    STALL_READ,
    STATUS_ACCESS_VIOLATION,
    ZEROER,
)
from simulator.state.record import NONE, Nanoseconds, Thread
from simulator.state.schema import LOG_ROWS, MachineRecord


class Stop(IntEnum):
    """Why `advance` returned."""

    IDLE = 0
    """nothing happens before the horizon"""
    THREAD_ASKS = 1
    """`machine.asking` has made its references: what does it want next?"""
    POLICY_ASKS = 2
    """a policy in Python chooses a victim for the thread `machine.asking`"""
    TRIMS = 3
    """a policy in Python makes a pass"""
    STARTS = 4
    """it is `machine.next_start`"""
    LOG_FULL = 5
    SAMPLED = 6
    SIGNALLED = 7
    """a daemon was woken, and somebody watches"""
    WATCHED = 8
    """a daemon or a timer is about to go on, and somebody watches"""
    TICKS = 9
    """a timer is about to go off, and there are programs"""
    STUCK = 10
    """every thread waits for a frame in vain"""
    FINISHED = 11
    """the last process has ended"""
    OUT_OF_TIME = 12
    """the time is beyond what can be told"""
    NO = 13
    """it goes on"""


_QUIET, _STEPPED, _POLICY, _CALL = range(4)
_LOG_MARGIN = 4096


@compiled
def _trap(m: MachineRecord, thread: Thread, t: Nanoseconds) -> int:
    th = m.threads[thread]
    if m.asking != thread:  # not the same fault, asked again with the policy's answer
        page, _, _, _ = block(m, thread)
        th.fault_pte = m.processes[th.process].page_base + page[th.position]
        th.fault_access = access_at(m, thread)
        th.fault_time = t
        th.fault_cpu = 0
        th.fault_queue = 0
        th.room_made = 0
        if m.withdraw_hook and not m.exact:
            commit_all(m, t)
            m.actor = thread
            withdraw(m, th.process, t)
    outcome = attempt(m, thread, t)
    if outcome == ASKS:
        m.asking = thread
        return _POLICY
    m.asking = NONE
    if outcome == RESOLVED:
        policy_saw_reference(m, thread, t)
    elif outcome == DENIED:
        if th.program:
            th.exception = STATUS_ACCESS_VIOLATION
            m.asking = thread
            return _CALL
        violate(m, thread, t)
    follow_up(m, t)
    return _STEPPED


@compiled
def _wake_time(m: MachineRecord, thread: Thread, t: Nanoseconds) -> int:
    """When a thread that comes to a wait at time t goes on."""
    th = m.threads[thread]
    until = th.wait_until[th.wait]
    pause = th.wait_pause[th.wait]
    return max(t + pause, m.processes[th.process].start + until)


@compiled
def _pass_wait(m: MachineRecord, thread: Thread) -> None:
    """A wait has had its effect: the thread's runs reach up to the next one."""
    th = m.threads[thread]
    th.wait += 1
    rows = th.wait_row
    th.stop = rows[th.wait] if th.wait < th.waits else th.length


@compiled
def _start_exactly(m: MachineRecord, processor: int, t: Nanoseconds) -> bool:
    """Make what a processor's thread starts at t, seen by the policy; False: it traps, because the policy took its
    page away."""
    cpu = m.processors[processor]
    if cpu.thread < 0 or m.threads[cpu.thread].process < 0 or cpu.clock + m.threads[cpu.thread].debt > t:
        return True
    return make_exact(m, processor, t + 1) != TRAP


@compiled
def _act(m: MachineRecord, processor: int, kind: int) -> int:
    """What a processor's thread came to at the processor's clock: a trap, a wait, the end of its references or of its
    work."""
    cpu = m.processors[processor]
    t = cpu.clock
    thread = cpu.thread
    th = m.threads[thread]
    cpu.scanned = 0
    shared = th.process >= 0 and (th.program or m.processes[th.process].threads > 1)
    if kind == TRAP and shared and not still_traps(m, thread):
        return _STEPPED
    waits = kind == END_OF_RUNS and th.position < th.length and not th.exception
    if waits and _wake_time(m, thread, t) <= t:
        _pass_wait(m, thread)
        return _STEPPED
    m.now = t
    roll_quanta(m, t, processor)
    for other in range(processor):  # what they start at t comes first, and is known to hit
        if m.exact and not _start_exactly(m, other, t):
            return _STEPPED
        if m.processors[other].thread >= 0:
            commit(m, other, t + 1)
    return _trap(m, thread, t) if kind == TRAP else _go_on(m, thread, kind, waits, t)


@compiled
def _go_on(m: MachineRecord, thread: Thread, kind: int, waits: bool, t: Nanoseconds) -> int:
    """A thread has no more runs before a wait or at all, or a daemon has done its work."""
    if kind == WORK_DONE:
        block_thread(m, thread, STALL_READ, t)
        wake(m, thread - m.user_threads, t)
        return _STEPPED
    if waits:
        wake_time = _wake_time(m, thread, t)
        _pass_wait(m, thread)
        fall_asleep(m, thread, wake_time, t)
        follow_up(m, t)
        return _STEPPED
    m.asking = thread
    return _CALL


@compiled
def _run_alone(m: MachineRecord, processor: int, limit: int) -> int:
    """One processor has a thread: it runs without a look-ahead, in one pass."""
    cpu = m.processors[processor]
    th = m.threads[cpu.thread]
    quantum = quantum_end(m, processor)
    until = min(limit, quantum)
    if th.process < 0:
        if cpu.clock + th.debt >= until:
            kind = LIMIT
            commit(m, processor, until)
        else:
            commit(m, processor, cpu.clock + th.debt)
            kind = WORK_DONE
    else:
        kind = make_exact(m, processor, until) if m.exact else execute(m, processor, until)
    if kind != LIMIT:
        return _act(m, processor, kind)
    if quantum < limit:
        m.now = quantum
        turn(m, processor)
        return _STEPPED
    return _QUIET


@compiled
def _look(m: MachineRecord, processor: int, limit: int) -> None:
    """Know when a processor's thread stops, or at least until when it doesn't."""
    cpu = m.processors[processor]
    th = m.threads[cpu.thread]
    if th.process < 0:
        cpu.stop = cpu.clock + th.debt
        cpu.stop_kind = WORK_DONE
    elif not cpu.scanned or (cpu.stop_kind == CLEAR and cpu.stop < limit):
        scan(m, processor, limit)


@compiled
def _run_together(m: MachineRecord, limit: int) -> int:
    """Several processors have threads: the one that stops first takes its step."""
    cpus = m.processors
    while True:
        first, soonest, turns = -1, limit, False
        for processor in range(m.processor_count):
            cpu = cpus[processor]
            if cpu.thread < 0:
                continue
            _look(m, processor, soonest)
            quantum = quantum_end(m, processor)
            if min(cpu.stop, quantum) < soonest:
                first, soonest, turns = processor, min(cpu.stop, quantum), quantum <= cpu.stop
        if m.exact and not commit_exact(m, soonest):
            continue
        if first < 0:
            return _QUIET
        if turns:
            m.now = soonest
            turn(m, first)
            return _STEPPED
        if cpus[first].stop_kind == CLEAR:
            commit(m, first, soonest)
            continue
        commit(m, first, soonest)
        return _act(m, first, cpus[first].stop_kind)


@compiled
def _step(m: MachineRecord, limit: int) -> int:
    if m.running == 0:
        return _QUIET
    if m.running > 1:
        return _run_together(m, limit)
    processor = 0
    while m.processors[processor].thread < 0:
        processor += 1
    return _run_alone(m, processor, limit)


@compiled
def _wants_python(m: MachineRecord) -> int:
    """What has to be done in Python before anything else, or NO."""
    if m.alive == 0 and not m.acted_on:
        return Stop.FINISHED
    if m.now >= NEVER:
        return Stop.OUT_OF_TIME
    if m.signals_watched and m.outbox_seen < m.outbox_count:
        m.outbox_seen = m.outbox_count
        return Stop.SIGNALLED
    fullest = max(m.fault_count, m.io_count, m.page_count, m.thread_log_count, m.history_count)
    if fullest > LOG_ROWS - _LOG_MARGIN:
        return Stop.LOG_FULL
    if m.sample_count > 0 and (m.sample_stops or m.sample_count == SAMPLE_ROWS):
        return Stop.SAMPLED
    return Stop.NO


@compiled
def _is_watched(m: MachineRecord) -> bool:
    """Whether somebody looks at the machine before this step, and hasn't yet."""
    if not m.steps_watched or m.step_seen:
        return False
    m.step_seen = 1
    return True


@compiled
def _run_daemon(m: MachineRecord) -> int:
    """The daemon that was woken first goes on."""
    if _is_watched(m):
        return Stop.WATCHED
    m.now = m.outbox[0].time
    daemon = take_woken(m)
    if daemon == BALANCE:
        return Stop.NO if balance(m, m.now) else Stop.TRIMS
    if daemon == ZEROER:
        zero(m, m.now)
    else:
        write(m, daemon, m.now)
    return Stop.NO


@compiled
def _run_timers(m: MachineRecord) -> int:
    """The timer that is due; of two, the one that was set first."""
    if m.signals_watched and not m.tick_seen:
        m.tick_seen = 1
        return Stop.TICKS
    if _is_watched(m):
        return Stop.WATCHED
    m.step_seen = 0
    m.tick_seen = 0
    sooner = m.next_balance < m.next_mapped
    if sooner or (m.next_balance == m.next_mapped and m.balance_period >= m.mapped_period):
        tick_balance(m, m.next_balance)
    else:
        tick_mapped(m, m.next_mapped)
    return Stop.NO


@compiled
def advance(m: MachineRecord, last: Nanoseconds, horizon: Nanoseconds) -> int:  # noqa: C901 (the order of time, on one screen)
    """Run the machine through all events up to time `last` and all references that start before `horizon`; see the
    module. Returns the reason for stopping, a Stop, at time `machine.now`."""
    last = min(last, m.end - 1)
    while True:
        reason = _wants_python(m)
        if reason != Stop.NO:
            return reason.value
        io = m.requests[m.flights[0]].end if m.in_flight > 0 else NEVER
        wake = m.threads[m.sleepers[m.sleeping - 1]].wake if m.sleeping > 0 else NEVER
        daemon = m.outbox[0].time if m.outbox_count > 0 else NEVER
        timer = min(m.next_balance, m.next_mapped)
        due = min(daemon, m.next_start, timer, horizon)
        stepped = _step(m, min(io, wake, due, m.next_sample))
        if stepped == _POLICY:
            return Stop.POLICY_ASKS.value
        if stepped == _CALL:
            return Stop.THREAD_ASKS.value
        if stepped == _STEPPED:
            continue
        first = min(io, wake)
        if first <= min(due, m.next_sample, last):
            follow_up(m, complete(m) if io <= wake else wake_next(m))
            continue
        if m.next_sample < due and (m.running > 0 or min(first, due) < NEVER):
            take_sample(m, m.next_sample)
            continue
        if not m.acted_on and stuck(m):
            return Stop.STUCK.value
        reason = Stop.IDLE
        if due <= last and due == daemon:
            reason = _run_daemon(m)
        elif due <= last and due == m.next_start:
            m.now = due
            reason = Stop.STARTS
        elif due <= last and due == timer:
            reason = _run_timers(m)
        if reason != Stop.NO:
            return reason.value


@compiled
def _left_to_make(m: MachineRecord, thread: Thread) -> int:
    """References that a thread has yet to make before it asks for more, at most."""
    th = m.threads[thread]
    if th.block_end < 0:
        _, fetches, loads, stores = block(m, thread)
        th.block_end = th.references - th.offset
        for begin in range(th.position, th.length, CHUNK):
            th.block_end += count_references(fetches, loads, stores, begin, min(th.length, begin + CHUNK))
    return th.block_end - th.references


@compiled
def _next_change(m: MachineRecord) -> Nanoseconds:
    """A time before which nothing happens in the machine but hits."""
    io = m.requests[m.flights[0]].end if m.in_flight > 0 else NEVER
    wake = m.threads[m.sleepers[m.sleeping - 1]].wake if m.sleeping > 0 else NEVER
    woken = m.outbox[0].time if m.outbox_count > 0 else NEVER
    change = min(io, wake, woken, m.next_balance, m.next_mapped, m.next_start)
    for processor in range(m.processor_count):
        if m.processors[processor].thread >= 0:
            _look(m, processor, NEVER)
            change = min(change, m.processors[processor].stop, quantum_end(m, processor))
    return change


@compiled
def notice(m: MachineRecord, t: Nanoseconds) -> Nanoseconds:
    """A time, from t on, before which nothing can happen that anybody outside notices: no thread has made all its
    references, as if each of them hit; nor traps, if its trap may be the end of it, or somebody watches memory."""
    change = _next_change(m)
    soonest = change if m.memory_watched else m.next_start
    for thread in range(m.thread_count):
        th = m.threads[thread]
        if th.process < 0 or th.state == ENDED:
            continue
        at = t
        if th.state == BLOCKED:
            at = th.wake if th.stall == SLEEP else change
        elif th.program or m.may_fail:
            at = change
        elif th.state == RUNNING:
            at = m.processors[th.processor].clock + th.debt
        if not (th.program or m.may_fail) and at < NEVER:
            at += _left_to_make(m, thread) * m.reference_cost
        soonest = min(soonest, at)
    return max(t, soonest)
