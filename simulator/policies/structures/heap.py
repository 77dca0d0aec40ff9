"""A heap of entries for each process: the one with the largest key is on top.

A policy has an `Item` in a page's state and a `Heap` in a process's; functions take those of all pages and processes:
`enter(m, m.page.item, m.process_state.heap, entry, key)`. A process's heap lies in the items of its own entries.
"""

from typing import Any

from simulator.policies.base import I4, I8, NONE, MachineRecord, Pte, Record, compiled
from simulator.policies.structures.entries import entry_of, locked


class Heap(Record):
    """How many entries of a process there are."""

    size: I8[int]


class Item(Record):
    """An entry's key and place; and the entry at the place that its own number stands for."""

    key: I8[int]
    place: I4[int]
    here: I4[Pte]


@compiled
def put(m: MachineRecord, items: Any, process: int, place: int, entry: Pte) -> None:
    """Have an entry at a place of a process's heap."""
    items[entry_of(m, process, place)].here = entry
    items[entry].place = place


@compiled
def at(m: MachineRecord, items: Any, process: int, place: int) -> int:
    """The entry at a place of a process's heap."""
    return items[entry_of(m, process, place)].here


@compiled
def _order(m: MachineRecord, items: Any, heap: Heap, entry: Pte) -> None:
    """Move an entry, whose key may have changed, up or down to where it belongs."""
    process, place, key = m.ptes[entry].process, items[entry].place, items[entry].key
    while place > 0 and items[at(m, items, process, (place - 1) // 2)].key < key:
        put(m, items, process, place, at(m, items, process, (place - 1) // 2))
        place = (place - 1) // 2
    while 2 * place + 1 < heap.size:
        child = 2 * place + 1
        below = at(m, items, process, child)
        if child + 1 < heap.size and items[at(m, items, process, child + 1)].key > items[below].key:
            child += 1
            below = at(m, items, process, child)
        if items[below].key <= key:
            break
        put(m, items, process, place, below)
        place = child
    put(m, items, process, place, entry)


@compiled
def enter(m: MachineRecord, items: Any, heaps: Any, entry: Pte, key: int) -> None:
    """Put an entry, which isn't there, into its process's heap."""
    heap = heaps[m.ptes[entry].process]
    items[entry].key, items[entry].place = key, heap.size
    heap.size += 1
    _order(m, items, heap, entry)


@compiled
def change(m: MachineRecord, items: Any, heaps: Any, entry: Pte, key: int) -> None:
    """Give an entry of the heap another key."""
    items[entry].key = key
    _order(m, items, heaps[m.ptes[entry].process], entry)


@compiled
def leave(m: MachineRecord, items: Any, heaps: Any, entry: Pte) -> None:
    """Take an entry out of its process's heap."""
    process = m.ptes[entry].process
    heap = heaps[process]
    heap.size -= 1
    last = at(m, items, process, heap.size)
    if last != entry:
        put(m, items, process, items[entry].place, last)
        _order(m, items, heap, last)


@compiled
def top(m: MachineRecord, items: Any, heaps: Any, process: int) -> int:
    """The entry of a process that has the largest key and isn't locked; -1: there is none."""
    if heaps[process].size == 0:
        return NONE
    entry = at(m, items, process, 0)
    if not locked(m, entry):
        return entry
    entry, other = NONE, m.processes[process].head
    while other >= 0:
        if not locked(m, other) and (entry < 0 or items[other].key > items[entry].key):
            entry = other
        other = m.ptes[other].next
    return entry
