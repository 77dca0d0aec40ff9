"""The machine's state in memory: allocates the record arrays of `simulator.state.schema` and fills them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import Disk, Machine, MemoryManager, Process
from simulator.hardware.scheduler import LOOKAHEAD, PRIORITIES
from simulator.hardware.service import QUANTILES, SEEKS, DiskModel
from simulator.memory.faults import NOT_ASKED
from simulator.memory.page_io import start_on_standby
from simulator.memory.sampling import SAMPLE_ROWS, columns
from simulator.memory.signals import OUTBOX_SIZE
from simulator.rng import stream_key
from simulator.state import constants, schema
from simulator.state.record import Record
from simulator.state.schema import LOG_ROWS
from simulator.state.view import machine as machine_at
from simulator.stream import ReferenceStream
from simulator.units import natural

DAEMON_PRIORITIES = (16, 17, 17, 0)
"""Priorities of the daemons' threads: the balance set manager 16, the writers 17, the zero page thread 0 (WI6)."""


@dataclass(frozen=True)
class ProcessSpec:
    """A process to simulate: its parameters and what it references."""

    config: Process
    streams: tuple[ReferenceStream, ...] = ()
    """what each of its threads references; all have the same `pages`"""
    program: Callable[[Any], Generator[Any, Any, Any]] | None = None
    """instead of streams: a generator function that makes the calls of `simulator.windows`"""

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a thread, and all agree on the pages."""
        if bool(self.streams) == (self.program is not None):
            raise ValueError(
                f"process {self.config.name}: found {len(self.streams)} streams, allowed is one for each thread, or a "
                "program"
            )
        if any(not np.array_equal(stream.pages, self.pages) for stream in self.streams[1:]):
            raise ValueError(f"process {self.config.name}: found streams of different pages, allowed are equal ones")

    @property
    def pages(self) -> NDArray[np.uint64]:
        """The distinct virtual page numbers, ascending."""
        return self.streams[0].pages if self.streams else np.empty(0, np.uint64)

    @property
    def threads(self) -> int:
        """Threads that it begins with."""
        return max(1, len(self.streams))


UNUSED: dict[str, dict[str, int]] = {
    "ptes": {"content": -1, "private": -1, "process": -1},
    "contents": {"frame": -1, "file": -1, "location": -1, "process": -1, "pte": -1},
    "threads": {"processor": -1, "next": -1, "state": constants.ENDED, "victim": NOT_ASKED, "process": -1},
    "processes": {"head": -1, "tail": -1, "hand": -1, "finished": -1, "status": -1},
}
"""What the fields of items hold that nobody uses yet, where it isn't 0."""


class State:
    """All arrays of one machine, and the names that belong to their indices."""

    def __init__(self, machine: Machine, manager: MemoryManager, specs: Sequence[ProcessSpec], seed: int) -> None:
        """Build the state at time 0, before any process has started."""
        self.config = machine
        self.manager = manager
        self.specs = sorted(specs, key=lambda spec: natural(spec.config.name))
        self.names = [spec.config.name for spec in self.specs]
        self.seed = seed
        self.policy_records: dict[str, type[Record]] = {}
        """what the policy keeps for itself (`own`), for each PTE (`page`) and for each process (`process_state`)"""
        self.user_threads = sum(spec.threads for spec in self.specs)
        self.disk_names = sorted(machine.disks, key=natural)
        self.file_names = sorted(machine.files, key=natural)
        self.arrays: dict[str, NDArray[Any]] = {}
        self._kept: list[NDArray[Any]] = []
        self.record = np.zeros(1, schema.MachineRecord.dtype)
        self.address = machine_at(int(self.record.ctypes.data))
        self._places = -1
        """on the textbook machine, the store that new contents have their places in"""
        self._lay_out_stores()
        self._lay_out_pages()
        self._add_hardware(seed)
        self._add_threads()
        self._set_parameters()
        self._warm_files()

    def add(self, name: str, count: int) -> NDArray[Any]:
        """Allocate an array of the machine, of items that belong to nobody, in place of the one it had."""
        record = self.policy_records.get(name)
        array = np.zeros(max(1, count), record.dtype if record else schema.ARRAYS[name])
        if record:
            record.begin(array)
        for field, value in UNUSED.get(name, {}).items():
            array[field] = value
        self.arrays[name] = array
        self.record[f"{name}_at"], self.record[f"{name}_room"] = array.ctypes.data, len(array)
        return array

    def grow(self, name: str, count: int, used: int | None = None) -> NDArray[Any]:
        """Make room for `count` items in an array, by doubling it, so that its address and its views change; the new
        ones belong to nobody. `used`: how many of the old ones hold anything; None: all."""
        old = self.arrays[name]
        if count <= len(old):
            return old
        array = self.add(name, max(count, 2 * len(old)))
        kept = len(old) if used is None else used
        array[:kept] = old[:kept]
        return array

    def _keep(self, array: NDArray[Any]) -> int:
        self._kept.append(array)
        return int(array.ctypes.data)

    def _lay_out_stores(self) -> None:
        """Paging files, then files; on each disk one behind the other."""
        machine, page = self.config, self.config.page_size
        files = [(self.disk_names.index(f.disk or self.disk_names[0]), f) for f in machine.paging_files]
        sizes = sorted((disk, machine.paging_size(f) // page, machine.paging_maximum(f) // page) for disk, f in files)
        stores = self.add("stores", len(sizes) + len(self.file_names))
        ends = [0] * len(self.disk_names)
        for i, (disk, size, maximum) in enumerate(sizes):
            store = stores[i]
            store["disk"], store["base"], store["size"], store["maximum"] = disk, ends[disk], size, maximum
            store["slots_at"] = self._keep(np.zeros(maximum, np.uint8))
            store["content_at"] = self._keep(np.zeros(maximum, np.int32))
            store["version_at"] = self._keep(np.zeros(maximum, np.uint32))
            ends[disk] += maximum
        self.paging_files = len(sizes)
        for i, name in enumerate(self.file_names, start=len(sizes)):
            file = machine.files[name]
            disk = self.disk_names.index(file.disk or self.disk_names[0])
            store = stores[i]
            store["disk"], store["base"], store["is_file"], store["metadata"] = disk, ends[disk], 1, file.metadata
            store["size"] = store["maximum"] = -(-file.size // page)
            ends[disk] += int(store["size"])
        self.spans = ends
        """pages of each disk that are taken"""
        self.store_count = len(sizes) + len(self.file_names)
        self.store_files = list(range(len(self.file_names)))
        """for each store behind the paging files the file that it is part of: its place in `file_names`"""
        self.store_offsets = [0] * len(self.file_names)
        """... and which page of that file is its first"""

    def _lay_out_pages(self) -> None:
        """PTEs by process; private contents by process, in page order; then the contents of the files."""
        counts = [len(spec.pages) for spec in self.specs]
        ptes = self.add("ptes", sum(counts))
        self.add("bits", sum(counts))
        self.first_pte = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.pte_count = int(self.first_pte[-1])
        """PTEs in use; the array may have more"""
        file_pages = [int(s["size"]) for s in self.arrays["stores"][self.paging_files :]] if self.file_names else []
        spans = enumerate(self._spans_of_ptes())
        backing = [self._map_regions(i, self.specs[i], ptes[first:end]) for i, (first, end) in spans]
        private = sum(int(b.sum()) for b in backing)
        self.content_count = private + sum(file_pages)
        """contents in use; the array may have more"""
        contents = self.add("contents", self.content_count)
        self.file_contents: dict[str, int] = {}
        at = private
        for i, (name, pages) in enumerate(zip(self.file_names, file_pages, strict=True), start=self.paging_files):
            self.file_contents[name] = at
            self.arrays["stores"][i]["first_content"] = at
            mine = contents[at : at + pages]
            mine["file"], mine["adjacent"] = i, 1
            mine["location"] = (i << int(constants.STORE_SHIFT)) + np.arange(pages)
            mine["adjacent"][-1:] = 0
            at += pages
        self._give_contents(ptes, contents, backing)
        self.give_places(0, private)

    def give_places(self, first: int, count: int) -> None:
        """On the textbook machine contents have places of their own from the start, on the first disk behind what that
        holds; they read as zeros until they are written."""
        if self.manager.model != "demand-paging" or not count:
            return
        stores, end = self.arrays["stores"], self.spans[0]
        if self._places < 0 or stores["base"][self._places] + stores["size"][self._places] != end:
            self._places = self.store_count
            self.store_count += 1
            self.store_files.append(-1)
            self.store_offsets.append(0)
            self.grow("stores", self.store_count)[self._places]["base"] = end
        store = self.arrays["stores"][self._places]
        places = (self._places << int(constants.STORE_SHIFT)) + np.arange(store["size"], store["size"] + count)
        self.arrays["contents"]["location"][first : first + count] = places
        store["size"] += count
        store["maximum"] = store["size"]
        self.spans[0] += count

    def _spans_of_ptes(self) -> list[tuple[int, int]]:
        return [(int(a), int(b)) for a, b in zip(self.first_pte[:-1], self.first_pte[1:], strict=True)]

    def _map_regions(self, process: int, spec: ProcessSpec, ptes: NDArray[Any]) -> NDArray[np.bool_]:
        """Fill a process's PTEs from its regions; returns which of its pages need a private content."""
        pages = np.asarray(spec.pages, np.uint64)
        ptes["vpn"], ptes["process"] = pages, process
        ptes["content"], ptes["private"] = -1, -1
        for name in ("accessible", "writable", "executable"):
            ptes[name] = 1
        private = np.ones(len(pages), np.bool_)
        for region in spec.config.regions:
            inside = slice(*np.searchsorted(pages, np.array([region.first, region.first + region.pages], np.uint64)))
            if region.state == "reserved":
                ptes["accessible"][inside] = 0
                private[inside] = False
            ptes["writable"][inside] = region.protection != "read-only"
            if region.file and region.state == "committed":
                private[inside] = region.protection == "copy-on-write"
        return private

    def _give_contents(self, ptes: NDArray[Any], contents: NDArray[Any], backing: list[NDArray[np.bool_]]) -> None:
        at = 0
        self.charges: list[int] = []
        """commit charge of each process that follows streams, in pages"""
        for process, (first, end) in enumerate(self._spans_of_ptes()):
            mine = np.flatnonzero(backing[process]) + first
            self._give_private(process, mine, at)
            at += len(mine)
            self._map_files(self.specs[process], ptes[first:end])

    def _give_private(self, process: int, mine: NDArray[np.int64], first: int) -> None:
        """Private pages of a process have contents of their own, in a row from `first` on."""
        ptes, contents = self.arrays["ptes"], self.arrays["contents"]
        numbers = np.arange(first, first + len(mine), dtype=np.int32)
        ptes["content"][mine] = numbers
        contents["process"][numbers], contents["pte"][numbers] = process, mine
        vpn = ptes["vpn"][mine]
        contents["adjacent"][numbers[:-1]] = vpn[1:] == vpn[:-1] + np.uint64(1)
        self.charges.append(len(mine))

    def _map_files(self, spec: ProcessSpec, ptes: NDArray[Any]) -> None:
        for region in spec.config.regions:
            if region.file and region.state == "committed":
                self._map_file(ptes, region)

    def map_process(self, process: int, spec: ProcessSpec, first: int) -> None:
        """What the PTEs of a process that comes later show; see `_map_regions`."""
        ptes = self.arrays["ptes"][first : first + len(spec.pages)]
        mine = np.flatnonzero(self._map_regions(process, spec, ptes)) + first
        content = self.content_count
        self.content_count += len(mine)
        self.grow("contents", self.content_count)
        self._give_private(process, mine, content)
        self.give_places(content, len(mine))
        self.arrays["disks"]["span"][0] = max(1, self.spans[0])
        self._map_files(spec, ptes)

    def _map_file(self, ptes: NDArray[Any], region: Any) -> None:
        bounds = np.array([region.first, region.first + region.pages], np.uint64)
        inside = ptes[slice(*np.searchsorted(ptes["vpn"], bounds))]
        if region.protection == "copy-on-write":
            inside["private"] = inside["content"]
        offset = (inside["vpn"] - np.uint64(region.first)).astype(np.int64) + region.offset
        inside["content"] = self.file_contents[region.file] + offset

    def _warm_files(self) -> None:
        """Have the pages of files that warm regions show on standby, in the order of files and pages."""
        sizes = {name: -(-file.size // self.config.page_size) for name, file in self.config.files.items()}
        shown = [
            self.file_contents[region.file]
            + np.arange(region.offset, min(region.offset + region.pages, sizes[region.file]))
            for spec in self.specs
            for region in spec.config.regions
            if region.warm
        ]
        if shown:
            start_on_standby(self.address, np.unique(np.concatenate(shown)))

    def _add_hardware(self, seed: int) -> None:
        machine = self.config
        self.add("frames", machine.frames)
        lists = self.add("lists", constants.LISTS)
        lists["head"], lists["tail"] = -1, -1
        self.add("history", 0)
        self.add("requests", machine.frames + self.user_threads + constants.DAEMONS)
        self.add("flights", machine.frames + self.user_threads + constants.DAEMONS)
        self.add("sleepers", self.user_threads)
        self.add("outbox", OUTBOX_SIZE)
        rows = LOG_ROWS + 4 * (self.user_threads + constants.DAEMONS)
        self.add("fault_log", rows)
        self.add("io_log", rows)
        self.add("thread_log", rows)
        self.add("page_log", 0)
        self.columns = columns(self.names, self.disk_names)
        self.add("sample_times", SAMPLE_ROWS)
        self.add("samples", SAMPLE_ROWS * len(self.columns))
        processors = self.add("processors", machine.processors)
        processors["thread"], processors["lookahead"] = -1, LOOKAHEAD
        ready = self.add("ready_queues", PRIORITIES)
        ready["head"], ready["tail"] = -1, -1
        disks = self.add("disks", len(self.disk_names))
        for i, name in enumerate(self.disk_names):
            self._set_disk(disks[i], machine.disks[name], name, seed, max(1, self.spans[i]))

    def keep_page_log(self) -> None:
        """Have the machine write its page log, with room for what may happen to all its pages in one step: each entry
        leaves its working set, each frame comes onto a list and is freed or repurposed, each thread faults."""
        self.record["log_pages"] = True
        self.make_room_in_logs()

    def make_room_in_logs(self) -> None:
        """Have the logs as large as the PTEs and threads that there are now want them."""
        m = self.record[0]
        threads = int(m["thread_count"])
        for name, count in (("fault_log", "fault_count"), ("io_log", "io_count"), ("thread_log", "thread_log_count")):
            self.grow(name, LOG_ROWS + 4 * threads, int(m[count]))
        if m["log_pages"]:
            each = threads * (8 + self.manager.read_cluster)
            rows = LOG_ROWS + 3 * self.pte_count + 3 * self.config.frames + each
            m["page_rows"] = len(self.grow("page_log", rows, int(m["page_count"])))

    def _set_disk(self, disk: Any, config: Disk, name: str, seed: int, span: int) -> None:
        model: DiskModel = config.make()
        table = model.tables()
        latencies = [table.latency_read, table.latency_write]
        assert [part.shape for part in (*latencies, table.seek)] == [(QUANTILES,), (QUANTILES,), (SEEKS,)]
        disk["latency_at"] = [self._keep(np.ascontiguousarray(latency, np.int64)) for latency in latencies]
        disk["seek_at"] = self._keep(np.ascontiguousarray(table.seek, np.int64))
        disk["per_page"] = [table.per_page_read, table.per_page_write]
        rates = (config.read_error_rate, config.write_error_rate)
        disk["error_below"] = [min((1 << 64) - 1, int(rate * (1 << 64))) for rate in rates]
        disk["key"] = stream_key(seed, f"disk/{name}/service")
        disk["error_key"] = stream_key(seed, f"disk/{name}/error")
        disk["rotation"], disk["channels"], disk["span"] = table.rotation, table.channels, span
        disk["moves"] = table.rotation > 0 or bool(table.seek.any())
        disk["queues"] = -1
        disk["page_in_first"] = config.page_in_first

    def _add_threads(self) -> None:
        user = self.user_threads
        page = self.config.page_size
        processes = self.add("processes", len(self.specs))
        threads = self.add("threads", user + constants.DAEMONS)
        threads["processor"], threads["next"], threads["state"] = -1, -1, constants.BLOCKED
        threads["victim"] = NOT_ASKED
        counts = np.array([spec.threads for spec in self.specs], np.int64)
        programs = np.array([spec.program is not None for spec in self.specs], np.bool_)
        first = np.cumsum(counts) - counts
        threads["process"][:user], threads["process"][user:] = np.repeat(np.arange(len(counts)), counts), -1
        threads["program"][:user] = np.repeat(programs, counts)
        threads["number"][:user] = np.arange(user) - np.repeat(first, counts)
        threads["priority"][user:] = DAEMON_PRIORITIES
        if self.specs:
            processes["first_thread"], processes["threads"] = first, counts
            processes["living_threads"] = counts
            processes["first_pte"], processes["ptes"] = self.first_pte[:-1], np.diff(self.first_pte)
            processes["page_base"] = self.first_pte[:-1]
        for i, spec in enumerate(self.specs):
            config = spec.config
            process = processes[i]
            threads["priority"][first[i] : first[i] + counts[i]] = config.priority
            process["start"] = config.start
            process["memory_priority"], process["foreground"] = config.memory_priority, config.foreground
            limits = config.working_set
            process["hard_maximum"] = limits.hard_maximum
            process["minimum"], process["maximum"] = limits.minimum // page, max(1, limits.maximum // page)

    def _set_parameters(self) -> None:
        """Fill the machine's record."""
        for values in (self._sizes(), self._costs(), self._manager_parameters(), self._timers()):
            for name, value in values.items():
                self.record[name] = value
        self.record["may_fail"] = any(disk.read_error_rate > 0 for disk in self.config.disks.values())
        for spec in self.specs:
            self.note_failures(spec)
        self._set_bad(self.config.bad_frames)

    def note_failures(self, spec: ProcessSpec) -> None:
        """A fault may end a process that has pages which may not be touched, or not be stored to."""
        regions = spec.config.regions
        self.record["may_fail"] |= any(r.protection == "read-only" or r.state == "reserved" for r in regions)

    def _sizes(self) -> dict[str, int]:
        """How many there are of each, and who waits: nobody."""
        return {
            "frame_count": self.config.frames,
            "processor_count": self.config.processors,
            "process_count": len(self.specs),
            "pte_count": self.pte_count,
            "user_threads": self.user_threads,
            "thread_count": self.user_threads + constants.DAEMONS,
            "paging_files": self.paging_files,
            "disk_count": len(self.disk_names),
            "alive": len(self.specs),
            "living_threads": self.user_threads,
            "sample_columns": len(self.columns),
            "free_request": -1,
            "frame_waiters": -1,
            "last_frame_waiter": -1,
            "asking": -1,
        }

    def _costs(self) -> dict[str, int]:
        """Processor time, in nanoseconds."""
        costs = self.config.costs
        return {
            "quantum": self.config.quantum,
            "reference_cost": costs.reference,
            "demand_zero_cost": costs.demand_zero,
            "zero_page_cost": costs.zero_page,
            "transition_cost": costs.transition,
            "copy_cost": costs.copy_on_write,
            "hard_cost": costs.hard,
            "trim_cost": costs.trim,
            "age_cost": costs.age,
            "write_cost": costs.write,
        }

    def _manager_parameters(self) -> dict[str, int]:
        """Thresholds, clusters and triggers; the textbook machine has none."""
        manager, frames = self.manager, self.config.frames
        textbook = manager.model == "demand-paging"
        writer, mapped, zeroing = manager.modified_writer, manager.mapped_writer, manager.zero_page_thread
        return {
            "demand_paging": textbook,
            "read_cluster": 1 if textbook else manager.read_cluster,
            "low": 0 if textbook else manager.low_threshold(frames),
            "high": 0 if textbook else manager.high_threshold(frames),
            "tight": 0 if textbook else manager.tight_threshold(frames),
            "write_cluster": writer.cluster,
            "free_trigger": writer.free_trigger,
            "available_divisor": writer.available_divisor,
            "modified_maximum": writer.modified_maximum,
            "immediate": textbook or writer.immediate,
            "mapped_trigger": mapped.trigger,
            "mapped_cluster": mapped.cluster,
            "zero_enabled": zeroing.enabled and not textbook,
            "zero_trigger": zeroing.trigger,
            "zero_batch": zeroing.batch,
        }

    def _timers(self) -> dict[str, int]:
        """When what happens by the clock happens, and how often; the textbook machine has no daemons."""
        manager, never = self.manager, int(constants.NEVER)
        textbook = manager.model == "demand-paging"
        mapped, swapper, period = manager.mapped_writer, manager.swapper, manager.trimming.period
        return {
            "balance_period": period,
            "swapper_wakes": swapper.wakes if swapper.enabled else 0,
            "swapper_idle": swapper.idle,
            "mapped_period": mapped.period,
            "flush_period": mapped.flush_period,
            "next_balance": never if textbook else period,
            "next_mapped": never if textbook else mapped.period,
            "next_flush": mapped.flush_period,
            "next_start": never,
            "next_sample": never,
            "end": never,
        }

    def _set_bad(self, count: int) -> None:
        """The first frames are found bad before anything runs."""
        if count == 0:
            return
        frames, bad = self.arrays["frames"], self.arrays["lists"][constants.ON_BAD]
        numbers = np.arange(count)
        frames["state"][:count], frames["list"][:count] = constants.BAD, constants.ON_BAD + 1
        frames["previous"][:count], frames["next"][:count] = numbers - 1, numbers + 1
        frames["next"][count - 1] = -1
        frames["content"][:count] = -1
        bad["head"], bad["tail"], bad["count"] = 0, count - 1, count
        self.record["fresh"] = count
