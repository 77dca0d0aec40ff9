"""Where contents lie when they are not in memory: paging-file slots and places; and the commit limit that follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.config import Machine
from tests.model.disks import Disk
from tests.model.entities import Content, natural


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
