"""Four rings of entries for each process, for compiled policies: doubly linked through link 0 of the nodes.

The notes on a process say where its rings begin: rings 0 and 1 in `next`, rings 2 and 3 in `previous`; -1: it is
empty. The ring that an entry is on stands in `queue[0]`; -1: on none.
"""

from __future__ import annotations

from simulator.policies.base import compiled, nodes, np, process_notes, ptes


@compiled
def ring_head(a: int, process: int, ring: int) -> int:
    """The entry at which a ring of a process begins, -1 if it is empty."""
    notes = process_notes(a)[process]
    return np.int64(notes.next[ring] if ring < 2 else notes.previous[ring - 2])


@compiled
def _begin(a: int, process: int, ring: int, entry: int) -> None:
    notes = process_notes(a)[process]
    if ring < 2:
        notes.next[ring] = entry
    else:
        notes.previous[ring - 2] = entry


@compiled
def join(a: int, entry: int, ring: int) -> None:
    """Put an entry, which is on no ring, at the end of one of its process's."""
    process = ptes(a)[entry].process
    head = ring_head(a, process, ring)
    n = nodes(a)[entry]
    n.queue[0] = ring
    if head < 0:
        n.next[0] = n.previous[0] = entry
        _begin(a, process, ring, entry)
        return
    last = np.int64(nodes(a)[head].previous[0])
    n.next[0], n.previous[0] = head, last
    nodes(a)[last].next[0] = entry
    nodes(a)[head].previous[0] = entry


@compiled
def leave(a: int, entry: int) -> None:
    """Take an entry off the ring it is on."""
    process = ptes(a)[entry].process
    n = nodes(a)[entry]
    ring, following = np.int64(n.queue[0]), np.int64(n.next[0])
    nodes(a)[following].previous[0] = n.previous[0]
    nodes(a)[n.previous[0]].next[0] = following
    if ring_head(a, process, ring) == entry:
        _begin(a, process, ring, -1 if following == entry else following)
    n.queue[0] = -1
