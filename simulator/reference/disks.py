"""Disks, and what lies on them: paging files with their slots, mapped files with their places; and the commit limit
that follows from the paging files (MODEL.md sections 5 and 14)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.config import Disk as DiskConfig
from simulator.config import Machine
from simulator.reference.entities import Content
from simulator.registry import find
from simulator.rng import stream_key
from simulator.units import natural

MASK = (1 << 64) - 1


def draw(key: int, counter: int) -> int:
    """Number `counter` of a stream of 64-bit draws: splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    z = (key + (counter + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


@dataclass(frozen=True)
class Service:
    """A disk model's service-time tables as plain integers; pairs are (read, write)."""

    latency: tuple[list[int], list[int]]
    per_page: tuple[int, int]
    seek: list[int]
    rotation: int
    channels: int


def service_of(config: DiskConfig) -> Service:
    """The tables of a configured disk: a latency by quantile, a seek by distance."""
    table: Any = find("disk", config.model)(**config.parameters).tables()
    return Service(
        ([int(x) for x in table.latency_read], [int(x) for x in table.latency_write]),
        (int(table.per_page_read), int(table.per_page_write)),
        [int(x) for x in table.seek],
        int(table.rotation),
        int(table.channels),
    )


@dataclass(eq=False)
class Request:
    """One I/O. `done(request, t)` is its effect; `waiters` are the threads that wait for it, in order of arrival."""

    kind: Literal["read", "write"]
    offset: int
    pages: int
    done: Callable[[Request, int], None]
    submitted: int = 0
    start: int = 0
    end: int = 0
    ok: bool = True
    waiters: list[Any] = field(default_factory=list)


class Disk:
    """One disk. `used` counts the pages laid out on it, over which its head moves; `completions` is the machine's heap
    of (end, order of service start, disk, request)."""

    def __init__(self, name: str, config: DiskConfig, seed: int, completions: list[Any], order: list[int]) -> None:
        self.name = name
        self.config = config
        self.service = service_of(config)
        self.key = stream_key(seed, f"disk/{name}/service")
        self.error_key = stream_key(seed, f"disk/{name}/error")
        self.used = 0
        self.head = 0
        self.busy = 0
        self.counter = 0
        self.submissions = 0
        self.queue: list[tuple[int, int, Request]] = []
        self.completions = completions
        self.order = order
        self.log: list[tuple[Any, ...]] = []

    def submit(self, request: Request, t: int) -> None:
        """Queue a request; it starts at once if a channel is free."""
        request.submitted = t
        rank = 1 if request.kind == "write" and self.config.page_in_first else 0
        heapq.heappush(self.queue, (rank, self.submissions, request))
        self.submissions += 1
        if self.busy < self.service.channels:
            self._start(t)

    def complete(self, request: Request, t: int) -> None:
        """A request's service ends: the next one starts, then the request takes effect."""
        self.busy -= 1
        if self.queue:
            self._start(t)
        row = (request.submitted, request.start, t, self.name, request.kind, request.offset, request.pages, request.ok)
        self.log.append(row)
        request.done(request, t)

    def _start(self, t: int) -> None:
        request = heapq.heappop(self.queue)[2]
        rate = self.config.write_error_rate if request.kind == "write" else self.config.read_error_rate
        request.start = t
        request.end = t + self._service_time(request)
        request.ok = not draw(self.error_key, self.counter) / 2**64 < rate
        self.counter += 1
        self.busy += 1
        self.order[0] += 1
        heapq.heappush(self.completions, (request.end, self.order[0], self, request))

    def _service_time(self, request: Request) -> int:
        write = request.kind == "write"
        u = draw(self.key, self.counter)
        time = self.service.latency[write][u >> 52] + request.pages * self.service.per_page[write]
        distance = abs(request.offset - self.head)
        if distance:
            time += self.service.seek[min(1023, distance * 1024 // max(1, self.used))]
            time += (u & 0xFFFFFFFF) * self.service.rotation >> 32
        self.head = request.offset + request.pages
        return time


@dataclass(eq=False)
class PagingFile:
    """A paging file: slots handed out next-fit."""

    disk: Disk
    size: int
    maximum: int
    base: int = 0
    hint: int = 0
    used: set[int] = field(default_factory=set)

    @property
    def free(self) -> int:
        """Free slots within the current size."""
        return self.size - len(self.used)

    def find_run(self, wanted: int) -> list[int]:
        """Up to `wanted` adjacent free slots: the first run that is long enough, from the hint on; else the longest."""
        best: list[int] = []
        for first in (self.hint, 0):
            run: list[int] = []
            for slot in range(first, self.size):
                if slot in self.used:
                    run = []
                    continue
                run.append(slot)
                if len(run) > len(best):
                    best = run.copy()
                if len(run) == wanted:
                    return run
        return best

    def take(self, slots: list[int]) -> None:
        """Use these adjacent slots; the next search starts behind them."""
        self.used.update(slots)
        self.hint = slots[-1] + 1


@dataclass(frozen=True)
class Slot:
    """A place in a paging file."""

    file: PagingFile
    number: int

    @property
    def disk(self) -> Disk:
        """The disk of its paging file."""
        return self.file.disk

    @property
    def offset(self) -> int:
        """Its page on the disk."""
        return self.file.base + self.number

    def release(self) -> None:
        """Give it back."""
        self.file.used.remove(self.number)


@dataclass(frozen=True)
class Place:
    """A page of a disk that belongs to one content for good: it is written and read there."""

    disk: Disk
    offset: int


@dataclass(eq=False)
class MappedFile:
    """A file: one content per page, which always has its place."""

    name: str
    disk: Disk
    metadata: bool
    contents: list[Content] = field(default_factory=list)


class Backing:
    """All paging files and files of a machine, in canonical order, laid out on its disks; and commit."""

    def __init__(self, config: Machine, disks: dict[str, Disk]) -> None:
        self.page_size = config.page_size
        self.frames = config.frames
        first = min(disks, key=natural)
        self.first_disk = disks[first]
        ordered = sorted(
            (
                natural(paging.disk or first),
                config.paging_size(paging),
                config.paging_maximum(paging),
                paging.disk or first,
            )
            for paging in config.paging_files
        )
        self.paging_files = [
            PagingFile(disks[disk], size // self.page_size, maximum // self.page_size)
            for _, size, maximum, disk in ordered
        ]
        self.files: dict[str, MappedFile] = {}
        for name in sorted(config.files, key=natural):
            file = config.files[name]
            mapped = MappedFile(name, disks[file.disk or first], file.metadata)
            pages = -(-file.size // self.page_size)
            mapped.contents = [Content(f"file:{name}", page, file=mapped) for page in range(pages)]
            self.files[name] = mapped
        self._lay_out_files()
        self.commit = self.commit_peak = 0

    def _lay_out_files(self) -> None:
        for paging in self.paging_files:
            paging.base = paging.disk.used
            paging.disk.used += paging.maximum
        for file in self.files.values():
            self.lay_out(file.contents, file.disk)

    def lay_out(self, contents: Iterable[Content], disk: Disk | None = None) -> None:
        """Give contents places of their own, one after the other, behind all that a disk (default: the first) has."""
        disk = disk or self.first_disk
        for content in contents:
            content.place = Place(disk, disk.used)
            disk.used += 1

    @property
    def limit(self) -> int:
        """The commit limit in pages."""
        return self.frames + sum(paging.size for paging in self.paging_files)

    def charge(self, pages: int) -> bool:
        """Commit pages, growing the paging files for it and to keep commit within 90 % of the limit; False: refused."""
        total = self.commit + pages
        wanted = max(total, -(-10 * total // 9))
        for paging in self.paging_files:
            missing = max(0, wanted - self.limit)
            paging.size += min(missing, paging.maximum - paging.size)
        if total > self.limit:
            return False
        self.commit = total
        self.commit_peak = max(self.commit_peak, total)
        return True

    def find_run(self, wanted: int) -> list[Slot]:
        """Up to `wanted` adjacent free slots in the paging file that has most; not taken yet."""
        if not self.paging_files:
            return []
        paging = max(self.paging_files, key=lambda file: file.free)
        return [Slot(paging, number) for number in paging.find_run(wanted)]

    @staticmethod
    def take(run: list[Slot]) -> None:
        """Use the slots of a run that `find_run` gave."""
        run[0].file.take([slot.number for slot in run])
