"""Views: a part of a section in an address space, and what the address space asks about its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.state.constants import UNMAPPED
from simulator.windows import constants as w
from simulator.windows import placeholders
from simulator.windows.failure import Failure
from simulator.windows.protection import cached
from simulator.windows.section import COMPATIBLE, COPIES, Section
from simulator.windows.segment import FileSegment, PagingSegment

if TYPE_CHECKING:
    from simulator.windows.owner import Owner
    from simulator.windows.vad import Vad

_SILENT = w.FILE_MAP_LARGE_PAGES | w.FILE_MAP_TARGETS_INVALID | w.FILE_MAP_RESERVE
"""FILE_MAP_ flags that ask for no access."""


class View:
    """Pages `first` to `first + pages` of a section as a process sees them. Page numbers in what follows count from
    the view's first.

    The address space makes PTEs as they are needed and asks for contents then: mapping and unmapping cost nothing in
    proportion to the view. A view keeps its section alive.
    """

    def __init__(self, owner: Owner, section: Section, first: int, pages: int, protection: int) -> None:
        """`protection`: of all pages (an image's have their own). Charges commit for pages that may be copied; raises
        Failure 1455."""
        self.owner = owner
        self.section = section
        self.first = first
        self.pages = pages
        self.protection = protection
        self.kind = w.MEM_IMAGE if section.image else w.MEM_MAPPED
        self.fixed = section.large
        """nonpageable: in no working set"""
        self.file_backed = section.file is not None
        self.charged = 0
        image = section.image
        if image is not None:
            self.charge_private(image.copied_pages(first, pages))
        elif protection in COPIES:
            self.charge_private(pages)
        section.reference()

    def charge_private(self, pages: int) -> None:
        """Charge commit to the process for pages that it may get copies of, until the view is unmapped; raises Failure
        1455."""
        self.owner.space.charge(pages)
        self.charged += pages

    def unmapped(self) -> None:
        """The view is gone from its address space: its commit charge, and its hold on the section."""
        self.owner.space.refund(self.charged)
        self.charged = 0
        self.section.dereference()

    def contents(self, first: int, count: int) -> NDArray[np.int64]:
        """The contents of `count` pages; also of those that aren't committed yet."""
        return self.section.segment.contents(self.first + first, count)

    def committed(self, first: int, count: int) -> NDArray[np.bool_]:
        """For each page, whether it is committed now: a page of a SEC_RESERVE section becomes so for all views."""
        segment = self.section.segment
        if isinstance(segment, PagingSegment):
            return segment.committed(self.first + first, count)
        return np.ones(count, np.bool_)

    def committed_run(self, first: int) -> tuple[bool, int]:
        """Whether a page is committed, and how many pages of the view from it on are the same."""
        segment = self.section.segment
        if isinstance(segment, PagingSegment):
            state, length = segment.committed_run(self.first + first)
            return state, min(length, self.pages - first)
        return True, self.pages - first

    def commit(self, first: int, count: int) -> None:
        """Commit pages of a SEC_RESERVE section, for all views and for good [VirtualAlloc]; raises Failure 1455.
        Pages of other sections are committed already."""
        segment = self.section.segment
        if isinstance(segment, PagingSegment):
            segment.commit(self.first + first, count)

    def protection_run(self, first: int) -> tuple[int, int]:
        """The protection that a page has when the view is mapped, and how many pages from it on have the same."""
        image = self.section.image
        if image is None:
            return self.protection, self.pages - first
        protection, length = image.protection_run(self.first + first)
        return protection, min(length, self.pages - first)

    def protections(self, first: int, count: int) -> NDArray[np.int64]:
        """The protection that each page has when the view is mapped."""
        found = np.empty(count, np.int64)
        at = 0
        while at < count:
            protection, length = self.protection_run(first + at)
            found[at : at + length] = protection
            at += length
        return found

    def private(self, protection: int) -> bool:
        """Whether pages with this protection may be copied, and need contents for their copies."""
        return self.section.image is not None or self.protection in COPIES or protection in COPIES

    def allows(self, protection: int) -> bool:
        """Whether VirtualProtect may give a page this protection [VirtualProtect]; modifiers don't matter. An image's
        pages may have any: writing copies them."""
        plain = protection & 0xFF
        return self.section.image is not None or plain in COMPATIBLE[self.protection]

    def effective(self, protection: int) -> int:
        """What a protection means here: on pages of an image or a copy-on-write view nobody writes to what is shared,
        so that PAGE_READWRITE is PAGE_WRITECOPY."""
        if self.section.image is not None or self.protection in COPIES:
            if protection & w.PAGE_READWRITE:
                return protection ^ w.PAGE_READWRITE | w.PAGE_WRITECOPY
            if protection & w.PAGE_EXECUTE_READWRITE:
                return protection ^ w.PAGE_EXECUTE_READWRITE | w.PAGE_EXECUTE_WRITECOPY
        return protection


def map_view(owner: Owner, handle: int, access: int, offset: int, size: int, base: int) -> int:
    """Map a part of a section [MapViewOfFileEx]; returns where. `size` 0: to the section's end; `base` 0: anywhere.

    Raises Failure 6; 1132 if the offset isn't a multiple of 64 KiB (of a large page in a section of such, whose views
    can't be copy-on-write either and have whole large pages, else 87; chosen), or if the base isn't; 487 if the base
    isn't free; 5 if the part lies beyond the section's end, or section or handle don't allow the access, whatever the
    pages of an image have; 8 if the address space is full; 1455 if a copy-on-write view can't be promised; 1450 if
    there is no pool for prototype PTEs.
    """
    section = owner.handles.get(handle, Section)
    protection = view_protection(access)
    unit = owner.system.settings.large_page_minimum if section.large else owner.system.granularity
    bad = offset < 0 or size < 0 or base < 0 or (access & w.FILE_MAP_LARGE_PAGES and not section.large)
    if bad or (section.large and (size % unit or protection in COPIES)):
        raise Failure(w.ERROR_INVALID_PARAMETER)
    if offset % unit or base % unit:
        raise Failure(w.ERROR_MAPPED_ALIGNMENT)
    owner.handles.get(handle, Section, needed(protection))
    check_part(section, protection, offset, size)
    return map_part(owner, section, protection, offset, size or section.size - offset, base)


def check_part(section: Section, protection: int, offset: int, size: int) -> None:
    """Refuse a view that a section has no such part for, or doesn't allow; raises Failure 5."""
    allowed = protection in COMPATIBLE[section.protection]
    if not allowed or offset >= section.size or offset + size > section.size:
        raise Failure(w.ERROR_ACCESS_DENIED)


def map_part(
    owner: Owner, section: Section, protection: int, offset: int, size: int, base: int, old: Vad | None = None
) -> int:
    """Map bytes of a section that exist; an image goes to its own base if that is free, unless another is asked for. A
    view that replaces the placeholder `old` goes there. Raises Failure 487, 8, 1450 or 1455."""
    page = owner.system.page_size
    view = View(owner, section, offset // page, -(-size // page), protection)
    try:
        at = _place(view, base, old)
    except Failure:
        view.unmapped()
        raise
    try:
        section.segment.show(view.first, view.pages)
    except Failure:
        if old is None:
            owner.space.unmap_view(at)
        else:
            placeholders.restore(owner.space, at, UNMAPPED)
        raise
    return at


def _place(view: View, base: int, old: Vad | None) -> int:
    """Give a view its addresses, an image those at its own base if they are free and no others are asked for. An image
    is a PAGE_EXECUTE_WRITECOPY allocation, whatever access its view asked for [k32/virtual.c:4019]."""
    space, size = view.owner.space, view.pages * view.owner.system.page_size
    image = view.section.image
    protection = w.PAGE_EXECUTE_WRITECOPY if image else cached(view.protection, view.section.caching)
    if image is not None and not base:
        own = image.base + view.first * view.owner.system.page_size
        try:
            return space.reserve_view(own, size, view.kind, protection, view)
        except Failure as failure:
            if failure.code not in (w.ERROR_INVALID_ADDRESS, w.ERROR_INVALID_PARAMETER):
                raise
    return space.reserve_view(base, size, view.kind, protection, view, old=old)


def view_protection(access: int) -> int:
    """The protection that FILE_MAP_ flags ask for [k32/virtual.c:3797]: FILE_MAP_COPY counts only if
    it is alone; else writing goes before reading; without any of them the view is PAGE_NOACCESS, even with
    FILE_MAP_EXECUTE."""
    execute = bool(access & w.FILE_MAP_EXECUTE)
    if access & ~(w.FILE_MAP_EXECUTE | _SILENT) == w.FILE_MAP_COPY:
        return w.PAGE_EXECUTE_WRITECOPY if execute else w.PAGE_WRITECOPY
    if access & w.FILE_MAP_WRITE:
        return w.PAGE_EXECUTE_READWRITE if execute else w.PAGE_READWRITE
    if access & w.FILE_MAP_READ:
        return w.PAGE_EXECUTE_READ if execute else w.PAGE_READONLY
    return w.PAGE_NOACCESS


def needed(protection: int) -> int:
    """The rights that a handle must have been opened for."""
    rights = w.SECTION_MAP_WRITE if protection in (w.PAGE_READWRITE, w.PAGE_EXECUTE_READWRITE) else w.SECTION_MAP_READ
    return rights | (w.SECTION_MAP_EXECUTE if protection >= w.PAGE_EXECUTE else 0)


def flush(owner: Owner, address: int, size: int) -> bool:
    """Start the writes of a view's dirty pages [FlushViewOfFile]; `size` 0: to the view's end. Views of images and of
    the paging files have nothing to flush and are content. Raises Failure 487 if no view is there, 87 if the range
    leaves it."""
    view, base = owner.space.view_at(address)
    page = owner.system.page_size
    if size < 0 or address + size > base + view.pages * page:
        raise Failure(w.ERROR_INVALID_PARAMETER)
    first = (address - base) // page
    end = -(-(address + size - base) // page) if size else view.pages
    if isinstance(view.section.segment, FileSegment) and view.section.image is None:
        start = base // page
        owner.system.pages.flush(owner.space.tables.existing(start + first, start + end)[1])
        owner.system.pages.flush_contents(view.contents(first, end - first))
    return True


def unmap(owner: Owner, address: int) -> bool:
    """Unmap the view that holds an address [UnmapViewOfFile]; raises Failure 487 if none does."""
    base = owner.space.unmap_view(address)
    owner.modules = {name: module for name, module in owner.modules.items() if module.base != base}
    return True
