"""Queues of entries for compiled policies: doubly linked through the policy's nodes, each with a head and a tail.

An entry may be on one queue of each link (0 or 1), whether it is in a working set or not: an entry that isn't is what
the literature calls a ghost. Queues are numbered from 0 to 31, whatever their link.
"""

from __future__ import annotations

from simulator.policies.base import MachineRecord, Pte, compiled


@compiled
def push_tail(m: MachineRecord, queue: int, entry: Pte, link: int) -> None:
    """Put an entry at the end of a queue."""
    q, n = m.policy_queues[queue], m.nodes[entry]
    n.queue[link] = queue
    n.next[link] = -1
    n.previous[link] = q.tail
    if q.tail >= 0:
        m.nodes[q.tail].next[link] = entry
    else:
        q.head = entry
    q.tail = entry
    q.count += 1


@compiled
def push_head(m: MachineRecord, queue: int, entry: Pte, link: int) -> None:
    """Put an entry at the beginning of a queue."""
    q, n = m.policy_queues[queue], m.nodes[entry]
    n.queue[link] = queue
    n.previous[link] = -1
    n.next[link] = q.head
    if q.head >= 0:
        m.nodes[q.head].previous[link] = entry
    else:
        q.tail = entry
    q.head = entry
    q.count += 1


@compiled
def drop(m: MachineRecord, entry: Pte, link: int) -> None:
    """Take an entry off the queue it is on, if any."""
    n = m.nodes[entry]
    if n.queue[link] < 0:
        return
    q = m.policy_queues[n.queue[link]]
    if n.previous[link] >= 0:
        m.nodes[n.previous[link]].next[link] = n.next[link]
    else:
        q.head = n.next[link]
    if n.next[link] >= 0:
        m.nodes[n.next[link]].previous[link] = n.previous[link]
    else:
        q.tail = n.previous[link]
    n.queue[link] = -1
    q.count -= 1


@compiled
def move_to_tail(m: MachineRecord, queue: int, entry: Pte, link: int) -> None:
    """Take an entry off its queue and put it at the end of one."""
    drop(m, entry, link)
    push_tail(m, queue, entry, link)
