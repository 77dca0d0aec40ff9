"""Queues of entries for compiled policies: doubly linked through the policy's nodes, each with a head and a tail.

An entry may be on one queue of each link (0 or 1), whether it is in a working set or not: an entry that isn't is what
the literature calls a ghost. Queues are numbered from 0 to 31, whatever their link.
"""

from __future__ import annotations

from simulator.policies.base import compiled, nodes, policy_queues


@compiled
def push_tail(a: int, queue: int, entry: int, link: int) -> None:
    """Put an entry at the end of a queue."""
    q, n = policy_queues(a)[queue], nodes(a)[entry]
    n.queue[link] = queue
    n.next[link] = -1
    n.previous[link] = q.tail
    if q.tail >= 0:
        nodes(a)[q.tail].next[link] = entry
    else:
        q.head = entry
    q.tail = entry
    q.count += 1


@compiled
def push_head(a: int, queue: int, entry: int, link: int) -> None:
    """Put an entry at the beginning of a queue."""
    q, n = policy_queues(a)[queue], nodes(a)[entry]
    n.queue[link] = queue
    n.previous[link] = -1
    n.next[link] = q.head
    if q.head >= 0:
        nodes(a)[q.head].previous[link] = entry
    else:
        q.tail = entry
    q.head = entry
    q.count += 1


@compiled
def drop(a: int, entry: int, link: int) -> None:
    """Take an entry off the queue it is on, if any."""
    n = nodes(a)[entry]
    if n.queue[link] < 0:
        return
    q = policy_queues(a)[n.queue[link]]
    if n.previous[link] >= 0:
        nodes(a)[n.previous[link]].next[link] = n.next[link]
    else:
        q.head = n.next[link]
    if n.next[link] >= 0:
        nodes(a)[n.next[link]].previous[link] = n.previous[link]
    else:
        q.tail = n.previous[link]
    n.queue[link] = -1
    q.count -= 1


@compiled
def move_to_tail(a: int, queue: int, entry: int, link: int) -> None:
    """Take an entry off its queue and put it at the end of one."""
    drop(a, entry, link)
    push_tail(a, queue, entry, link)
