"""What happens when a reference traps: soft faults at once, hard ones through a read request (MODEL.md section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.reference.disks import Request
from simulator.reference.entities import KINDS, PTE, Content, Fault, Frame, Process, Thread

if TYPE_CHECKING:
    from simulator.reference.machine import ReferenceMachine

ACCESS_VIOLATION = 0xC0000005
IN_PAGE_ERROR = 0xC0000006
BLOCKED, ENDED = "blocked", "ended"


@dataclass(eq=False)
class ReadRequest(Request):
    """A page-in: a run of contents, and the frame that each is read into (None: a dummy, read but ignored)."""

    thread: Thread | None = None
    run: list[Content] = field(default_factory=list)
    frames: list[Frame | None] = field(default_factory=list)


class Faults:
    """The fault handler."""

    def __init__(self, machine: ReferenceMachine) -> None:
        self.m = machine
        self.log: list[tuple[int, str, int, int, str, int, int, int, int]] = []
        costs = machine.config.costs
        self.costs = {
            "demand-zero": costs.demand_zero,
            "transition": costs.transition,
            "shared": costs.transition,
            "copy-on-write": costs.copy_on_write,
            "collided": costs.hard,
            "hard": costs.hard,
        }

    def trap(self, thread: Thread, t: int) -> None:
        """A running thread's next reference traps."""
        assert thread.next_reference is not None
        thread.fault = Fault(thread, thread.next_reference.pte, thread.next_reference.store, t)
        outcome = self._attempt(thread, t)
        if outcome in KINDS:
            self._resolve(thread, outcome, t)
        elif outcome == BLOCKED:
            self.m.processors.leave(thread, t)

    def retry(self, thread: Thread, t: int) -> None:
        """A blocked thread's fault is tried again."""
        outcome = self._attempt(thread, t)
        if outcome in KINDS:
            self._resolve(thread, outcome, t)
            self.m.processors.ready(thread, t)

    def frame_found(self, thread: Thread, t: int) -> None:
        """There is a frame for a thread that waited for one."""
        fault = self._fault(thread)
        fault.queue += t - fault.waiting_since
        self.retry(thread, t)

    @staticmethod
    def _fault(thread: Thread) -> Fault:
        assert thread.fault is not None
        return thread.fault

    def _attempt(self, thread: Thread, t: int) -> str:
        fault = self._fault(thread)
        pte = fault.pte
        if pte.forbids(fault.store):
            pte.process.counters["access_violations"] += 1
            self._record(fault, "access-violation")
            self.m.end_process(pte.process, ACCESS_VIOLATION, t)
            return ENDED
        pte.held = False
        if not pte.traps(fault.store):
            return "transition"  # while it waited, another thread of the process had the same fault
        if pte.valid:
            pte.held = True  # what is to be copied doesn't make room for its own copy
            self._make_free(fault, t)
            pte.held = False
            return self._copy_on_write(thread, t)
        self._make_room(fault, t)
        frame = pte.content.frame
        if frame is None:
            return self._bring_in(thread, t)
        if frame.io == "read":
            assert frame.reading is not None
            fault.request = frame.reading
            frame.reading.waiters.append(thread)
            return self._block(thread, "stall_collided", t)
        kind = "shared" if frame.state == "active" else "transition"
        self.m.memory.map(pte, frame)
        return kind

    def _block(self, thread: Thread, state: str, t: int) -> str:
        self._fault(thread).waiting_since = t
        thread.change(state, t)
        return BLOCKED

    def _wait_for_frame(self, thread: Thread, t: int) -> str:
        self._fault(thread).room_made = True
        self.m.frame_waiters.append(thread)
        self.m.request_balance(t)
        return self._block(thread, "stall_frame", t)

    def _copy_on_write(self, thread: Thread, t: int) -> str:
        pte = self._fault(thread).pte
        memory = self.m.memory
        private, old = pte.private, pte.content.frame
        assert private is not None
        assert old is not None
        taken = memory.allocate(private, pte.process.config.memory_priority, zeroed=False)
        if taken is None:
            pte.held = True
            return self._wait_for_frame(thread, t)
        frame = taken[0]
        frame.state, frame.share = "active", 1
        frame.modified = frame.written_to = True
        private.version += 1
        pte.content, pte.writable, pte.age = private, True, 0
        memory.lose_share(old, t)
        return "copy-on-write"

    def _make_room(self, fault: Fault, t: int) -> None:
        process, m = fault.pte.process, self.m
        if fault.room_made or m.demand_paging:
            return
        fault.room_made = True
        size, available = len(process.working_set), m.memory.available
        full = size >= process.maximum and (process.config.working_set.hard_maximum or available < m.high)
        tight = available < m.tight and size >= process.minimum
        if size and (full or tight):
            self._replace(fault, [process], t)

    def _make_free(self, fault: Fault, t: int) -> None:
        if fault.replaced or not self.m.demand_paging:
            return
        fault.replaced = True
        if self.m.memory.available == 0:
            while self._replace(fault, self.m.living, t):
                pass  # others share its frame, which is no gain

    def _replace(self, fault: Fault, processes: list[Process], t: int) -> bool:
        """Take a page away; True if that gave up no frame."""
        victim = self.m.policy.replace(processes)
        if victim is None:
            return False
        assert victim.content is not None
        frame = victim.content.frame
        assert frame is not None
        self.m.memory.remove(victim, t)
        victim.process.counters["replaced"] += 1
        fault.cpu += self.m.config.costs.trim
        return frame.share > 0

    def _bring_in(self, thread: Thread, t: int) -> str:
        fault, memory = self._fault(thread), self.m.memory
        pte = fault.pte
        self._make_free(fault, t)
        taken = memory.allocate(pte.content, pte.process.config.memory_priority, zeroed=not pte.content.stored)
        if taken is None:
            return self._wait_for_frame(thread, t)
        frame, was_zeroed = taken
        if pte.content.stored:
            self._read(thread, frame, t)
            return self._block(thread, "stall_read", t)
        fault.cpu += 0 if was_zeroed else self.m.config.costs.zero_page
        assert pte.content.version == 0, "a page whose contents were not given up is demand-zero"
        pte.content.version = 1
        memory.map(pte, frame)
        frame.modified = frame.written_to = True
        pte.dirty = pte.writable
        return "demand-zero"

    def _read(self, thread: Thread, frame: Frame, t: int) -> None:
        content = self._fault(thread).pte.content
        location = content.location
        assert location is not None
        request = ReadRequest("read", location.offset, 0, self._read_done, thread=thread, waiters=[thread])
        self._add(request, content, frame)
        self._add_cluster(request)
        self._fault(thread).request = request
        while request.frames[-1] is None:
            request.frames.pop()
            request.run.pop()
        request.pages = len(request.run)
        location.disk.submit(request, t)

    @staticmethod
    def _add(request: ReadRequest, content: Content, frame: Frame | None) -> None:
        request.run.append(content)
        request.frames.append(frame)
        if frame is not None:
            assert content.version == content.stored_version, "the read would bring an old version"
            frame.state, frame.io, frame.reading = "transition", "read", request

    def _add_cluster(self, request: ReadRequest) -> None:
        m, first = self.m, request.run[0]
        assert request.thread is not None
        assert request.thread.process is not None
        priority = request.thread.process.config.memory_priority
        for j in range(1, m.read_cluster):
            content = self._neighbour(first, j)
            if content is None:
                return
            if content.frame is not None:
                self._add(request, content, None)
                continue
            taken = m.memory.allocate(content, priority, zeroed=False) if m.memory.available > m.low else None
            if taken is None:
                return
            self._add(request, content, taken[0])

    @staticmethod
    def _neighbour(first: Content, j: int) -> Content | None:
        if first.file is not None:
            return first.file.contents[first.page + j] if first.page + j < len(first.file.contents) else None
        assert first.process is not None
        assert first.slot is not None
        pte = first.process.table.get(first.page + j)
        content = pte.private if pte else None
        here = content.slot if content else None
        if here is None or here.file is not first.slot.file or here.number != first.slot.number + j:
            return None
        return content

    def _read_done(self, request: Request, t: int) -> None:
        assert isinstance(request, ReadRequest)
        assert request.thread is not None
        assert request.thread.process is not None
        process = request.thread.process
        process.counters["page_reads"] += 1
        process.counters["pages_input"] += request.pages
        for thread in request.waiters:
            fault = self._fault(thread)
            served = t - max(request.start, fault.waiting_since)
            if not request.ok and thread is not request.thread:
                served = 0
            fault.service += served
            fault.queue += t - fault.waiting_since - served
        if request.ok:
            self._arrived(request, t)
        else:
            self._failed(request, t)

    def _arrived(self, request: ReadRequest, t: int) -> None:
        memory = self.m.memory
        for content, frame in zip(request.run, request.frames, strict=True):
            if frame is None:
                continue
            if frame.deleted:
                memory.release(frame)
                continue
            frame.io, frame.reading = "", None
            waiting = [pte for thread in request.waiters if (pte := self._fault(thread).pte).content is content]
            if not waiting:
                memory.put(frame, memory.standby[frame.priority], "standby")
            for pte in waiting:
                if not pte.valid:
                    memory.map(pte, frame)
        for thread in request.waiters:
            self._resolve(thread, "hard" if thread is request.thread else "collided", t)
            self.m.processors.ready(thread, t)

    def _failed(self, request: ReadRequest, t: int) -> None:
        for frame in request.frames:
            if frame is not None:
                self.m.memory.release(frame)
        thread = request.thread
        if thread in request.waiters:
            assert thread is not None
            assert thread.process is not None
            thread.process.counters["in_page_errors"] += 1
            thread.process.counters["hard"] += 1
            self._record(self._fault(thread), "in-page-error")
            self.m.end_process(thread.process, IN_PAGE_ERROR, t)
        for waiter in request.waiters:
            self.retry(waiter, t)

    def _resolve(self, thread: Thread, kind: str, t: int) -> None:
        fault = self._fault(thread)
        pte: PTE = fault.pte
        fault.cpu += self.costs[kind]
        pte.process.counters[kind] += 1
        self._record(fault, kind)
        assert fault.time + fault.queue + fault.service == t
        thread.fault = None
        thread.work += fault.cpu
        if pte.traps(fault.store):
            pte.held = True
        else:
            self.m.execute(thread)

    def _record(self, fault: Fault, kind: str) -> None:
        latency = fault.queue + fault.service + fault.cpu
        where = fault.pte.process.name, fault.thread.number, fault.pte.page
        self.log.append((fault.time, *where, kind, fault.queue, fault.service, fault.cpu, latency))
