"""Writing modified pages: choosing slots, reclaiming slots when there are none, and what a write's end means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.model.backing import Slot
from tests.model.disks import Request
from tests.model.entities import Content, Frame

if TYPE_CHECKING:
    from tests.model.daemons import Daemon
    from tests.model.machine import ModelMachine


@dataclass
class Page:
    """One page of a write: the version that was captured, and its new slot (None: written in place)."""

    frame: Frame
    content: Content
    version: int
    slot: Slot | None


@dataclass(eq=False)
class WriteRequest(Request):
    """A write of pages that lie next to each other on backing store."""

    written: list[Page] = field(default_factory=list)
    daemon: Daemon | None = None


class Writers:
    """Starts and ends writes."""

    def __init__(self, machine: ModelMachine) -> None:
        self.m = machine
        self.hand = 0
        self.page_writes = 0
        self.pages_output = 0

    def write_now(self, frame: Frame, t: int) -> None:
        """Immediate write-back: a frame that has just come to a modified list is written by itself."""
        content = frame.content
        assert content is not None
        run: list[Slot | None] = [None] if content.place else self.slots(1)
        if run:
            self.submit(self.gather([frame], run), t)

    def slots(self, wanted: int) -> list[Slot | None]:
        """Up to `wanted` adjacent slots, taken; if none is free, copies of clean active pages give theirs up."""
        backing = self.m.backing
        run = backing.find_run(wanted)
        if not run:
            self._reclaim()
            run = backing.find_run(wanted)
        if run:
            backing.take(run)
        return list(run)

    def _reclaim(self) -> None:
        frames, gained = self.m.memory.frames, 0
        for _ in frames:
            frame = frames[self.hand]
            self.hand = (self.hand + 1) % len(frames)
            content = frame.content
            if frame.state != "active" or frame.io or frame.modified or content is None:
                continue
            if content.slot is not None:
                content.release_slot()
                frame.modified = True
                gained += 1
            if gained == self.m.manager.modified_writer.cluster:
                return

    def gather(self, frames: list[Frame], slots: list[Slot | None]) -> WriteRequest:
        """A write of these frames to these places, in this order; from now on they are in transition."""
        first = frames[0].content
        assert first is not None
        target = slots[0] or first.place
        assert target is not None
        request = WriteRequest("write", target.offset, len(frames), self._done)
        for frame, slot in zip(frames, slots, strict=True):
            assert frame.content is not None
            self.m.memory.take_off(frame)
            frame.state, frame.io, frame.modified = "transition", "write", False
            request.written.append(Page(frame, frame.content, frame.content.version, slot))
        return request

    def submit(self, request: WriteRequest, t: int) -> None:
        """Hand a gathered write to its disk."""
        page = request.written[0]
        target = page.slot or page.content.place
        assert target is not None
        target.disk.submit(request, t)

    def _done(self, request: Request, t: int) -> None:
        assert isinstance(request, WriteRequest)
        self.page_writes += 1
        self.pages_output += request.pages
        for page in request.written:
            process = page.content.process
            if process is not None and process.lives:
                process.counters["pages_output"] += 1
            self._page_done(page, request.ok, t)
        if request.daemon is not None:
            request.daemon.wake_at(t)

    def _page_done(self, page: Page, ok: bool, t: int) -> None:
        frame, content, memory = page.frame, page.content, self.m.memory
        frame.io = ""
        if not ok:
            frame.modified = True
        if ok and page.slot is None:
            content.stored_version = page.version
        if page.slot is not None:
            if ok and not frame.deleted and not frame.modified:
                content.slot, content.stored_version = page.slot, page.version
            else:
                page.slot.release()
        if frame.deleted:
            memory.release(frame)
        elif frame.share == 0 and frame.modified:
            memory.to_modified(frame, t)
        elif frame.share == 0:
            memory.put(frame, memory.standby[frame.priority], "standby")
