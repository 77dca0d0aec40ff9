"""Files on simulated disks: made at run time, extended, opened, and mapped by sections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator import config
from simulator.units import natural
from simulator.windows import constants, sharing
from simulator.windows.failure import Failure
from simulator.windows.objects import KernelObject
from simulator.windows.segment import FileSegment
from simulator.windows.sharing import Opening

if TYPE_CHECKING:
    from simulator.windows.owner import Owner
    from simulator.windows.system import System

_NAME_TOO_LONG = 206
"""ERROR_FILENAME_EXCED_RANGE"""
_LONGEST_NAME = 260
"""MAX_PATH characters [CreateFile]"""


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
        """Refuse another size that it can't have; raises Failure 112 if its disk has no room, 1224 if it would become
        shorter while a section shows it [SetEndOfFile]."""
        if size < self.size and self.segment is not None:
            raise Failure(constants.ERROR_USER_MAPPED_FILE)
        if self._missing(size) > self.room - self.system.pages.files.used(self.disk):
            raise Failure(constants.ERROR_DISK_FULL)

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

    def __init__(self, system: System, file: File, owner: Owner | None, opening: Opening | None = None) -> None:
        """`owner`'s quota pays for it; raises Failure if there is no pool. `opening`: for what its handles will be."""
        super().__init__(system, None, owner)
        self.file = file
        self._opening = opening or sharing.opening(0, 0)

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
        """The file of that name; raises Failure 2 if there is none."""
        if name not in self._files:
            raise Failure(constants.ERROR_FILE_NOT_FOUND)
        return self._files[name]

    def open(
        self, owner: Owner, name: str, size: int | None, disk: str | None, access: int, disposition: int, share: int
    ) -> tuple[int, int]:
        """Open or make a file [CreateFile]; returns the handle and the last error that goes with success: 183 if
        CREATE_ALWAYS or OPEN_ALWAYS found it.

        `size` and `disk` hold for a file that this call makes (0 bytes on the first disk unless given). Raises Failure
        2, 3 (no such disk, or no name), 80, 87 or 206, 5 for writing to an image, or 32 while it is mapped
        [ros: drivers/filesystems/vfatfs/create.c], 32 for what others who have it open don't share, or `share`
        (FILE_SHARE_ flags) doesn't leave them, 112 and 1224 as `File.resize`.
        """
        known = constants.CREATE_NEW <= disposition <= constants.TRUNCATE_EXISTING
        if not known or (size or 0) < 0 or share & ~sharing.EVERYTHING:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        exists = name in self._files
        if not exists:
            if disposition in (constants.OPEN_EXISTING, constants.TRUNCATE_EXISTING):
                raise Failure(constants.ERROR_FILE_NOT_FOUND)
            return self._create(owner, name, size or 0, disk or self._first, access, share), 0
        if disposition == constants.CREATE_NEW:
            raise Failure(constants.ERROR_FILE_EXISTS)
        return self._open(owner, self._files[name], size or 0, access, disposition, share)

    def _create(self, owner: Owner, name: str, size: int, disk: str, access: int, share: int) -> int:
        if not name or disk not in self._rooms:
            raise Failure(constants.ERROR_PATH_NOT_FOUND)
        if len(name) > _LONGEST_NAME:
            raise Failure(_NAME_TOO_LONG)
        file = self._new(name, disk)
        file.check(size)
        handle = owner.handles.give(FileObject(self._system, file, owner, sharing.opening(access, share)), access)
        file.resize(size)
        self._files[name] = file
        return handle

    def _open(self, owner: Owner, file: File, size: int, access: int, disposition: int, share: int) -> tuple[int, int]:
        writes = access & (constants.GENERIC_WRITE | constants.GENERIC_ALL)
        truncates = disposition in (constants.CREATE_ALWAYS, constants.TRUNCATE_EXISTING)
        if disposition == constants.TRUNCATE_EXISTING and not writes:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        if file.image and (writes or truncates):
            mapped = file.segment is not None
            raise Failure(constants.ERROR_SHARING_VIOLATION if mapped else constants.ERROR_ACCESS_DENIED)
        opening = sharing.opening(access, share)
        writing = sharing.opening(access | constants.GENERIC_WRITE if truncates else access, share)
        sharing.check(writing, file.openings)
        if truncates:
            file.check(size)
        handle = owner.handles.give(FileObject(self._system, file, owner, opening), access)
        if truncates:
            file.resize(size)
        found = disposition in (constants.CREATE_ALWAYS, constants.OPEN_ALWAYS)
        return handle, constants.ERROR_ALREADY_EXISTS if found else 0


def size_of(owner: Owner, handle: int) -> int:
    """The size of an open file in bytes [GetFileSize]; raises Failure 6."""
    return owner.handles.get(handle, FileObject).file.size


def set_end(owner: Owner, handle: int, size: int) -> bool:
    """Make an open file so many bytes long [SetEndOfFile]; raises Failure 6, 5 without GENERIC_WRITE, 87, 112 or
    1224."""
    if size < 0:
        raise Failure(constants.ERROR_INVALID_PARAMETER)
    owner.handles.get(handle, FileObject, constants.GENERIC_WRITE).file.resize(size)
    return True


def flush_file(owner: Owner, handle: int) -> File:
    """Start the writes of all dirty pages of an open file [FlushFileBuffers]; raises Failure 6, 5 without
    GENERIC_WRITE."""
    file = owner.handles.get(handle, FileObject, constants.GENERIC_WRITE).file
    file.system.pages.flush_contents(file.contents())
    return file
