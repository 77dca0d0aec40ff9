"""Four rings of entries for each process, for compiled policies: doubly linked through link 0 of the nodes.

The notes on a process say where its rings begin: rings 0 and 1 in `next`, rings 2 and 3 in `previous`; -1: it is
empty. The ring that an entry is on stands in `queue[0]`; -1: on none.
"""

from __future__ import annotations

from simulator.policies.base import MachineRecord, Pte, compiled, np


@compiled
def ring_head(m: MachineRecord, process: int, ring: int) -> int:
    """The entry at which a ring of a process begins, -1 if it is empty."""
    notes = m.process_notes[process]
    return np.int64(notes.next[ring] if ring < 2 else notes.previous[ring - 2])


@compiled
def _begin(m: MachineRecord, process: int, ring: int, entry: Pte) -> None:
    notes = m.process_notes[process]
    if ring < 2:
        notes.next[ring] = entry
    else:
        notes.previous[ring - 2] = entry


@compiled
def join(m: MachineRecord, entry: Pte, ring: int) -> None:
    """Put an entry, which is on no ring, at the end of one of its process's."""
    process = m.ptes[entry].process
    head = ring_head(m, process, ring)
    n = m.nodes[entry]
    n.queue[0] = ring
    if head < 0:
        n.next[0] = n.previous[0] = entry
        _begin(m, process, ring, entry)
        return
    last = m.nodes[head].previous[0]
    n.next[0], n.previous[0] = head, last
    m.nodes[last].next[0] = entry
    m.nodes[head].previous[0] = entry


@compiled
def leave(m: MachineRecord, entry: Pte) -> None:
    """Take an entry off the ring it is on."""
    process = m.ptes[entry].process
    n = m.nodes[entry]
    ring, following = int(n.queue[0]), int(n.next[0])
    m.nodes[following].previous[0] = n.previous[0]
    m.nodes[n.previous[0]].next[0] = following
    if ring_head(m, process, ring) == entry:
        _begin(m, process, ring, -1 if following == entry else following)
    n.queue[0] = -1
