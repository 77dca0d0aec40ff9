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

from simulator.compile import compiled
from simulator.state.constants import ACCESSED, DIRTY, FETCH, LOAD, NO_EXECUTE, SEEN, STORE, VALID, WRITE
from simulator.state.record import Nanoseconds, Thread
from simulator.state.schema import MachineRecord

LIMIT, TRAP, END_OF_RUNS, WORK_DONE, CLEAR = range(5)
"""Why execution or a scan stopped: the time limit, a trap, no more runs before a wait or the end of the block, a
daemon's work done, nothing found yet."""

LOAD_NEEDS = ACCESSED | SEEN | VALID
STORE_NEEDS = LOAD_NEEDS | DIRTY | WRITE
CHUNK = 1024
FIRST_CHUNK = 16
"""Runs that are looked at in one go: at first, and doubling, at the most."""
MOST_LOOKAHEAD = 1 << 16
_WHOLE = 1 << 40


@compiled
def block(m: MachineRecord, thread: Thread) -> Any:
    """A thread's current block: page, fetches, loads and stores of its runs."""
    th = m.threads[thread]
    return (
        th.page,
        th.fetches,
        th.loads,
        th.stores,
    )


@compiled
def _trap_offset(pte_bits: int, offset: int, fetches: int, loads: int, stores: int) -> int:
    """The reference of a run that traps first, from `offset` on; -1: none does."""
    if not pte_bits & VALID or (pte_bits & NO_EXECUTE and offset < fetches):
        return offset
    if stores > 0 and not pte_bits & WRITE:
        return max(offset, np.int64(fetches) + loads)
    return -1


@compiled
def access_at(m: MachineRecord, thread: Thread) -> int:
    """FETCH, LOAD or STORE: what the thread's next reference is."""
    th = m.threads[thread]
    _, fetches, loads, _ = block(m, thread)
    if th.offset < fetches[th.position]:
        return FETCH
    return LOAD if th.offset < np.int64(fetches[th.position]) + loads[th.position] else STORE


@compiled
def still_traps(m: MachineRecord, thread: Thread) -> bool:
    """Whether a thread's next reference traps; another thread of its process may have brought the page in."""
    th = m.threads[thread]
    page, fetches, loads, stores = block(m, thread)
    i = th.position
    fetched, loaded, stored = np.int64(fetches[i]), np.int64(loads[i]), np.int64(stores[i])
    pte_bits = m.bits[m.processes[th.process].page_base + page[i]]
    return _trap_offset(pte_bits, th.offset, fetched, loaded, stored) == th.offset


@compiled
def count_references(fetches: Any, loads: Any, stores: Any, begin: int, end: int) -> int:
    """References of a stretch of at most CHUNK runs; unsigned indices and a 32-bit sum let LLVM vectorise it."""
    total = np.uint32(0)
    for i in range(np.uint64(begin), np.uint64(end)):
        total += np.uint32(fetches[i]) + np.uint32(loads[i]) + np.uint32(stores[i])
    return np.int64(total)


@compiled
def _satisfied(pte: Any, first: int, page: Any, stores: Any, begin: int, end: int, load: int, store: int) -> int:
    """How far, from `begin` on, every run's page has the bits `load` (with stores: `store`); looks at four at once."""
    load_needs, store_needs, base = np.uint8(load), np.uint8(store), np.uint64(first)
    i, one, two, three, four = np.uint64(begin), np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    while i + three < np.uint64(end):
        missing = ~pte[base + page[i]] & (store_needs if stores[i] else load_needs)
        missing |= ~pte[base + page[i + one]] & (store_needs if stores[i + one] else load_needs)
        missing |= ~pte[base + page[i + two]] & (store_needs if stores[i + two] else load_needs)
        missing |= ~pte[base + page[i + three]] & (store_needs if stores[i + three] else load_needs)
        if missing:
            break
        i += four
    while i < np.uint64(end) and not ~pte[base + page[i]] & (store_needs if stores[i] else load_needs):
        i += one
    return np.int64(i)


@compiled
def make_run(pte: Any, e: int, offset: int, fetched: int, loaded: int, stored: int, fit: int) -> tuple[int, bool]:
    """Make the references of one run, at most `fit`: (how many, whether the next one traps)."""
    until = _trap_offset(pte[e], offset, fetched, loaded, stored)
    made = (until if until >= 0 else fetched + loaded + stored) - offset
    traps = until >= 0 and made <= fit
    made = min(made, fit)
    if made > 0:
        pte[e] |= LOAD_NEEDS if offset + made <= fetched + loaded else STORE_NEEDS
    return made, traps


@compiled
def _make(m: MachineRecord, processor: int, limit: int) -> int:
    """Make a thread's references until one traps, the block ends, or the next would start at `limit` or later.

    Goes by chunks, unless fetches may be forbidden: where all pages of a chunk have all their bits, and its time is
    short enough, nothing is left to do but to look; the rest goes run by run. Chunks grow with success; once one was
    too long for the limit they stay small.
    """
    cpu = m.processors[processor]
    th = m.threads[cpu.thread]
    now = cpu.clock + th.debt
    cost = m.reference_cost
    page, fetches, loads, stores = block(m, cpu.thread)
    pte = m.bits
    first = m.processes[th.process].page_base
    position, offset, length = th.position, th.offset, th.stop
    chunk, most, references = np.int64(_WHOLE if th.fetching else FIRST_CHUNK), np.int64(CHUNK), np.int64(0)
    kind = END_OF_RUNS
    while now < limit and position < length:
        if offset == 0 and position + chunk <= length:
            end = _satisfied(pte, first, page, stores, position, position + chunk, LOAD_NEEDS, STORE_NEEDS)
            count = count_references(fetches, loads, stores, position, end)
            if now + count * cost > limit:
                most = max(np.int64(FIRST_CHUNK), chunk >> 2)
                chunk = most
            else:
                now += count * cost
                references += count
                clear = end == position + chunk
                position = end
                chunk = min(most, chunk * 2) if clear else np.int64(FIRST_CHUNK)
                if clear:
                    continue
        fetched, loaded, stored = np.int64(fetches[position]), np.int64(loads[position]), np.int64(stores[position])
        fit = fetched + loaded + stored - offset
        if now + fit * cost > limit:
            fit = (limit - now + cost - 1) // cost
        made, traps = make_run(pte, first + page[position], offset, fetched, loaded, stored, fit)
        now += made * cost
        offset += made
        references += made
        if offset == fetched + loaded + stored:
            offset = 0
            position += 1
        if traps and now < limit:
            kind = TRAP
            break
    th.position, th.offset = position, offset
    th.references += references
    if now >= limit:
        kind = LIMIT
    cpu.clock = min(now, limit)
    th.debt = now - cpu.clock
    return kind


@compiled
def execute(m: MachineRecord, processor: int, limit: int) -> int:
    """Make a thread's references as far as they can be made before `limit`; returns why it stopped."""
    m.processors[processor].scanned = 0
    return _make(m, processor, limit)


@compiled
def scan(m: MachineRecord, processor: int, limit: int) -> None:
    """Look ahead for a thread's next trap from where its last scan ended, without side effect.

    Sets the processor's `stop` and `stop_kind`: TRAP or END_OF_RUNS at that time, or CLEAR: no trap before it.
    Looks at no more than `lookahead` runs and not beyond `limit` by more than a chunk.
    """
    cpu = m.processors[processor]
    th = m.threads[cpu.thread]
    if not cpu.scanned:
        cpu.scanned = 1
        cpu.scan_position, cpu.scan_offset = th.position, th.offset
        cpu.stop = cpu.clock + th.debt
    cost = m.reference_cost
    page, fetches, loads, stores = block(m, cpu.thread)
    pte = m.bits
    first = m.processes[th.process].page_base
    position, offset, now = cpu.scan_position, cpu.scan_offset, cpu.stop
    chunk = np.int64(_WHOLE if th.fetching else FIRST_CHUNK)
    end = min(th.stop, position + cpu.lookahead)
    kind = CLEAR
    while position < end and now < limit:
        if offset == 0 and position + chunk <= end:
            until = min(end, position + CHUNK)
            reached = _satisfied(pte, first, page, stores, position, until, VALID, VALID | WRITE)
            if reached > position:
                now += count_references(fetches, loads, stores, position, reached) * cost
                position = reached
                continue
        fetched, loaded, stored = np.int64(fetches[position]), np.int64(loads[position]), np.int64(stores[position])
        until = _trap_offset(pte[first + page[position]], offset, fetched, loaded, stored)
        if until >= 0:
            now += (until - offset) * cost
            offset = until
            kind = TRAP
            break
        now += (fetched + loaded + stored - offset) * cost
        offset = 0
        position += 1
    if kind == CLEAR and position == th.stop:
        kind = END_OF_RUNS
    cpu.lookahead = min(np.int64(MOST_LOOKAHEAD), cpu.lookahead * 2)
    cpu.scan_position, cpu.scan_offset, cpu.stop, cpu.stop_kind = position, offset, now, kind


@compiled
def commit(m: MachineRecord, processor: int, t: Nanoseconds) -> None:
    """Make the references that a thread starts before time t; its scan says that all of them hit."""
    cpu = m.processors[processor]
    th = m.threads[cpu.thread]
    if th.process >= 0 and cpu.clock + th.debt < t:
        _make(m, processor, t)
    th.debt += cpu.clock - t
    cpu.clock = t
