"""The event loop: what happens at each time, and in which order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from simulator.config import Machine as MachineConfig
from simulator.config import MemoryManager
from tests.model import check as checks
from tests.model.backing import Backing
from tests.model.daemons import BalanceSetManager, Daemon, MappedWriter, ModifiedWriter, ZeroPageThread
from tests.model.disks import Disk
from tests.model.ending import end_process
from tests.model.entities import NOT_COMMITTED, PLAIN, PTE, Content, Deadlock, Process, Thread, natural
from tests.model.faults import Faults
from tests.model.memory import Memory
from tests.model.policies import policy_of
from tests.model.processors import CPU, Processors
from tests.model.results import snapshot_of, summary_of
from tests.model.writers import Writers

NORMAL = 5
"""the memory priority of pages that are on standby at the start"""
COMMITMENT_LIMIT = 0xC000012D
THREAD_STATES = {
    "ready": "ready",
    "running": "running",
    "stall_read": "stall: read",
    "stall_collided": "stall: collided",
    "stall_frame": "stall: frame",
    "sleep": "asleep",
}
"""What the engine calls the states in which it shows a thread; a daemon's idleness is none of them."""


class TooLong(Exception):
    """The run took more actions than it was allowed."""


class ModelMachine:
    """The whole machine; `run` it once, then ask for `summary`, `snapshot`, `faults` and `io`."""

    def __init__(
        self,
        machine: MachineConfig,
        memory_manager: MemoryManager,
        processes: list[Any],
        seed: int,
        duration: int | None = None,
        check: bool = False,
        actions: int | None = None,
    ) -> None:
        self.config, self.manager = machine, memory_manager
        self.duration, self.check, self.actions = duration, check, actions
        self.demand_paging = memory_manager.model == "demand-paging"
        self.immediate = self.demand_paging or memory_manager.modified_writer.immediate
        self.read_cluster = 1 if self.demand_paging else memory_manager.read_cluster
        frames = machine.frames
        self.low, self.high = memory_manager.low_threshold(frames), memory_manager.high_threshold(frames)
        self.tight = memory_manager.tight_threshold(frames)
        self.now = 0
        self.events: list[tuple[int, int, int, Callable[[int], None]]] = []
        self.event_count = 0
        self.completions: list[tuple[int, int, Disk, Any]] = []
        order = [0]
        self.disks = {
            name: Disk(name, machine.disks[name], seed, self.completions, order)
            for name in sorted(machine.disks, key=natural)
        }
        self.backing = Backing(machine, self.disks)
        self.memory = Memory(frames, machine.bad_frames)
        self.policy = policy_of(
            memory_manager.trimming.policy, self.memory.requeue, dict(memory_manager.trimming.parameters)
        )
        self.memory.on_leaving = self.policy.leaving
        self.writers, self.fault_handler = Writers(self), Faults(self)
        if self.immediate:
            self.memory.on_modified = self.writers.write_now
        self.processors = Processors(machine.processors, machine.quantum, self._step)
        self.frame_waiters: deque[Thread] = deque()
        self.sleepers: list[tuple[int, int, Thread]] = []
        self.sleep_count = 0
        self.low_signalled = False
        self.processes = self._processes(processes)
        self._warm_up()
        self._start_daemons()

    def _processes(self, specs: list[Any]) -> list[Process]:
        processes = []
        for index, spec in enumerate(sorted(specs, key=lambda spec: natural(spec.config.name))):
            limits = spec.config.working_set
            page_size = self.config.page_size
            process = Process(
                spec.config, spec.streams, index, limits.minimum // page_size, limits.maximum // page_size
            )
            for page in (int(page) for page in spec.streams[0].pages):
                process.table[page] = self._entry(process, page)
            if self.demand_paging:
                self.backing.lay_out(process.private_contents)
            processes.append(process)
            self.at(spec.config.start, 2, partial(self._start, process))
        return processes

    def _entry(self, process: Process, page: int) -> PTE:
        region = next((r for r in process.config.regions if r.first <= page < r.first + r.pages), PLAIN)
        if region.state == "reserved":
            return PTE(process, page, NOT_COMMITTED, Content(process.name, page), None)
        own = Content(process.name, page, process=process)
        if not region.file:
            return PTE(process, page, region, own, own)
        shared = self.backing.files[region.file].contents[region.offset + page - region.first]
        return PTE(process, page, region, shared, own if region.protection == "copy-on-write" else None)

    def _warm_up(self) -> None:
        """Before time 0, pages that are mapped as warm come to standby, as long as zeroed frames are plentiful (the
        textbook machine trims nothing, so that it has no use for zeroed frames)."""
        reserve = 0 if self.demand_paging else self.high
        regions = [region for process in self.processes for region in process.config.regions]
        warm = {(r.file, r.offset + k) for r in regions if r.warm for k in range(r.pages)}
        for file in self.backing.files.values():
            for content in file.contents:
                if (file.name, content.page) in warm and len(self.memory.zeroed) > reserve:
                    taken = self.memory.allocate(content, NORMAL, zeroed=False)
                    assert taken is not None
                    self.memory.put(taken[0], self.memory.standby[NORMAL], "standby")

    def _start_daemons(self) -> None:
        self.balance = BalanceSetManager(self, "balance set manager", 16)
        self.modified_writer = ModifiedWriter(self, "modified page writer", 17)
        self.mapped_writer = MappedWriter(self, "mapped page writer", 17)
        self.zero_page_thread = ZeroPageThread(self, "zero page thread", 0)
        daemons = (self.balance, self.modified_writer, self.mapped_writer, self.zero_page_thread)
        self.by_thread: dict[Thread, Daemon] = {daemon.thread: daemon for daemon in daemons}
        if self.demand_paging:
            return
        self.mapped_writer.next_flush = self.manager.mapped_writer.flush_period
        self.at(self.manager.trimming.period, 3, self.balance.tick)
        self.at(self.manager.mapped_writer.period, 3, self.mapped_writer.tick)

    def at(self, t: int, rank: int, action: Callable[[int], None]) -> None:
        """Let something happen at a time; at equal times lower ranks first, then first come first served."""
        self.event_count += 1
        heapq.heappush(self.events, (t, rank, self.event_count, action))

    def run(self) -> ModelMachine:
        """Run to the end; raises Deadlock if threads wait for a frame that can never be had."""
        while any(process.finished is None for process in self.processes):
            t = self._next_time()
            if t is None or (self.duration is not None and t >= self.duration):
                if t is None and self.duration is None:
                    raise Deadlock
                assert self.duration is not None
                self._pass_time(self.duration)
                break
            self._pass_time(t)
            self._act(t)
            if self.check:
                checks.check(self)
            if self._starved():
                raise Deadlock
            if self.actions is not None:
                self.actions -= 1
                if self.actions < 0:
                    raise TooLong
        for thread in [*self.by_thread, *(thread for process in self.living for thread in process.unfinished)]:
            thread.change(thread.state, self.now)
        checks.check_demand_zero_once(self)
        return self

    def _pass_time(self, t: int) -> None:
        for process in self.living:
            process.space_time += len(process.working_set) * (t - self.now)
        self.now = t

    def _next_time(self) -> int | None:
        times = [cpu.next_time for cpu in self.processors.cpus]
        times += [heap[0][0] for heap in (self.completions, self.sleepers, self.events) if heap]
        return min((time for time in times if time is not None), default=None)

    def _act(self, t: int) -> None:
        if self.completions and self.completions[0][0] == t:
            _, _, disk, request = heapq.heappop(self.completions)
            disk.complete(request, t)
            self.settle(t)
        elif self.sleepers and self.sleepers[0][0] == t:
            self.processors.ready(heapq.heappop(self.sleepers)[2], t)
            self.settle(t)
        elif self.events and self.events[0][0] == t:
            heapq.heappop(self.events)[3](t)
        else:
            cpu = next(cpu for cpu in self.processors.cpus if cpu.next_time == t)
            self.processors.act(cpu, t)

    @property
    def stuck(self) -> bool:
        """Every thread that has not ended waits for a frame."""
        waiting = len(self.frame_waiters)
        return waiting > 0 and waiting == sum(len(process.unfinished) for process in self.processes)

    def _starved(self) -> bool:
        """Every thread waits for a frame, and whoever could provide one has tried in vain."""
        if not self.stuck:
            self.balance.quiet_passes = 0
            return False
        if self.completions or self.modified_writer.busy or self.mapped_writer.busy:
            return False
        if self.demand_paging:
            return True
        return self.balance.quiet_passes >= 2 and not self.memory.no_write

    def _step(self, cpu: CPU, t: int) -> None:
        thread = cpu.thread
        assert thread is not None
        if thread.process is None:
            self.processors.leave(thread, t)
            thread.change("idle", t)
            self.by_thread[thread].wake_at(t)
        elif thread.next_reference is None:
            self.processors.leave(thread, t)
            thread.change("ended", t)
            if not thread.process.unfinished:
                self.end_process(thread.process, 0, t)
            self.settle(t)
        elif self._sleeps(thread, t):
            self.settle(t)
        elif thread.next_reference.traps:
            self.fault_handler.trap(thread, t)
            self.settle(t)
        else:
            self.execute(thread)

    def _sleeps(self, thread: Thread, t: int) -> bool:
        """A thread comes to its next reference: it sleeps if it has to wait before it."""
        if thread.wait is None or thread.process is None:
            return False
        until, pause = thread.wait
        thread.wait = None
        wake = max(t + pause, thread.process.config.start + until)
        if wake <= t:
            return False
        thread.change("sleep", t)
        self.sleep_count += 1
        heapq.heappush(self.sleepers, (wake, self.sleep_count, thread))
        self.processors.leave(thread, t)
        return True

    def execute(self, thread: Thread) -> None:
        """A thread's next reference takes effect."""
        assert thread.next_reference is not None
        pte, store, _ = thread.next_reference
        pte.accessed = True
        pte.dirty = pte.dirty or store
        pte.process.counters["references"] += 1
        thread.debt += self.config.costs.reference
        thread.advance()

    def settle(self, t: int) -> None:
        """Give frames to the threads that wait for one, then signal the daemons."""
        while self.frame_waiters and self.memory.available:
            self.fault_handler.frame_found(self.frame_waiters.popleft(), t)
        if self.demand_paging:
            return
        memory = self.memory
        if memory.available >= self.low:
            self.low_signalled = False
        elif not self.low_signalled:
            self.low_signalled = True
            self.balance.request(t)
        if not self.immediate and not self.modified_writer.busy and self.modified_writer.should_write():
            self.modified_writer.wake(t)
        if not self.mapped_writer.busy and self.mapped_writer.needed():
            self.mapped_writer.wake(t)
        zeroing = self.manager.zero_page_thread
        if zeroing.enabled and not self.zero_page_thread.busy and len(memory.free) >= zeroing.trigger:
            self.zero_page_thread.wake(t)

    def request_balance(self, t: int) -> None:
        """A thread begins to wait for a frame."""
        if not self.demand_paging:
            self.balance.request(t)

    @property
    def living(self) -> list[Process]:
        """The processes that have started and not ended, in canonical order."""
        return [process for process in self.processes if process.lives]

    def _start(self, process: Process, t: int) -> None:
        process.started = True
        for thread in process.threads:
            thread.since = t
        if not self.backing.charge(process.charge):
            process.finished, process.status = t, COMMITMENT_LIMIT
            return
        process.charged = process.charge
        for thread in process.threads:
            thread.advance()
            self.processors.ready(thread, t)

    def end_process(self, process: Process, status: int, t: int) -> None:
        """A process ends, with all its threads."""
        end_process(self, process, status, t)

    def summary(self) -> dict[str, Any]:
        """System-wide counters, and those of each process under "processes"."""
        return summary_of(self)

    def snapshot(self) -> dict[str, Any]:
        """The state of every list, page and file page now."""
        return snapshot_of(self)

    def faults(self) -> list[tuple[Any, ...]]:
        """(time, process, thread, page, kind, queue, service, cpu, latency), sorted."""
        return sorted(self.fault_handler.log)

    def threads(self) -> list[tuple[Any, ...]]:
        """(start, end, process, thread, daemon, state, processor), sorted as text; what doesn't apply is None."""
        users = [(thread, process.name) for process in self.processes for thread in process.threads]
        rows: list[tuple[Thread, tuple[Any, ...]]] = [(thread, (name, thread.number, None)) for thread, name in users]
        rows += [(thread, (None, None, thread.name)) for thread in self.by_thread]
        return sorted(
            (
                (start, end, *who, THREAD_STATES[state], processor)
                for thread, who in rows
                for start, end, state, processor in thread.spells
                if state in THREAD_STATES
            ),
            key=str,
        )

    def io(self) -> list[tuple[Any, ...]]:
        """(submit, start, end, disk, kind, offset, pages, ok), sorted."""
        return sorted(row for disk in self.disks.values() for row in disk.log)
