"""The compiled machine between two SimPy events: processors, faults, I/O completions and daemons in order of time.

`advance` goes on until something needs Python: a block of references to load, a policy to ask, a log to empty, a
sample to look at, the last process to end, or nothing more before `horizon`, the time of the next SimPy event. Order at
one time: I/O completions, then threads that wake up, then daemons in the order in which they were woken, then SimPy
events, then samples, then processors by number, one step each (a step may cause more of the former). So the outcome is
that of a machine in which each reference is an event of its own.
"""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.mmu import (
    CLEAR,
    END_OF_RUNS,
    LIMIT,
    TRAP,
    WORK_DONE,
    access_at,
    block,
    commit,
    execute,
    scan,
    still_traps,
)
from simulator.hardware.processor import block_thread, commit_all, quantum_end, roll_quanta, turn
from simulator.hardware.sleep import fall_asleep, wake_next
from simulator.memory.balance_set import balance, stuck
from simulator.memory.completion import complete, finish_thread
from simulator.memory.exact import commit_exact, make_exact, told
from simulator.memory.faults import ASKS, DENIED, RESOLVED, attempt
from simulator.memory.sampling import SAMPLE_ROWS, take_sample
from simulator.memory.settling import settle, violate
from simulator.memory.signals import take_woken, wake
from simulator.memory.working_set import withdraw
from simulator.memory.writers import write, zero
from simulator.state.constants import BALANCE, NEVER, STALL_READ, STATUS_ACCESS_VIOLATION, ZEROER
from simulator.state.record import NONE, Nanoseconds, Thread
from simulator.state.schema import MachineRecord

(
    IDLE,
    NEEDS_BLOCK,
    ASKS_POLICY,
    TRIMS,
    CALLS,
    LOG_FULL,
    SAMPLED,
    SIGNALLED,
    WATCHED,
    STUCK,
    FINISHED,
    OUT_OF_TIME,
    _WENT_ON,
) = range(13)
"""Why `advance` returned: nothing to do before the horizon; a thread, `machine.asking`, needs its next block, or a
victim from a policy in Python, or is a program that goes on; such a policy is to make a pass; a log or the samples are
to be emptied; a daemon was woken, or is about to go on, and somebody watches; every thread waits for a frame in vain;
the last process has ended; the time is beyond what can be told."""

_QUIET, _STEPPED, _BLOCK, _POLICY, _CALL = range(5)
LOG_ROWS = 1 << 15
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
        told(m, thread, t)
    elif outcome == DENIED:
        if th.program:
            th.exception = STATUS_ACCESS_VIOLATION
            m.asking = thread
            return _CALL
        violate(m, thread, t)
    settle(m, t)
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
    if kind == END_OF_RUNS and not (waits or th.program or th.last_block):
        m.asking = thread
        return _BLOCK
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
    elif m.threads[thread].program:
        m.asking = thread
        return _CALL
    else:
        finish_thread(m, thread, t)
    settle(m, t)
    return _STEPPED


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
    """What has to be done in Python before anything else, or IDLE."""
    if m.alive == 0:
        return FINISHED
    if m.now >= NEVER:
        return OUT_OF_TIME
    if m.signals_watched and m.outbox_seen < m.outbox_count:
        m.outbox_seen = m.outbox_count
        return SIGNALLED
    fullest = max(m.fault_count, m.io_count, m.page_count, m.thread_log_count, m.history_count)
    if fullest > LOG_ROWS - _LOG_MARGIN:
        return LOG_FULL
    if m.sample_count > 0 and (m.sample_stops or m.sample_count == SAMPLE_ROWS):
        return SAMPLED
    return IDLE


@compiled
def _pass_time(m: MachineRecord, landing: int, waking: int, horizon: int) -> bool:
    """No processor has anything to do before the next completion, waking thread, sample or event: take the first of
    them, if it isn't the event; False: it is, or nothing will ever happen."""
    first = min(landing, waking)
    if first <= min(horizon, m.next_sample) and first < m.end:
        settle(m, complete(m) if landing <= waking else wake_next(m))
        return True
    if m.next_sample < horizon and (m.running > 0 or min(first, horizon) < NEVER):
        take_sample(m, m.next_sample)
        return True
    return False


@compiled
def _serve(m: MachineRecord) -> int:
    """Nothing comes before the next daemon or event: the daemon that was woken first goes on. Returns _WENT_ON, or why
    it doesn't."""
    if stuck(m):
        return STUCK
    if m.outbox_count == 0:
        return IDLE
    if m.steps_watched and not m.step_seen:
        m.step_seen = 1
        return WATCHED
    m.now = m.outbox[0].time
    daemon = take_woken(m)
    if daemon == BALANCE:
        return _WENT_ON if balance(m, m.now) else TRIMS
    if daemon == ZEROER:
        zero(m, m.now)
    else:
        write(m, daemon, m.now)
    return _WENT_ON


@compiled
def advance(m: MachineRecord, horizon: int) -> int:
    """Run the machine up to `horizon`; see the module. Returns the reason for stopping, at time `machine.now`."""
    while True:
        reason = _wants_python(m)
        if reason != IDLE:
            return reason
        due = min(horizon, m.outbox[0].time) if m.outbox_count > 0 else horizon
        landing = m.requests[m.flights[0]].end if m.in_flight > 0 else NEVER
        waking = m.threads[m.sleepers[m.sleeping - 1]].wake if m.sleeping > 0 else NEVER
        stepped = _step(m, min(due, landing, waking, m.next_sample))
        if stepped == _BLOCK:
            return NEEDS_BLOCK
        if stepped == _POLICY:
            return ASKS_POLICY
        if stepped == _CALL:
            return CALLS
        if stepped == _QUIET and not _pass_time(m, landing, waking, due):
            reason = _serve(m)
            if reason != _WENT_ON:
                return reason
