"""The compiled machine between two SimPy events: processors, faults, I/O completions and daemons in order of time.

`advance` goes on until something needs Python: a block of references to load, a policy to ask, a log to empty, a
sample to look at, the last process to end, or nothing more before `horizon`, the time of the next SimPy event. Order at
one time: I/O completions, then threads that wake up, then daemons in the order in which they were woken, then SimPy
events, then samples, then processors by number, one step each (a step may cause more of the former). So the outcome is
that of a machine in which each reference is an event of its own.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from simulator.compile import compiled, pointer
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
from simulator.memory.signals import outbox, take_woken, wake
from simulator.memory.working_set import withdraw
from simulator.memory.writers import write, zero
from simulator.records import (
    BALANCE,
    NEVER,
    STALL_READ,
    STATUS_ACCESS_VIOLATION,
    ZEROER,
    flights,
    machine,
    processes,
    processors,
    requests,
    sleepers,
    threads,
)

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
def _trap(a: int, thread: int, t: int) -> int:
    m = machine(a)
    th = threads(a)[thread]
    if m.asking != thread:  # not the same fault, asked again with the policy's answer
        page, _, _, _ = block(a, thread)
        th.fault_pte = processes(a)[th.process].page_base + page[th.position]
        th.fault_access = access_at(a, thread)
        th.fault_time = t
        th.fault_cpu = 0
        th.fault_queue = 0
        th.room_made = 0
        if m.withdraw_hook and not m.exact:
            commit_all(a, t)
            m.actor = thread
            withdraw(a, th.process, t)
    outcome = attempt(a, thread, t)
    if outcome == ASKS:
        m.asking = thread
        return _POLICY
    m.asking = -1
    if outcome == RESOLVED:
        told(a, thread, t)
    elif outcome == DENIED:
        if th.program:
            th.exception = STATUS_ACCESS_VIOLATION
            m.asking = thread
            return _CALL
        violate(a, thread, t)
    settle(a, t)
    return _STEPPED


@compiled
def _wake_time(a: int, thread: int, t: int) -> int:
    """When a thread that comes to a wait at time t goes on."""
    th = threads(a)[thread]
    until = carray(pointer(th.wait_until_at), (th.waits,), np.int64)[th.wait]
    pause = carray(pointer(th.wait_pause_at), (th.waits,), np.int64)[th.wait]
    return max(t + pause, processes(a)[th.process].start + until)


@compiled
def _pass_wait(a: int, thread: int) -> None:
    """A wait has had its effect: the thread's runs reach up to the next one."""
    th = threads(a)[thread]
    th.wait += 1
    rows = carray(pointer(th.wait_row_at), (th.waits,), np.int64)
    th.stop = rows[th.wait] if th.wait < th.waits else th.length


@compiled
def _start_exactly(a: int, processor: int, t: int) -> bool:
    """Make what a processor's thread starts at t, seen by the policy; False: it traps, because the policy took its
    page away."""
    cpu = processors(a)[processor]
    if cpu.thread < 0 or threads(a)[cpu.thread].process < 0 or cpu.clock + threads(a)[cpu.thread].debt > t:
        return True
    return make_exact(a, processor, t + 1) != TRAP


@compiled
def _act(a: int, processor: int, kind: int) -> int:
    """What a processor's thread came to at the processor's clock: a trap, a wait, the end of its references or of its
    work."""
    m = machine(a)
    cpu = processors(a)[processor]
    t = cpu.clock
    thread = cpu.thread
    th = threads(a)[thread]
    cpu.scanned = 0
    shared = th.process >= 0 and (th.program or processes(a)[th.process].threads > 1)
    if kind == TRAP and shared and not still_traps(a, thread):
        return _STEPPED
    waits = kind == END_OF_RUNS and th.position < th.length and not th.exception
    if waits and _wake_time(a, thread, t) <= t:
        _pass_wait(a, thread)
        return _STEPPED
    if kind == END_OF_RUNS and not (waits or th.program or th.last_block):
        m.asking = thread
        return _BLOCK
    m.now = t
    roll_quanta(a, t, processor)
    for other in range(processor):  # what they start at t comes first, and is known to hit
        if m.exact and not _start_exactly(a, other, t):
            return _STEPPED
        if processors(a)[other].thread >= 0:
            commit(a, other, t + 1)
    return _trap(a, thread, t) if kind == TRAP else _go_on(a, thread, kind, waits, t)


@compiled
def _go_on(a: int, thread: int, kind: int, waits: bool, t: int) -> int:
    """A thread has no more runs before a wait or at all, or a daemon has done its work."""
    m = machine(a)
    if kind == WORK_DONE:
        block_thread(a, thread, STALL_READ, t)
        wake(a, thread - m.user_threads, t)
        return _STEPPED
    if waits:
        wake_time = _wake_time(a, thread, t)
        _pass_wait(a, thread)
        fall_asleep(a, thread, wake_time, t)
    elif threads(a)[thread].program:
        m.asking = thread
        return _CALL
    else:
        finish_thread(a, thread, t)
    settle(a, t)
    return _STEPPED


@compiled
def _run_alone(a: int, processor: int, limit: int) -> int:
    """One processor has a thread: it runs without a look-ahead, in one pass."""
    cpu = processors(a)[processor]
    th = threads(a)[cpu.thread]
    quantum = quantum_end(a, processor)
    until = min(limit, quantum)
    if th.process < 0:
        if cpu.clock + th.debt >= until:
            kind = LIMIT
            commit(a, processor, until)
        else:
            commit(a, processor, cpu.clock + th.debt)
            kind = WORK_DONE
    else:
        kind = make_exact(a, processor, until) if machine(a).exact else execute(a, processor, until)
    if kind != LIMIT:
        return _act(a, processor, kind)
    if quantum < limit:
        machine(a).now = quantum
        turn(a, processor)
        return _STEPPED
    return _QUIET


@compiled
def _look(a: int, processor: int, limit: int) -> None:
    """Know when a processor's thread stops, or at least until when it doesn't."""
    cpu = processors(a)[processor]
    th = threads(a)[cpu.thread]
    if th.process < 0:
        cpu.stop = cpu.clock + th.debt
        cpu.stop_kind = WORK_DONE
    elif not cpu.scanned or (cpu.stop_kind == CLEAR and cpu.stop < limit):
        scan(a, processor, limit)


@compiled
def _run_together(a: int, limit: int) -> int:
    """Several processors have threads: the one that stops first takes its step."""
    m = machine(a)
    cpus = processors(a)
    while True:
        first, soonest, turns = -1, limit, False
        for processor in range(m.processor_count):
            cpu = cpus[processor]
            if cpu.thread < 0:
                continue
            _look(a, processor, soonest)
            quantum = quantum_end(a, processor)
            if min(cpu.stop, quantum) < soonest:
                first, soonest, turns = processor, min(cpu.stop, quantum), quantum <= cpu.stop
        if m.exact and not commit_exact(a, soonest):
            continue
        if first < 0:
            return _QUIET
        if turns:
            m.now = soonest
            turn(a, first)
            return _STEPPED
        if cpus[first].stop_kind == CLEAR:
            commit(a, first, soonest)
            continue
        commit(a, first, soonest)
        return _act(a, first, cpus[first].stop_kind)


@compiled
def _step(a: int, limit: int) -> int:
    m = machine(a)
    if m.running == 0:
        return _QUIET
    if m.running > 1:
        return _run_together(a, limit)
    processor = 0
    while processors(a)[processor].thread < 0:
        processor += 1
    return _run_alone(a, processor, limit)


@compiled
def _wants_python(a: int) -> int:
    """What has to be done in Python before anything else, or IDLE."""
    m = machine(a)
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
def _pass_time(a: int, landing: int, waking: int, horizon: int) -> bool:
    """No processor has anything to do before the next completion, waking thread, sample or event: take the first of
    them, if it isn't the event; False: it is, or nothing will ever happen."""
    m = machine(a)
    first = min(landing, waking)
    if first <= min(horizon, m.next_sample) and first < m.end:
        settle(a, complete(a) if landing <= waking else wake_next(a))
        return True
    if m.next_sample < horizon and (m.running > 0 or min(first, horizon) < NEVER):
        take_sample(a, m.next_sample)
        return True
    return False


@compiled
def _serve(a: int) -> int:
    """Nothing comes before the next daemon or event: the daemon that was woken first goes on. Returns _WENT_ON, or why
    it doesn't."""
    m = machine(a)
    if stuck(a):
        return STUCK
    if m.outbox_count == 0:
        return IDLE
    if m.steps_watched and not m.step_seen:
        m.step_seen = 1
        return WATCHED
    m.now = outbox(a)[0].time
    daemon = take_woken(a)
    if daemon == BALANCE:
        return _WENT_ON if balance(a, m.now) else TRIMS
    if daemon == ZEROER:
        zero(a, m.now)
    else:
        write(a, daemon, m.now)
    return _WENT_ON


@compiled
def advance(a: int, horizon: int) -> int:
    """Run the machine up to `horizon`; see the module. Returns the reason for stopping, at time `machine.now`."""
    m = machine(a)
    while True:
        reason = _wants_python(a)
        if reason != IDLE:
            return reason
        due = min(horizon, outbox(a)[0].time) if m.outbox_count > 0 else horizon
        landing = requests(a)[flights(a)[0]].end if m.in_flight > 0 else NEVER
        waking = threads(a)[sleepers(a)[m.sleeping - 1]].wake if m.sleeping > 0 else NEVER
        stepped = _step(a, min(due, landing, waking, m.next_sample))
        if stepped == _BLOCK:
            return NEEDS_BLOCK
        if stepped == _POLICY:
            return ASKS_POLICY
        if stepped == _CALL:
            return CALLS
        if stepped == _QUIET and not _pass_time(a, landing, waking, due):
            reason = _serve(a)
            if reason != _WENT_ON:
                return reason
