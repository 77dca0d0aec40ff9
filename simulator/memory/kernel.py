"""The compiled machine between two SimPy events: processors, faults and I/O completions in order of time.

`advance` goes on until something needs Python: a daemon to wake, a block of references to load, a policy to ask, a
log to empty, a sample to look at, the last process to end, or nothing more before `horizon`, the time of the next
SimPy event. Order at one time: I/O completions, then SimPy events, then samples, then processors by number, one step
each (a step may cause more of the former). So the outcome is that of a machine in which each reference is an event of
its own.
"""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.mmu import (
    CLEAR,
    END,
    END_OF_BLOCK,
    LIMIT,
    TRAP,
    WORK_DONE,
    access_at,
    block,
    commit,
    execute,
    scan,
)
from simulator.hardware.processor import block_thread, make_ready, quantum_end, roll_quanta, turn
from simulator.memory.completion import complete, end_process
from simulator.memory.faults import ASKS, DENIED, RESOLVED, attempt, log_fault
from simulator.memory.sampling import SAMPLE_ROWS, take_sample
from simulator.memory.signals import signal, wake
from simulator.records import (
    NEVER,
    NOT_COMMITTED,
    READ_ONLY,
    STALL_READ,
    STATUS_ACCESS_VIOLATION,
    VIOLATION,
    available,
    flights,
    machine,
    processes,
    processors,
    ptes,
    requests,
    threads,
)

IDLE, DAEMON, NEEDS_BLOCK, ASKS_POLICY, LOG_FULL, SAMPLED, FINISHED = range(7)
"""Why `advance` returned; for NEEDS_BLOCK and ASKS_POLICY `machine.asking` is the thread."""

_QUIET, _STEPPED, _BLOCK, _POLICY = range(4)
LOG_ROWS = 1 << 15
_LOG_MARGIN = 4096


@compiled
def settle(a: int, t: int) -> None:
    """After each step: threads that wait for a frame get theirs, then the daemons' levels are looked at."""
    m = machine(a)
    m.now = t
    while m.frame_waiting > 0 and available(a) > 0:
        thread = m.frame_waiters
        th = threads(a)[thread]
        m.frame_waiters = th.next
        m.frame_waiting -= 1
        th.fault_queue += t - th.wait_since
        outcome = attempt(a, thread, t)
        m.woken += 1
        if outcome == ASKS:
            raise ValueError("a waiter's fault makes room twice")
        if outcome == RESOLVED:
            make_ready(a, thread, t)
        elif outcome == DENIED:
            _violate(a, thread, t)
    signal(a, t)


@compiled
def _violate(a: int, thread: int, t: int) -> None:
    th = threads(a)[thread]
    processes(a)[th.process].kinds[VIOLATION] += 1
    log_fault(a, thread, VIOLATION, READ_ONLY if ptes(a)[th.fault_pte].committed else NOT_COMMITTED, 0)
    end_process(a, th.process, STATUS_ACCESS_VIOLATION, t)


@compiled
def _trap(a: int, thread: int, t: int) -> int:
    m = machine(a)
    th = threads(a)[thread]
    if m.asking != thread:  # not the same fault, asked again with the policy's answer
        page, _, _, _ = block(a, thread)
        th.fault_pte = processes(a)[th.process].first_pte + page[th.position]
        th.fault_access = access_at(a, thread)
        th.fault_time = t
        th.fault_cpu = 0
        th.fault_queue = 0
        th.room_made = 0
    outcome = attempt(a, thread, t)
    if outcome == ASKS:
        m.asking = thread
        return _POLICY
    m.asking = -1
    if outcome == DENIED:
        _violate(a, thread, t)
    settle(a, t)
    return _STEPPED


@compiled
def _act(a: int, processor: int, kind: int) -> int:
    """What a processor's thread came to at the processor's clock: a trap, the end of its references or of its work."""
    m = machine(a)
    cpu = processors(a)[processor]
    t = cpu.clock
    thread = cpu.thread
    cpu.scanned = 0
    if kind == END_OF_BLOCK:
        m.asking = thread
        return _BLOCK
    m.now = t
    roll_quanta(a, t, processor)
    for other in range(processor):  # what they start at t comes first, and is known to hit
        if processors(a)[other].thread >= 0:
            commit(a, other, t + 1)
    if kind == TRAP:
        return _trap(a, thread, t)
    if kind == END:
        end_process(a, threads(a)[thread].process, 0, t)
        settle(a, t)
    else:
        block_thread(a, thread, STALL_READ, t)
        wake(a, thread - m.user_threads, t)
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
        kind = execute(a, processor, until)
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
    if m.outbox_count > 0:
        return DAEMON
    if max(m.fault_count, m.io_count) > LOG_ROWS - _LOG_MARGIN:
        return LOG_FULL
    if m.sample_count > 0 and (m.sample_stops or m.sample_count == SAMPLE_ROWS):
        return SAMPLED
    return IDLE


@compiled
def _pass_time(a: int, landing: int, horizon: int) -> bool:
    """No processor has anything to do before the next completion, sample or event: take the first of them, if it is
    one of the first two; False: it is the event, or nothing will ever happen."""
    m = machine(a)
    if landing <= min(horizon, m.next_sample) and landing < m.end:
        settle(a, complete(a))
        return True
    if m.next_sample < horizon and (m.running > 0 or min(landing, horizon) < NEVER):
        take_sample(a, m.next_sample)
        return True
    return False


@compiled
def advance(a: int, horizon: int) -> int:
    """Run the machine up to `horizon`; see the module. Returns the reason for stopping, at time `machine.now`."""
    m = machine(a)
    while True:
        reason = _wants_python(a)
        if reason != IDLE:
            return reason
        landing = requests(a)[flights(a)[0]].end if m.in_flight > 0 else NEVER
        stepped = _step(a, min(horizon, landing, m.next_sample))
        if stepped == _BLOCK:
            return NEEDS_BLOCK
        if stepped == _POLICY:
            return ASKS_POLICY
        if stepped == _QUIET and not _pass_time(a, landing, horizon):
            return IDLE
