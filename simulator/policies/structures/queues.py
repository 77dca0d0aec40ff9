"""Queues of entries, whether these are in a working set or not: one that isn't is what the literature calls a ghost.

A policy declares its queues in its own state, and in that of a page a link for each queue that the page may be on at
the same time; `links` are those of all pages: `append(m.own.queue, m.page.link, entry)`.
"""

from typing import Any

from simulator.policies.base import I4, I8, NONE, MachineRecord, Pte, Record, compiled
from simulator.policies.structures.entries import may_go
from simulator.state.view import address_of, record_at


class Queue(Record):
    """The entries at its ends, and how many there are."""

    head: I4[Pte] = NONE
    tail: I4[Pte] = NONE
    count: I8[int]


class Link(Record):
    """An entry's place on a queue; on none: 0 in place of the queue's address."""

    queue: I8[int]
    next: I4[Pte] = NONE
    previous: I4[Pte] = NONE


class Queued(Record):
    """A page of a policy that keeps nothing else on it."""

    link: Link


_queue_at = record_at(Queue)


@compiled
def append(queue: Queue, links: Any, entry: Pte) -> None:
    """Take an entry off the queue it is on, if any, and put it at the end of one."""
    if links[entry].queue == address_of(queue):
        untie(queue, links, entry)
    else:
        remove(links, entry)
        links[entry].queue = address_of(queue)
    tie(queue, links, entry)


@compiled
def append_ghost(queue: Queue, room: int, links: Any, entry: Pte) -> None:
    """Put an entry at the end of a queue with room for so many; the first one of it is forgotten for that."""
    append(queue, links, entry)
    if queue.count > room:
        remove(links, queue.head)


@compiled
def remove(links: Any, entry: Pte) -> None:
    """Take an entry off the queue it is on, if any."""
    if links[entry].queue != 0:
        untie(_queue_at(links[entry].queue), links, entry)
        links[entry].queue = 0


@compiled
def tie(queue: Queue, links: Any, entry: Pte) -> None:
    """Put an entry, which is on none, at the end of a queue, without noting on which it is: for queues in the state of
    a process, which moves when processes are added."""
    link = links[entry]
    link.next, link.previous = NONE, queue.tail
    if queue.tail >= 0:
        links[queue.tail].next = entry
    else:
        queue.head = entry
    queue.tail = entry
    queue.count += 1


@compiled
def untie(queue: Queue, links: Any, entry: Pte) -> None:
    """Take an entry off the queue that it was tied to."""
    link = links[entry]
    if link.previous >= 0:
        links[link.previous].next = link.next
    else:
        queue.head = link.next
    if link.next >= 0:
        links[link.next].previous = link.previous
    else:
        queue.tail = link.previous
    queue.count -= 1


@compiled
def on(queue: Queue, links: Any, entry: Pte) -> bool:
    """Whether an entry is on a queue."""
    return links[entry].queue == address_of(queue)


@compiled
def on_none(links: Any, entry: Pte) -> bool:
    """Whether an entry is on no queue."""
    return links[entry].queue == 0


@compiled
def first(m: MachineRecord, queue: Queue, links: Any, process: int) -> int:
    """The first entry of a queue that may go from a process's working set (-1: any); -1: there is none."""
    entry = queue.head
    while entry >= 0 and not may_go(m, entry, process):
        entry = links[entry].next
    return entry


@compiled
def first_of(m: MachineRecord, queue: Queue, other: Queue, links: Any, process: int) -> int:
    """The first entry of a queue that may go; if there is none, that of another one."""
    entry = first(m, queue, links, process)
    return entry if entry >= 0 else first(m, other, links, process)
