"""`python -m tests.benchmark [--repeat N] [--long] [TRACE ...]`: ratios within one run, interleaved, medians.

Each line compares two things that were timed in turn, A B A B ..., by processor time, and prints the ratio of their
medians beside the target. Without traces it takes those that the project records. `--long` adds a stream of a
billion references and the memory that it took.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simulator.config import File, Region
from tests.benchmark.machines import Repeated, bare_scan, bare_simpy, libcachesim, textbook, windows
from workloads.traces.cache import open_trace
from workloads.traces.convert import convert
from workloads.traces.runs import Runs
from workloads.traces.store import write_native

DATA = Path(__file__).parents[2] / "workloads" / "traces" / "data"
HUGE = 1 << 22


def timed(run: Callable[[], Any]) -> float:
    """Processor time of one call, in seconds."""
    start = time.process_time()
    run()
    return time.process_time() - start


def in_turn(runs: list[Callable[[], Any]], repeat: int) -> list[float]:
    """Medians of the times of several things, after one uncounted round, taken in turn."""
    times = [[timed(run) for run in runs] for _ in range(repeat + 1)][1:]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def line(what: str, value: float, target: str, detail: str = "") -> None:
    """Print one result."""
    sys.stdout.write(f"{what:<62} {value:8.2f}  {target:<14} {detail}\n")
    sys.stdout.flush()


def rates(paths: list[Path], repeat: int) -> None:
    """Hits against the bare scan and against libCacheSim's LRU; whole runs against its FIFO and CLOCK."""
    for path in paths:
        trace = open_trace(path)
        runs, pages, name = trace.runs, len(trace.pages), path.stem
        scan, resident = in_turn([bare_scan(path), textbook(path, "fifo", pages, HUGE)], repeat)
        detail = f"{runs / resident / 1e6:.0f} and {runs / scan / 1e6:.0f} million runs/s"
        line(f"{name}: hits, of the bare scan's rate", scan / resident, ">= 0.5", detail)
        theirs = libcachesim(path, "lru", pages)
        if theirs is None:
            continue
        ours, lru = in_turn([textbook(path, "fifo", pages, HUGE), theirs], repeat)
        detail = f"{runs / ours / 1e6:.0f} and {runs / lru / 1e6:.0f} million runs/s"
        line(f"{name}: all resident, times libCacheSim's LRU", lru / ours, ">= 8", detail)
        for policy in ("fifo", "clock"):
            for share in (0.05, 0.1, 0.2, 0.4, 0.8):
                size = max(1, round(pages * share))
                other = libcachesim(path, policy, size)
                assert other is not None
                ours, theirs_took = in_turn([textbook(path, policy, size), other], repeat)
                detail = f"{runs / ours / 1e6:.0f} and {runs / theirs_took / 1e6:.0f} million runs/s"
                line(
                    f"{name}: {policy}, {size} frames ({share:.0%}), times libCacheSim",
                    theirs_took / ours,
                    ">= 3",
                    detail,
                )


def faults(repeat: int) -> None:
    """The price of a soft, a demand-zero and a hard fault, and what it grows with."""
    count = 400_000
    scan = Repeated(range(count))
    base, soft, idle, zero = in_turn(
        [
            windows([Repeated(range(64), count // 64)], 1 << 12, 4096),
            windows([Repeated(range(64), count // 64)], 1 << 12, 32),
            windows([scan.idle()], 2 * count, count),
            windows([scan], 2 * count, count),
        ],
        repeat,
    )
    line("transition fault in the kernel, ns", (soft - base) / count * 1e9, "< 150")
    line("demand-zero fault in the kernel, ns", (zero - idle) / count * 1e9, "< 150")
    hard_count = 20_000
    pair = [Repeated(range(64 * i, 64 * i + 64), hard_count // 128, store=True) for i in range(2)]
    mapped = {"files": {"f": File(size=128 * 4096)}, "regions": [Region(first=0, pages=128, file="f")]}
    read = windows([Repeated(stream.pages, hard_count // 128) for stream in pair], 40, 16, **mapped)
    thrash = windows([*pair], 40, 16)
    bare, hard, pressed = in_turn([bare_simpy(hard_count), read, thrash], repeat)
    for what, took, run in (("of a file's page", hard, read), ("that waits for a frame, too", pressed, thrash)):
        each = took / run().summary["hard_faults"]
        detail = f"{each * 1e9:.0f} and {bare / hard_count * 1e9:.0f} ns"
        line(f"hard fault {what}, of bare SimPy", each / (bare / hard_count), "< 2.5", detail)
    cycle = [Repeated(range(1000), 400)]
    small, large = in_turn([windows(cycle, 2_000, 500), windows(cycle, 200_000, 500)], repeat)
    line("the same run with 100 times the frames, times as long", large / small, "<= 1.2")


def starts(repeat: int) -> None:
    """How long the command takes to start."""
    taken = []
    for _ in range(repeat):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "experiments.command.cli", "--help"], check=True, stdout=subprocess.DEVNULL
        )
        taken.append(time.perf_counter() - start)
    line("pagesim --help, s", statistics.median(taken), "< 0.3")


def long() -> None:
    """A billion references, streamed from a file, in a process of its own so that nothing else counts."""
    with tempfile.TemporaryDirectory() as directory:
        native = Path(directory) / "long.arrow"
        with native.open("w+b") as file:
            write_native(file, _long_runs(), "", native.name)
        code = "import pathlib; from tests.benchmark.machines import textbook; "
        code += f"run = textbook(pathlib.Path({str(native)!r}), 'clock', 4000)"
        report = "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, result.summary['references'], took)"
        timing = (
            "import resource, time; start = time.process_time(); result = run(); took = time.process_time() - start"
        )
        for _ in range(2):  # the first compiles
            command = [sys.executable, "-c", f"{code}; {timing}; {report}"]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        size = native.stat().st_size / 2**20
    peak, references, took = int(printed[0]), int(printed[1]), float(printed[2])
    detail = f"file of {size:.0f} MiB, {references:,} references in {took:.1f} s"
    line("a long stream: peak resident memory, MiB", peak, "< 500", detail)


def _long_runs() -> Iterator[Runs]:
    """Half a billion runs of two or three references: locality that drifts through 4,096 pages."""
    random = np.random.default_rng(1)
    near = np.minimum(random.geometric(0.02, 1 << 20), 1000)
    ones = np.ones(1 << 20, np.uint8)
    stores = (random.random(1 << 20) < 0.2).astype(np.uint8)
    for step in range(460):
        yield Runs(((near + 8 * step) % 4096).astype(np.uint64), ones.astype(np.uint16), ones, stores)


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument("traces", nargs="*", type=Path, help="Parquet traces; default: the project's own")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="stream a billion references, too")
    options = parser.parse_args()
    sys.stdout.write(f"{'what':<62} {'ratio':>8}  {'target':<14}\n")
    if options.long:
        long()
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for source in options.traces or sorted(DATA.glob("*.parquet")):
            paths.append(Path(directory) / f"{source.stem}.arrow")
            convert(source, paths[-1])
        rates(paths, options.repeat)
    faults(options.repeat)
    starts(options.repeat)


if __name__ == "__main__":
    main()
