"""The scheduler: ready queues by priority, preemption, a quantum for threads of equal priority, and sleep.

A thread that becomes ready takes an idle processor, else preempts the running thread of lowest priority if that is
lower than its own, else waits. A preempted thread goes to the head of its queue and keeps what is left of its quantum.
A suspended thread that would become ready sleeps until it is resumed.
"""

from __future__ import annotations

from simulator.compile import compiled
from simulator.hardware.mmu import commit
from simulator.state.constants import BLOCKED, ENDED, NEVER, READY, RUNNING, SLEEP
from simulator.state.record import NONE, Nanoseconds, Thread
from simulator.state.schema import MachineRecord

PRIORITIES = 32
SUSPENDED, ON_HOLD = 1, 2
"""A thread is suspended; it would be ready if it weren't."""
LOOKAHEAD = 256
"""Runs that a first scan looks at; it doubles with each that finds no trap."""


@compiled
def _log_state(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """Append the state that a thread has been in until t to the thread log; that a daemon idles is nothing to tell."""
    th = m.threads[thread]
    if th.state == ENDED or (th.state == BLOCKED and th.process < 0):
        return
    row = m.thread_log[m.thread_log_count]
    m.thread_log_count += 1
    row.start_ns = th.since
    row.end_ns = t
    row.process = th.process if th.process >= 0 else m.user_threads - thread - 1
    row.thread = th.number
    row.processor = th.processor if th.state == RUNNING else -1
    row.state = BLOCKED + th.stall if th.state == BLOCKED else th.state


@compiled
def account(m: MachineRecord, thread: Thread, state: int, t: Nanoseconds) -> None:
    """Book the time since the thread's last change of state, and change it."""
    th = m.threads[thread]
    passed = t - th.since
    if passed > 0 and m.log_threads:
        _log_state(m, thread, t)
    if th.state == RUNNING:
        th.run_ns += passed
    elif th.state == READY:
        th.ready_ns += passed
    elif th.state == BLOCKED:
        th.stall_ns[th.stall] += passed
    th.since = t
    th.state = state


@compiled
def _dispatch(m: MachineRecord, processor: int, thread: Thread, t: Nanoseconds) -> None:
    cpu = m.processors[processor]
    account(m, thread, RUNNING, t)
    th = m.threads[thread]
    th.processor = processor
    m.running += 1
    cpu.thread = thread
    cpu.clock = t
    cpu.quantum_end = t + th.quantum_left
    cpu.scanned = 0
    cpu.lookahead = LOOKAHEAD


@compiled
def _take_off(m: MachineRecord, processor: int, state: int, t: Nanoseconds) -> None:
    cpu = m.processors[processor]
    account(m, cpu.thread, state, t)
    m.threads[cpu.thread].processor = -1
    m.running -= 1
    cpu.thread = NONE


@compiled
def _enqueue(m: MachineRecord, thread: Thread, at_head: bool) -> None:
    th = m.threads[thread]
    queue = m.ready_queues[th.priority]
    m.ready += 1
    if queue.head < 0:
        th.next = NONE
        queue.head = thread
        queue.tail = thread
    elif at_head:
        th.next = queue.head
        queue.head = thread
    else:
        th.next = NONE
        m.threads[queue.tail].next = thread
        queue.tail = thread


@compiled
def best_ready(m: MachineRecord) -> int:
    """Priority of the best ready thread, -1 if none is ready."""
    if m.ready == 0:
        return -1
    queues = m.ready_queues
    for priority in range(PRIORITIES - 1, -1, -1):
        if queues[priority].head >= 0:
            return priority
    return -1


@compiled
def _fill(m: MachineRecord, processor: int, t: Nanoseconds) -> None:
    priority = best_ready(m)
    if priority >= 0:
        queue = m.ready_queues[priority]
        thread = queue.head
        queue.head = m.threads[thread].next
        m.ready -= 1
        _dispatch(m, processor, thread, t)


@compiled
def _weakest(m: MachineRecord) -> int:
    """The processor that a newly ready thread looks at: the first idle one, else that of the lowest priority."""
    cpus = m.processors
    weakest, lowest = -1, 1 << 30
    for processor in range(m.processor_count):
        priority = -1 if cpus[processor].thread < 0 else m.threads[cpus[processor].thread].priority
        if priority < lowest:
            weakest, lowest = processor, priority
    return weakest


@compiled
def make_ready(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A blocked or new thread can run from time t on; it gets a full quantum."""
    th = m.threads[thread]
    if th.suspended:
        th.suspended = ON_HOLD
        account(m, thread, BLOCKED, t)
        th.stall = SLEEP
        _enter_sleepers(m, thread, NEVER)
        return
    th.quantum_left = m.quantum
    account(m, thread, READY, t)
    _place(m, thread, t)


@compiled
def _place(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A thread that has become ready takes a processor, or waits for one."""
    th = m.threads[thread]
    processor = _weakest(m)
    cpu = m.processors[processor]
    if cpu.thread < 0:
        _dispatch(m, processor, thread, t)
        return
    roll_quanta(m, t, -1)
    if m.threads[cpu.thread].priority >= th.priority:
        _enqueue(m, thread, False)
        return
    _preempt(m, processor, t)
    _dispatch(m, processor, thread, t)


@compiled
def _preempt(m: MachineRecord, processor: int, t: Nanoseconds) -> None:
    """A running thread has to give way: it keeps what is left of its quantum, and comes first in its queue."""
    cpu = m.processors[processor]
    thread = cpu.thread
    commit(m, processor, t)
    left = cpu.quantum_end - t
    m.threads[thread].quantum_left = left if left > 0 else m.quantum
    _take_off(m, processor, READY, t)
    _enqueue(m, thread, True)


@compiled
def set_priority(m: MachineRecord, thread: Thread, priority: int, t: Nanoseconds) -> None:
    """Change a thread's priority: it may take a processor from another, or lose its own."""
    th = m.threads[thread]
    if th.state == READY:
        leave_ready_queue(m, thread)
        th.priority = priority
        _place(m, thread, t)
    elif th.state == RUNNING:
        processor = th.processor
        roll_quanta(m, t, -1)
        th.priority = priority
        if best_ready(m) > priority:
            _preempt(m, processor, t)
            _fill(m, processor, t)
    else:
        th.priority = priority


@compiled
def suspend(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A thread stops where it is until it is resumed; what it waits for may come meanwhile [SuspendThread]."""
    th = m.threads[thread]
    if th.state == ENDED or th.suspended:
        return
    th.suspended = SUSPENDED
    if th.state in (READY, RUNNING):
        th.suspended = ON_HOLD
        if th.state == READY:
            leave_ready_queue(m, thread)
        fall_asleep(m, thread, NEVER, t)


@compiled
def resume(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A suspended thread goes on [ResumeThread]."""
    th = m.threads[thread]
    held = th.suspended == ON_HOLD and th.state != ENDED
    th.suspended = 0
    if held:
        never_wake(m, thread)
        make_ready(m, thread, t)


@compiled
def roll_quanta(m: MachineRecord, t: Nanoseconds, acted: int) -> None:
    """Renew the quanta that ended while no thread waited to take over; nobody could tell until now.

    Those that ended before t, and at t on processors up to number `acted`, whose turn at t has come already.
    """
    cpus = m.processors
    best = best_ready(m)
    for processor in range(m.processor_count):
        cpu = cpus[processor]
        passed = t + 1 if processor <= acted else t
        if cpu.thread >= 0 and cpu.quantum_end < passed and best < m.threads[cpu.thread].priority:
            cpu.quantum_end += (passed - cpu.quantum_end + m.quantum - 1) // m.quantum * m.quantum


@compiled
def turn(m: MachineRecord, processor: int) -> None:
    """The running thread's quantum ends: a ready thread of its priority or better takes over, else it goes on."""
    cpu = m.processors[processor]
    t = cpu.quantum_end
    thread = cpu.thread
    if best_ready(m) < m.threads[thread].priority:
        cpu.quantum_end += m.quantum
        return
    commit(m, processor, t)
    m.threads[thread].quantum_left = m.quantum
    _take_off(m, processor, READY, t)
    _enqueue(m, thread, False)
    _fill(m, processor, t)


@compiled
def quantum_end(m: MachineRecord, processor: int) -> int:
    """When the running thread's quantum ends, NEVER while no thread waits that could take over."""
    cpu = m.processors[processor]
    if best_ready(m) < m.threads[cpu.thread].priority:
        return NEVER
    return cpu.quantum_end


@compiled
def block_thread(m: MachineRecord, thread: Thread, stall: int, t: Nanoseconds) -> None:
    """A thread waits from time t on, and gives up its processor if it has one."""
    th = m.threads[thread]
    if th.state == RUNNING:
        processor = th.processor
        _take_off(m, processor, BLOCKED, t)
        th.stall = stall
        _fill(m, processor, t)
    else:
        account(m, thread, BLOCKED, t)
        th.stall = stall


@compiled
def end_thread(m: MachineRecord, thread: Thread, t: Nanoseconds) -> None:
    """A thread ends, and gives up its processor if it has one."""
    th = m.threads[thread]
    if th.state == RUNNING:
        processor = th.processor
        _take_off(m, processor, ENDED, t)
        _fill(m, processor, t)
    else:
        account(m, thread, ENDED, t)


@compiled
def commit_all(m: MachineRecord, t: Nanoseconds) -> None:
    """Make what every running thread references before t: somebody is about to read or change accessed bits."""
    for processor in range(m.processor_count):
        cpu = m.processors[processor]
        if cpu.thread >= 0 and cpu.clock < t:
            commit(m, processor, t)


@compiled
def forget_scans(m: MachineRecord, process: int) -> None:
    """A page was taken from a process: where running threads trap that may reference it must be found again. A
    program's thread may: it reads and writes other processes' memory, and pools, which are the System process's."""
    cpus = m.processors
    for processor in range(m.processor_count):
        thread = cpus[processor].thread
        if thread >= 0 and (m.threads[thread].process == process or m.threads[thread].program):
            cpus[processor].scanned = 0
            cpus[processor].lookahead = LOOKAHEAD


@compiled
def taken_out(m: MachineRecord, thread: Thread, head: int, tail: int) -> tuple[int, int]:
    """Take a thread out of a queue that is linked through the threads' `next`; returns the new head and tail."""
    before, at = -1, head
    while at != thread:
        before, at = at, m.threads[at].next
    following = m.threads[thread].next
    if before >= 0:
        m.threads[before].next = following
    return head if before >= 0 else following, before if tail == thread else tail


@compiled
def leave_ready_queue(m: MachineRecord, thread: Thread) -> None:
    """A ready thread isn't ready any more, wherever in its queue it stands."""
    queue = m.ready_queues[m.threads[thread].priority]
    queue.head, queue.tail = taken_out(m, thread, queue.head, queue.tail)
    m.ready -= 1


@compiled
def fall_asleep(m: MachineRecord, thread: Thread, wake: int, t: Nanoseconds) -> None:
    """A thread gives up its processor until time `wake`. Who wakes at one time does so in the order of falling
    asleep."""
    block_thread(m, thread, SLEEP, t)
    _enter_sleepers(m, thread, wake)


@compiled
def _enter_sleepers(m: MachineRecord, thread: Thread, wake: Nanoseconds) -> None:
    m.threads[thread].wake = wake
    asleep = m.sleepers
    at = m.sleeping
    while at > 0 and m.threads[asleep[at - 1]].wake <= wake:
        asleep[at] = asleep[at - 1]
        at -= 1
    asleep[at] = thread
    m.sleeping += 1


@compiled
def wake_next(m: MachineRecord) -> int:
    """The next thread to wake becomes ready; returns the time."""
    m.sleeping -= 1
    thread = m.sleepers[m.sleeping]
    t = m.threads[thread].wake
    m.now = t
    make_ready(m, thread, t)
    return t


@compiled
def never_wake(m: MachineRecord, thread: Thread) -> None:
    """A sleeping thread's process ended."""
    asleep = m.sleepers
    at = 0
    while at < m.sleeping and asleep[at] != thread:
        at += 1
    if at == m.sleeping:
        raise ValueError("a thread that doesn't sleep can't be woken")
    m.sleeping -= 1
    for i in range(at, m.sleeping):
        asleep[i] = asleep[i + 1]
