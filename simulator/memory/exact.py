"""Hits seen one by one: how references are made for a policy that is told of each.

No hardware tells of every hit; policies that need it are bounds, or were published for caches. For them each run of
references to a page is one use of it, told when its first reference is made, in order of time across processors. A
policy that withdraws pages is asked after each reference.
"""

from __future__ import annotations

import numpy as np

from simulator.compile import compiled
from simulator.hardware.mmu import END_OF_RUNS, LIMIT, TRAP, block, make_run
from simulator.memory.promise import ask
from simulator.memory.working_set import withdraw
from simulator.state.constants import NO_EXECUTE, VALID, WRITE
from simulator.state.record import Nanoseconds, Pte, Thread
from simulator.state.schema import MachineRecord


@compiled
def policy_saw_reference(m: MachineRecord, thread: Thread, t: Nanoseconds) -> bool:
    """A thread has made a reference at time t: the policy may withdraw pages of its process; True if it does."""
    if not m.exact or not m.withdraw_hook:
        return False
    m.actor = thread
    return withdraw(m, m.threads[thread].process, t)


@compiled
def _begin_run(m: MachineRecord, thread: Thread, entry: Pte, fetches: bool, stores: bool) -> bool:
    """A run's first reference is due: tell the policy of a use of the page, if it is in a working set; False: it
    traps."""
    needs = VALID | WRITE if stores else VALID
    if m.bits[entry] & needs != needs or (fetches and m.bits[entry] & NO_EXECUTE):
        return False
    m.threads[thread].runs += 1
    m.actor = thread
    if m.hit_hook and not m.ptes[entry].fixed:
        ask(m, m.hit_hook, entry)
    return True


@compiled
def make_exact(m: MachineRecord, processor: int, limit: int) -> int:
    """Make a thread's references as far as they can be made before `limit`; returns why it stopped."""
    cpu = m.processors[processor]
    th = m.threads[cpu.thread]
    cpu.scanned = 0
    now = cpu.clock + th.debt
    page, fetches, loads, stores = block(m, cpu.thread)
    first = m.processes[th.process].page_base
    one_by_one = m.withdraw_hook != 0
    kind = END_OF_RUNS
    while now < limit and th.position < th.stop:
        i = th.position
        entry = first + page[i]
        fetched, loaded, stored = np.int64(fetches[i]), np.int64(loads[i]), np.int64(stores[i])
        m.now = now
        if th.offset == 0 and not _begin_run(m, cpu.thread, entry, fetched > 0, fetched + loaded == 0):
            kind = TRAP
            break
        fit = 1 if one_by_one else fetched + loaded + stored - th.offset
        if now + fit * m.reference_cost > limit:
            fit = (limit - now + m.reference_cost - 1) // m.reference_cost
        made, traps = make_run(m.bits, entry, th.offset, fetched, loaded, stored, fit)
        th.references += made
        th.offset += made
        if th.offset == fetched + loaded + stored:
            th.offset = 0
            th.position += 1
        if made > 0:
            policy_saw_reference(m, cpu.thread, now)
        now += made * m.reference_cost
        if traps and now < limit:
            kind = TRAP
            break
    if now >= limit:
        kind = LIMIT
    cpu.clock = min(now, limit)
    th.debt = now - cpu.clock
    return kind


@compiled
def commit_exact(m: MachineRecord, t: Nanoseconds) -> bool:
    """Make, in order of time, what all running threads reference before t; False if the policy took pages meanwhile,
    so that what was known of the time up to t must be found out again."""
    before = m.withdrawn
    while True:
        first, soonest, other, after = -1, t, -1, t
        for processor in range(m.processor_count):
            thread = m.processors[processor].thread
            if thread < 0 or m.threads[thread].process < 0:
                continue
            start = m.processors[processor].clock + m.threads[thread].debt
            if start < soonest:
                other, after = first, soonest
                first, soonest = processor, start
            elif start < after:
                other, after = processor, start
        if first < 0:
            return True
        if other >= 0 and first < other:
            after += 1
        if make_exact(m, first, min(after, t)) == TRAP or m.withdrawn != before:
            return False
