"""What a recorded program's pages are mapped from, followed through its system calls."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workloads.traces.regions import Regions, TraceRegion, joined

PAGE_BITS = 12

_PROT_WRITE, _PROT_EXEC = 2, 4
_MAP_TYPE, _MAP_SHARED, _MAP_SHARED_VALIDATE, _MAP_ANONYMOUS = 0xF, 1, 3, 0x20
_DONTNEED = 4
_DUPLICATES = (0, 1030)
"""Commands of fcntl that give a further descriptor of the file (F_DUPFD, F_DUPFD_CLOEXEC)."""

_SYSCALL = re.compile(rb"SYSCALL\[\d+, *(\d+)\]\( *\d+\) +(.*)")
_CALL = re.compile(rb"(?:sys_)?(\w+) ?\((.*)\) *(?:\[sync\] *)?--> (.*)")
_SUCCESS = re.compile(rb"Success\((0x[0-9a-f]+)\)")
_NUMBER = re.compile(rb"0x[0-9a-f]+|\d+")
_PATH = re.compile(rb"0x[0-9a-f]+\((.*)\)")
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
    _ended: list[TraceRegion] = field(default_factory=list)
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
        elif result is not None:
            self._follow(name.decode(), [int(number, 0) for number in _NUMBER.findall(arguments)], result, at)

    def _open(self, thread: bytes, arguments: bytes, result: int | None) -> None:
        path = _PATH.search(arguments)
        name = os.path.realpath(path[1].decode(errors="replace")) if path else "?"
        if result is None:
            self._opening[thread] = name
        else:
            self._files[result] = name

    def _follow(self, name: str, numbers: list[int], result: int, at: int) -> None:
        if name in ("mmap", "mmap2", "old_mmap") and len(numbers) >= 6:
            self._mmap(numbers, result, 0 if name == "mmap2" else PAGE_BITS, at)
        elif name == "munmap":
            self._unmap(*_range(*numbers[:2]), at)
        elif name == "mremap":
            self._move(*numbers[:3], result, at)
        elif name in ("mprotect", "pkey_mprotect"):
            self._protect(*_range(*numbers[:2]), numbers[2])
        elif name == "madvise" and numbers[2] == _DONTNEED:
            self._renew(*_range(*numbers[:2]), at)
        elif name == "brk":
            self._set_break(result, at)
        elif name in ("dup", "dup2", "dup3") or (name in ("fcntl", "fcntl64") and numbers[1] in _DUPLICATES):
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
            if referenced and not mapping.own and at > mapping.begin:
                self._ended.append(_region(mapping, at))
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
        """The regions that were referenced; what no call mapped is anonymous."""
        alive, rest = [], set(self._touched)
        for mapping in self._mappings:
            referenced = self._in_use(mapping)
            rest -= referenced
            if referenced and not mapping.own:
                alive.append(_region(mapping, None))
        rest -= {page for region in self._ended for page in range(region.first, region.first + region.pages)}
        bare = joined(TraceRegion(None, page, 1) for page in rest)
        return joined(_from_the_start([*self._ended, *alive, *bare]))


def _range(address: int, length: int) -> tuple[int, int]:
    return address >> PAGE_BITS, -(-(address + length) >> PAGE_BITS)


def _region(mapping: Mapping, end: int | None) -> TraceRegion:
    m = mapping
    return TraceRegion(
        None, m.first, m.end - m.first, m.file, m.offset, m.shared, m.writable, m.executable, m.begin, end
    )


def _from_the_start(regions: Iterable[TraceRegion]) -> Iterator[TraceRegion]:
    # A page's first life may as well begin with the trace: nothing was there before.
    lived: list[tuple[int, int]] = []
    for region in sorted(regions, key=lambda region: region.begin):
        first, end = region.first, region.first + region.pages
        again = any(start < end and first < stop for start, stop in lived)
        lived.append((first, end))
        yield region if again else region._replace(begin=0)
