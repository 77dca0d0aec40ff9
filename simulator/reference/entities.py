"""What the machine is made of: page contents, frames, page-table entries, processes, their threads and faults.

A page's content is apart from the frame that holds it, so that one can say what a page looks like when it is in no
frame, in one, or in one that several processes share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from simulator.config import Process as ProcessConfig
from simulator.config import Region
from simulator.stream import ReferenceStream

if TYPE_CHECKING:
    from simulator.reference.disks import MappedFile, Place, Request, Slot

State = Literal["zeroed", "free", "standby", "modified", "modified no-write", "bad", "active", "transition"]
KINDS = ("demand-zero", "transition", "shared", "copy-on-write", "collided", "hard")
NOT_COMMITTED = Region(first=0, pages=1, state="reserved")
PLAIN = Region(first=0, pages=1)


class Deadlock(Exception):
    """Threads wait for a frame, and no frame can ever be had."""


class NotModelled(ValueError):
    """The reference machine lacks something; the message names the key, what was found, and what is allowed."""


class ProcessInput(Protocol):
    """A process as a machine takes it."""

    @property
    def config(self) -> ProcessConfig:
        """Its parameters."""

    @property
    def streams(self) -> Sequence[ReferenceStream]:
        """The references of each of its threads; all have the pages of all."""


@dataclass(eq=False)
class Content:
    """What a page holds, wherever that is now: in a frame, on backing store, or (before its first fault) nowhere."""

    store: str
    page: int
    process: Process | None = None
    file: MappedFile | None = None
    frame: Frame | None = None
    place: Place | None = None
    """its own place on a disk: a file's page always has one, and every content of the textbook machine"""
    slot: Slot | None = None
    """where it was written last, in a paging file"""
    version: int = 0
    """0: nothing but zeros, which no fault has brought yet or which lie in its place; 1: a demand-zero fault's zeros"""
    stored_version: int = 0
    """the version that the backing store holds; what a read would bring"""

    @property
    def private(self) -> bool:
        """It belongs to one process, and goes to a paging file unless it has a place of its own."""
        return self.process is not None

    @property
    def location(self) -> Place | Slot | None:
        """Where it can be read from; None: nowhere."""
        return self.place or self.slot

    @property
    def stored(self) -> bool:
        """It is on backing store, so that it can be read from there."""
        return self.location is not None

    def release_slot(self) -> None:
        """Give up its copy in a paging file, if it has one."""
        if self.slot is not None:
            self.slot.release()
            self.slot = None


@dataclass(eq=False)
class Frame:
    """A physical page frame."""

    index: int
    state: State = "zeroed"
    content: Content | None = None
    share: int = 0
    priority: int = 0
    modified: bool = False
    written_to: bool = False
    """its page was zeroed, copied or seen dirty since it came in"""
    io: Literal["", "read", "write"] = ""
    deleted: bool = False
    reading: Request | None = None
    """the read request in flight that fills this frame"""
    on_list: list[Frame] | None = None
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


class Reference(NamedTuple):
    """One reference of a thread."""

    pte: PTE
    store: bool
    wait: tuple[int, int] | None
    """what its row waits for, if it is the first of its row: time since the process's start, and length of sleep"""

    @property
    def traps(self) -> bool:
        """The processor cannot carry it out by itself."""
        return self.pte.traps(self.store)


@dataclass(eq=False)
class Fault:
    """A fault from its trap to its end."""

    thread: Thread
    pte: PTE
    store: bool
    time: int
    queue: int = 0
    service: int = 0
    cpu: int = 0
    room_made: bool = False
    replaced: bool = False
    waiting_since: int = 0
    request: Request | None = None
    """the read that it waited for last"""


@dataclass(eq=False)
class Thread:
    """What a processor runs: one of a process's threads, or a daemon's."""

    name: str
    priority: int
    process: Process | None = None
    number: int = 0
    """its place among its process's threads"""
    work: int = 0
    """nanoseconds of processor time that it takes before its next step"""
    quantum_left: int = 0
    fault: Fault | None = None
    next_reference: Reference | None = None
    wait: tuple[int, int] | None = None
    """the wait before the next reference, until it takes effect"""
    references: Iterator[Reference] = field(default_factory=lambda: iter(()))
    state: str = "new"
    since: int = 0
    times: Counter[str] = field(default_factory=Counter)
    """nanoseconds spent in each state"""
    processor: int | None = None
    """where it runs, or ran last"""
    intervals: list[tuple[int, int, str, int | None]] = field(default_factory=list)
    """when it entered a state, when it left it, which one that was, and on which processor it ran"""

    def advance(self) -> None:
        """Go on to the next reference; none is left if `next_reference` is None."""
        self.next_reference = next(self.references, None)
        self.wait = self.next_reference.wait if self.next_reference else None

    def change(self, state: str, t: int) -> None:
        """Enter a state, and book the time spent in the last one."""
        self.times[self.state] += t - self.since
        if t > self.since:
            self.intervals.append((self.since, t, self.state, self.processor if self.state == "running" else None))
        self.state, self.since = state, t


@dataclass(eq=False)
class Process:
    """A process: its threads, its page table, its working set, its limits, its counters."""

    config: ProcessConfig
    streams: Sequence[ReferenceStream]
    index: int
    minimum: int
    maximum: int
    table: dict[int, PTE] = field(default_factory=dict)
    working_set: list[PTE] = field(default_factory=list)
    threads: list[Thread] = field(init=False)
    counters: Counter[str] = field(default_factory=Counter)
    space_time: int = 0
    """pages of working set times nanoseconds, summed up"""
    peak: int = 0
    charged: int = 0
    started: bool = False
    finished: int | None = None
    status: int | None = None

    def __post_init__(self) -> None:
        self.threads = [
            Thread(f"{self.name}:{number}", self.config.priority, self, number) for number in range(len(self.streams))
        ]
        for thread, stream in zip(self.threads, self.streams, strict=True):
            thread.references = self.every_reference(stream)

    @property
    def name(self) -> str:
        """The process's name."""
        return self.config.name

    @property
    def lives(self) -> bool:
        """It has started and not ended."""
        return self.started and self.finished is None

    @property
    def times(self) -> Counter[str]:
        """Nanoseconds that its threads spent in each state, all together."""
        return sum((thread.times for thread in self.threads), Counter())

    @property
    def unfinished(self) -> list[Thread]:
        """Its threads that have not ended, in order of number; also those that have not started."""
        return [] if self.finished is not None else [thread for thread in self.threads if thread.state != "ended"]

    @property
    def charge(self) -> int:
        """Pages of commit that it needs: private committed ones, and a private copy for each copy-on-write page."""
        return len(self.private_contents)

    @property
    def private_contents(self) -> list[Content]:
        """Its own contents, in order of page: of private pages, and the copies of copy-on-write pages."""
        return [pte.private for _, pte in sorted(self.table.items()) if pte.private is not None]

    def every_reference(self, stream: ReferenceStream) -> Iterator[Reference]:
        """A stream, one reference at a time."""
        numbers = [int(page) for page in stream.pages]
        for block in stream.blocks():
            waits = {}
            if block.waits is not None:
                row, until, pause = (column.tolist() for column in block.waits)
                waits = dict(zip(row, zip(until, pause, strict=True), strict=True))
            runs = zip(*(column.tolist() for column in block[:4]), strict=True)
            for number, (index, fetches, loads, stores) in enumerate(runs):
                pte = self.table[numbers[index]]
                for k in range(fetches + loads + stores):
                    yield Reference(pte, k >= fetches + loads, waits.get(number) if k == 0 else None)
