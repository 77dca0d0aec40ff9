"""Files on simulated disks: made at run time, extended, opened in share modes, and mapped by sections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator import config
from simulator.units import natural
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.objects import KernelObject
from simulator.windows.segment import FileSegment

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

_LONGEST_NAME = 260
"""MAX_PATH characters [CreateFile]"""


EVERYTHING = c.FILE_SHARE_READ | c.FILE_SHARE_WRITE | c.FILE_SHARE_DELETE
_SHARES_NEEDED = (
    (c.GENERIC_READ | c.GENERIC_EXECUTE | c.GENERIC_ALL, c.FILE_SHARE_READ),
    (c.GENERIC_WRITE | c.GENERIC_ALL, c.FILE_SHARE_WRITE),
    (c.DELETE | c.GENERIC_ALL, c.FILE_SHARE_DELETE),
)
"""access, and what others must share for it [Creating and Opening Files]"""


class Opening(NamedTuple):
    """For what a file is, or is to be, opened."""

    needs: int
    """FILE_SHARE_ flags that everybody else must have given"""
    shares: int
    """... and those that it gives"""


def _opening(access: int, shares: int) -> Opening:
    """An opening with an access: one that neither reads, writes nor deletes shares everything
    [k32/file.c: test_file_sharing]."""
    needs = 0
    for rights, share in _SHARES_NEEDED:
        needs |= share if access & rights else 0
    return Opening(needs, shares if needs else EVERYTHING)


def _check_shares(new: Opening, others: Iterable[Opening]) -> None:
    """Raise Failure ERROR_SHARING_VIOLATION if one of the others doesn't share what the new one needs, or needs what it
    doesn't share."""
    if any(new.needs & ~other.shares or other.needs & ~new.shares for other in others):
        raise Failure(c.ERROR_SHARING_VIOLATION)


class File:
    """A file: its size in bytes, the pages that it has on its disk, and the segment that all mappings of it share."""

    def __init__(self, system: System, name: str, disk: str, room: int) -> None:
        """An empty file, or one whose pages exist already; `room`: pages that its disk can hold."""
        self.system = system
        self.name = name
        self.disk = disk
        self.room = room
        self.size = 0
        self.segment: FileSegment | None = None
        """its prototype PTEs, while sections show it"""
        self.image = False
        """an executable: it can be mapped with SEC_IMAGE, and isn't written to"""
        self.openings: list[Opening] = []
        """for what it is open, one for each open file with handles; sections hold it open, but refuse nobody"""

    @property
    def pages(self) -> int:
        """How many pages its size takes."""
        return -(-self.size // self.system.page_size)

    @property
    def allocated(self) -> int:
        """How many pages it has on its disk."""
        store = self.system.pages.files
        return store.pages(self.name) if self.name in store else 0

    def contents(self) -> NDArray[np.int64]:
        """The contents of all its pages."""
        return (
            self.system.pages.files.contents(self.name, 0, self.allocated) if self.allocated else np.empty(0, np.int64)
        )

    def check(self, size: int) -> None:
        """Refuse another size that it can't have; raises Failure ERROR_DISK_FULL if its disk has no room,
        ERROR_USER_MAPPED_FILE if it would become shorter while a section shows it [SetEndOfFile]."""
        if size < self.size and self.segment is not None:
            raise Failure(c.ERROR_USER_MAPPED_FILE)
        if self._missing(size) > self.room - self.system.pages.files.used(self.disk):
            raise Failure(c.ERROR_DISK_FULL)

    def resize(self, size: int) -> None:
        """Give it another size, unless `check` refuses. Pages of a file that has become shorter stay allocated to it:
        a call that takes other things besides takes them first."""
        self.check(size)
        store, missing = self.system.pages.files, self._missing(size)
        if missing > 0 and self.allocated:
            store.extend(self.name, missing)
        elif missing > 0:
            store.add(self.name, self.disk, missing)
        self.size = size

    def _missing(self, size: int) -> int:
        """Pages to be allocated for a size; not above 0: none."""
        return -(-size // self.system.page_size) - self.allocated

    def share(self, pages: int = 0) -> FileSegment:
        """The segment that shows all of it, or `pages` if it is about to become longer, for one more section."""
        pages = max(pages, self.pages)
        if self.segment is None:
            self.segment = FileSegment(self.system, self.name, pages)
        else:
            self.segment.pages = max(self.segment.pages, pages)
        self.segment.users += 1
        return self.segment

    def unshare(self) -> None:
        """A section that showed it is gone, or couldn't be had. The pages stay cached."""
        assert self.segment is not None
        self.segment.users -= 1
        if self.segment.users == 0:
            self.segment.delete()
            self.segment = None
        else:
            self.segment.pages = self.pages


class FileObject(KernelObject):
    """An open file: what CreateFile's handle refers to. A section that shows the file holds it open."""

    kind = "File"
    tag = "File"
    body = 216 + 112

    def __init__(self, system: System, file: File, owner: ProcessState | None, opening: Opening | None = None) -> None:
        """`owner`'s quota pays for it; raises Failure if there is no pool. `opening`: for what its handles will be."""
        super().__init__(system, None, owner)
        self.file = file
        self._opening = opening or _opening(0, 0)

    def opened(self) -> None:
        """Count one handle more; with the first one its share mode holds."""
        if self.handles == 0:
            self.file.openings.append(self._opening)
        super().opened()

    def closed(self) -> None:
        """Count one handle less; with the last one its share mode holds no longer."""
        if self.handles == 1:
            self.file.openings.remove(self._opening)
        super().closed()


class Files:
    """All files of a machine by name; those of its configuration are there from the beginning."""

    def __init__(self, system: System, machine: config.Machine) -> None:
        """`machine.files` have their pages already; `machine.images` become files here. The configuration has
        seen to it that the disks can hold them."""
        self._system = system
        self._rooms = {name: machine.capacity(name) // system.page_size for name in sorted(machine.disks, key=natural)}
        self._first = next(iter(self._rooms))
        self._files: dict[str, File] = {}
        files: dict[str, config.File | config.Image] = {**machine.files, **machine.images}
        for name, parameters in sorted(files.items(), key=lambda item: natural(item[0])):
            file = self._files[name] = self._new(name, parameters.disk or self._first)
            file.image = name in machine.images
            file.resize(parameters.size)

    def _new(self, name: str, disk: str) -> File:
        return File(self._system, name, disk, self._rooms[disk])

    def __getitem__(self, name: str) -> File:
        """The file of that name; raises Failure ERROR_FILE_NOT_FOUND if there is none."""
        if name not in self._files:
            raise Failure(c.ERROR_FILE_NOT_FOUND)
        return self._files[name]

    def open(
        self,
        owner: ProcessState,
        name: str,
        size: int | None,
        disk: str | None,
        access: int,
        disposition: int,
        share: int,
    ) -> tuple[int, int]:
        """See `create_file`."""
        valid = c.CREATE_NEW <= disposition <= c.TRUNCATE_EXISTING
        if not valid or (size or 0) < 0 or share & ~EVERYTHING:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        exists = name in self._files
        if not exists:
            if disposition in (c.OPEN_EXISTING, c.TRUNCATE_EXISTING):
                raise Failure(c.ERROR_FILE_NOT_FOUND)
            return self._create(owner, name, size or 0, disk or self._first, access, share), 0
        if disposition == c.CREATE_NEW:
            raise Failure(c.ERROR_FILE_EXISTS)
        return self._open(owner, self._files[name], size or 0, access, disposition, share)

    def _create(self, owner: ProcessState, name: str, size: int, disk: str, access: int, share: int) -> int:
        if not name or disk not in self._rooms:
            raise Failure(c.ERROR_PATH_NOT_FOUND)
        if len(name) > _LONGEST_NAME:
            raise Failure(c.ERROR_FILENAME_EXCED_RANGE)
        file = self._new(name, disk)
        file.check(size)
        handle = owner.handles.give(FileObject(self._system, file, owner, _opening(access, share)), access)
        file.resize(size)
        self._files[name] = file
        return handle

    def _open(
        self, owner: ProcessState, file: File, size: int, access: int, disposition: int, share: int
    ) -> tuple[int, int]:
        writes = access & (c.GENERIC_WRITE | c.GENERIC_ALL)
        truncates = disposition in (c.CREATE_ALWAYS, c.TRUNCATE_EXISTING)
        if disposition == c.TRUNCATE_EXISTING and not writes:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        if file.image and (writes or truncates):
            mapped = file.segment is not None
            raise Failure(c.ERROR_SHARING_VIOLATION if mapped else c.ERROR_ACCESS_DENIED)
        opening = _opening(access, share)
        writing = _opening(access | c.GENERIC_WRITE if truncates else access, share)
        _check_shares(writing, file.openings)
        if truncates:
            file.check(size)
        handle = owner.handles.give(FileObject(self._system, file, owner, opening), access)
        if truncates:
            file.resize(size)
        existed = disposition in (c.CREATE_ALWAYS, c.OPEN_ALWAYS)
        return handle, c.ERROR_ALREADY_EXISTS if existed else 0


def create_file(
    own: ProcessState,
    name: str,
    size: int | None = None,
    disk: str | None = None,
    access: int = c.GENERIC_READ | c.GENERIC_WRITE,
    disposition: int = c.OPEN_EXISTING,
    share: int = EVERYTHING,
) -> tuple[int, int]:
    """A handle to a file, made if `disposition` says so [CreateFile]; last error ERROR_ALREADY_EXISTS if CREATE_ALWAYS
    or OPEN_ALWAYS found it there, else ERROR_SUCCESS.

    A file that this call makes has `size` bytes (0 unless given) on `disk` (the first one unless given). `share`: the
    FILE_SHARE_ flags of what others may do while this handle is open, all unless given; 0: nothing.
    -1 is INVALID_HANDLE_VALUE, which CreateFileMapping takes for the paging files. ERROR_FILE_NOT_FOUND,
    ERROR_PATH_NOT_FOUND (no such disk, or no name), ERROR_ACCESS_DENIED (writing to an image),
    ERROR_SHARING_VIOLATION (somebody has it open and the two don't share, or the image is mapped
    [ros: drivers/filesystems/vfatfs/create.c]), ERROR_FILE_EXISTS (CREATE_NEW), ERROR_INVALID_PARAMETER,
    ERROR_DISK_FULL, ERROR_FILENAME_EXCED_RANGE, ERROR_USER_MAPPED_FILE (truncating what is mapped).
    """
    return own.system.files.open(own, name, size, disk, access, disposition, share)


def get_file_size(own: ProcessState, handle: int) -> int:
    """An open file's bytes [GetFileSize]. ERROR_INVALID_HANDLE if there's no such handle."""
    return own.handles.get(handle, FileObject).file.size


def set_end_of_file(own: ProcessState, handle: int, size: int) -> bool:
    """Make an open file so many bytes long [SetEndOfFile]. ERROR_ACCESS_DENIED if it isn't open for writing,
    ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER, ERROR_DISK_FULL, ERROR_USER_MAPPED_FILE if it would become shorter
    while it's mapped."""
    if size < 0:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    own.handles.get(handle, FileObject, c.GENERIC_WRITE).file.resize(size)
    return True


def start_flush(own: ProcessState, handle: int) -> File:
    """Start the writes of all modified pages of an open file; raises Failure ERROR_INVALID_HANDLE, or
    ERROR_ACCESS_DENIED without GENERIC_WRITE."""
    file = own.handles.get(handle, FileObject, c.GENERIC_WRITE).file
    file.system.pages.flush_contents(file.contents())
    return file
