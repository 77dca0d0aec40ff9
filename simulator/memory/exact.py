"""Hits seen one by one: how references are made for a policy that is told of each.

No hardware tells of every hit; policies that need it are bounds, or were published for caches. For them each run of
references to a page is one use of it, told when its first reference is made, in order of time across processors. A
policy that withdraws pages is asked after each reference.
"""

from __future__ import annotations

import numpy as np

from simulator.compile import call, compiled
from simulator.hardware.mmu import END_OF_RUNS, LIMIT, TRAP, block, make_run
from simulator.memory.working_set import withdraw
from simulator.records import NO_EXECUTE, VALID, WRITE, bits, machine, processes, processors, ptes, threads


@compiled
def told(a: int, thread: int, t: int) -> bool:
    """A thread has made a reference at time t: the policy may withdraw pages of its process; True if it does."""
    m = machine(a)
    if not m.exact or not m.withdraw_hook:
        return False
    m.actor = thread
    return withdraw(a, threads(a)[thread].process, t)


@compiled
def _begin_run(a: int, thread: int, entry: int, fetches: bool, stores: bool) -> bool:
    """A run's first reference is due: tell the policy of a use of the page, if it is in a working set; False: it
    traps."""
    m = machine(a)
    needs = VALID | WRITE if stores else VALID
    if bits(a)[entry] & needs != needs or (fetches and bits(a)[entry] & NO_EXECUTE):
        return False
    threads(a)[thread].runs += 1
    m.actor = thread
    if m.hit_hook and not ptes(a)[entry].fixed:
        call(m.hit_hook, a, entry)
    return True


@compiled
def make_exact(a: int, processor: int, limit: int) -> int:
    """Make a thread's references as far as they can be made before `limit`; returns why it stopped."""
    m = machine(a)
    cpu = processors(a)[processor]
    th = threads(a)[cpu.thread]
    cpu.scanned = 0
    now = cpu.clock + th.debt
    page, fetches, loads, stores = block(a, cpu.thread)
    first = processes(a)[th.process].page_base
    one_by_one = m.withdraw_hook != 0
    kind = END_OF_RUNS
    while now < limit and th.position < th.stop:
        i = th.position
        entry = first + page[i]
        fetched, loaded, stored = np.int64(fetches[i]), np.int64(loads[i]), np.int64(stores[i])
        m.now = now
        if th.offset == 0 and not _begin_run(a, cpu.thread, entry, fetched > 0, fetched + loaded == 0):
            kind = TRAP
            break
        fit = np.int64(1) if one_by_one else fetched + loaded + stored - th.offset
        if now + fit * m.reference_cost > limit:
            fit = (limit - now + m.reference_cost - 1) // m.reference_cost
        made, traps = make_run(bits(a), entry, th.offset, fetched, loaded, stored, fit)
        th.references += made
        th.offset += made
        if th.offset == fetched + loaded + stored:
            th.offset = 0
            th.position += 1
        if made > 0:
            told(a, cpu.thread, now)
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
def commit_exact(a: int, t: int) -> bool:
    """Make, in order of time, what all running threads reference before t; False if the policy took pages meanwhile,
    so that what was known of the time up to t must be found out again."""
    m = machine(a)
    before = m.withdrawn
    while True:
        first, soonest, other, after = -1, t, -1, t
        for processor in range(m.processor_count):
            thread = processors(a)[processor].thread
            if thread < 0 or threads(a)[thread].process < 0:
                continue
            start = processors(a)[processor].clock + threads(a)[thread].debt
            if start < soonest:
                other, after = first, soonest
                first, soonest = processor, start
            elif start < after:
                other, after = processor, start
        if first < 0:
            return True
        if other >= 0 and first < other:
            after += 1
        if make_exact(a, first, min(after, t)) == TRAP or m.withdrawn != before:
            return False
