"""The end of a page: its slot and frame are free, the frame only after its I/O if it has one in flight."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.memory.backing import free_slot
from simulator.memory.transitions import move, release
from simulator.records import IO_NONE, TRANSITION, contents, frames


@compiled
def delete_content(a: int, content: int, reason: int) -> None:
    """Give up what a page of the paging files holds, wherever it is; no PTE may map it any more. From now on it is
    demand-zero."""
    free_slot(a, content)
    c = contents(a)[content]
    c.version = 0
    c.written = 0
    c.losable = 0
    c.lost = 0
    frame = c.frame
    if frame < 0:
        return
    f = frames(a)[frame]
    f.share = 0
    if f.io == IO_NONE:
        release(a, frame, reason)
        return
    f.deleted = 1
    c.frame = -1
    if f.state != TRANSITION:
        move(a, frame, TRANSITION)
