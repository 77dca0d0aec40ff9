"""What the model is made of: contents, frames, page-table entries, processes, their threads and faults."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from simulator.config import Process as ProcessConfig
from simulator.config import Region

if TYPE_CHECKING:
    from tests.model.backing import MappedFile, Slot
    from tests.model.disks import Request

State = Literal["zeroed", "free", "standby", "modified", "modified no-write", "bad", "active", "transition"]
KINDS = ("demand-zero", "transition", "shared", "copy-on-write", "collided", "hard")
NOT_COMMITTED = Region(first=0, pages=1, state="reserved")
PLAIN = Region(first=0, pages=1)


class Deadlock(Exception):
    """A thread waits for a frame, and no frame can ever be had."""


def natural(name: str) -> list[tuple[int, int, str]]:
    """The sort key under which "p2" comes before "p10"."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|\D+", name)]


@dataclass(eq=False)
class Content:
    """What a page holds, wherever that is now: in a frame, on backing store, or (never written) nowhere."""

    store: str
    page: int
    process: Process | None = None
    file: MappedFile | None = None
    frame: Frame | None = None
    location: Slot | None = None
    version: int = 0
    stored_version: int = 0
    """the version that the backing store holds; what a read would bring"""

    @property
    def private(self) -> bool:
        """It belongs to one process, and goes to a paging file."""
        return self.process is not None

    @property
    def stored(self) -> bool:
        """It has a place on backing store, so that it can be read from there."""
        return self.file is not None or self.location is not None


@dataclass(eq=False)
class Frame:
    """A physical page frame."""

    index: int
    state: State = "zeroed"
    content: Content | None = None
    share: int = 0
    priority: int = 0
    modified: bool = False
    stored: bool = False
    io: Literal["", "read", "write"] = ""
    deleted: bool = False
    reading: Request | None = None
    """the read request in flight that fills this frame"""
    home: list[Frame] | None = None
    """the list that the frame is on"""


@dataclass(eq=False)
class PTE:
    """A page-table entry of one process. `private` is the page's own content (also that of a copy-on-write page)."""

    process: Process
    page: int
    region: Region
    content: Content
    private: Content | None
    valid: bool = False
    accessed: bool = False
    dirty: bool = False
    writable: bool = False
    age: int = 0
    entered: int = 0
    held: bool = False
    """a store is about to copy it, or waits for a frame to do so: it stays in its working set"""

    @property
    def committed(self) -> bool:
        """A touch is allowed."""
        return self.region.state == "committed"

    def forbids(self, store: bool) -> bool:
        """The access is an access violation."""
        return not self.committed or (store and self.region.protection == "read-only")

    def traps(self, store: bool) -> bool:
        """The processor cannot carry the access out by itself."""
        return not self.valid or (store and not self.writable)


@dataclass(eq=False)
class Fault:
    """A fault from its trap to its end."""

    pte: PTE
    store: bool
    time: int
    queue: int = 0
    service: int = 0
    cpu: int = 0
    room_made: bool = False
    replaced: bool = False
    waiting_since: int = 0


@dataclass(eq=False)
class Thread:
    """What a processor runs: a process's one thread, or a daemon's."""

    name: str
    priority: int
    process: Process | None = None
    debt: int = 0
    quantum_left: int = 0
    fault: Fault | None = None
    next_reference: tuple[PTE, bool] | None = None
    references: Iterator[tuple[PTE, bool]] = field(default_factory=lambda: iter(()))
    state: str = "new"
    since: int = 0

    def advance(self) -> None:
        """Go on to the next reference; none is left if `next_reference` is None."""
        self.next_reference = next(self.references, None)

    def change(self, state: str, t: int) -> None:
        """Enter a state, and book the time spent in the last one."""
        if self.process is not None:
            self.process.times[self.state] += t - self.since
        self.state, self.since = state, t


@dataclass(eq=False)
class Process:
    """A process: its page table, its working set, its limits, its counters."""

    config: ProcessConfig
    stream: Any
    index: int
    minimum: int
    maximum: int
    table: dict[int, PTE] = field(default_factory=dict)
    working_set: list[PTE] = field(default_factory=list)
    thread: Thread = field(init=False)
    counters: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)
    peak: int = 0
    charged: int = 0
    started: bool = False
    finished: int | None = None
    status: int | None = None

    def __post_init__(self) -> None:
        self.thread = Thread(self.config.name, self.config.priority, self)

    @property
    def name(self) -> str:
        """The process's name."""
        return self.config.name

    @property
    def lives(self) -> bool:
        """It has started and not ended."""
        return self.started and self.finished is None

    @property
    def charge(self) -> int:
        """Pages of commit that it needs: private committed ones, and a private copy for each copy-on-write page."""
        return sum(pte.private is not None for pte in self.table.values())

    def every_reference(self) -> Iterator[tuple[PTE, bool]]:
        """The stream, one reference at a time: the entry of its page, and whether it is a store."""
        numbers = [int(page) for page in self.stream.pages]
        for block in self.stream.blocks():
            for index, fetches, loads, stores in zip(*(column.tolist() for column in block), strict=True):
                pte = self.table[numbers[index]]
                for k in range(fetches + loads + stores):
                    yield pte, k >= fetches + loads
