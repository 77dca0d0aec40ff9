"""`python -m tests.benchmark.windows [--repeat N]`: what the calls of Windows cost, beside the targets.

Processor time of calls made by a program in a machine of its own, medians: of heap calls how many a second, of
VirtualAlloc and VirtualFree how long each takes. At last 1,000 processes that map one image, in a process of their own
so that nothing else counts: seconds, and the most memory that it took.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

from simulator.config import Machine as MachineConfig
from simulator.config import MemoryManager, PagingFile, Process
from simulator.machine import Machine, ProcessSpec
from simulator.rng import generator
from simulator.units import GiB, KiB, MiB, format_size
from simulator.windows.constants import HEAP_NO_SERIALIZE, MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE
from simulator.windows_config import Image
from tests.benchmark.__main__ import line
from tests.benchmark.machines import RARELY

Steps = Generator[Any, Any, Any]
TiB = 1024 * GiB
PAIRS = 50_000
"""heap calls of a measurement, half of each kind"""
ALIVE = 256
"""blocks that are allocated at a time"""
REGIONS = 300
"""VirtualAllocs of a measurement, and as many VirtualFrees"""
PROCESSES = 1000


def run(program: Callable[[Any], Steps], paging: int = 0) -> None:
    """Run a program in a machine that has plenty of memory, and a paging file that may grow to `paging` bytes."""
    machine = MachineConfig(memory=256 * MiB, paging_files=[PagingFile(maximum=paging)])
    result = Machine(machine, MemoryManager(), [ProcessSpec(Process(name="p"), program=program)], observe=RARELY).run()
    status = result.summary["processes"]["p"]["exit_status"]
    assert status == 0, f"the program ended with {status}"


def heap_calls(options: int, smallest: int, largest: int) -> float:
    """HeapAlloc and HeapFree calls a second: random sizes, and the block that was allocated longest ago goes first."""
    sizes = generator(1, "benchmark/heap").integers(smallest, largest, PAIRS, endpoint=True).tolist()
    took = 0.0

    def program(process: Any) -> Steps:
        nonlocal took
        heap = yield process.heap_create(options)
        start = time.process_time()
        blocks = [0] * ALIVE
        for number, size in enumerate(sizes):
            yield process.heap_free(heap, 0, blocks[number % ALIVE])
            blocks[number % ALIVE] = yield process.heap_alloc(heap, 0, size)
        yield process.query_performance_counter()  # all that was touched has been referenced then
        took = time.process_time() - start

    run(program)
    return 2 * PAIRS / took


def virtual_calls(size: int, kind: int) -> tuple[float, float]:
    """Seconds that a VirtualAlloc and a VirtualFree of a region take; many regions at a time, if there is room."""
    together = min(REGIONS, 4 * TiB // size)
    times = [0.0, 0.0]

    def program(process: Any) -> Steps:
        for turn in range(REGIONS // together + 1):
            start, bases = time.process_time(), [0] * together
            for number in range(together):
                bases[number] = yield process.virtual_alloc(0, size, kind, PAGE_READWRITE)
            middle = time.process_time()
            for base in bases:
                yield process.virtual_free(base, 0, MEM_RELEASE)
            assert all(bases)
            if turn:  # the first isn't counted
                times[0] += middle - start
                times[1] += time.process_time() - middle

    run(program, paging=8 * TiB)
    counted = REGIONS // together * together
    return times[0] / counted, times[1] / counted


def heaps(repeat: int) -> None:
    """Rates of heap calls."""
    kinds = {
        "of one size, by the front end": (0, 64, 64),
        "of 16 to 512 bytes, by the front end": (0, 16, 512),
        "of 16 to 512 bytes, by the back end": (HEAP_NO_SERIALIZE, 16, 512),
        "of 1 to 64 KiB": (0, KiB, 64 * KiB),
    }
    for name, (options, smallest, largest) in kinds.items():
        rate = statistics.median(heap_calls(options, smallest, largest) for _ in range(repeat))
        target = ">= 300" if largest < KiB else ""
        line(f"HeapAlloc and HeapFree {name}, thousand/s", rate / 1000, target)


def regions(repeat: int) -> None:
    """Times of VirtualAlloc and VirtualFree."""
    for kind, name in ((MEM_RESERVE, "reserved"), (MEM_RESERVE | MEM_COMMIT, "committed")):
        for size in (64 * KiB, MiB, GiB, TiB):
            times = [virtual_calls(size, kind) for _ in range(repeat)]
            for call, column in zip(("VirtualAlloc", "VirtualFree"), zip(*times, strict=True), strict=True):
                line(f"{call}, {format_size(size)} {name}, us", statistics.median(column) * 1e6, "< 20")


def share_image() -> None:
    """Start processes that map one image and read its first byte, all alive at the same time; print seconds and MiB."""

    def program(process: Any) -> Steps:
        base = yield process.load_library("shared.dll")
        yield process.read(base)
        yield process.sleep(60_000)

    images = {"shared.dll": Image(size=64 * MiB)}
    machine = MachineConfig(memory=256 * MiB, paging_files=[PagingFile(maximum=64 * GiB)], images=images)
    specs = [ProcessSpec(Process(name=f"p{n}"), program=program) for n in range(PROCESSES)]
    start = time.process_time()
    result = Machine(machine, MemoryManager(), specs, observe=RARELY).run()
    took = time.process_time() - start
    assert all(result.summary["processes"][f"p{n}"]["exit_status"] == 0 for n in range(PROCESSES))
    sys.stdout.write(f"{took} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.windows", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    sys.stdout.write(f"{'what':<62} {'figure':>8}  {'target':<14}\n")
    heap_calls(0, 16, 512)  # what is compiled is compiled, or read, now
    heaps(repeat)
    regions(repeat)
    command = [sys.executable, "-c", "from tests.benchmark import windows; windows.share_image()"]
    took, peak = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    line(f"{PROCESSES:,} processes that map one image of 64 MiB, s", took, "< 10")
    line("... peak resident memory, MiB", peak, "< 1000")


if __name__ == "__main__":
    main()
