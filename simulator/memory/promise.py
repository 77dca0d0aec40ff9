"""A compiled policy's promise: its hooks change accessed bits, ages, the order of entry and the policy's own state, and
nothing else.

Compiled code could write anywhere, so on a machine that the invariants are watched on (`--check`) all its records are
summed up before a hook is called and after it, but for what a policy may change.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from simulator.compile import call, compiled, pointer
from simulator.state import schema
from simulator.state.constants import ACCESSED
from simulator.state.record import Record
from simulator.state.schema import MachineRecord

PAGES_A_HOOK = 64
"""Pages of a machine that is looked at in each call of a hook; in a larger one, which may also grow as its programs
run, in one of as many calls as it has pages, so that a call costs the same."""
_PRIME = np.uint64(0x100000001B3)


def _bytes(record: type[Record], *free: str) -> NDArray[np.uint8]:
    """For each byte of a record the bits that a policy may not change; `free` fields it may."""
    bits = np.full(1, 255, np.uint8).repeat(record.dtype.itemsize)
    for name in free:
        kind, offset = record.dtype.fields[name][:2]  # type: ignore[index]
        bits[offset : offset + kind.itemsize] = 0
    return bits


_MACHINE = _bytes(MachineRecord, "examined", "entry_sequence")
_ENTRY = _bytes(schema.PageTableEntry, "entered", "next", "previous", "age")
_PROCESS = _bytes(schema.ProcessRecord, "head", "tail", "hand")
_FRAME, _LIST, _CONTENT = _bytes(schema.PageFrame), _bytes(schema.PageList), _bytes(schema.PageContents)
_THREAD, _REQUEST, _STORE = _bytes(schema.ThreadRecord), _bytes(schema.Request), _bytes(schema.BackingStore)
_BITS = np.array([255 ^ ACCESSED], np.uint8)


@compiled
def _sum(address: int, count: int, bits: NDArray[np.uint8], before: int) -> int:
    """Sum up so many records that lie at an address (Fowler, Noll, Vo: FNV-1a)."""
    data = numba.carray(pointer(address), (count * len(bits),), np.uint8)
    value = np.uint64(before)
    for at in range(len(data)):
        value = (value ^ np.uint64(data[at] & bits[at % len(bits)])) * _PRIME
    return np.int64(value)


@compiled
def _everything(machine: MachineRecord) -> int:
    m: Any = machine
    value = _sum(m, 1, _MACHINE, 1)
    value = _sum(m.frames_at, m.frame_count, _FRAME, value)
    value = _sum(m.lists_at, m.lists_room, _LIST, value)
    value = _sum(m.contents_at, m.contents_room, _CONTENT, value)
    value = _sum(m.ptes_at, m.pte_count, _ENTRY, value)
    value = _sum(m.bits_at, m.pte_count, _BITS, value)
    value = _sum(m.processes_at, m.process_count, _PROCESS, value)
    value = _sum(m.threads_at, m.thread_count, _THREAD, value)
    value = _sum(m.requests_at, m.requests_room, _REQUEST, value)
    return _sum(m.stores_at, m.stores_room, _STORE, value)


@compiled
def _watch(m: MachineRecord, hook: int, argument: int) -> int:
    m.promise_calls += 1
    pages = m.frame_count + m.contents_room + m.pte_count
    if m.promise_calls % (m.promise_every * (pages if pages > PAGES_A_HOOK else 1)) != 0:
        return call(hook, m, argument)
    before = _everything(m)
    answer = call(hook, m, argument)
    if _everything(m) != before:
        raise ValueError("proposed nothing, but changed what a policy may only read")
    return answer


@compiled
def ask(m: MachineRecord, hook: int, argument: int) -> int:
    """Call a policy's hook; raises ValueError if the machine is watched and the hook doesn't keep the promise."""
    return call(hook, m, argument) if m.promise_every == 0 else _watch(m, hook, argument)
