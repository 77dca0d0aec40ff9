"""A process of the plain model: its address space, page by page."""

from __future__ import annotations

from simulator.windows import constants as w
from tests.windows.plain.records import PAGE, UNIT, Allocation, Outcome, Page, Section, Unspecified

OK = Outcome(True)
ADDRESS, PARAMETER = Outcome(False, w.ERROR_INVALID_ADDRESS), Outcome(False, w.ERROR_INVALID_PARAMETER)
FAILED = Outcome(False)
PLAIN = {w.PAGE_NOACCESS, w.PAGE_READONLY, w.PAGE_READWRITE, w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_READWRITE}
COPYING = {w.PAGE_WRITECOPY, w.PAGE_EXECUTE_WRITECOPY}
WRITABLE = {w.PAGE_READWRITE, w.PAGE_EXECUTE_READWRITE, *COPYING}
EXECUTABLE = {w.PAGE_EXECUTE_READ, w.PAGE_EXECUTE_READWRITE, w.PAGE_EXECUTE_WRITECOPY}
LOCK_LIMIT = 50 - 8
"""The default minimum less the overhead."""
ACCESS = {"read": 0, "write": 1, "execute": 8}


def private_protection(protect: int) -> bool:
    """Whether private memory can have a protection."""
    base = protect & ~w.PAGE_GUARD
    return base in PLAIN and not (protect & w.PAGE_GUARD and base == w.PAGE_NOACCESS)


class Space:
    """The pages of one process that are not free, by number."""

    def __init__(self) -> None:
        """Nothing is allocated."""
        self.pages: dict[int, Page] = {}

    def touched(self, address: int, size: int) -> range:
        """The numbers of the pages that a range touches."""
        return range(address // PAGE, (address + max(size, 1) - 1) // PAGE + 1)

    def within(self, numbers: range) -> list[Page] | None:
        """The pages of a range, if one allocation has them all."""
        found = [self.pages.get(number) for number in numbers]
        known = [page for page in found if page]
        return known if len(known) == len(found) and len({id(page.allocation) for page in known}) == 1 else None

    def charge(self) -> int:
        """Pages charged to the process."""
        views = {id(p.allocation): p.allocation for p in self.pages.values() if p.allocation.copies}
        private = sum(page.committed for page in self.pages.values() if page.private)
        return private + sum(allocation.pages for allocation in views.values())

    def place(self, allocation: Allocation) -> bool:
        """Put an allocation where it belongs; False if something is there."""
        numbers = range(allocation.base, allocation.base + allocation.pages)
        if any(number in self.pages for number in numbers):
            return False
        for index, number in enumerate(numbers):
            self.pages[number] = Page(allocation, index)
        return True

    def remove(self, allocation: Allocation) -> None:
        """Make the pages of an allocation free."""
        self.pages = {number: page for number, page in self.pages.items() if page.allocation is not allocation}

    # Calls

    def virtual_alloc(self, address: int, size: int, kind: int, protect: int) -> Outcome:
        """VirtualAlloc with an address."""
        if kind == w.MEM_RESET:
            return self._reset(address, size, protect)
        known = private_protection(protect) or (protect in COPYING and kind == w.MEM_COMMIT)
        if size == 0 or kind & ~(w.MEM_COMMIT | w.MEM_RESERVE) or not kind or not known:
            return PARAMETER
        numbers = self.touched(address, size)
        if kind & w.MEM_RESERVE:
            first = address // PAGE // UNIT * UNIT
            allocation = Allocation(first, numbers.stop - first, protect)
            if not self.place(allocation):
                return ADDRESS
            # a commit of an unaligned address commits what the range touches, or all that was reserved: not documented
            if kind & w.MEM_COMMIT and first != numbers.start:
                self.remove(allocation)
                raise Unspecified
            return OK if not kind & w.MEM_COMMIT else self._commit(numbers, protect)
        return self._commit(numbers, protect)

    def _commit(self, numbers: range, protect: int) -> Outcome:
        pages = self.within(numbers)
        if pages is None:
            return ADDRESS
        if pages[0].allocation.placeholder:
            return ADDRESS
        section = pages[0].allocation.section
        if section and section.file:
            return Outcome(False, w.ERROR_ACCESS_DENIED)
        if not section and protect in COPYING:
            return PARAMETER
        if any(page.offered or page.locked for page in pages):
            raise Unspecified
        if section and (not section.reserve or protect != pages[0].allocation.protect):
            raise Unspecified
        for page in pages:
            if section:
                section.committed.add(page.index)
            else:
                page.committed = True
                self._set(page, protect)
        return OK

    def _reset(self, address: int, size: int, protect: int) -> Outcome:
        pages = self.within(self.touched(address, size))
        if size == 0 or not private_protection(protect):
            return PARAMETER
        if pages is None or any(page.committed and not self._plain(page) for page in pages):
            raise Unspecified
        if not all(page.private for page in pages):
            raise Unspecified
        return OK

    def _plain(self, page: Page) -> bool:
        """Whether every page call allows it: committed private memory that can be read and written."""
        return page.private and page.committed and page.protect == w.PAGE_READWRITE and not page.offered

    def _set(self, page: Page, protect: int) -> None:
        page.protect = protect
        if protect == w.PAGE_NOACCESS or protect & w.PAGE_GUARD:
            page.valid = False

    def virtual_free(self, address: int, size: int, kind: int) -> Outcome:
        """VirtualFree."""
        if kind not in {w.MEM_DECOMMIT, w.MEM_RELEASE} or (kind == w.MEM_RELEASE and size):
            return PARAMETER
        page = self.pages.get(address // PAGE)
        if page is None:
            return ADDRESS
        allocation = page.allocation
        at_base = address // PAGE == allocation.base
        if allocation.placeholder and kind == w.MEM_DECOMMIT:
            raise Unspecified
        if allocation.section:
            if not at_base and size == 0:
                raise Unspecified
            return PARAMETER
        if size == 0 and not at_base:
            return ADDRESS
        numbers = self.touched(address, size) if size else range(allocation.base, allocation.base + allocation.pages)
        if numbers.stop > allocation.base + allocation.pages:
            return PARAMETER
        if kind == w.MEM_RELEASE:
            self.remove(allocation)
        else:
            for number in numbers:
                self.pages[number] = Page(allocation, number - allocation.base)
        return OK

    def virtual_protect(self, address: int, size: int, protect: int) -> Outcome:
        """VirtualProtect; the code of the outcome is the old protection."""
        numbers = self.touched(address, size)
        pages = self.within(numbers)
        if size == 0:
            raise Unspecified
        if pages is None or not all(page.is_committed() for page in pages):
            views = any(not self.pages[number].private for number in numbers if number in self.pages)
            if not private_protection(protect) or (views and protect != w.PAGE_READONLY):
                raise Unspecified
            return ADDRESS
        if any(page.offered or page.locked for page in pages):
            raise Unspecified
        if not self._allows(pages[0].allocation, protect):
            return PARAMETER
        old = self.protection(pages[0])
        for page in pages:
            self._set(page, protect)
        return Outcome(True, old)

    def _allows(self, allocation: Allocation, protect: int) -> bool:
        if allocation.section is None:
            return private_protection(protect)
        if protect & w.PAGE_GUARD or protect not in {w.PAGE_NOACCESS, w.PAGE_READONLY, w.PAGE_READWRITE}:
            raise Unspecified
        if allocation.copies and protect == w.PAGE_READWRITE:
            raise Unspecified
        return protect != w.PAGE_READWRITE or allocation.protect == w.PAGE_READWRITE

    def protection(self, page: Page) -> int:
        """What VirtualQuery says of a committed page; copied pages count as if they were not."""
        return page.protect or page.allocation.protect

    def touch(self, address: int, access: str) -> Outcome:
        """One reference."""
        page, wrong = self.pages.get(address // PAGE), Outcome(False, w.STATUS_ACCESS_VIOLATION, raised=True)
        if page is None or not page.is_committed() or page.offered:
            return wrong
        protect = self.protection(page)
        base = protect & ~w.PAGE_GUARD
        allowed = base != w.PAGE_NOACCESS and (
            access == "read" or base in (WRITABLE if access == "write" else EXECUTABLE)
        )
        if protect & w.PAGE_GUARD:
            if not allowed:
                raise Unspecified
            page.protect = base
            return Outcome(False, w.STATUS_GUARD_PAGE_VIOLATION, raised=True)
        if not allowed:
            return wrong
        page.valid = True
        page.copied |= access == "write" and base in COPYING
        return OK

    def virtual_lock(self, address: int, size: int) -> Outcome:
        """VirtualLock."""
        pages = [self.pages.get(number) for number in self.touched(address, size)]
        if size == 0:
            raise Unspecified
        known = [page for page in pages if page and page.is_committed()]
        protections = {self.protection(page) for page in known}
        if any(page.offered or page.allocation.copies for page in known) or any(p & w.PAGE_GUARD for p in protections):
            raise Unspecified
        if len(known) < len(pages) or w.PAGE_NOACCESS in protections:
            if any(page.private is False for page in known):
                raise Unspecified
            return FAILED
        new = sum(not page.locked for page in known)
        if new + sum(page.locked for page in self.pages.values()) > LOCK_LIMIT:
            raise Unspecified
        for page in known:
            page.valid = page.locked = True
        return OK

    def virtual_unlock(self, address: int, size: int) -> Outcome:
        """VirtualUnlock."""
        pages = [self.pages.get(number) for number in self.touched(address, size)]
        known = [page for page in pages if page and page.is_committed()]
        if size == 0 or len(known) < len(pages) or len({page.locked for page in known}) > 1:
            raise Unspecified
        if any(page.offered or self.protection(page) & (w.PAGE_GUARD | w.PAGE_NOACCESS) for page in known):
            raise Unspecified
        if known[0].locked:
            for page in known:
                page.locked = False
            return OK
        for page in known:
            page.valid = False
        return Outcome(False, w.ERROR_NOT_LOCKED)

    def offer(self, name: str, address: int, size: int) -> Outcome:
        """OfferVirtualMemory, ReclaimVirtualMemory or DiscardVirtualMemory."""
        if address % PAGE or size % PAGE or not size:
            return FAILED
        pages = self.within(self.touched(address, size))
        if pages is None or not all(page.private for page in pages):
            raise Unspecified
        if name == "reclaim_virtual_memory":
            if not all(page.offered for page in pages):
                raise Unspecified
        elif not all(page.committed for page in pages):
            return FAILED
        elif any(not self._plain(page) or (page.locked and name == "discard_virtual_memory") for page in pages):
            raise Unspecified
        for page in pages:
            page.offered, page.valid, page.locked = name == "offer_virtual_memory", False, False
        return OK

    def empty(self) -> Outcome:
        """EmptyWorkingSet."""
        for page in self.pages.values():
            page.valid &= page.locked
        return OK

    def map(self, section: Section, access: int, first: int, size: int) -> Outcome:
        """MapViewOfFileEx from the section's beginning."""
        copies = access == w.FILE_MAP_COPY
        pages = size or section.pages
        if access == w.FILE_MAP_WRITE and section.protect != w.PAGE_READWRITE:
            return self.refuse(section, first, size)
        if pages > section.pages:
            if any(number in self.pages for number in range(first, first + pages)):
                raise Unspecified
            return Outcome(False, w.ERROR_ACCESS_DENIED)
        if section.reserve and copies:
            raise Unspecified
        shown = w.PAGE_WRITECOPY if copies else w.PAGE_READWRITE if access == w.FILE_MAP_WRITE else w.PAGE_READONLY
        if not self.place(Allocation(first, pages, shown, section, copies)):
            return ADDRESS
        section.views += 1
        return OK

    def refuse(self, section: Section, first: int, size: int) -> Outcome:
        """MapViewOfFileEx with an access that section or handle don't allow."""
        pages = size or section.pages
        taken = any(number in self.pages for number in range(first, first + pages))
        if taken or pages > section.pages:
            raise Unspecified
        return Outcome(False, w.ERROR_ACCESS_DENIED)

    def unmap(self, address: int) -> Outcome:
        """UnmapViewOfFile."""
        page = self.pages.get(address // PAGE)
        if page is None or page.private:
            return ADDRESS
        assert page.allocation.section
        page.allocation.section.views -= 1
        self.remove(page.allocation)
        return OK

    # Placeholders

    def hold(self, address: int, size: int) -> Outcome:
        """VirtualAlloc2 of a placeholder."""
        first = address // PAGE // UNIT * UNIT
        pages = self.touched(address, size).stop - first
        return OK if self.place(Allocation(first, pages, w.PAGE_NOACCESS, placeholder=True)) else ADDRESS

    def replace(self, address: int, size: int, kind: int, protect: int) -> Outcome:
        """VirtualAlloc2 in a placeholder's place."""
        if not private_protection(protect):
            return PARAMETER
        old = self._placeholder(address, size)
        if old is None:
            return ADDRESS
        self.remove(old)
        self.place(Allocation(old.base, old.pages, protect, replaced=True))
        return self._commit(self.touched(address, size), protect) if kind & w.MEM_COMMIT else OK

    def _placeholder(self, address: int, size: int) -> Allocation | None:
        """The placeholder with exactly this address and size."""
        page = self.pages.get(address // PAGE)
        allocation = page.allocation if page else None
        fits = allocation and allocation.placeholder and allocation.base * PAGE == address
        return allocation if fits and allocation and allocation.pages * PAGE == size else None

    def split(self, address: int, size: int) -> Outcome:
        """VirtualFree with MEM_PRESERVE_PLACEHOLDER."""
        numbers = self.touched(address, size)
        page = self.pages.get(numbers.start)
        if size == 0 or (page and page.allocation.section):
            return PARAMETER
        if page is None or self.within(numbers) is None:
            return ADDRESS
        old = page.allocation
        whole = (numbers.start, len(numbers)) == (old.base, old.pages)
        if old.placeholder == whole or not (old.placeholder or old.replaced):
            return ADDRESS
        self.remove(old)
        for first, stop in (
            (old.base, numbers.start),
            (numbers.start, numbers.stop),
            (numbers.stop, old.base + old.pages),
        ):
            if first < stop:
                self.place(Allocation(first, stop - first, w.PAGE_NOACCESS, placeholder=True))
        return OK

    def join(self, address: int, size: int) -> Outcome:
        """VirtualFree with MEM_COALESCE_PLACEHOLDERS."""
        if size == 0:
            return PARAMETER
        numbers = self.touched(address, size)
        found = [self.pages.get(number) for number in numbers]
        parts = {id(page.allocation): page.allocation for page in found if page}.values()
        filled = None not in found and all(part.placeholder for part in parts)
        if len(parts) < 2 or not filled or sum(part.pages for part in parts) != len(numbers):
            return ADDRESS
        for part in list(parts):
            self.remove(part)
        self.place(Allocation(numbers.start, len(numbers), w.PAGE_NOACCESS, placeholder=True))
        return OK

    def map_placeholder(self, section: Section, protect: int, first: int, pages: int, denied: bool) -> Outcome:
        """MapViewOfFile3 of a section's first pages in a placeholder's place; `denied`: section or handle don't allow
        it."""
        old = self._placeholder(first * PAGE, pages * PAGE)
        copies = protect == w.PAGE_WRITECOPY
        if denied or pages > section.pages:
            if old is None:
                raise Unspecified
            return Outcome(False, w.ERROR_ACCESS_DENIED)
        if section.reserve and copies:
            raise Unspecified
        if old is None:
            return ADDRESS
        self.remove(old)
        self.place(Allocation(first, pages, protect, section, copies, replaced=True))
        section.views += 1
        return OK

    def unmap_preserve(self, address: int) -> Outcome:
        """UnmapViewOfFile2 with MEM_PRESERVE_PLACEHOLDER."""
        page = self.pages.get(address // PAGE)
        if page is None or page.private or not page.allocation.replaced:
            return ADDRESS
        old = page.allocation
        assert old.section
        old.section.views -= 1
        self.remove(old)
        self.place(Allocation(old.base, old.pages, w.PAGE_NOACCESS, placeholder=True))
        return OK
