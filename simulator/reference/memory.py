"""Physical memory and working sets: the page lists, taking and giving back frames, mapping and unmapping pages
(MODEL.md sections 3 and 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from simulator.reference.entities import PTE, Content, Frame, State


class Memory:
    """All frames and the lists they are on. Lists are first in, first out: put at the tail, taken from the head."""

    def __init__(self, frames: int, bad: int) -> None:
        self.frames = [Frame(index) for index in range(frames)]
        self.zeroed: list[Frame] = []
        self.free: list[Frame] = []
        self.standby: list[list[Frame]] = [[] for _ in range(8)]
        self.modified: list[Frame] = []
        self.modified_mapped: list[Frame] = []
        self.no_write: list[Frame] = []
        self.bad: list[Frame] = []
        for frame in self.frames:
            self.put(frame, *((self.bad, "bad") if frame.index < bad else (self.zeroed, "zeroed")))
        self.entries = 0
        self.counters: Counter[str] = Counter()
        self.on_modified: Callable[[Frame, int], None] = lambda _frame, _t: None
        self.on_leaving: Callable[[PTE], None] = lambda _pte: None

    @property
    def available(self) -> int:
        """Frames that can be had at once."""
        return len(self.zeroed) + len(self.free) + sum(map(len, self.standby))

    def put(self, frame: Frame, where: list[Frame], state: State) -> None:
        """Put a frame that is on no list at the tail of one."""
        assert frame.on_list is None
        frame.on_list, frame.state = where, state
        where.append(frame)

    @staticmethod
    def take_off(frame: Frame) -> None:
        """Take a frame off its list, if it is on one."""
        if frame.on_list is not None:
            frame.on_list.remove(frame)
            frame.on_list = None

    def allocate(self, content: Content, priority: int, zeroed: bool) -> tuple[Frame, bool] | None:
        """A frame for a content, on no list, and whether it came zeroed; None if there is none."""
        order = [self.zeroed, self.free] if zeroed else [self.free, self.zeroed]
        source = next((pages for pages in (*order, *self.standby) if pages), None)
        if source is None:
            return None
        frame = source[0]
        self.take_off(frame)
        if frame.content is not None:
            self._repurpose(frame, frame.content)
        frame.content, content.frame = content, frame
        frame.written_to = frame.modified = False
        frame.priority = priority
        return frame, source is self.zeroed

    def _repurpose(self, frame: Frame, content: Content) -> None:
        self.counters["repurposed"] += 1
        self.counters["dirty_evictions"] += frame.written_to
        assert content.stored, "a page would become demand-zero again"
        assert content.version == content.stored_version, "a page's last version would be lost"
        content.frame = None

    def release(self, frame: Frame) -> None:
        """Give back a frame whose content is no longer wanted: to the free list."""
        self.take_off(frame)
        if frame.content is not None and frame.content.frame is frame:
            frame.content.frame = None
        frame.content = frame.reading = None
        frame.io = ""
        frame.share = 0
        frame.deleted = frame.modified = frame.written_to = False
        self.put(frame, self.free, "free")

    def delete(self, frame: Frame) -> None:
        """A private content dies with its process: its frame is free now, or when the write in flight is over."""
        assert frame.content is not None
        if not frame.io:
            self.release(frame)
            return
        frame.content.frame = None
        frame.share, frame.state, frame.deleted = 0, "transition", True

    def number(self) -> int:
        """The next number in the global order of entry."""
        self.entries += 1
        return self.entries

    def map(self, pte: PTE, frame: Frame) -> None:
        """Make a page valid: the entry goes to the tail of its process's working set."""
        assert not pte.valid
        assert frame.content is pte.content
        self.take_off(frame)
        process = pte.process
        own = process.config.memory_priority
        frame.priority = max(frame.priority, own) if frame.share else own
        frame.share += 1
        frame.state = "active"
        pte.valid, pte.accessed, pte.dirty, pte.age = True, False, False, 0
        pte.writable = pte.region.protection == "read-write" or pte.content.private
        pte.writable = pte.writable and pte.region.protection != "read-only"
        pte.entered = self.number()
        process.working_set.append(pte)
        process.peak = max(process.peak, len(process.working_set))

    def leave(self, pte: PTE) -> Frame:
        """Take an entry out of its working set; the share count is the caller's business."""
        self.on_leaving(pte)
        pte.process.working_set.remove(pte)
        pte.valid = False
        frame = pte.content.frame
        assert frame is not None
        return frame

    def remove(self, pte: PTE, t: int) -> None:
        """Take a page out of a working set; at share count 0 it goes to standby or modified."""
        frame = self.leave(pte)
        if pte.dirty:
            frame.modified = frame.written_to = True
            pte.content.version += 1
        self.lose_share(frame, t)

    def lose_share(self, frame: Frame, t: int) -> None:
        """One page-table entry less maps the frame."""
        frame.share -= 1
        if frame.share:
            return
        if frame.io:
            frame.state = "transition"
        elif frame.modified:
            self.to_modified(frame, t)
        else:
            self.put(frame, self.standby[frame.priority], "standby")

    def to_modified(self, frame: Frame, t: int) -> None:
        """Put a frame on the modified list for its destination; its slot, if it has one, is stale, so freed."""
        content = frame.content
        assert content is not None
        content.release_slot()
        if content.file is None:
            self.put(frame, self.modified, "modified")
        elif content.file.metadata:
            self.put(frame, self.no_write, "modified no-write")
        else:
            self.put(frame, self.modified_mapped, "modified")
        if frame.state == "modified":
            self.on_modified(frame, t)

    def requeue(self, pte: PTE) -> None:
        """Move an entry to the tail of its working set, as the newest of all."""
        pte.process.working_set.remove(pte)
        pte.process.working_set.append(pte)
        pte.entered = self.number()
