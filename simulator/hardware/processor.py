"""Processors: ready queues by priority, preemption, and a quantum for threads of equal priority.

A thread that becomes ready takes an idle processor, else preempts the running thread of lowest priority if that is
lower than its own, else waits. A preempted thread goes to the head of its queue and keeps what is left of its quantum.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from simulator.compile import compiled, extent, pointer
from simulator.hardware.mmu import commit
from simulator.logs import THREAD_LOG
from simulator.records import (
    BLOCKED,
    ENDED,
    NEVER,
    READY,
    RUNNING,
    machine,
    processors,
    ready_queues,
    threads,
)

PRIORITIES = 32
LOOKAHEAD = 256
"""Runs that a first scan looks at; it doubles with each that finds no trap."""


@compiled
def _log_state(a: int, thread: int, t: int) -> None:
    """Append the state that a thread has been in until t to the thread log; that a daemon idles is nothing to tell."""
    m = machine(a)
    th = threads(a)[thread]
    if th.state == ENDED or (th.state == BLOCKED and th.process < 0):
        return
    row = carray(pointer(m.thread_log_at), extent(m.thread_log_room), THREAD_LOG)[m.thread_log_count]
    m.thread_log_count += 1
    row.start_ns = th.since
    row.end_ns = t
    row.process = th.process if th.process >= 0 else m.user_threads - thread - 1
    row.thread = th.number
    row.processor = th.processor if th.state == RUNNING else -1
    row.state = BLOCKED + th.stall if th.state == BLOCKED else th.state


@compiled
def account(a: int, thread: int, state: int, t: int) -> None:
    """Book the time since the thread's last change of state, and change it."""
    th = threads(a)[thread]
    passed = t - th.since
    if passed > 0 and machine(a).log_threads:
        _log_state(a, thread, t)
    if th.state == RUNNING:
        th.run_ns += passed
    elif th.state == READY:
        th.ready_ns += passed
    elif th.state == BLOCKED:
        th.stall_ns[th.stall] += passed
    th.since = t
    th.state = state


@compiled
def _dispatch(a: int, processor: int, thread: int, t: int) -> None:
    cpu = processors(a)[processor]
    account(a, thread, RUNNING, t)
    th = threads(a)[thread]
    th.processor = processor
    machine(a).running += 1
    cpu.thread = thread
    cpu.clock = t
    cpu.quantum_end = t + th.quantum_left
    cpu.scanned = 0
    cpu.lookahead = LOOKAHEAD


@compiled
def _take_off(a: int, processor: int, state: int, t: int) -> None:
    cpu = processors(a)[processor]
    account(a, cpu.thread, state, t)
    threads(a)[cpu.thread].processor = -1
    machine(a).running -= 1
    cpu.thread = -1


@compiled
def _enqueue(a: int, thread: int, at_head: bool) -> None:
    th = threads(a)[thread]
    queue = ready_queues(a)[th.priority]
    machine(a).ready += 1
    if queue.head < 0:
        th.next = -1
        queue.head = thread
        queue.tail = thread
    elif at_head:
        th.next = queue.head
        queue.head = thread
    else:
        th.next = -1
        threads(a)[queue.tail].next = thread
        queue.tail = thread


@compiled
def best_ready(a: int) -> int:
    """Priority of the best ready thread, -1 if none is ready."""
    if machine(a).ready == 0:
        return -1
    queues = ready_queues(a)
    for priority in range(PRIORITIES - 1, -1, -1):
        if queues[priority].head >= 0:
            return priority
    return -1


@compiled
def _fill(a: int, processor: int, t: int) -> None:
    priority = best_ready(a)
    if priority >= 0:
        queue = ready_queues(a)[priority]
        thread = queue.head
        queue.head = threads(a)[thread].next
        machine(a).ready -= 1
        _dispatch(a, processor, thread, t)


@compiled
def _weakest(a: int) -> int:
    """The processor that a newly ready thread looks at: the first idle one, else that of the lowest priority."""
    cpus = processors(a)
    weakest, lowest = -1, 1 << 30
    for processor in range(machine(a).processor_count):
        priority = -1 if cpus[processor].thread < 0 else np.int64(threads(a)[cpus[processor].thread].priority)
        if priority < lowest:
            weakest, lowest = processor, priority
    return weakest


@compiled
def make_ready(a: int, thread: int, t: int) -> None:
    """A blocked or new thread can run from time t on; it gets a full quantum."""
    th = threads(a)[thread]
    th.quantum_left = machine(a).quantum
    account(a, thread, READY, t)
    processor = _weakest(a)
    cpu = processors(a)[processor]
    if cpu.thread < 0:
        _dispatch(a, processor, thread, t)
        return
    roll_quanta(a, t, -1)
    other = cpu.thread
    if threads(a)[other].priority >= th.priority:
        _enqueue(a, thread, False)
        return
    commit(a, processor, t)
    left = cpu.quantum_end - t
    threads(a)[other].quantum_left = left if left > 0 else machine(a).quantum
    _take_off(a, processor, READY, t)
    _enqueue(a, other, True)
    _dispatch(a, processor, thread, t)


@compiled
def roll_quanta(a: int, t: int, acted: int) -> None:
    """Renew the quanta that ended while no thread waited to take over; nobody could tell until now.

    Those that ended before t, and at t on processors up to number `acted`, whose turn at t has come already.
    """
    m = machine(a)
    cpus = processors(a)
    best = best_ready(a)
    for processor in range(m.processor_count):
        cpu = cpus[processor]
        passed = t + 1 if processor <= acted else t
        if cpu.thread >= 0 and cpu.quantum_end < passed and best < threads(a)[cpu.thread].priority:
            cpu.quantum_end += (passed - cpu.quantum_end + m.quantum - 1) // m.quantum * m.quantum


@compiled
def turn(a: int, processor: int) -> None:
    """The running thread's quantum ends: a ready thread of its priority or better takes over, else it goes on."""
    m = machine(a)
    cpu = processors(a)[processor]
    t = cpu.quantum_end
    thread = cpu.thread
    if best_ready(a) < threads(a)[thread].priority:
        cpu.quantum_end += m.quantum
        return
    commit(a, processor, t)
    threads(a)[thread].quantum_left = m.quantum
    _take_off(a, processor, READY, t)
    _enqueue(a, thread, False)
    _fill(a, processor, t)


@compiled
def quantum_end(a: int, processor: int) -> int:
    """When the running thread's quantum ends, NEVER while no thread waits that could take over."""
    cpu = processors(a)[processor]
    if best_ready(a) < threads(a)[cpu.thread].priority:
        return NEVER
    return cpu.quantum_end


@compiled
def block_thread(a: int, thread: int, stall: int, t: int) -> None:
    """A thread waits from time t on, and gives up its processor if it has one."""
    th = threads(a)[thread]
    if th.state == RUNNING:
        processor = th.processor
        _take_off(a, processor, BLOCKED, t)
        th.stall = stall
        _fill(a, processor, t)
    else:
        account(a, thread, BLOCKED, t)
        th.stall = stall


@compiled
def end_thread(a: int, thread: int, t: int) -> None:
    """A thread ends, and gives up its processor if it has one."""
    th = threads(a)[thread]
    if th.state == RUNNING:
        processor = th.processor
        _take_off(a, processor, ENDED, t)
        _fill(a, processor, t)
    else:
        account(a, thread, ENDED, t)


@compiled
def commit_all(a: int, t: int) -> None:
    """Make what every running thread references before t: somebody is about to read or change accessed bits."""
    for processor in range(machine(a).processor_count):
        cpu = processors(a)[processor]
        if cpu.thread >= 0 and cpu.clock < t:
            commit(a, processor, t)


@compiled
def forget_scans(a: int, process: int) -> None:
    """A page was taken from a process: where running threads trap that may reference it must be found again. A
    program's thread may: it reads and writes other processes' memory, and pools, which are the System process's."""
    cpus = processors(a)
    for processor in range(machine(a).processor_count):
        thread = cpus[processor].thread
        if thread >= 0 and (threads(a)[thread].process == process or threads(a)[thread].program):
            cpus[processor].scanned = 0
            cpus[processor].lookahead = LOOKAHEAD


@compiled
def taken_out(a: int, thread: int, head: int, tail: int) -> tuple[int, int]:
    """Take a thread out of a queue that is linked through the threads' `next`; returns the new head and tail."""
    before, at = np.int64(-1), np.int64(head)
    while at != thread:
        before, at = at, np.int64(threads(a)[at].next)
    following = np.int64(threads(a)[thread].next)
    if before >= 0:
        threads(a)[before].next = following
    return head if before >= 0 else following, before if tail == thread else tail


@compiled
def leave_ready_queue(a: int, thread: int) -> None:
    """A ready thread isn't ready any more, wherever in its queue it stands."""
    queue = ready_queues(a)[threads(a)[thread].priority]
    queue.head, queue.tail = taken_out(a, thread, queue.head, queue.tail)
    machine(a).ready -= 1
