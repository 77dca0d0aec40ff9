"""Sections: what CreateFileMapping makes, and what views show parts of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.file import File, FileObject
from simulator.windows.objects import KernelObject
from simulator.windows.segment import LargeSegment, PagingSegment, Segment

if TYPE_CHECKING:
    from simulator.windows.image import Image
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

_READ = frozenset({c.PAGE_NOACCESS, c.PAGE_READONLY, c.PAGE_WRITECOPY})
_CODE = _READ | {c.PAGE_EXECUTE, c.PAGE_EXECUTE_READ, c.PAGE_EXECUTE_WRITECOPY}
COMPATIBLE = {
    c.PAGE_NOACCESS: frozenset({c.PAGE_NOACCESS}),
    c.PAGE_READONLY: _READ,
    c.PAGE_READWRITE: _READ | {c.PAGE_READWRITE},
    c.PAGE_WRITECOPY: _READ,
    c.PAGE_EXECUTE_READ: _CODE,
    c.PAGE_EXECUTE_READWRITE: _CODE | {c.PAGE_READWRITE, c.PAGE_EXECUTE_READWRITE},
    c.PAGE_EXECUTE_WRITECOPY: _CODE,
}
"""What a view may have of a section with a protection, or a page of a view with one: whatever reads, writes and
executes no more, copy-on-write pages counting as read-only ones [MapViewOfFile; VirtualProtect;
k32/virtual.c:3722-3750]."""
WRITES = frozenset({c.PAGE_READWRITE, c.PAGE_EXECUTE_READWRITE})
COPIES = frozenset({c.PAGE_WRITECOPY, c.PAGE_EXECUTE_WRITECOPY})

_ATTRIBUTES = c.SEC_IMAGE_NO_EXECUTE | c.SEC_RESERVE | c.SEC_COMMIT | c.SEC_WRITECOMBINE | c.SEC_LARGE_PAGES
_PLAIN = c.SEC_RESERVE | c.SEC_COMMIT


class Section(KernelObject):
    """A section: a segment's first `size` bytes under a protection, alive until handles and views are gone, in any
    order; the file stays open meanwhile."""

    kind = "Section"
    tag = "Sect"
    body = 112

    def __init__(
        self,
        system: System,
        name: str | None,
        owner: ProcessState,
        *,
        segment: Segment,
        size: int,
        protection: int,
        file: FileObject | None = None,
        image: Image | None = None,
        caching: int = 0,
    ) -> None:
        """`caching`: PAGE_NOCACHE or PAGE_WRITECOMBINE, which all its views have, or 0. The segment, counted for this
        section by the caller, is given back if Failure is raised."""
        self.segment = segment
        self.size = size
        self.protection = protection
        self.file = file
        self.image = image
        self.caching = caching
        if file is not None:
            file.reference()
        try:
            super().__init__(system, name, owner)
        except Failure:
            self.deleted()
            raise

    @property
    def pages(self) -> int:
        """How many pages it has."""
        return -(-self.size // self.system.page_size)

    @property
    def large(self) -> bool:
        """Whether it consists of large pages."""
        return isinstance(self.segment, LargeSegment)

    def deleted(self) -> None:
        """Give back what it held: commit and prototype PTEs, or the file."""
        if self.file is None:
            self.segment.delete()
        else:
            self.file.file.unshare()
            self.file.dereference()


def create_file_mapping(
    own: ProcessState, file_handle: int, protect: int, maximum_size: int = 0, name: str | None = None
) -> tuple[int, int]:
    """A handle to a new section, or to the one of that name, with last error ERROR_ALREADY_EXISTS: that keeps its size
    and protection [CreateFileMapping].

    `file_handle`: of an open file, or INVALID_HANDLE_VALUE: backed by the paging files. `protect`: a PAGE_ constant
    with SEC_ flags. `maximum_size` in bytes; 0: the file's, which a larger one extends. The handle is good for what
    `protect` allows. ERROR_PATH_NOT_FOUND or ERROR_FILENAME_EXCED_RANGE if the name is none,
    ERROR_ACCESS_DENIED if the file isn't open for that, ERROR_INVALID_HANDLE (no such file, or the name is another
    kind's), ERROR_NOT_ENOUGH_MEMORY (larger than a file that can't be extended or than any section),
    ERROR_INVALID_PARAMETER, ERROR_DISK_FULL, ERROR_BAD_EXE_FORMAT (SEC_IMAGE of no image or no file),
    ERROR_FILE_INVALID (an empty file), ERROR_PRIVILEGE_NOT_HELD (SEC_LARGE_PAGES without the privilege),
    ERROR_NO_SYSTEM_RESOURCES (no frames in a row, or no pool for prototype PTEs), ERROR_NONPAGED_SYSTEM_RESOURCES,
    ERROR_PAGED_SYSTEM_RESOURCES or ERROR_NOT_ENOUGH_QUOTA (none for the rest), ERROR_COMMITMENT_LIMIT.
    """
    protection, attributes = protect & 0xFFF, protect & ~0xFFF
    _check(own, file_handle, protection, attributes, maximum_size)
    existing = own.system.namespace.find(name, Section)
    if existing is not None:
        return own.handles.add(existing, _granted(protection)), c.ERROR_ALREADY_EXISTS
    if file_handle == c.INVALID_HANDLE_VALUE:
        section = _of_paging_files(own, protection, attributes, maximum_size, name)
    else:
        section = _of_file(own, file_handle, protection, attributes, maximum_size, name)
    opened = own.handles.give(section, _granted(protection))
    if section.file is not None and section.image is None and section.size > section.file.file.size:
        section.file.file.resize(section.size)  # last, as it isn't taken back; `_size_of` has seen to it that it can
    return opened, c.ERROR_SUCCESS


def _check(owner: ProcessState, handle: int, protection: int, attributes: int, size: int) -> None:
    """The rules that hold whatever is mapped [CreateFileMapping]."""
    bad = protection not in COMPATIBLE or protection == c.PAGE_NOACCESS or attributes & ~_ATTRIBUTES
    bad = bad or size < 0 or attributes & _PLAIN == _PLAIN
    bad = bad or (attributes & c.SEC_IMAGE and attributes & (_PLAIN | c.SEC_LARGE_PAGES | c.SEC_WRITECOMBINE))
    if not attributes & c.SEC_IMAGE:
        bad = bad or (attributes & (c.SEC_NOCACHE | c.SEC_WRITECOMBINE) and not attributes & _PLAIN)
    paging = handle == c.INVALID_HANDLE_VALUE
    bad = bad or (paging and size == 0)
    if attributes & c.SEC_LARGE_PAGES:
        whole = size % owner.system.settings.large_page_minimum == 0
        bad = bad or not paging or not attributes & c.SEC_COMMIT or not whole
    if bad:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    if paging and attributes & c.SEC_IMAGE:
        raise Failure(c.ERROR_BAD_EXE_FORMAT)
    if attributes & c.SEC_LARGE_PAGES and c.SE_LOCK_MEMORY_NAME not in owner.privileges:
        raise Failure(c.ERROR_PRIVILEGE_NOT_HELD)


def _of_paging_files(owner: ProcessState, protection: int, attributes: int, size: int, name: str | None) -> Section:
    """Commit is charged here, not by the first view (MODEL.md 13, 7)."""
    system = owner.system
    pages = -(-size // system.page_size)
    segment: PagingSegment
    if attributes & c.SEC_LARGE_PAGES:
        segment = LargeSegment(system, pages, system.settings.large_page_minimum // system.page_size)
    else:
        segment = PagingSegment(system, pages, reserve=bool(attributes & c.SEC_RESERVE))
    size = pages * system.page_size
    caching = _caching(attributes)
    return Section(system, name, owner, segment=segment, size=size, protection=protection, caching=caching)


def _of_file(
    owner: ProcessState, handle: int, protection: int, attributes: int, size: int, name: str | None
) -> Section:
    needed = c.GENERIC_READ
    if protection in WRITES:
        needed |= c.GENERIC_WRITE
    if protection >= c.PAGE_EXECUTE and not attributes & c.SEC_IMAGE:
        needed |= c.GENERIC_EXECUTE
    opened = owner.handles.get(handle, FileObject, needed)
    file = opened.file
    if attributes & c.SEC_IMAGE:
        if not file.image:
            raise Failure(c.ERROR_BAD_EXE_FORMAT)
        return owner.system.images[file.name].section(owner, opened, name, protection)
    return _of_data(owner, opened, protection, attributes, _size_of(file, protection, size), name)


def _size_of(file: File, protection: int, size: int) -> int:
    """The size of a file's section in bytes. A section that is larger than the file will extend it, if its protection
    writes (MODEL.md 13, 8) and the disk has room."""
    if not size and not file.size:
        raise Failure(c.ERROR_FILE_INVALID)
    if size > file.size:
        if protection not in WRITES:
            raise Failure(c.ERROR_NOT_ENOUGH_MEMORY)
        file.check(size)
    return size or file.size


def _of_data(
    owner: ProcessState, opened: FileObject, protection: int, attributes: int, size: int, name: str | None
) -> Section:
    """A section of a file's data: all of them share one segment, so that their views are coherent."""
    segment = opened.file.share(-(-size // owner.system.page_size))
    return Section(
        owner.system, name, owner, segment=segment, size=size, protection=protection, file=opened,
        caching=_caching(attributes),
    )  # fmt: skip


def open_file_mapping(own: ProcessState, access: int, name: str) -> int:
    """A handle to the section of that name, for FILE_MAP_ access [OpenFileMapping]. ERROR_FILE_NOT_FOUND if there's
    none, ERROR_INVALID_HANDLE if the name is another kind's, ERROR_INVALID_PARAMETER without a name."""
    if not name:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    section = own.system.namespace.find(name, Section)
    if section is None:
        raise Failure(c.ERROR_FILE_NOT_FOUND)
    return own.handles.add(section, rights(access))


def _granted(protection: int) -> int:
    """The rights of the handle that CreateFileMapping gives: what the protection is good for, also if the section
    exists already with another one [CreateFileMapping; k32/virtual.c:3752-3770]."""
    writes = c.SECTION_MAP_WRITE if protection in WRITES else 0
    return (
        c.SECTION_QUERY | c.SECTION_MAP_READ | writes | (c.SECTION_MAP_EXECUTE if protection >= c.PAGE_EXECUTE else 0)
    )


def _caching(attributes: int) -> int:
    """The page modifier that goes with SEC_ flags."""
    if attributes & c.SEC_NOCACHE:
        return c.PAGE_NOCACHE
    return c.PAGE_WRITECOMBINE if attributes & c.SEC_WRITECOMBINE else 0


def rights(access: int) -> int:
    """Section rights from FILE_MAP_ flags: FILE_MAP_COPY, if it is alone, asks for reading, FILE_MAP_EXECUTE for
    executing [OpenFileMapping; ros: kernel32/client/file/filemap.c]."""
    if access == c.FILE_MAP_ALL_ACCESS:
        return c.GENERIC_ALL
    granted = access & (c.SECTION_MAP_WRITE | c.SECTION_MAP_READ | c.SECTION_MAP_EXECUTE)
    if access & ~c.FILE_MAP_EXECUTE == c.FILE_MAP_COPY:
        granted |= c.SECTION_MAP_READ
    if access & c.FILE_MAP_EXECUTE:
        granted |= c.SECTION_MAP_EXECUTE
    return granted
