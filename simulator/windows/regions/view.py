"""Views: a part of a section in an address space.

Page-table entries are made as they are needed and ask for contents then: mapping and unmapping cost nothing in
proportion to the view. A view keeps its section alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import BASE, CACHING, CHARGED, COPYING, KNOWN, cached
from simulator.windows.regions import placeholder
from simulator.windows.regions.region import Numbers, Region, Runs
from simulator.windows.section import COMPATIBLE, COPIES, Section
from simulator.windows.segment import PagingSegment

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace
    from simulator.windows.image import Image
    from simulator.windows.regions.placeholder import Placeholder


class View(Region):
    """Pages of a section as a process sees them: all under one protection, unless VirtualProtect changes some.

    Its pages always have a protection, and its section says which of them are committed. Commit is charged for pages
    that may be copied, until it is unmapped, whatever their protection has become (CHARGED).
    """

    kind = c.MEM_MAPPED
    charged_by_page = False

    def __init__(self, space: AddressSpace, section: Section, offset: int, pages: int, protection: int) -> None:
        """`offset`: the section's page that it begins with. It has no place yet. Raises Failure
        ERROR_COMMITMENT_LIMIT."""
        super().__init__(space, 0, pages, protection)
        self.section = section
        self.offset = offset
        self.protection = protection
        self.protect = self._allocation()
        self.fixed = section.large
        self._charged = 0
        self._charge(self._copied(offset, pages))
        section.reference()

    # Its place

    def place(self, base: int, old: Placeholder | None = None) -> int:
        """Give it its addresses, those of a placeholder if it is to replace one; its base. Commit is charged for its
        page tables.

        Raises Failure ERROR_INVALID_ADDRESS (not free), ERROR_NOT_ENOUGH_MEMORY (no room, or never),
        ERROR_INVALID_PARAMETER, ERROR_COMMITMENT_LIMIT.
        """
        space, pages = self.space, self.end - self.first
        size = pages * space.page_size
        if not base and size > space.end * space.page_size:
            raise Failure(c.ERROR_NOT_ENOUGH_MEMORY)
        align = space.system.settings.large_page_minimum // space.system.granularity if self.fixed else 1
        self.first = old.first if old else space.place(base, size, False, max(align, 1))[0]
        self.end = self.first + pages
        self.runs = self._protections()
        if not self.fixed:
            space.charge(space.missing_tables(self.first, self.end))
        if old is None:
            space.insert(self)
        else:
            placeholder.put(space, self, old)
        return self.first * space.page_size

    def _protections(self) -> Runs:
        runs, at = Runs(self.first, self.end, self.protect), self.first
        while at < self.end:
            value, end = self._mapped_run(at)
            runs.set(at, end, cached(value, self.protect) | (CHARGED if value & COPYING else 0))
            at = end
        return runs

    # What an image's view has otherwise

    def _allocation(self) -> int:
        """The allocation's protection."""
        return cached(self.protection, self.section.caching)

    def _copied(self, offset: int, pages: int) -> int:
        """How many of some pages of the section may be copied here."""
        return pages if self.protection in COPIES else 0

    def _mapped_run(self, page: int) -> tuple[int, int]:
        """The protection that a page has when the view is mapped, and where the run of pages with the same ends."""
        return self.protection, self.end

    def _copying(self, protection: int) -> bool:
        """Whether pages with this protection may be copied, and need contents for their copies."""
        return self.protection in COPIES or protection in COPIES

    def _allows(self, protection: int) -> bool:
        """Whether VirtualProtect may give a page this protection [VirtualProtect]; modifiers don't matter."""
        return protection & BASE in COMPATIBLE[self.protection]

    def _effective(self, protection: int) -> int:
        """What a protection means here."""
        return _copy_on_write(protection) if self.protection in COPIES else protection

    # What its pages are

    @property
    def file_backed(self) -> bool:
        """Whether its pages come from a file."""
        return self.section.file is not None

    @property
    def _paging(self) -> PagingSegment | None:
        segment = self.section.segment
        return segment if isinstance(segment, PagingSegment) else None

    def _of_section(self, page: int) -> int:
        return self.offset + page - self.first

    def contents(self, first: int, end: int) -> Numbers:
        """The contents of pages; also of those that aren't committed yet."""
        return self.section.segment.contents(self._of_section(first), end - first)

    def contents_in_use(self, first: int, end: int) -> Numbers:
        """Those of the section and those that were copied."""
        if self.fixed:
            return super().contents_in_use(first, end)
        contents = self.contents(first, end)[self.present(first, end)]
        pages, entries = self.space.tables.existing(first, end)
        if len(pages):
            state = self.space.pages.state_of(entries)
            contents = np.concatenate((contents, state["content"][state["copied"]]))
        return contents

    def present(self, first: int, end: int) -> NDArray[np.bool_]:
        """For each page, whether it is committed now: a page of a SEC_RESERVE section becomes so for all views."""
        if self._paging is None:
            return np.ones(end - first, np.bool_)
        return self._paging.committed(self._of_section(first), end - first)

    def present_run(self, page: int) -> tuple[bool, int]:
        """Whether a page is committed, and where the run of pages that are the same ends."""
        if self._paging is None:
            return True, self.end
        state, length = self._paging.committed_run(self._of_section(page))
        return state, min(page + length, self.end)

    def state(self, page: int) -> tuple[int, int]:
        """0: not committed."""
        value, end = super().state(page)
        present, stop = self.present_run(page)
        return (value, min(end, stop)) if present else (0, stop)

    def query(self, page: int) -> tuple[int, int]:
        """Of copy-on-write pages those that were copied are writable [Memory Protection]."""
        value, end = self.state(page)
        return self._written_run(page, end, value) if value & COPYING else (value, end)

    def _written_run(self, page: int, end: int, value: int) -> tuple[int, int]:
        """(protection, end) of the pages like `page` among copy-on-write pages up to `end`."""
        pages, entries = self.space.tables.existing(page, end)
        copied = pages[self.space.pages.state_of(entries)["copied"]]
        if not len(copied) or copied[0] != page:
            return value, int(copied[0]) if len(copied) else end
        gaps = np.flatnonzero(copied != page + np.arange(len(copied)))
        return value & ~COPYING | (value & COPYING) >> 1, page + int(gaps[0] if len(gaps) else len(copied))

    # What calls do to them

    def commit(self, first: int, end: int, protect: int) -> None:
        """Pages of a SEC_RESERVE section are committed in all its views, for good, and get a protection in this one.
        Raises Failure ERROR_ACCESS_DENIED for a file's or an image's view [k32/virtual.c:3589-3590, 4115-4116],
        ERROR_INVALID_PARAMETER or ERROR_COMMITMENT_LIMIT."""
        if self.file_backed:
            raise Failure(c.ERROR_ACCESS_DENIED)
        effective = self._checked(protect)
        if self._paging is not None:
            self._paging.commit(self._of_section(first), end - first)
        self._change(first, end, effective)

    def protect_pages(self, first: int, end: int, protect: int) -> int:
        """Pages that may be copied from now on are charged for. Raises Failure ERROR_INVALID_PARAMETER if the view's
        access doesn't allow the protection, or it is for private memory; ERROR_INVALID_ADDRESS if a page isn't
        committed; ERROR_COMMITMENT_LIMIT."""
        old = self.runs.at(first) & KNOWN
        if old & COPYING:
            old, _ = self._written_run(first, first + 1, old)
        effective = self._checked(protect)
        at = first
        while at < end:
            present, at = self.present_run(at)
            if not present:
                raise Failure(c.ERROR_INVALID_ADDRESS)
        self._change(first, end, effective)
        return old

    def check_free(self, free_type: int) -> None:
        """Views are unmapped."""
        raise Failure(c.ERROR_INVALID_PARAMETER)

    def check_reset(self) -> None:
        """What a file holds isn't lost."""
        if self.file_backed:
            raise Failure(c.ERROR_USER_MAPPED_FILE)

    def _checked(self, protection: int) -> int:
        if protection & CACHING or not self._allows(protection):
            raise Failure(c.ERROR_INVALID_PARAMETER)
        return cached(self._effective(protection), self.protect)

    def _change(self, first: int, end: int, protection: int) -> None:
        runs = list(self.runs.within(first, end))
        charged = CHARGED if protection & COPYING else 0
        if charged:
            self._charge(sum(stop - start for start, stop, value in runs if not value & CHARGED))
        copying = self._copying(protection & BASE)
        for start, stop, value in runs:
            self.runs.set(start, stop, protection | value & CHARGED | charged)
            if self._copying(value & BASE) != copying:
                self._rebind(start, stop)
        self.space.tables.allow(self, first, end)

    def _charge(self, pages: int) -> None:
        self.space.charge(pages)
        self._charged += pages

    def _rebind(self, first: int, end: int) -> None:
        """Stores to these pages begin, or cease, to copy them; pages that were copied stay so."""
        tables, frames = self.space.tables, self.space.pages
        pages, entries = tables.existing(first, end)
        if len(entries):
            shared = ~frames.state_of(entries)["copied"]
            frames.set_access(entries[shared], False, False, False)
            tables.bind(self, pages[shared])

    # What page tables ask

    def copies(self, first: int, end: int) -> bool:
        """Whether any of its pages may be copied."""
        return any(self._copying(value & BASE) for _, _, value in self.runs.within(first, end))

    def bind(self, pages: Numbers, entries: Numbers, own: Numbers | None) -> None:
        """Pages that may be copied have contents of their own besides."""
        first, end = int(pages[0]), int(pages[-1]) + 1
        contents = self.contents(first, end)[pages - first]
        if self.fixed:
            self.space.pages.map_fixed(entries, contents)
            return
        if own is not None:
            for start, stop, value in self.runs.within(first, end):
                if not self._copying(value & BASE):
                    own[(pages >= start) & (pages < stop)] = -1
        self.space.pages.bind(entries, contents, own)

    def rights(self, pages: Numbers, value: int) -> tuple[Any, Any, Any]:
        """Only pages that are committed are accessible."""
        accessible, writable, executable = super().rights(pages, value)
        if accessible:
            first = int(pages[0])
            return self.present(first, int(pages[-1]) + 1)[pages - first], writable, executable
        return accessible, writable, executable

    # Its end

    def clear(self, reason: int) -> None:
        """Its pages are gone from the page tables, and shared by one less."""
        tables, frames = self.space.tables, self.space.pages
        _, entries = tables.existing(self.first, self.end)
        if len(entries):
            if self.fixed:
                frames.unmap_fixed(entries)
            else:
                frames.unbind(entries, reason)
        tables.forget(self.first, self.end)

    def released(self) -> None:
        """It gives back its commit charge, and its hold on the section."""
        self.space.refund(self._charged)
        self._charged = 0
        self.section.dereference()


class ImageView(View):
    """A view of an image, whose pages have the protections that it gives them: writing copies them."""

    kind = c.MEM_IMAGE

    @property
    def _image(self) -> Image:
        assert self.section.image is not None
        return self.section.image

    def place(self, base: int, old: Placeholder | None = None) -> int:
        """It goes to the image's own base if that is free, unless another is asked for."""
        if not base:
            try:
                return super().place(self._image.base + self.offset * self.space.page_size)
            except Failure as failure:
                if failure.code not in (c.ERROR_INVALID_ADDRESS, c.ERROR_INVALID_PARAMETER):
                    raise
        return super().place(base, old)

    def _allocation(self) -> int:
        """Whatever access the view asked for [k32/virtual.c:4019]."""
        return c.PAGE_EXECUTE_WRITECOPY

    def _copied(self, offset: int, pages: int) -> int:
        return self._image.copied_pages(offset, pages)

    def _mapped_run(self, page: int) -> tuple[int, int]:
        protection, length = self._image.protection_run(self._of_section(page))
        return protection, min(page + length, self.end)

    def _copying(self, protection: int) -> bool:
        return True

    def _allows(self, protection: int) -> bool:
        return True

    def _effective(self, protection: int) -> int:
        return _copy_on_write(protection)


def _copy_on_write(protection: int) -> int:
    """What a protection is where nobody writes to what is shared: PAGE_READWRITE is PAGE_WRITECOPY."""
    if protection & c.PAGE_READWRITE:
        return protection ^ c.PAGE_READWRITE | c.PAGE_WRITECOPY
    if protection & c.PAGE_EXECUTE_READWRITE:
        return protection ^ c.PAGE_EXECUTE_READWRITE | c.PAGE_EXECUTE_WRITECOPY
    return protection
