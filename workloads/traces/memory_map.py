"""What a recorded program's pages are mapped from, followed through its system calls."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workloads.traces.regions import MOST, Regions, TraceRegion, joined

PAGE_BITS = 12

_PROT_WRITE, _PROT_EXEC = 2, 4
_MAP_TYPE, _MAP_SHARED, _MAP_SHARED_VALIDATE, _MAP_ANONYMOUS = 0xF, 1, 3, 0x20
_DONTNEED = 4
_DUPLICATES = (0, 1030)
"""Commands of fcntl that give a further descriptor of the file (F_DUPFD, F_DUPFD_CLOEXEC)."""

_SYSCALL = re.compile(rb"SYSCALL\[\d+, *(\d+)\]\( *\d+\) +(.*)")
_CALL = re.compile(rb"(?:sys_)?(\w+)(?:\[ARG[^]]*\])? ?\((.*)\) *(?:\[sync\] *)?--> (.*)")
_SUCCESS = re.compile(rb"Success\((0x[0-9a-f]+)\)")
_NUMBER = re.compile(rb"0x[0-9a-f]+|\d+")
_PATH = re.compile(rb"0x[0-9a-f]+\((.*)\)")
_ARGUMENTS = {
    "mmap": 6, "mmap2": 6, "munmap": 2, "mremap": 3, "mprotect": 3, "pkey_mprotect": 3, "madvise": 3, "brk": 1,
    "dup": 1, "dup2": 2, "dup3": 2, "fcntl": 2, "fcntl64": 2,
}  # fmt: skip
"""The system calls that change what is mapped or open, and how many of their arguments say so."""

_OPENING = {b"open", b"openat", b"openat2", b"creat", b"memfd_create"}


@dataclass(frozen=True)
class Mapping:
    """A range of pages from `first` to before `end` that is mapped."""

    first: int
    end: int
    file: str
    offset: int = 0
    shared: bool = False
    writable: bool = False
    executable: bool = False
    begin: int = 0
    """references before it was mapped"""
    own: bool = False
    """the recorder's, not the program's"""

    def part(self, first: int, end: int) -> Mapping:
        """The part of it that lies within a range."""
        first, end = max(first, self.first), min(end, self.end)
        return replace(self, first=first, end=end, offset=self.offset + first - self.first if self.file else 0)


@dataclass
class MemoryMap:
    """The mappings of a program that runs under valgrind, and those that were."""

    tools: str = ""
    """directory of the files that valgrind itself maps into the program"""
    _mappings: list[Mapping] = field(default_factory=list)
    _ended: list[tuple[TraceRegion, set[int]]] = field(default_factory=list)
    """what was unmapped, and which of its pages were referenced"""
    _touched: set[int] = field(default_factory=set)
    """pages referenced since they were mapped"""
    _files: dict[int, str] = field(default_factory=dict)
    """path of each open file descriptor"""
    _opening: dict[bytes, str] = field(default_factory=dict)
    """path of the file that a thread is opening"""
    _break: int | None = None

    def start(self, process: int) -> None:
        """Take the mappings that a process under valgrind has before its program's first system call."""
        proc = Path("/proc") / str(process)
        with suppress(OSError):
            self.tools = str((proc / "exe").readlink().parent)
            for line in (proc / "maps").read_text(errors="replace").splitlines():
                self._take(line)
            for descriptor in (proc / "fd").iterdir():
                with suppress(OSError):
                    self._files[int(descriptor.name)] = str(descriptor.readlink())

    def _take(self, line: str) -> None:
        # address-address permissions offset device inode path
        addresses, permissions, offset, _, _, *path = line.split(None, 5)
        name = path[0].removesuffix(" (deleted)") if path else ""
        if name.startswith("["):
            return
        first, end = (int(address, 16) >> PAGE_BITS for address in addresses.split("-"))
        protection = _PROT_WRITE * ("w" in permissions) + _PROT_EXEC * ("x" in permissions)
        self._map(first, end, name, int(offset, 16) >> PAGE_BITS, "s" in permissions, protection, 0)

    def foreign(self, pages: NDArray[np.uint64]) -> NDArray[np.bool_] | None:
        """Which pages hold code or data of valgrind; None: none can."""
        flags = None
        for mapping in self._mappings:
            if mapping.own:
                inside = (pages >= mapping.first) & (pages < mapping.end)
                flags = inside if flags is None else flags | inside
        return flags

    def touch(self, pages: NDArray[np.uint64]) -> None:
        """The program refers to pages."""
        self._touched.update(np.unique(pages).tolist())

    def call(self, line: bytes, at: int) -> None:
        """Follow a system call, as valgrind prints it, that comes after `at` references."""
        outer = _SYSCALL.match(line)
        if outer is None:
            return
        thread, text = outer.groups()
        call = _CALL.match(text)
        success = _SUCCESS.search(text)
        result = int(success[1], 16) if success else None
        if call is None:  # the end of a call that let other threads run
            path = self._opening.pop(thread, None)
            if path is not None and result is not None:
                self._files[result] = path
            return
        name, arguments, _ = call.groups()
        if name in _OPENING:
            self._open(thread, arguments, result)
        elif result is not None and name.decode() in _ARGUMENTS:
            numbers = [int(text, 16 if text.startswith(b"0x") else 10) for text in _NUMBER.findall(arguments)]
            if len(numbers) >= _ARGUMENTS[name.decode()]:
                self._follow(name.decode(), numbers, result, at)

    def _open(self, thread: bytes, arguments: bytes, result: int | None) -> None:
        path = _PATH.search(arguments)
        name = os.path.realpath(path[1].decode(errors="replace")) if path else "?"
        if result is None:
            self._opening[thread] = name
        else:
            self._files[result] = name

    def _follow(self, name: str, numbers: list[int], result: int, at: int) -> None:
        if name in ("mmap", "mmap2"):
            self._mmap(numbers, result, 0 if name == "mmap2" else PAGE_BITS, at)
        elif name == "munmap":
            self._unmap(*_range(*numbers[:2]), at)
        elif name == "mremap":
            self._move(numbers[0], numbers[1], numbers[2], result, at)
        elif name in ("mprotect", "pkey_mprotect"):
            self._protect(*_range(*numbers[:2]), numbers[2])
        elif name == "madvise":
            if numbers[2] == _DONTNEED:
                self._renew(*_range(*numbers[:2]), at)
        elif name == "brk":
            self._set_break(result, at)
        elif name in ("dup", "dup2", "dup3") or numbers[1] in _DUPLICATES:
            self._files[result] = self._files.get(numbers[0], "?")

    def _mmap(self, numbers: list[int], result: int, offset_bits: int, at: int) -> None:
        _, length, protection, flags, descriptor, offset = numbers[:6]
        shared = flags & _MAP_TYPE in (_MAP_SHARED, _MAP_SHARED_VALIDATE)
        path = "" if flags & _MAP_ANONYMOUS else self._files.get(descriptor & 0xFFFF_FFFF, "?")
        path = "" if path == "/dev/zero" else path
        self._map(*_range(result, length), path, offset >> offset_bits, shared, protection, at)

    def _map(self, first: int, end: int, path: str, offset: int, shared: bool, protection: int, at: int) -> None:
        self._unmap(first, end, at)
        file = "".join(c if c.isprintable() else "?" for c in path.rpartition("/")[2])[:255]
        writable, executable = bool(protection & _PROT_WRITE), bool(protection & _PROT_EXEC)
        own = bool(path) and bool(self.tools) and path.startswith(self.tools + "/")
        self._mappings.append(
            Mapping(first, end, file, offset if file else 0, shared and bool(file), writable, executable, at, own)
        )

    def _split(self, first: int, end: int) -> Iterator[Mapping]:
        """Take out what is mapped within a range."""
        kept = []
        for mapping in self._mappings:
            if mapping.end <= first or mapping.first >= end:
                kept.append(mapping)
                continue
            sides = (mapping.part(mapping.first, first), mapping.part(end, mapping.end))
            kept += [side for side in sides if side.first < side.end]
            yield mapping.part(first, end)
        self._mappings = kept

    def _unmap(self, first: int, end: int, at: int) -> None:
        for mapping in self._split(first, end):
            referenced = self._in_use(mapping)
            if referenced and not mapping.own and at > mapping.begin and len(self._ended) < 2 * MOST:
                self._ended.append((_region(mapping, at), referenced))
            self._touched -= referenced

    def _protect(self, first: int, end: int, protection: int) -> None:
        parts = list(self._split(first, end))
        for mapping in parts:
            writable = mapping.writable or bool(protection & _PROT_WRITE)
            executable = mapping.executable or bool(protection & _PROT_EXEC)
            self._mappings.append(replace(mapping, writable=writable, executable=executable))

    def _renew(self, first: int, end: int, at: int) -> None:
        for mapping in [mapping.part(first, end) for mapping in self._mappings]:
            if mapping.first < mapping.end and not mapping.shared:
                self._unmap(mapping.first, mapping.end, at)
                self._mappings.append(replace(mapping, begin=at))

    def _move(self, old: int, old_length: int, length: int, result: int, at: int) -> None:
        first, end = _range(old, old_length)
        new_first, new_end = _range(result, length)
        mapping = next((each.part(first, end) for each in self._mappings if each.first <= first < each.end), None)
        if mapping is None:
            return
        if new_first == first:
            self._unmap(min(new_end, end), end, at)
            new_first, mapping = end, replace(mapping, offset=mapping.offset + end - first if mapping.file else 0)
        else:
            self._unmap(first, end, at)
        if new_first < new_end:
            self._unmap(new_first, new_end, at)
            self._mappings.append(replace(mapping, first=new_first, end=new_end, begin=at))

    def _set_break(self, address: int, at: int) -> None:
        end = -(-address >> PAGE_BITS)
        if self._break is not None and end > self._break:
            self._map(self._break, end, "", 0, False, _PROT_WRITE, at)
        elif self._break is not None and end < self._break:
            self._unmap(end, self._break, at)
        self._break = end

    def _in_use(self, mapping: Mapping) -> set[int]:
        if mapping.end - mapping.first < len(self._touched):
            return self._touched.intersection(range(mapping.first, mapping.end))
        return {page for page in self._touched if mapping.first <= page < mapping.end}

    def regions(self) -> Regions:
        """The regions that were referenced. What no call mapped is anonymous. Of pages that several mappings were
        backing, one after the other, a region has only those that were referenced."""
        alive, rest = [], set(self._touched)
        for mapping in self._mappings:
            referenced = self._in_use(mapping)
            rest -= referenced
            if referenced and not mapping.own:
                alive.append((_region(mapping, None), referenced))
        bare = joined(TraceRegion(None, page, 1) for page in rest.difference(*(pages for _, pages in self._ended)))
        regions = joined([*_one_by_one([*self._ended, *alive]), *bare])
        return regions if len(regions) <= MOST else _only_first_lives(regions)


def _range(address: int, length: int) -> tuple[int, int]:
    return address >> PAGE_BITS, -(-(address + length) >> PAGE_BITS)


def _region(mapping: Mapping, end: int | None) -> TraceRegion:
    m = mapping
    return TraceRegion(
        None, m.first, m.end - m.first, m.file, m.offset, m.shared, m.writable, m.executable, m.begin, end
    )


def _one_by_one(lives: list[tuple[TraceRegion, set[int]]]) -> Iterator[TraceRegion]:
    """Regions of which one that is alone has all of its pages from the trace's start on, as there was nothing before;
    of pages that several share, one after the other, each has those that were referenced."""
    alone = _alone([region for region, _ in lives])
    lived: set[int] = set()
    for region, referenced in sorted(lives, key=lambda life: life[0].begin):
        if region in alone:
            yield region._replace(begin=0)
            continue
        for page in sorted(referenced):
            offset = region.offset + page - region.first if region.file else 0
            begin = region.begin if page in lived else 0
            yield region._replace(first=page, pages=1, offset=offset, begin=begin)
        lived |= referenced


def _alone(regions: list[TraceRegion]) -> set[TraceRegion]:
    """Those that have no page in common with another."""
    alone: set[TraceRegion] = set()
    end, last = -1, None
    for region in sorted(regions, key=lambda region: (region.first, region.begin)):
        if region.first < end and last is not None:
            alone.discard(last)
        else:
            alone.add(region)
        if region.first + region.pages > end:
            end, last = region.first + region.pages, region
    return alone


def _only_first_lives(regions: Regions) -> Regions:
    """As many regions as a trace may have, from its start to its end: too many mappings came and went."""
    firsts = [region._replace(end=None) for region in regions if not region.begin]
    return joined(firsts)[:MOST]
