"""Mapping views of sections, unmapping and flushing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.state.constants import UNMAPPED
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import is_valid
from simulator.windows.regions import placeholder
from simulator.windows.regions.placeholder import Placeholder, Requirements
from simulator.windows.regions.view import ImageView, View
from simulator.windows.section import COMPATIBLE, COPIES, Section
from simulator.windows.segment import FileSegment

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState

_SILENT = c.FILE_MAP_LARGE_PAGES | c.FILE_MAP_TARGETS_INVALID | c.FILE_MAP_RESERVE
"""FILE_MAP_ flags that ask for no access."""


def map_view_of_file_ex(own: ProcessState, handle: int, access: int, offset: int, size: int, base: int) -> int:
    """The address of a new view of `size` bytes (0: to the section's end) from `offset` on, at `base` (0: anywhere)
    [MapViewOfFileEx].

    FILE_MAP_COPY counts only if it is alone. An image goes to its own base if that is free. ERROR_ACCESS_DENIED if it
    would go beyond the section, or section or handle don't allow the access, whatever the pages of an image have;
    ERROR_INVALID_HANDLE; ERROR_NOT_ENOUGH_MEMORY if there is no room; ERROR_INVALID_PARAMETER; ERROR_INVALID_ADDRESS
    if the base isn't free; ERROR_MAPPED_ALIGNMENT if base or offset isn't a multiple of 64 KiB (of a large page in a
    section of such, whose views can't be copy-on-write and have whole large pages; chosen);
    ERROR_NO_SYSTEM_RESOURCES if there's no pool for a file's prototype PTEs; ERROR_COMMITMENT_LIMIT if there's no
    commit charge for a copy-on-write view.
    """
    section = own.handles.get(handle, Section)
    protection = view_protection(access)
    unit = own.system.settings.large_page_minimum if section.large else own.system.granularity
    bad = offset < 0 or size < 0 or base < 0 or (access & c.FILE_MAP_LARGE_PAGES and not section.large)
    if bad or (section.large and (size % unit or protection in COPIES)):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    if offset % unit or base % unit:
        raise Failure(c.ERROR_MAPPED_ALIGNMENT)
    own.handles.get(handle, Section, _needed(protection))
    _check_part(section, protection, offset, size)
    return map_part(own, section, protection, offset, size or section.size - offset, base)


def map_view_of_file(own: ProcessState, handle: int, access: int, offset: int = 0, size: int = 0) -> int:
    """The address of a new view [MapViewOfFile]; see `map_view_of_file_ex`."""
    return map_view_of_file_ex(own, handle, access, offset, size, 0)


def map_view_of_file3(
    own: ProcessState,
    handle: int,
    process_handle: int,
    base: int,
    offset: int,
    size: int,
    allocation_type: int,
    protect: int,
    lowest_starting_address: int = 0,
    highest_ending_address: int = 0,
    alignment: int = 0,
) -> int:
    """The address of a new view with a PAGE_ protection in a process (0 or -1: this one), at `base` (0: anywhere that
    requirements allow), or in a placeholder's place (MEM_REPLACE_PLACEHOLDER), which is exactly as large
    [MapViewOfFile3].

    Errors as `map_view_of_file_ex`, and ERROR_INVALID_PARAMETER for other flags, for what is no protection, and for
    requirements that can't be or go with an alignment or a base [ntdll/virtual.c: test_NtMapViewOfSectionEx];
    ERROR_INVALID_ADDRESS if there's no placeholder of that address and size. Sections of large pages are
    MapViewOfFile's alone (chosen).
    """
    target = own.process(process_handle or c.CURRENT_PROCESS)
    wanted = Requirements(lowest_starting_address, highest_ending_address, alignment)
    section = own.handles.get(handle, Section)
    replaces = allocation_type == c.MEM_REPLACE_PLACEHOLDER
    bad = offset < 0 or size < 0 or base < 0 or section.large or alignment
    if bad or allocation_type & ~c.MEM_REPLACE_PLACEHOLDER or not is_valid(protect):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    unit = own.system.page_size if replaces else own.system.granularity
    if offset % unit or base % unit:
        raise Failure(c.ERROR_MAPPED_ALIGNMENT)
    own.handles.get(handle, Section, _needed(protect))
    _check_part(section, protect, offset, size)
    size = size or section.size - offset
    old = placeholder.find(target.space, base, size) if replaces else None
    if any(wanted):
        base = placeholder.choose(target.space, base, size, c.MEM_RESERVE, wanted)
    return map_part(target, section, protect, offset, size, base, old)


def _check_part(section: Section, protection: int, offset: int, size: int) -> None:
    """Refuse a view that a section has no such part for, or doesn't allow."""
    allowed = protection in COMPATIBLE[section.protection]
    if not allowed or offset >= section.size or offset + size > section.size:
        raise Failure(c.ERROR_ACCESS_DENIED)


def map_part(
    own: ProcessState,
    section: Section,
    protection: int,
    offset: int,
    size: int,
    base: int,
    old: Placeholder | None = None,
) -> int:
    """Map bytes of a section that exist, perhaps in a placeholder's place; where. Raises Failure
    ERROR_NO_SYSTEM_RESOURCES if there's no pool for prototype PTEs, or as `View` and `View.place`."""
    page = own.system.page_size
    kind = ImageView if section.image is not None else View
    view = kind(own.space, section, offset // page, -(-size // page), protection)
    try:
        at = view.place(base, old)
    except Failure:
        view.released()
        raise
    try:
        section.segment.show(view.offset, view.end - view.first)
    except Failure:
        if old is None:
            own.space.release(view, UNMAPPED)
        else:
            placeholder.restore(own.space, at, UNMAPPED)
        raise
    return at


def view_protection(access: int) -> int:
    """The protection that FILE_MAP_ flags ask for [k32/virtual.c:3797]: FILE_MAP_COPY counts only if
    it is alone; else writing goes before reading; without any of them the view is PAGE_NOACCESS, even with
    FILE_MAP_EXECUTE."""
    execute = bool(access & c.FILE_MAP_EXECUTE)
    if access & ~(c.FILE_MAP_EXECUTE | _SILENT) == c.FILE_MAP_COPY:
        return c.PAGE_EXECUTE_WRITECOPY if execute else c.PAGE_WRITECOPY
    if access & c.FILE_MAP_WRITE:
        return c.PAGE_EXECUTE_READWRITE if execute else c.PAGE_READWRITE
    if access & c.FILE_MAP_READ:
        return c.PAGE_EXECUTE_READ if execute else c.PAGE_READONLY
    return c.PAGE_NOACCESS


def _needed(protection: int) -> int:
    """The rights that a handle must have been opened for."""
    rights = c.SECTION_MAP_WRITE if protection in (c.PAGE_READWRITE, c.PAGE_EXECUTE_READWRITE) else c.SECTION_MAP_READ
    return rights | (c.SECTION_MAP_EXECUTE if protection >= c.PAGE_EXECUTE else 0)


def flush_view_of_file(own: ProcessState, address: int, size: int = 0) -> bool:
    """Start writing the dirty pages of a part of a view (`size` 0: to its end) to its file [FlushViewOfFile]; they stay
    where they are, clean. Views of images and of the paging files have nothing to flush and are content.
    ERROR_INVALID_ADDRESS if there's no view, ERROR_INVALID_PARAMETER if the part leaves it."""
    view, page = own.space.view_at(address), own.system.page_size
    if size < 0 or address + size > view.end * page:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    first, end = address // page, -(-(address + size) // page) if size else view.end
    if isinstance(view.section.segment, FileSegment) and not isinstance(view, ImageView):
        own.system.pages.flush(own.space.tables.existing(first, end)[1])
        own.system.pages.flush_contents(view.contents(first, end))
    return True


def unmap_view_of_file(own: ProcessState, address: int) -> bool:
    """Unmap the view that holds an address [UnmapViewOfFile; any of it does: k32/virtual.c:1215-1227].
    ERROR_INVALID_ADDRESS if none does."""
    view = own.space.view_at(address)
    own.space.release(view, UNMAPPED)
    base = view.first * own.system.page_size
    own.modules = {name: module for name, module in own.modules.items() if module.base != base}
    return True


def unmap_view_of_file2(own: ProcessState, process_handle: int, address: int, flags: int = 0) -> bool:
    """Unmap a view of a process; with MEM_PRESERVE_PLACEHOLDER a placeholder is there again [UnmapViewOfFile2]. A
    transient boost of its pages changes nothing here. ERROR_INVALID_ADDRESS if there's no view, or it replaced no
    placeholder, ERROR_INVALID_PARAMETER for other flags."""
    target = own.process(process_handle)
    if flags & ~(c.MEM_PRESERVE_PLACEHOLDER | c.MEM_UNMAP_WITH_TRANSIENT_BOOST):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    if not flags & c.MEM_PRESERVE_PLACEHOLDER:
        return unmap_view_of_file(target, address)
    target.space.view_at(address)
    placeholder.restore(target.space, address, UNMAPPED)
    return True


def unmap_view_of_file_ex(own: ProcessState, address: int, flags: int = 0) -> bool:
    """`unmap_view_of_file2` in this process [UnmapViewOfFileEx]."""
    return unmap_view_of_file2(own, c.CURRENT_PROCESS, address, flags)
