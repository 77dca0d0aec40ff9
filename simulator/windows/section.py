"""Sections: what CreateFileMapping makes, and what views show parts of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.windows import constants as w
from simulator.windows.failure import Failure
from simulator.windows.file import File, FileObject
from simulator.windows.objects import KernelObject
from simulator.windows.segment import LargeSegment, PagingSegment, Segment

if TYPE_CHECKING:
    from simulator.windows.image import Image
    from simulator.windows.owner import Owner
    from simulator.windows.system import System

_READ = frozenset({w.PAGE_NOACCESS, w.PAGE_READONLY, w.PAGE_WRITECOPY})
_CODE = _READ | {w.PAGE_EXECUTE, w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_WRITECOPY}
COMPATIBLE = {
    w.PAGE_NOACCESS: frozenset({w.PAGE_NOACCESS}),
    w.PAGE_READONLY: _READ,
    w.PAGE_READWRITE: _READ | {w.PAGE_READWRITE},
    w.PAGE_WRITECOPY: _READ,
    w.PAGE_EXECUTE_READ: _CODE,
    w.PAGE_EXECUTE_READWRITE: _CODE | {w.PAGE_READWRITE, w.PAGE_EXECUTE_READWRITE},
    w.PAGE_EXECUTE_WRITECOPY: _CODE,
}
"""What a view may have of a section with a protection, or a page of a view with one: whatever reads, writes and
executes no more, copy-on-write pages counting as read-only ones [MapViewOfFile; VirtualProtect;
k32/virtual.c:3722-3750]."""
WRITES = frozenset({w.PAGE_READWRITE, w.PAGE_EXECUTE_READWRITE})
COPIES = frozenset({w.PAGE_WRITECOPY, w.PAGE_EXECUTE_WRITECOPY})

_ATTRIBUTES = w.SEC_IMAGE_NO_EXECUTE | w.SEC_RESERVE | w.SEC_COMMIT | w.SEC_WRITECOMBINE | w.SEC_LARGE_PAGES
_PLAIN = w.SEC_RESERVE | w.SEC_COMMIT


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
        owner: Owner,
        *,
        segment: Segment,
        size: int,
        protection: int,
        file: FileObject | None = None,
        image: Image | None = None,
        caching: int = 0,
    ) -> None:
        """`caching`: PAGE_NOCACHE or PAGE_WRITECOMBINE, which all its views have, or 0. The segment has been counted
        for this section by the caller, who undoes that if Failure is raised."""
        super().__init__(system, name, owner)
        self.segment = segment
        self.size = size
        self.protection = protection
        self.file = file
        self.image = image
        self.caching = caching
        if file is not None:
            file.reference()

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
    own: Owner, file_handle: int, protect: int, maximum_size: int = 0, name: str | None = None
) -> tuple[int, int]:
    """A handle to a new section, or to the one of that name, with last error ERROR_ALREADY_EXISTS: that keeps its size
    and protection [CreateFileMapping].

    `file_handle`: of an open file, or INVALID_HANDLE_VALUE: backed by the paging files. `protect`: a PAGE_ constant
    with SEC_ flags. `maximum_size` in bytes; 0: the file's, which a larger one extends. The handle is good for what
    `protect` allows. On failure 0: ERROR_PATH_NOT_FOUND or ERROR_FILENAME_EXCED_RANGE if the name is none,
    ERROR_ACCESS_DENIED if the file isn't open for that, ERROR_INVALID_HANDLE (no such file, or the name is another
    kind's), ERROR_NOT_ENOUGH_MEMORY (larger than a file that can't be extended or than any section),
    ERROR_INVALID_PARAMETER, ERROR_DISK_FULL, ERROR_BAD_EXE_FORMAT (SEC_IMAGE of no image or no file),
    ERROR_FILE_INVALID (an empty file), ERROR_PRIVILEGE_NOT_HELD (SEC_LARGE_PAGES without the privilege),
    ERROR_NO_SYSTEM_RESOURCES (no frames in a row, or no pool for prototype PTEs), ERROR_NONPAGED_SYSTEM_RESOURCES,
    ERROR_PAGED_SYSTEM_RESOURCES or ERROR_NOT_ENOUGH_QUOTA (none for the rest), ERROR_COMMITMENT_LIMIT.
    """
    owner, handle, size = own, file_handle, maximum_size
    system = owner.system
    protection, attributes = protect & 0xFFF, protect & ~0xFFF
    _check(owner, handle, protection, attributes, size)
    existing = system.namespace.find(name, Section)
    if existing is not None:
        return owner.handles.add(existing, _granted(protection)), w.ERROR_ALREADY_EXISTS
    if handle == w.INVALID_HANDLE_VALUE:
        section = _of_paging_files(owner, protection, attributes, size, name)
    else:
        section = _of_file(owner, handle, protection, attributes, size, name)
    given = owner.handles.give(section, _granted(protection))
    if section.file is not None and section.image is None and section.size > section.file.file.size:
        section.file.file.resize(section.size)  # last, as it isn't taken back; `_size_of` has seen to it that it can
    return given, w.ERROR_SUCCESS


def _check(owner: Owner, handle: int, protection: int, attributes: int, size: int) -> None:
    """The rules that hold whatever is mapped [CreateFileMapping]."""
    bad = protection not in COMPATIBLE or protection == w.PAGE_NOACCESS or attributes & ~_ATTRIBUTES
    bad = bad or size < 0 or attributes & _PLAIN == _PLAIN
    bad = bad or (attributes & w.SEC_IMAGE and attributes & (_PLAIN | w.SEC_LARGE_PAGES | w.SEC_WRITECOMBINE))
    if not attributes & w.SEC_IMAGE:
        bad = bad or (attributes & (w.SEC_NOCACHE | w.SEC_WRITECOMBINE) and not attributes & _PLAIN)
    paging = handle == w.INVALID_HANDLE_VALUE
    bad = bad or (paging and size == 0)
    if attributes & w.SEC_LARGE_PAGES:
        whole = size % owner.system.settings.large_page_minimum == 0
        bad = bad or not paging or not attributes & w.SEC_COMMIT or not whole
    if bad:
        raise Failure(w.ERROR_INVALID_PARAMETER)
    if paging and attributes & w.SEC_IMAGE:
        raise Failure(w.ERROR_BAD_EXE_FORMAT)
    if attributes & w.SEC_LARGE_PAGES and w.SE_LOCK_MEMORY_NAME not in owner.privileges:
        raise Failure(w.ERROR_PRIVILEGE_NOT_HELD)


def _of_paging_files(owner: Owner, protection: int, attributes: int, size: int, name: str | None) -> Section:
    """Commit is charged here, not by the first view (MODEL.md 13, 7)."""
    system = owner.system
    pages = -(-size // system.page_size)
    segment: PagingSegment
    if attributes & w.SEC_LARGE_PAGES:
        segment = LargeSegment(system, pages, system.settings.large_page_minimum // system.page_size)
    else:
        segment = PagingSegment(system, pages, reserve=bool(attributes & w.SEC_RESERVE))
    try:
        segment.show(0, pages)
        size = pages * system.page_size
        return Section(
            system, name, owner, segment=segment, size=size, protection=protection, caching=_caching(attributes)
        )
    except Failure:
        segment.delete()
        raise


def _of_file(owner: Owner, handle: int, protection: int, attributes: int, size: int, name: str | None) -> Section:
    needed = w.GENERIC_READ
    if protection in WRITES:
        needed |= w.GENERIC_WRITE
    if protection >= w.PAGE_EXECUTE and not attributes & w.SEC_IMAGE:
        needed |= w.GENERIC_EXECUTE
    opened = owner.handles.get(handle, FileObject, needed)
    file = opened.file
    if attributes & w.SEC_IMAGE:
        if not file.image:
            raise Failure(w.ERROR_BAD_EXE_FORMAT)
        return owner.system.images[file.name].section(owner, opened, name, protection)
    return _of_data(owner, opened, protection, attributes, _size_of(file, protection, size), name)


def _size_of(file: File, protection: int, size: int) -> int:
    """The size of a file's section in bytes. A section that is larger than the file will extend it, if its protection
    writes (MODEL.md 13, 8) and the disk has room."""
    if not size and not file.size:
        raise Failure(w.ERROR_FILE_INVALID)
    if size > file.size:
        if protection not in WRITES:
            raise Failure(w.ERROR_NOT_ENOUGH_MEMORY)
        file.check(size)
    return size or file.size


def _of_data(
    owner: Owner, opened: FileObject, protection: int, attributes: int, size: int, name: str | None
) -> Section:
    """A section of a file's data: all of them share one segment, so that their views are coherent."""
    segment = opened.file.share(-(-size // owner.system.page_size))
    try:
        return Section(
            owner.system, name, owner, segment=segment, size=size, protection=protection, file=opened,
            caching=_caching(attributes),
        )  # fmt: skip
    except Failure:
        opened.file.unshare()
        raise


def open_file_mapping(own: Owner, access: int, name: str) -> int:
    """A handle to the section of that name, for FILE_MAP_ access [OpenFileMapping]. ERROR_FILE_NOT_FOUND if there's
    none, ERROR_INVALID_HANDLE if the name is another kind's, ERROR_INVALID_PARAMETER without a name."""
    if not name:
        raise Failure(w.ERROR_INVALID_PARAMETER)
    section = own.system.namespace.find(name, Section)
    if section is None:
        raise Failure(w.ERROR_FILE_NOT_FOUND)
    return own.handles.add(section, rights(access))


def _granted(protection: int) -> int:
    """The rights of the handle that CreateFileMapping gives: what the protection is good for, also if the section
    exists already with another one [CreateFileMapping; k32/virtual.c:3752-3770]."""
    writes = w.SECTION_MAP_WRITE if protection in WRITES else 0
    return (
        w.SECTION_QUERY | w.SECTION_MAP_READ | writes | (w.SECTION_MAP_EXECUTE if protection >= w.PAGE_EXECUTE else 0)
    )


def _caching(attributes: int) -> int:
    """The page modifier that goes with SEC_ flags."""
    if attributes & w.SEC_NOCACHE:
        return w.PAGE_NOCACHE
    return w.PAGE_WRITECOMBINE if attributes & w.SEC_WRITECOMBINE else 0


def rights(access: int) -> int:
    """Section rights from FILE_MAP_ flags: FILE_MAP_COPY, if it is alone, asks for reading, FILE_MAP_EXECUTE for
    executing [OpenFileMapping; ros: kernel32/client/file/filemap.c]."""
    if access == w.FILE_MAP_ALL_ACCESS:
        return w.GENERIC_ALL
    granted = access & (w.SECTION_MAP_WRITE | w.SECTION_MAP_READ | w.SECTION_MAP_EXECUTE)
    if access & ~w.FILE_MAP_EXECUTE == w.FILE_MAP_COPY:
        granted |= w.SECTION_MAP_READ
    if access & w.FILE_MAP_EXECUTE:
        granted |= w.SECTION_MAP_EXECUTE
    return granted
