"""The end of a page: its slot and frame are free, the frame only after its I/O if it has one in flight."""

from __future__ import annotations

from simulator.compile import compiled
from simulator.memory.backing import free_slot
from simulator.memory.transitions import move, release
from simulator.state.constants import IO_NONE, TRANSITION
from simulator.state.record import NONE, Content
from simulator.state.schema import MachineRecord


@compiled
def drop_versions(m: MachineRecord, content: Content) -> None:
    """No version of a page's contents is to be kept: a slot in a paging file is free, a place of its own reads as
    zeros. What a frame holds is for the caller to see to."""
    free_slot(m, content)
    c = m.contents[content]
    c.version = 0
    c.written = 0
    c.zeroed = 0


@compiled
def delete_content(m: MachineRecord, content: Content, reason: int) -> None:
    """Give up what a page of the paging files holds, wherever it is; no PTE may map it any more. From now on it has no
    contents."""
    drop_versions(m, content)
    c = m.contents[content]
    c.discardable = 0
    c.discarded = 0
    frame = c.frame
    if frame < 0:
        return
    f = m.frames[frame]
    f.share = 0
    if f.io == IO_NONE:
        release(m, frame, reason)
        return
    f.deleted = 1
    c.frame = NONE
    if f.state != TRANSITION:
        move(m, frame, TRANSITION)
