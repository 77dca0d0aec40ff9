"""The machines and loops that the benchmark times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from simulator.compile import compiled
from simulator.config import Disk, MemoryManager, Process, Trimming, WorkingSet
from simulator.config import Machine as MachineConfig
from simulator.loop import advance
from simulator.machine import Machine, Observe, ProcessSpec
from simulator.state.constants import VALID
from simulator.stream import Block, ReferenceStream
from workloads.traces.cache import open_trace

QUIET = Observe(fault_log=False, io_log=False, page_map=False, page_log=False, thread_log=False)
RARELY = Observe(sample_every=1 << 50, fault_log=False, io_log=False, page_map=False, page_log=False, thread_log=False)
PAGE = 4096


class Repeated:
    """A list of page numbers as a stream of single loads or stores, many times over."""

    def __init__(self, pages: Any, times: int = 1, store: bool = False) -> None:
        """One block, repeated."""
        numbers = np.asarray(pages, np.uint64)
        self.pages, index = np.unique(numbers, return_inverse=True)
        count = len(numbers)
        kinds = np.full(count, 1, np.uint8), np.zeros(count, np.uint8)
        self._block = Block(index.astype(np.uint32), np.zeros(count, np.uint16), *(kinds[::-1] if store else kinds))
        self._times = times
        self.references: int | None = count * times

    def idle(self) -> Repeated:
        """The same pages, of which only the first is ever referenced, as often."""
        other = Repeated(self.pages, self._times)
        other._block = self._block._replace(page=np.zeros_like(self._block.page))
        return other

    def blocks(self) -> Iterator[Block]:
        """The block, each time."""
        for _ in range(self._times):
            yield self._block


def textbook(path: Path, policy: str, pages: int, frames: int | None = None) -> Callable[[], Any]:
    """A run of demand paging on a recorded trace, the trace opened and read within it."""

    def run() -> Any:
        config = MachineConfig(memory=(frames or pages) * PAGE, disks={"d": Disk("constant")})
        manager = MemoryManager(model="demand-paging", trimming=Trimming(policy))
        spec = ProcessSpec(Process(name="p"), (open_trace(path),))
        return Machine(config, manager, [spec], observe=QUIET).run()

    return run


def windows(streams: Sequence[ReferenceStream], frames: int, maximum: int, **options: Any) -> Callable[[], Any]:
    """A run of the Windows machine with hard maxima of `maximum` pages; `regions` are those of each process."""
    regions = options.pop("regions", [])

    def run() -> Any:
        config = MachineConfig(
            memory=frames * PAGE, disks={"d": Disk("constant", parameters={"read": 10_000})}, **options
        )
        limits = WorkingSet(minimum=1, maximum=maximum * PAGE, hard_maximum=True)
        specs = [
            ProcessSpec(Process(name=f"p{i}", working_set=limits, regions=regions), (s,)) for i, s in enumerate(streams)
        ]
        manager = MemoryManager(trimming=Trimming("fifo", period=1 << 50), low_memory=0, high_memory=0, read_cluster=1)
        return Machine(config, manager, specs, observe=RARELY).run()

    return run


@compiled
def _scan(page: Any, stores: Any, bits: Any) -> int:
    for i in range(len(page)):
        needs = 3 if stores[i] else 1
        if bits[page[i]] & needs != needs:
            return i
    return len(page)


def bare_scan(path: Path) -> Callable[[], Any]:
    """A compiled loop that only looks whether each run's page is valid: no time, no accessed bits, nothing else."""

    def run() -> Any:
        trace = open_trace(path)
        bits = np.full(len(trace.pages), 3 * VALID, np.uint8)
        return [_scan(block.page, block.stores, bits) for block in trace.blocks()]

    return run


def bare_simpy(events: int) -> Callable[[], Any]:
    """A bare SimPy process: a timeout and its resumption with two calls into the kernel, `events` times over."""
    still = Machine(MachineConfig(memory=PAGE), MemoryManager(), [ProcessSpec(Process(name="p"), (Repeated([1]),))])
    address = still.state.address

    def loop(environment: simpy.Environment) -> Iterator[simpy.Event]:
        for _ in range(events):
            advance(address, 0, 0)
            yield environment.timeout(1)
            advance(address, 0, 0)

    def run() -> Any:
        environment = simpy.Environment()
        environment.process(loop(environment))  # type: ignore[arg-type]
        environment.run()

    return run


def libcachesim(path: Path, policy: str, pages: int) -> Callable[[], Any] | None:
    """The same requests through libCacheSim, from its oracleGeneral binary; None without the extra `bench`."""
    try:
        import libcachesim as lcs
    except ImportError:
        return None
    binary = oracle_general(path)
    caches = {"lru": lcs.LRU, "fifo": lcs.FIFO, "clock": lcs.Clock}
    options = {"init_freq": 1} if policy == "clock" else {}
    power = max(1, int(pages).bit_length() + 1)

    def run() -> Any:
        reader = lcs.TraceReader(trace=str(binary), trace_type=lcs.TraceType.ORACLE_GENERAL_TRACE)
        cache = caches[policy](cache_size=pages, hashpower=power, **options)
        return cache.process_trace(reader)

    return run


def oracle_general(path: Path) -> Path:
    """The trace as libCacheSim's oracleGeneral binary, beside the native one."""
    binary = path.with_suffix(".oracleGeneral")
    if not binary.exists():
        trace = open_trace(path)
        page = np.concatenate([block.page for block in trace.blocks()])
        layout = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])
        requests = np.zeros(len(page), layout)
        requests["id"], requests["size"], requests["next"] = page, 1, -1
        requests.tofile(binary)
    return binary
