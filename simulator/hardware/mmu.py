"""The MMU: executes references against page-table entries, compiled.

`scan` finds where a thread would trap next and changes nothing. `commit` makes the references that started before a
given time, all known to hit. `execute` does both in one pass, for a thread that runs alone. A run of references needs
one look at its page's bits; accessed and dirty bits are written only when they aren't set already.

A reference takes effect at its start; its cost is then owed as `debt`. So a thread's state is (position, offset,
debt): the run, the references of it already made, the nanoseconds before the next one starts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from simulator.compile import compiled, pointer
from simulator.records import (
    ACCESSED,
    DIRTY,
    FETCH,
    LOAD,
    SEEN,
    STORE,
    VALID,
    WRITE,
    bits,
    machine,
    processes,
    processors,
    threads,
)

LIMIT, TRAP, END_OF_BLOCK, END, WORK_DONE, CLEAR = range(6)
"""Why execution or a scan stopped: the time limit, a trap, no more runs in this block or at all, a daemon's work done,
nothing found yet."""

LOAD_NEEDS = ACCESSED | SEEN | VALID
STORE_NEEDS = LOAD_NEEDS | DIRTY | WRITE
_MANY = 1 << 40


@compiled
def block(a: int, thread: int) -> Any:
    """A thread's current block: page, fetches, loads and stores of its runs."""
    th = threads(a)[thread]
    return (
        carray(pointer(th.page_at), (_MANY,), np.uint32),
        carray(pointer(th.fetches_at), (_MANY,), np.uint16),
        carray(pointer(th.loads_at), (_MANY,), np.uint8),
        carray(pointer(th.stores_at), (_MANY,), np.uint8),
    )


@compiled
def _trap_offset(pte_bits: int, offset: int, fetches: int, loads: int, stores: int) -> int:
    """The reference of a run that traps first, from `offset` on; -1: none does."""
    if not pte_bits & VALID:
        return offset
    if stores > 0 and not pte_bits & WRITE:
        return max(offset, np.int64(fetches) + loads)
    return -1


@compiled
def access_at(a: int, thread: int) -> int:
    """FETCH, LOAD or STORE: what the thread's next reference is."""
    th = threads(a)[thread]
    _, fetches, loads, _ = block(a, thread)
    if th.offset < fetches[th.position]:
        return FETCH
    return LOAD if th.offset < np.int64(fetches[th.position]) + loads[th.position] else STORE


@compiled
def execute(a: int, processor: int, limit: int) -> int:
    """Make a thread's references until one traps, the block ends, or the next would start at `limit` or later."""
    m = machine(a)
    cpu = processors(a)[processor]
    th = threads(a)[cpu.thread]
    now = cpu.clock + th.debt
    cpu.scanned = 0
    if now >= limit:
        th.debt = now - limit
        cpu.clock = limit
        return LIMIT
    cost = m.reference_cost
    page, fetches, loads, stores = block(a, cpu.thread)
    pte = bits(a)
    first = processes(a)[th.process].first_pte
    position, offset, length = th.position, th.offset, th.length
    while position < length:
        fetched, loaded, stored = np.int64(fetches[position]), np.int64(loads[position]), np.int64(stores[position])
        e = first + page[position]
        count = fetched + loaded + stored - offset
        last = now + count * cost
        needs = STORE_NEEDS if stored else LOAD_NEEDS
        if last <= limit and pte[e] & needs == needs:
            now = last
            offset = 0
            position += 1
            continue
        until = _trap_offset(pte[e], offset, fetched, loaded, stored)
        traps = until >= 0
        made = until - offset if traps else count
        fit = (limit - now + cost - 1) // cost
        if made > fit:
            made, traps = fit, False
        if made > 0:
            pte[e] |= LOAD_NEEDS if offset + made <= fetched + loaded else STORE_NEEDS
            now += made * cost
            offset += made
            if offset == fetched + loaded + stored:
                offset = 0
                position += 1
        if traps or now >= limit:
            th.position, th.offset = position, offset
            if traps and now < limit:
                cpu.clock, th.debt = now, 0
                return TRAP
            cpu.clock, th.debt = limit, now - limit
            return LIMIT
    th.position, th.offset = position, offset
    if now >= limit:
        cpu.clock, th.debt = limit, now - limit
        return LIMIT
    cpu.clock, th.debt = now, 0
    return END if th.last_block else END_OF_BLOCK


@compiled
def scan(a: int, processor: int, limit: int) -> None:
    """Look ahead for a thread's next trap from where its last scan ended, without side effect.

    Sets the processor's `stop` and `stop_kind`: TRAP, END or END_OF_BLOCK at that time, or CLEAR: no trap before it.
    Looks at no more than `lookahead` runs and not beyond `limit`.
    """
    m = machine(a)
    cpu = processors(a)[processor]
    th = threads(a)[cpu.thread]
    if not cpu.scanned:
        cpu.scanned = 1
        cpu.scan_position, cpu.scan_offset = th.position, th.offset
        cpu.stop = cpu.clock + th.debt
    page, fetches, loads, stores = block(a, cpu.thread)
    pte = bits(a)
    first = processes(a)[th.process].first_pte
    position, offset, now = cpu.scan_position, cpu.scan_offset, cpu.stop
    end = min(th.length, position + cpu.lookahead)
    kind = CLEAR
    while position < end and now < limit:
        until = _trap_offset(
            pte[first + page[position]],
            offset,
            np.int64(fetches[position]),
            np.int64(loads[position]),
            np.int64(stores[position]),
        )
        if until >= 0:
            now += (until - offset) * m.reference_cost
            offset = until
            kind = TRAP
            break
        count = np.int64(fetches[position]) + loads[position] + stores[position] - offset
        now += count * m.reference_cost
        offset = 0
        position += 1
    if kind == CLEAR and position == th.length:
        kind = END if th.last_block else END_OF_BLOCK
    cpu.lookahead = min(np.int64(1) << 16, cpu.lookahead * 2)
    cpu.scan_position, cpu.scan_offset, cpu.stop, cpu.stop_kind = position, offset, now, kind


@compiled
def commit(a: int, processor: int, t: int) -> None:
    """Make the references that a thread starts before time t; its scan says that all of them hit."""
    m = machine(a)
    cpu = processors(a)[processor]
    th = threads(a)[cpu.thread]
    now = cpu.clock + th.debt
    if th.process >= 0 and now < t:
        cost = m.reference_cost
        page, fetches, loads, stores = block(a, cpu.thread)
        pte = bits(a)
        first = processes(a)[th.process].first_pte
        position, offset = th.position, th.offset
        while now < t and position < th.length:
            reads = np.int64(fetches[position]) + loads[position]
            count = reads + stores[position] - offset
            made = min(count, (t - now + cost - 1) // cost)
            offset += made
            pte[first + page[position]] |= LOAD_NEEDS if offset <= reads else STORE_NEEDS
            now += made * cost
            if made == count:
                offset = 0
                position += 1
        th.position, th.offset = position, offset
    th.debt = now - t
    cpu.clock = t
