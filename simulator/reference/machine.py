"""The machine: what happens at each time, and in which order.

At one instant, first reads and writes end, then sleepers wake, then events fall due (a daemon begins or goes on, a
process starts, a timer rings: in that order of ranks), then processors act: a thread that has done its work takes the
next step. One thing happens at a time; after each, frames that have become free go to the threads that wait for one,
and the daemons are told what there is to do.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from simulator.config import Machine, MemoryManager
from simulator.reference.daemons import (
    BalanceSetManager,
    Daemon,
    MappedWriter,
    ModifiedWriter,
    Writers,
    ZeroPageThread,
)
from simulator.reference.disks import Backing, Disk
from simulator.reference.entities import (
    NOT_COMMITTED,
    PLAIN,
    PTE,
    Content,
    Deadlock,
    NotModelled,
    Process,
    ProcessInput,
    Thread,
)
from simulator.reference.faults import Faults
from simulator.reference.memory import Memory
from simulator.reference.policies import policy_of
from simulator.reference.processors import CPU, Processors
from simulator.units import natural

NORMAL = 5
"""the memory priority of pages that are on standby at the start"""
COMMITMENT_LIMIT = 0xC000012D
"""the exit status of a process that commits more than there can be"""
GO_ON, START, TIMER = 1, 2, 3
"""ranks of events at equal times: a daemon begins or goes on, a process starts, a daemon's timer rings"""


class ReferenceMachine:
    """The whole machine. `run` it once, then ask `simulator.reference.results` what it came to.

    `seed` draws the disks' service times and errors; a run ends with its last process, or after `duration` nanoseconds.
    `watch` is told of the machine after every single thing that happened. Raises NotModelled for a machine that has
    what the reference machine has not.
    """

    def __init__(
        self,
        machine: Machine,
        memory_manager: MemoryManager,
        processes: Sequence[ProcessInput],
        seed: int,
        duration: int | None = None,
        watch: Callable[[ReferenceMachine], None] | None = None,
    ) -> None:
        _refuse(memory_manager, processes)
        self.config, self.manager = machine, memory_manager
        self.duration, self.watch = duration, watch
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
        self.disks = self._disks(seed)
        self.backing = Backing(machine, self.disks)
        self.memory = Memory(frames, machine.bad_frames)
        self.policy = policy_of(memory_manager, self.memory.requeue)
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

    def _disks(self, seed: int) -> dict[str, Disk]:
        order = [0]
        names = sorted(self.config.disks, key=natural)
        return {name: Disk(name, self.config.disks[name], seed, self.completions, order) for name in names}

    def _processes(self, inputs: Sequence[ProcessInput]) -> list[Process]:
        processes = []
        for index, given in enumerate(sorted(inputs, key=lambda given: natural(given.config.name))):
            limits, size = given.config.working_set, self.config.page_size
            process = Process(given.config, given.streams, index, limits.minimum // size, limits.maximum // size)
            for page in (int(page) for page in given.streams[0].pages):
                process.table[page] = self._entry(process, page)
            if self.demand_paging:
                self.backing.lay_out(process.private_contents)
            processes.append(process)
            self.at(given.config.start, START, partial(self._start, process))
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
        self.at(self.manager.trimming.period, TIMER, self.balance.tick)
        self.at(self.manager.mapped_writer.period, TIMER, self.mapped_writer.tick)

    def at(self, t: int, rank: int, action: Callable[[int], None]) -> None:
        """Let something happen at a time; at equal times lower ranks first, then first come first served."""
        self.event_count += 1
        heapq.heappush(self.events, (t, rank, self.event_count, action))

    def run(self) -> ReferenceMachine:
        """Run to the end; raises Deadlock if threads wait for a frame that can never be had."""
        while any(process.finished is None for process in self.processes):
            t = self._next_time()
            if self.duration is not None and (t is None or t >= self.duration):
                self._pass_time(self.duration)
                break
            if t is None or self._starved():
                raise Deadlock("every thread waits for a page frame, and no page can be taken from a working set")
            self._pass_time(t)
            self._act(t)
            if self.watch is not None:
                self.watch(self)
        for thread in [*self.by_thread, *(thread for process in self.living for thread in process.unfinished)]:
            thread.change(thread.state, self.now)
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
        """The one thing that comes first at this time."""
        if self.completions and self.completions[0][0] == t:
            _, _, disk, request = heapq.heappop(self.completions)
            disk.complete(request, t)
            self.wake_waiting(t)
        elif self.sleepers and self.sleepers[0][0] == t:
            self.processors.ready(heapq.heappop(self.sleepers)[2], t)
            self.wake_waiting(t)
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
        """A thread has done its work: it ends, sleeps, traps, or makes its next reference."""
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
            self.wake_waiting(t)
        elif self._sleeps(thread, t):
            self.wake_waiting(t)
        elif thread.next_reference.traps:
            self.fault_handler.trap(thread, t)
            self.wake_waiting(t)
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
        thread.work += self.config.costs.reference
        thread.advance()

    def wake_waiting(self, t: int) -> None:
        """Give frames to the threads that wait for one, then wake the daemons that have something to do."""
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
        """A thread begins to wait for a frame: somebody has to trim."""
        if not self.demand_paging:
            self.balance.request(t)

    @property
    def living(self) -> list[Process]:
        """The processes that have started and not ended, in order of their names."""
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
        """A process ends: its threads that wait leave what they wait for, its pages go, its commit is given back, and
        its threads that run leave their processors."""
        threads = process.unfinished
        process.finished, process.status = t, status
        for thread in threads:
            if thread.state != "running":
                self._withdraw(thread)
                thread.change("ended", t)
        self._give_up_pages(process, t)
        for thread in threads:
            if thread.state == "running":
                self.processors.leave(thread, t)
                thread.change("ended", t)

    def _withdraw(self, thread: Thread) -> None:
        if thread.state == "ready":
            self.processors.withdraw(thread)
        elif thread.state == "sleep":
            self.sleepers = [sleeper for sleeper in self.sleepers if sleeper[2] is not thread]
            heapq.heapify(self.sleepers)
        elif thread.state == "stall_frame":
            self.frame_waiters.remove(thread)
        else:
            assert thread.fault is not None
            assert thread.fault.request is not None
            thread.fault.request.waiters.remove(thread)

    def _give_up_pages(self, process: Process, t: int) -> None:
        for pte in process.table.values():
            content, frame = pte.content, pte.content.frame
            if pte.valid and not content.private:
                self.memory.remove(pte, t)
            elif content.private:
                if pte.valid:
                    self.memory.leave(pte)
                if frame is not None:
                    self.memory.delete(frame)
                content.release_slot()
        self.backing.commit -= process.charged


def _refuse(manager: MemoryManager, processes: Sequence[ProcessInput]) -> None:
    """Raise NotModelled for what the reference machine has not, beside policies that it doesn't know."""
    if manager.swapper.enabled:
        raise NotModelled("memory_manager.swapper.enabled: found true, the reference machine has no swapper")
    for given in processes:
        if not given.streams:
            raise NotModelled(
                f"process {given.config.name}: found a workload that is a program, the reference machine runs "
                "workloads that are reference streams"
            )
