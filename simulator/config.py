"""What a simulated machine is made of: frozen, validated parameters, each default with its source.

Sources: [Name] is a Microsoft Learn page; WI6 is "Windows Internals", 6th edition, part 2, chapter 10; ros is a path
in reactos/reactos. Where no source gives a number, the text says "chosen" and why. Times are integers in nanoseconds,
sizes integers in bytes; text with a unit ("30 ms", "64 MiB") is accepted wherever a field is a Time or a Size.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from simulator.registry import find
from simulator.units import Cost, Fraction, GiB, MiB, Size, Time, natural
from simulator.windows_config import STRICT, Conditions, Heap, Image, ImageSection, Pools, Windows

__all__ = [
    "STRICT",
    "Conditions",
    "Costs",
    "Disk",
    "File",
    "Heap",
    "Image",
    "ImageSection",
    "Machine",
    "MappedWriter",
    "MemoryManager",
    "ModifiedWriter",
    "PagingFile",
    "Pools",
    "Process",
    "Region",
    "Swapper",
    "Trimming",
    "Windows",
    "WorkingSet",
    "ZeroPageThread",
]


@dataclass(config=STRICT)
class Costs:
    """Processor time charged for each step, in nanoseconds. All are chosen: no public source states them; they lie in
    the range that published measurements on current x86-64 machines give (a soft fault 0.5 to 1 us)."""

    reference: Cost = Field(default=1, ge=1, description="one reference to a resident page")
    demand_zero: Cost = Field(default=1_000, description="a demand-zero fault, given a frame that is zeroed already")
    zero_page: Cost = Field(default=250, description="zeroing one frame, inline in a fault or by the zero page thread")
    transition: Cost = Field(default=500, description="a soft fault from a list, an in-flight write or another sharer")
    copy_on_write: Cost = Field(default=1_500, description="a copy-on-write fault, the copy included")
    hard: Cost = Field(default=5_000, description="a hard or collided fault, beside the wait for the disk")
    trim: Cost = Field(default=200, description="taking one page out of a working set")
    age: Cost = Field(default=20, description="examining one working-set entry")
    write: Cost = Field(default=5_000, description="gathering and starting one write of modified pages")
    system_call: Cost = Field(default=300, description="entering and leaving the kernel, and a call's own work")
    heap_call: Cost = Field(default=40, description="a heap's own work in one call, beside the memory that it touches")


@dataclass(config=STRICT)
class PagingFile:
    """A paging file: committed private pages that are not in memory have their place (slot) here."""

    disk: str = Field(default="", description="name of the disk it lies on; empty: the first disk by name")
    size: Size = Field(default=0, description="initial size; 0: as large as memory")
    maximum: Size = Field(
        default=0, description="size that it may grow to; 0: max(3 x memory, 4 GiB) [Introduction to page files]"
    )


@dataclass(config=STRICT)
class Disk:
    """A disk: a queue in front of one or more channels, and a registered service model."""

    model: str = Field(default="nvme", description="a registered service model")
    capacity: Size = Field(
        default=0,
        description="what paging files, at their largest, and files can take; 0: 16 GiB more than they take at the "
        "start (chosen)",
    )
    page_in_first: bool = Field(default=True, description="page reads go before page writes in the queue")
    read_error_rate: Fraction = Field(default=0.0, description="share of reads that fail")
    write_error_rate: Fraction = Field(default=0.0, description="share of writes that fail")
    parameters: dict[str, Any] = Field(default_factory=dict, description="parameters of the service model")

    def make(self) -> Any:
        """The service model with its parameters; raises registry.UnknownName or pydantic.ValidationError."""
        return find("disk", self.model)(**self.parameters)


@dataclass(config=STRICT)
class File:
    """A file on a simulated disk that processes map; its pages are shared by all who map it."""

    size: Size = Field(default=..., ge=1)
    disk: str = Field(default="", description="name of the disk it lies on; empty: the first disk by name")
    metadata: bool = Field(
        default=False, description="file-system metadata: dirty pages wait on the modified-no-write list (WI6)"
    )


@dataclass(config=STRICT)
class Machine:
    """The hardware."""

    memory: Size = Field(default=64 * MiB, ge=1)
    page_size: Size = Field(default=4096, ge=1, description="[SYSTEM_INFO]")
    processors: int = Field(default=1, ge=1, le=64)
    quantum: Time = Field(
        default=30_000_000, ge=1, description="2 clock intervals of 15 ms, a client's default (WI6 part 1)"
    )
    address_space: Size = Field(default=8 << 40, description="user space of a 64-bit process [Memory Limits]")
    bad_frames: int = Field(default=0, ge=0, description="frames found bad at start; they stay on the bad list")
    disks: dict[str, Disk] = Field(default_factory=lambda: {"disk0": Disk()})
    paging_files: list[PagingFile] = Field(default_factory=lambda: [PagingFile()])
    files: dict[str, File] = Field(default_factory=dict)
    images: dict[str, Image] = Field(default_factory=dict)
    costs: Costs = Field(default_factory=Costs)
    windows: Windows = Field(default_factory=Windows)

    @property
    def frames(self) -> int:
        """Physical frames, the bad ones among them."""
        return self.memory // self.page_size

    @model_validator(mode="after")
    def _consistent(self) -> Machine:
        if self.frames - self.bad_frames < 1:
            raise ValueError(
                f"memory: found {self.memory} bytes with {self.bad_frames} bad frames, "
                f"allowed is at least one good frame of {self.page_size} bytes"
            )
        if not self.disks:
            raise ValueError("disks: found none, allowed is at least one")
        for where, name in [
            *((f"paging_files.{i}.disk", paging.disk) for i, paging in enumerate(self.paging_files)),
            *((f"files.{key}.disk", file.disk) for key, file in self.files.items()),
            *((f"images.{key}.disk", image.disk) for key, image in self.images.items()),
        ]:
            if name and name not in self.disks:
                raise ValueError(f"{where}: found {name!r}, allowed is one of {', '.join(sorted(self.disks))}")
        for name, disk in self.disks.items():
            if disk.capacity and (taken := self._taken(name)) > disk.capacity:
                raise ValueError(f"disks.{name}.capacity: found {disk.capacity}, allowed is at least {taken}")
        both = sorted(set(self.files) & set(self.images))
        if both:
            raise ValueError(f"images: found {both[0]!r} among the files too, allowed is a name of its own")
        for i, paging in enumerate(self.paging_files):
            if paging.maximum and paging.maximum < self.paging_size(paging):
                raise ValueError(f"paging_files.{i}.maximum: found {paging.maximum}, allowed is at least its size")
        return self

    def capacity(self, disk: str) -> int:
        """Bytes that a disk can hold, its default resolved."""
        return self.disks[disk].capacity or self._taken(disk) + 16 * GiB

    def _taken(self, disk: str) -> int:
        """Bytes of a disk that its paging files, at their largest, and its files take."""
        first = min(self.disks, key=natural)
        paging = sum(self.paging_maximum(file) for file in self.paging_files if (file.disk or first) == disk)
        files: list[File | Image] = [*self.files.values(), *self.images.values()]
        return paging + sum(-(-f.size // self.page_size) * self.page_size for f in files if (f.disk or first) == disk)

    def paging_size(self, paging: PagingFile) -> int:
        """Initial bytes of a paging file, its default resolved."""
        return paging.size or self.memory

    def paging_maximum(self, paging: PagingFile) -> int:
        """Largest bytes of a paging file, its default resolved."""
        return paging.maximum or max(3 * self.memory, 4 * GiB, self.paging_size(paging))


@dataclass(config=STRICT)
class ModifiedWriter:
    """When the modified page writer writes to the paging files (WI6), and how much in one I/O."""

    cluster: int = Field(default=16, ge=1, le=64, description="most pages in one write (ros: 16)")
    free_trigger: int = Field(default=20_000, ge=0, description="writes only while zeroed + free is below this (WI6)")
    available_divisor: int = Field(default=16, ge=1, description="... and modified > available / this (WI6)")
    modified_maximum: int = Field(default=16_384, ge=0, description="... or modified > this (WI6)")
    immediate: bool = Field(default=False, description="write each page the moment it becomes modified; no daemon")


@dataclass(config=STRICT)
class MappedWriter:
    """When the mapped page writer writes to mapped files, and how much in one I/O."""

    trigger: int = Field(default=800, ge=0, description="file-destined modified pages that start it")
    cluster: int = Field(default=16, ge=1, le=64, description="most pages in one write")
    period: Time = Field(default=1_000_000_000, ge=1, description="how often the trigger is looked at")
    flush_period: Time = Field(default=300_000_000_000, ge=1, description="how often everything is written")


@dataclass(config=STRICT)
class ZeroPageThread:
    """When the zero page thread runs, at priority 0, and how much at a time."""

    enabled: bool = True
    trigger: int = Field(default=8, ge=1, description="free pages that wake it [ros: ARM3/pfnlist.c]")
    batch: int = Field(default=16, ge=1, description="pages zeroed between two looks at the list; chosen")


@dataclass(config=STRICT)
class Swapper:
    """When the swapper takes a process out of memory as a whole: all its threads have been asleep for so long (WI6)."""

    enabled: bool = Field(default=False, description="off: as on a client that has memory to spare; chosen")
    idle: Time = Field(default=15_000_000_000, ge=1, description="how long all threads have slept (WI6)")
    wakes: int = Field(default=4, ge=1, description="it runs at every so many wakes of the balance set manager (WI6)")


@dataclass(config=STRICT)
class Trimming:
    """The trimming policy, and how often the balance set manager asks it."""

    policy: str = Field(default="windows", description="a registered policy")
    period: Time = Field(default=1_000_000_000, ge=1, description="the balance set manager's timer (WI6)")
    parameters: dict[str, Any] = Field(default_factory=dict, description="parameters of the policy")

    def make(self) -> Any:
        """The policy with its parameters; raises registry.UnknownName or pydantic.ValidationError."""
        return find("policy", self.policy)(**self.parameters)


@dataclass(config=STRICT)
class MemoryManager:
    """The memory manager: `windows`, or `demand-paging`, the textbook machine made of the same parts, whose pages are
    all on disk at the start: every miss reads one, and a victim that was stored to is written to its place."""

    model: Literal["windows", "demand-paging"] = "windows"
    trimming: Trimming = Field(default_factory=Trimming)
    read_cluster: int = Field(default=8, ge=1, le=64, description="most pages in one page-in (older releases, WI6)")
    low_memory: int = Field(
        default=-1, ge=-1, description="available pages under which memory is low; -1: see low_threshold"
    )
    high_memory: int = Field(default=-1, ge=-1, description="available pages that trimming aims at; -1: 3 x low_memory")
    tight_memory: int = Field(
        default=-1, ge=-1, description="available pages under which a fault replaces; -1: tight_threshold"
    )
    modified_writer: ModifiedWriter = Field(default_factory=ModifiedWriter)
    mapped_writer: MappedWriter = Field(default_factory=MappedWriter)
    zero_page_thread: ZeroPageThread = Field(default_factory=ZeroPageThread)
    swapper: Swapper = Field(default_factory=Swapper)

    def low_threshold(self, frames: int) -> int:
        """Available pages under which the low-memory signal is given: 400 (MmPlentyFreePages, ros: ARM3/mminit.c),
        but no more than 1/32 of memory, so that small machines are not always low (chosen)."""
        return self.low_memory if self.low_memory >= 0 else min(400, frames // 32)

    def high_threshold(self, frames: int) -> int:
        """Available pages that trimming aims at: 3 x the low threshold (ros: mminit.c, the high-memory event)."""
        low = self.low_threshold(frames)
        return max(low, self.high_memory if self.high_memory >= 0 else 3 * low)

    def tight_threshold(self, frames: int) -> int:
        """Available pages under which a faulting process replaces a page of its own instead of growing: 26
        (MmMinimumFreePages, ros: ARM3/mminit.c), but no more than a quarter of the low threshold (chosen)."""
        return self.tight_memory if self.tight_memory >= 0 else min(26, self.low_threshold(frames) // 4)


@dataclass(config=STRICT)
class WorkingSet:
    """A process's working-set limits [SetProcessWorkingSetSizeEx]: 50 and 345 pages unless given."""

    minimum: Size = Field(default=50 * 4096, ge=1)
    maximum: Size = Field(default=345 * 4096, ge=1)
    hard_maximum: bool = Field(default=False, description="the maximum holds even when memory is plentiful")

    @model_validator(mode="after")
    def _ordered(self) -> WorkingSet:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum: found {self.minimum}, allowed is at most the maximum, {self.maximum}")
        return self


@dataclass(config=STRICT)
class Region:
    """A range of a process's virtual pages that is not plain private memory."""

    first: int = Field(default=..., ge=0, description="first virtual page number")
    pages: int = Field(default=..., ge=1, description="how many pages")
    state: Literal["committed", "reserved"] = Field(
        default="committed", description="reserved: a touch is an access violation"
    )
    file: str = Field(default="", description="the file mapped here; empty: private")
    offset: int = Field(default=0, ge=0, description="page of the file that the region's first page shows")
    protection: Literal["read-write", "read-only", "copy-on-write"] = "read-write"
    warm: bool = Field(
        default=False,
        description="the file's pages that the region shows are on standby at the start, as far as the high-memory "
        "threshold lets them; false: on disk",
    )

    @model_validator(mode="after")
    def _possible(self) -> Region:
        if self.warm and (not self.file or self.state == "reserved"):
            raise ValueError("warm: found true without a file, allowed is a mapped file")
        if self.protection == "copy-on-write" and not self.file:
            raise ValueError("protection: found 'copy-on-write' without a file, allowed is a mapped file")
        return self


@dataclass(config=STRICT)
class Process:
    """What the machine knows of a process before it starts; its references come from a stream."""

    name: str = Field(default=..., min_length=1)
    start: Time = 0
    priority: int = Field(default=8, ge=1, le=15, description="base priority of its threads (WI6 part 1: normal class)")
    memory_priority: int = Field(default=5, ge=1, le=5, description="[MEMORY_PRIORITY_INFORMATION]")
    foreground: bool = Field(default=False, description="trimmed last by the windows policy (WI6)")
    working_set: WorkingSet = Field(default_factory=WorkingSet)
    regions: list[Region] = Field(default_factory=list)
    bits: Literal[32, 64] = Field(default=64, description="a program's address space: 2 GiB, or `address_space`")
    privileges: list[str] = Field(
        default_factory=list, description="what a program may do, such as SeLockMemoryPrivilege (AWE, large pages)"
    )
