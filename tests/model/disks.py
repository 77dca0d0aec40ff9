"""Disks: a queue in front of channels, and service times from the registered models' tables."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.config import Disk as DiskConfig
from simulator.registry import find
from simulator.rng import stream_key

MASK = (1 << 64) - 1


def draw(key: int, counter: int) -> int:
    """Number `counter` of a stream of 64-bit draws: splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    z = (key + (counter + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


@dataclass(frozen=True)
class Service:
    """A disk's service-time tables as plain integers; pairs are (read, write)."""

    latency: tuple[list[int], list[int]]
    per_page: tuple[int, int]
    seek: list[int]
    rotation: int
    channels: int


def service_of(config: DiskConfig) -> Service:
    """The tables of a configured disk."""
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
