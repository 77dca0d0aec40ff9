"""Random small machines, in which everything overlaps: drawn by Hypothesis (`cases`), which shrinks what fails, or from
a seed (`random_case`)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar

from hypothesis import strategies as st

from simulator.config import (
    Costs,
    Disk,
    File,
    Machine,
    MappedWriter,
    MemoryManager,
    ModifiedWriter,
    PagingFile,
    Process,
    Region,
    Trimming,
    WorkingSet,
    ZeroPageThread,
)
from tests.reference.cases import PAGE, Case, Run, RunList, Spec, Wait

T = TypeVar("T")


class Source(Protocol):
    """Where a machine's numbers come from."""

    def choice(self, items: Sequence[T], /) -> T:
        """One of the items; the first is the simplest."""

    def randint(self, least: int, most: int, /) -> int:
        """A number, both ends among them."""


@dataclass(frozen=True)
class Drawn:
    """A source of what Hypothesis draws."""

    draw: st.DrawFn

    def choice(self, items: Sequence[T]) -> T:
        """One of the items."""
        return self.draw(st.sampled_from(items))

    def randint(self, least: int, most: int) -> int:
        """A number."""
        return self.draw(st.integers(least, most))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Machines that shrink."""
    return random_case(Drawn(draw))


def random_case(source: Source) -> Case:
    """A machine, its memory manager and its processes, from a source of random numbers."""
    frames = source.choice([4, 4, 5, 6, 7, 8, 8, 10, 12, 16, 24, 40, 120])
    processors = source.choice([1, 1, 2, 3])
    disks = {f"d{i}": _disk(source) for i in range(source.choice([1, 1, 2, 3]))}
    files = {f"f{i}": _file(source, list(disks)) for i in range(source.choice([0, 1, 1, 2, 3]))}
    count = source.choice([1, 1, 2, 2, 3, 4, 5])
    processes = [_process(source, i, files, frames) for i in range(count)]
    if source.choice([False, False, True]):
        processes = [_twin(spec, processes[0]) for spec in processes]
    paging_files = [_paging_file(source, list(disks)) for _ in range(source.choice([0, 1, 1, 1, 2, 2, 3]))]
    if source.choice([True, True, True, False]):
        frames, paging_files = _enough(frames, paging_files, sum(len(spec.streams[0].pages) for spec in processes))
    machine = Machine(
        memory=frames * PAGE,
        processors=processors,
        quantum=source.choice([50, 300, 1_000, 5_000, 50_000, 1_000_000]),
        bad_frames=source.choice([0, 0, 0, 0, 1, 2]),
        disks=disks,
        paging_files=paging_files,
        files=files,
        costs=_costs(source),
    )
    duration = source.choice([None] * 7 + [5_000, 50_000, 500_000])
    return Case(machine, _memory_manager(source, frames), processes, source.randint(0, 0xFFFF), duration)


def _costs(source: Source) -> Costs:
    scale = source.choice([0, 0, 1, 1, 1, 10])

    def cost(*choices: int) -> int:
        return scale * source.choice(choices)

    return Costs(
        reference=source.choice([1, 1, 3, 10, 100]),
        demand_zero=cost(0, 10, 100, 1000),
        zero_page=cost(0, 5, 25, 250),
        transition=cost(0, 10, 50, 500),
        copy_on_write=cost(0, 15, 150, 1500),
        hard=cost(0, 50, 500, 5000),
        trim=cost(0, 2, 20, 200),
        age=cost(0, 1, 2, 20),
        write=cost(0, 50, 500, 5000),
    )


PROTECTIONS: list[Literal["read-write", "read-only", "copy-on-write"]] = [
    *("read-write", "read-write", "copy-on-write", "copy-on-write", "copy-on-write"),
    "read-only",
]
LATENCIES = (0, 100, 500, 1_000, 7_000, 20_000, 100_000)


def _disk(source: Source) -> Disk:
    error = source.choice([*(0.0,) * 7, 0.1, 0.3])
    model, parameters = source.choice([constant, constant, constant, constant, flash, spinning])(source)
    return Disk(
        model=model,
        page_in_first=source.choice([True, True, False]),
        read_error_rate=error,
        write_error_rate=source.choice([0.0, error, 2 * error]),
        parameters=parameters,
    )


def constant(source: Source) -> tuple[str, dict[str, Any]]:
    """A disk that always takes the same time."""
    return "constant", {
        "read": source.choice(LATENCIES),
        "write": source.choice(LATENCIES),
        "per_page": source.choice([0, 0, 30]),
        "channels": source.choice([1, 1, 2, 4]),
    }


def flash(source: Source) -> tuple[str, dict[str, Any]]:
    """An SSD whose latency varies, mostly a fast one."""
    model = source.choice(["ssd", "nvme"])
    scale = source.choice([100, 1_000, 10_000])
    if scale == 10_000:
        return model, {}
    return model, {
        "read_median": 3 * scale,
        "read_p99": 9 * scale,
        "write_median": scale,
        "write_p99": 20 * scale,
        "per_page": source.choice([0, 50, 1_000]),
        "channels": source.choice([1, 2, 8]),
    }


def spinning(source: Source) -> tuple[str, dict[str, Any]]:
    """A disk with a head, mostly one that turns absurdly fast, so that it overlaps with all else."""
    if source.choice([False] * 4 + [True]):
        return "hdd", {}
    return "hdd", {
        "track_seek": source.choice([0, 300]),
        "full_seek": source.choice([1_000, 20_000]),
        "rotations_per_minute": source.choice([6_000_000, 100_000_000]),
        "per_page": source.choice([0, 70]),
        "overhead": source.choice([0, 500]),
    }


def _file(source: Source, disks: list[str]) -> File:
    pages = source.choice([1, 2, 4, 8, 16])
    short = source.choice([0, 0, 1, 100])
    return File(
        size=pages * PAGE - short, disk=source.choice(["", *disks]), metadata=source.choice([False, False, True])
    )


def _paging_file(source: Source, disks: list[str]) -> PagingFile:
    size = source.choice([1, 2, 4, 12, 12, 40, 40, 100, 200])
    growth = source.choice([1, 1, 2, 8])
    return PagingFile(disk=source.choice(["", *disks]), size=size * PAGE, maximum=size * growth * PAGE)


def _enough(frames: int, paging_files: list[PagingFile], pages: int) -> tuple[int, list[PagingFile]]:
    """Memory and paging files of which the last, or memory if there is none, suffices for the commit of some pages."""
    missing = pages - frames - sum(file.maximum // PAGE for file in paging_files)
    if missing <= 0:
        return frames, paging_files
    if not paging_files:
        return frames + missing, []
    last = paging_files[-1]
    return frames, [*paging_files[:-1], replace(last, maximum=last.maximum + missing * PAGE)]


def _memory_manager(source: Source, frames: int) -> MemoryManager:
    period = source.choice([1_000, 3_000, 10_000, 50_000, 1_000_000])
    return MemoryManager(
        model=source.choice(["windows", "windows", "windows", "demand-paging"]),
        trimming=Trimming(policy=source.choice([*("windows", "clock", "fifo") * 3, "none"]), period=period),
        read_cluster=source.choice([1, 2, 4, 8]),
        low_memory=source.choice([-1, 0, 1, 2, max(1, frames // 4)]),
        high_memory=source.choice([-1, 0, 2, 4, max(1, frames // 2)]),
        tight_memory=source.choice([-1, 0, 1, 2]),
        modified_writer=ModifiedWriter(
            cluster=source.choice([1, 2, 4, 16]),
            free_trigger=source.choice([0, 1, 3, 20_000]),
            available_divisor=source.choice([1, 2, 16]),
            modified_maximum=source.choice([0, 1, 4, 16_384]),
            immediate=source.choice([False, False, False, True]),
        ),
        mapped_writer=MappedWriter(
            trigger=source.choice([0, 1, 4, 800]),
            cluster=source.choice([1, 2, 16]),
            period=source.choice([1_000, 7_000, 30_000, 1_000_000]),
            flush_period=source.choice([1_000, 20_000, 100_000, 1_000_000]),
        ),
        zero_page_thread=ZeroPageThread(
            enabled=source.choice([True, True, False]),
            trigger=source.choice([1, 2, 8]),
            batch=source.choice([1, 2, 16]),
        ),
    )


def _process(source: Source, index: int, files: dict[str, File], frames: int) -> Spec:
    pages = source.choice([1, 3, 5, 8, 12, 12, 20, 20, 30])
    gap = source.choice([0, 0, 1, 7])
    minimum = source.choice([1, 1, 2, 4, frames // 2 or 1])
    maximum = minimum + source.choice([0, 1, 2, 4, 16, 345])
    numbers = [16 + k + gap * (k // 4) for k in range(pages)]
    shape = random.Random(source.randint(0, 1 << 30))
    config = Process(
        name=f"p{index + 9}",
        start=source.choice([0, 0, 0, 100, 3_000, 40_000]),
        priority=source.choice([8, 8, 8, 9, 4, 15]),
        memory_priority=source.choice([5, 5, 1, 3]),
        foreground=source.choice([False, False, True]),
        working_set=WorkingSet(
            minimum=minimum * PAGE, maximum=maximum * PAGE, hard_maximum=source.choice([False, False, True])
        ),
        regions=_regions(source, numbers, files),
    )
    threads = source.choice([1, 1, 1, 2, 2, 3])
    length = source.randint(1, source.choice([60, 150, 300, 300])) // threads or 1
    writes = source.choice([0.0, 0.1, 0.5, 0.5, 1.0])
    forbidden = _read_only(config.regions) if source.choice([True, True, True, False]) else set()
    rows = [_loads_only(_runs(shape, numbers, length, writes), forbidden) for _ in range(threads)]
    streams = [_stream(source, shape, runs) for runs in rows]
    if threads > 1 and source.choice([False, False, True]):
        streams[-1] = streams[0]
    if threads > 1 and source.choice([False, False, False, False, True]):
        config = replace(config, regions=[*config.regions, _forbidden(source, 500, streams)])
    return Spec(config, tuple(streams))


def _stream(source: Source, shape: random.Random, runs: list[Run]) -> RunList:
    """A thread's runs, with waits before some of them: none, few, many; at the first row of a block more often."""
    block = source.choice([1, 7, 64, 1024])
    share = source.choice([0.0, 0.0, 0.02, 0.2, 1.0])
    longest = source.choice([0, 30, 1_000, 8_000, 30_000])
    waits: dict[int, Wait] = {}
    for row in range(len(runs)):
        if share and shape.random() < (max(share, 0.5) if row % block == 0 and block > 1 else share):
            until = shape.choice([0, 0, 1, shape.randrange(50_000), longest * row])
            waits[row] = (until, shape.choice([0, 0, 1, longest, shape.randrange(longest + 1)]))
    return RunList(runs, block, waits)


def _forbidden(source: Source, page: int, streams: list[RunList]) -> Region:
    """Reserved memory that one of the threads touches, early or late."""
    victim = source.randint(0, len(streams) - 1)
    runs, block, waits = streams[victim].runs, streams[victim].block, streams[victim].waits
    row = len(runs) * source.choice([0, 2, 5, 7, 8]) // 8
    streams[victim] = RunList([*runs[:row], (page, 0, 1, 0), *runs[row:]], block, waits)
    return Region(first=page, pages=1, state="reserved")


def _twin(spec: Spec, model: Spec) -> Spec:
    """A process that does what another does, on the same files: the two collide and share."""
    return Spec(replace(spec.config, regions=model.config.regions), model.streams)


def _regions(source: Source, numbers: list[int], files: dict[str, File]) -> list[Region]:
    regions: list[Region] = []
    first = numbers[0]
    for _ in range(source.choice([0, 1, 2, 3, 4])):
        first += source.choice([0, 0, 1, 3])
        mapped = bool(files) and source.choice([True, True, True, False])
        region = _mapped(source, first, files) if mapped else _private(source, first)
        regions.append(region)
        first += region.pages
    return regions


def _private(source: Source, first: int) -> Region:
    """Private memory, mostly such as may only be read; seldom a page that may not be touched."""
    if source.choice([False] * 19 + [True]):
        return Region(first=first, pages=1, state="reserved")
    protection = source.choice(PROTECTIONS[:1] + PROTECTIONS[-1:] * 2)
    return Region(first=first, pages=source.choice([1, 2, 4, 8]), protection=protection)


def _mapped(source: Source, first: int, files: dict[str, File]) -> Region:
    name = source.choice(sorted(files))
    total = -(-files[name].size // PAGE)
    offset = source.randint(0, total - 1) if source.choice([0, 1]) else 0
    pages = min(source.choice([1, 2, 4, 8, 16]), total - offset)
    protection, warm = source.choice(PROTECTIONS), source.choice([False, False, True])
    return Region(first=first, pages=pages, file=name, offset=offset, protection=protection, warm=warm)


def _read_only(regions: list[Region]) -> set[int]:
    """Pages to which a store is an access violation."""
    return {r.first + k for r in regions if r.protection == "read-only" for k in range(r.pages)}


def _loads_only(runs: list[Run], pages: set[int]) -> list[Run]:
    """The runs with loads instead of stores on some pages."""
    return [(page, f, n + s, 0) if page in pages else (page, f, n, s) for page, f, n, s in runs]


def _runs(shape: random.Random, numbers: list[int], count: int, writes: float) -> list[Run]:
    pattern = shape.choice(["loop", "hot", "random", "mixed", "sweep back"])
    burst = shape.choice([1, 1, 3, 40])
    hot = shape.sample(numbers, max(1, len(numbers) // 4))
    runs: list[Run] = []
    for k in range(count):
        way = pattern if pattern != "mixed" else shape.choice(["loop", "hot", "random"])
        if way == "loop":
            page = numbers[k % len(numbers)]
        elif way == "sweep back":
            page = numbers[-1 - k % len(numbers)]
        else:
            page = shape.choice(hot if way == "hot" and shape.random() < 0.9 else numbers)
        fetches, loads = shape.choice([(0, 1), (1, 0), (1, 2), (0, 0)])
        stores = shape.randrange(1, burst + 1) if shape.random() < writes else 0
        if fetches + loads + stores == 0:
            loads = shape.randrange(1, burst + 1)
        runs.append((page, fetches * shape.randrange(1, burst + 1), loads, stores))
    return runs
