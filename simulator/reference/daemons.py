"""The memory manager's own threads, and the writes they start.

A daemon sleeps until it is woken, then works through its `body`, a generator that yields what it waits for: processor
time or a write. The balance set manager trims; the modified and the mapped page writer write; the zero page thread
zeroes free frames (MODEL.md sections 3 to 5).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.reference.disks import Request, Slot
from simulator.reference.entities import Content, Frame, Thread

if TYPE_CHECKING:
    from simulator.reference.machine import ReferenceMachine


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

    def __init__(self, machine: ReferenceMachine) -> None:
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


Step = int | WriteRequest
"""what a daemon waits for: that many nanoseconds of its own processor time, or a write"""


class Daemon(ABC):
    """A system thread that sleeps until it is woken, then works through `body` and sleeps again."""

    def __init__(self, machine: ReferenceMachine, name: str, priority: int) -> None:
        self.m = machine
        self.thread = Thread(name, priority)
        self.busy = False
        self.pending = False
        self.steps: Iterator[Step] = iter(())

    @abstractmethod
    def body(self, t: int) -> Iterator[Step]:
        """All that it does for one wake-up, from one wait to the next."""

    def wake(self, t: int) -> None:
        """Signal it: it begins at this time, after the current action."""
        self.busy = True
        self.m.at(t, 1, self.begin)

    def wake_at(self, t: int) -> None:
        """What it waited for is there."""
        self.m.at(t, 1, self.resume)

    def begin(self, t: int) -> None:
        """Begin to work, now."""
        self.busy = True
        self.steps = self.body(t)
        self.resume(t)

    def resume(self, t: int) -> None:
        """Go on until the next wait."""
        for step in self.steps:
            if isinstance(step, WriteRequest):
                step.daemon = self
                self.m.writers.submit(step, t)
                return
            if step:
                self.thread.work = step
                self.m.processors.ready(self.thread, t)
                return
        self.busy = False


class BalanceSetManager(Daemon):
    """Asks the policy what to trim, by its timer or on request."""

    quiet_passes = 0
    """passes in a row that trimmed nothing"""

    def request(self, t: int) -> None:
        """Ask for a pass; if one is going on, for another after it."""
        if self.busy:
            self.pending = True
        else:
            self.wake(t)

    def tick(self, t: int) -> None:
        """The timer."""
        self.m.at(t + self.m.manager.trimming.period, 3, self.tick)
        if not self.busy:
            self.begin(t)

    def body(self, t: int) -> Iterator[Step]:
        """Passes, as long as they are asked for."""
        yield self._pass(t)
        while self.pending:
            self.pending = False
            yield self._pass(self.m.now)

    def _pass(self, t: int) -> int:
        m, memory, costs = self.m, self.m.memory, self.m.config.costs
        available = memory.available
        room = any(len(file.used) < file.size for file in m.backing.paging_files)
        writable = len(memory.modified_mapped) + (len(memory.modified) if room else 0)
        goal = max(0, m.high - available - writable)
        trimmed, examined = m.policy.trim(m.living, goal, available)
        for pte in trimmed:
            memory.remove(pte, t)
            pte.process.counters["trimmed"] += 1
        self.quiet_passes = 0 if trimmed else self.quiet_passes + 1
        m.wake_waiting(t)
        return costs.age * examined + costs.trim * len(trimmed)


class ModifiedWriter(Daemon):
    """Writes private pages to the paging files."""

    def should_write(self) -> bool:
        """There is a reason to write."""
        memory, limits = self.m.memory, self.m.manager.modified_writer
        n = len(memory.modified)
        scarce = len(memory.zeroed) + len(memory.free) < limits.free_trigger
        many = n > min(memory.available // limits.available_divisor, limits.modified_maximum)
        return n > 0 and (bool(self.m.frame_waiters) or (scarce and many))

    def body(self, t: int) -> Iterator[Step]:
        """Gather, work, write, wait; until there is no reason or no slot left."""
        del t
        modified = self.m.memory.modified
        while self.should_write():
            slots = self.m.writers.slots(min(self.m.manager.modified_writer.cluster, len(modified)))
            if not slots:
                return
            request = self.m.writers.gather(sorted(modified[: len(slots)], key=content_index), slots)
            yield self.m.config.costs.write
            yield request


def content_index(frame: Frame) -> tuple[int, int]:
    """Private contents in order: by process, then by page."""
    assert frame.content is not None
    assert frame.content.process is not None
    return frame.content.process.index, frame.content.page


class MappedWriter(Daemon):
    """Writes file pages to their files."""

    flush = False
    next_flush = 0

    def needed(self) -> bool:
        """There are pages, and memory is short of them."""
        memory = self.m.memory
        return bool(memory.modified_mapped) and (memory.available < self.m.low or bool(self.m.frame_waiters))

    def tick(self, t: int) -> None:
        """The timer."""
        settings, memory = self.m.manager.mapped_writer, self.m.memory
        self.m.at(t + settings.period, 3, self.tick)
        if self.busy:
            return
        if t >= self.next_flush:
            self.next_flush += settings.flush_period
            self.flush = True
            for frame in memory.no_write.copy():
                memory.take_off(frame)
                memory.put(frame, memory.modified_mapped, "modified")
        self.begin(t)

    def body(self, t: int) -> Iterator[Step]:
        """Gather, work, write, wait; until there is no reason left."""
        del t
        pages = self.m.memory.modified_mapped
        trigger = self.m.manager.mapped_writer.trigger
        while pages and (self.flush or len(pages) > trigger or self.needed()):
            frames = self._neighbours(pages)
            request = self.m.writers.gather(frames, [None] * len(frames))
            yield self.m.config.costs.write
            yield request
        self.flush = False

    def _neighbours(self, pages: list[Frame]) -> list[Frame]:
        frames = [pages[0]]
        content = pages[0].content
        assert content is not None
        assert content.file is not None
        for following in content.file.contents[content.page + 1 :]:
            if len(frames) == self.m.manager.mapped_writer.cluster or following.frame not in pages:
                break
            frames.append(following.frame)
        return frames


class ZeroPageThread(Daemon):
    """Zeroes free frames when no other thread wants a processor."""

    def body(self, t: int) -> Iterator[Step]:
        """A batch at a time, until none is free."""
        del t
        memory, settings = self.m.memory, self.m.manager.zero_page_thread
        while memory.free:
            n = min(settings.batch, len(memory.free))
            yield n * self.m.config.costs.zero_page
            for frame in memory.free[:n]:
                memory.take_off(frame)
                memory.put(frame, memory.zeroed, "zeroed")
            self.m.wake_waiting(self.m.now)
