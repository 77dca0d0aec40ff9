"""A process's address space: which regions it has, and what it is charged for them.

Sources: [Name] is a Microsoft Learn page, ros a path in reactos/reactos; the rules are MODEL.md's. Nothing here takes
time in proportion to the size of a region: regions are runs of equal pages, and page-table entries are made when pages
are touched. Methods raise Failure with a Win32 code, and have changed nothing then. Addresses and sizes are in bytes,
unless called pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simulator.state.constants import DECOMMITTED, FETCH, PROCESS_ENDED, STORE
from simulator.units import GiB
from simulator.windows import constants as c
from simulator.windows import discardable
from simulator.windows.failure import Failure
from simulator.windows.page_tables import PageTables
from simulator.windows.protection import OFFERED, is_valid, rights
from simulator.windows.regions import fixed, placeholder
from simulator.windows.regions.private import RESETS, Private, check_allocation, check_private
from simulator.windows.regions.region import Numbers, Region
from simulator.windows.regions.stack import Stack
from simulator.windows.regions.vads import FreeSpace, Vads
from simulator.windows.regions.view import View

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

PTE_BYTES = 8
"""A page table is a page of PTEs: it maps 2 MiB (x86-64, and x86 with PAE)."""
_READ, _WRITE, _EXECUTE = 0, 1, 8
"""What EXCEPTION_RECORD says of a load, a store, a fetch that DEP prevents."""


class MemoryBasicInformation(NamedTuple):
    """What VirtualQuery tells of a run of pages [MEMORY_BASIC_INFORMATION]."""

    base_address: int
    allocation_base: int
    allocation_protect: int
    region_size: int
    state: int
    protect: int
    type: int


class AddressSpace:
    """One process's regions, page-table entries and commit charge.

    A 32-bit process has 2 GiB, a 64-bit one the machine's `address_space`; the lowest and the highest 64 KiB are no
    one's [ros: lpMinimumApplicationAddress, lpMaximumApplicationAddress]. Commit is charged for committed private
    pages, for AWE frames and large pages, and for the page tables of all committed pages.
    """

    def __init__(self, system: System, own: ProcessState) -> None:
        """Nothing is reserved."""
        self.system, self.own, self.pages = system, own, system.pages
        self.process = own.number
        self.page_size = system.page_size
        self.unit = system.granularity // system.page_size
        """pages in an allocation unit"""
        units = (2 * GiB if own.bits == 32 else system.address_space) // system.granularity - 1
        self.end = units * self.unit
        """first page that no region can have"""
        self.vads = Vads()
        self.tables = PageTables(self.pages, self.process, self.unit, self.vads)
        self.tables.no_execute = own.dep.enabled
        self.awe_frames: dict[int, int] = {}
        """AWE frame -> the page it is mapped at, or -1"""
        self.peak_commit = 0
        """the most pages that the process was charged when a call of this class charged some"""
        self._free = FreeSpace(1, units)
        self._span = self.page_size // PTE_BYTES
        self._virtual = 0
        self._charged = 0

    # What others ask

    @property
    def virtual_bytes(self) -> int:
        """Reserved and committed address space, in bytes."""
        return self._virtual * self.page_size

    def region_at(self, address: int) -> Region | None:
        """The region that holds an address."""
        return self.vads.at(address // self.page_size)

    def view_at(self, address: int) -> View:
        """The view that holds an address; raises Failure ERROR_INVALID_ADDRESS if there is none."""
        view = self.region_at(address)
        if not isinstance(view, View):
            raise Failure(c.ERROR_INVALID_ADDRESS)
        return view

    def entries(self, address: int, size: int) -> Numbers:
        """The page-table entries of all pages of a range, whatever is there; made if need be."""
        page = self.page_size
        return self.tables.entries(address // page, -(-(address + max(size, 1)) // page))

    def entries_of(self, pages: ArrayLike) -> Numbers:
        """The page-table entries of pages, given by their numbers, in the same order; made if need be."""
        return self.tables.entries_of(np.asarray(pages, np.int64))

    def fault(self, thread: Any, page: int, access: int) -> tuple[int, tuple[int, ...]] | None:
        """What becomes of a reference by `thread` (an object with the thread's `stack`) that trapped at a page;
        `access`: 0 fetch, 1 load, 2 store.

        (status, information) of the exception that the program gets, information as in EXCEPTION_RECORD: kind of access
        and address; or None: it is to try again. Region and state are looked at first, then the guard bit, then the
        protection [ros: ARM3/pagfault.c]. A guard page loses its guard; in the thread's own stack the stack grows.
        None also for what is allowed though the entry doesn't know yet: the first store to a page of a write-watched
        region, which is noted, and pages of a SEC_RESERVE section that another process has committed.
        """
        prevented = access == FETCH and self.tables.no_execute
        information = _EXECUTE if prevented else _WRITE if access == STORE else _READ, page * self.page_size
        violation = c.STATUS_ACCESS_VIOLATION, information
        region = self.vads.at(page)
        if region is None or not region.state(page)[0]:
            return violation
        value = region.runs.at(page)
        if value & c.PAGE_GUARD and not value & OFFERED:
            if isinstance(region, Stack) and region is thread.stack:
                status = region.grow(page)
                return (status, information) if status else None
            region.assign(page, page + 1, value & ~c.PAGE_GUARD)
            return c.STATUS_GUARD_PAGE_VIOLATION, ()
        accessible, writable, executable = rights(value, self.tables.no_execute)
        if not accessible or (access == STORE and not writable) or (access == FETCH and not executable):
            return violation
        if access == STORE:
            region.note_stores(page, page + 1)
        self.tables.entries(page, page + 1)
        self.tables.allow(region, page, page + 1)
        return None

    def dep_changed(self) -> None:
        """The process's DEP is on or off now: what may be executed follows."""
        self.tables.no_execute = self.own.dep.enabled
        for region in self.vads.regions:
            region.allow()

    def free_stack(self, stack: Stack) -> None:
        """The thread that had a stack has ended; nothing happens if the program has freed it already."""
        if self.region_at(stack.base) is stack:
            self.release(stack, DECOMMITTED)

    def destroy(self) -> None:
        """The process has ended: everything is given back."""
        for region in list(self.vads.regions):
            self.release(region, PROCESS_ENDED)
        fixed.free_user_physical_pages(self, list(self.awe_frames))
        self.refund(self._charged)

    # The calls

    def virtual_alloc(self, address: int, size: int, allocation_type: int, protect: int) -> int:
        """The address of pages that are reserved, committed or reset now [VirtualAlloc].

        `address` 0: anywhere, reserving too. A reservation begins at a multiple of 64 KiB; it takes every page that the
        range touches. ERROR_INVALID_PARAMETER (flags, protection, size 0, addresses that no region can have),
        ERROR_PRIVILEGE_NOT_HELD, ERROR_NOT_ENOUGH_MEMORY (no room), ERROR_INVALID_ADDRESS (to reserve what isn't free,
        to commit outside one region), ERROR_ACCESS_DENIED (to commit pages of a file's or an image's view),
        ERROR_COMMITMENT_LIMIT.
        """
        check_allocation(allocation_type, protect, self.own.privileges)
        if size <= 0 or address < 0:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        if allocation_type & RESETS:
            return discardable.reset(self, address, size, allocation_type)
        if allocation_type & c.MEM_LARGE_PAGES:
            return fixed.allocate_large_pages(self, address, size, allocation_type, protect)
        if allocation_type & c.MEM_RESERVE or not address:
            check_private(protect)
            return self._reserve(address, size, allocation_type, protect)
        region, first, end = self.range(address, size)
        region.commit(first, end, protect)
        return first * self.page_size

    def virtual_free(self, address: int, size: int, free_type: int) -> bool:
        """Decommit pages, release a region, or split, join or restore placeholders [VirtualFree].

        ERROR_INVALID_PARAMETER (flags, a size with MEM_RELEASE, past the region's end, a view, a part of an AWE or
        large-page region) or ERROR_INVALID_ADDRESS (nothing there, not at the region's base).
        """
        if free_type in placeholder.FREE_TYPES:
            return placeholder.free(self, address, size, free_type)
        if free_type not in (c.MEM_DECOMMIT, c.MEM_RELEASE) or size < 0 or (free_type == c.MEM_RELEASE and size):
            raise Failure(c.ERROR_INVALID_PARAMETER)
        first = address // self.page_size
        if not 0 <= first < self.end:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        region = self.vads.at(first)
        if region is None:
            raise Failure(c.ERROR_INVALID_ADDRESS)
        region.check_free(free_type)
        if size == 0 and first != region.first:
            raise Failure(c.ERROR_INVALID_ADDRESS)
        if free_type == c.MEM_RELEASE:
            self.release(region, DECOMMITTED)
            return True
        end = -(-(address + size) // self.page_size) if size else region.end
        if end > region.end:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        region.decommit(first, end)
        return True

    def virtual_protect(self, address: int, size: int, new_protect: int) -> int:
        """Change the protection of every page that a range touches; the first one's old protection [VirtualProtect].

        ERROR_INVALID_PARAMETER (size 0, a protection that is none or not for this memory) or ERROR_INVALID_ADDRESS (not
        in one region, a page that isn't committed, AWE and large pages).
        """
        old = self.protect(address, size, new_protect)
        self.own.protected(address, size)
        return old

    def protect(self, address: int, size: int, protect: int) -> int:
        """The same where heaps needn't know, as none can lie there."""
        if size <= 0 or address < 0 or not is_valid(protect):
            raise Failure(c.ERROR_INVALID_PARAMETER)
        region, first, end = self.range(address, size)
        return region.protect_pages(first, end, protect)

    def virtual_query(self, address: int) -> MemoryBasicInformation:
        """The run of like pages that begins at an address [VirtualQuery]. ERROR_INVALID_PARAMETER above user space."""
        page, size = address // self.page_size, self.page_size
        if not 0 <= page < self.end:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        region = self.vads.at(page)
        if region is None:
            length = self.vads.next_first(page, self.end) - page
            return MemoryBasicInformation(page * size, 0, 0, length * size, c.MEM_FREE, c.PAGE_NOACCESS, 0)
        value, end = region.query(page)
        state = c.MEM_COMMIT if value else c.MEM_RESERVE
        return MemoryBasicInformation(
            page * size, region.first * size, region.protect, (end - page) * size, state, value, region.kind
        )

    # Parts of the calls, for regions

    def place(self, address: int, size: int, top_down: bool, align: int = 1) -> tuple[int, int]:
        """(first page, end) of a new region; `align`: allocation units to whose multiple it goes if `address` is 0.
        Raises Failure ERROR_NOT_ENOUGH_MEMORY, ERROR_INVALID_PARAMETER or ERROR_INVALID_ADDRESS as `virtual_alloc`."""
        page, unit = self.page_size, self.unit
        if not address:
            pages = -(-size // page)
            if pages > self.end:
                raise Failure(c.ERROR_INVALID_PARAMETER)
            units = -(-pages // unit)
            wanted = units + align - 1
            at = self._free.highest(wanted) if top_down else self._free.lowest(wanted)
            if at < 0:
                raise Failure(c.ERROR_NOT_ENOUGH_MEMORY)
            at = -(-at // align) * align
            return at * unit, at * unit + pages
        first = address // page // unit * unit
        end = -(-(address + size) // page)
        if first < unit or end > self.end:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        free = self._free.holds(first // unit, -(-end // unit) - first // unit)
        if not free and next(self.vads.overlapping(first, end), None) is not None:
            raise Failure(c.ERROR_INVALID_ADDRESS)  # else a placeholder's part has the end of a unit
        return first, end

    def place_within(self, pages: int, low: int, high: int, align: int, top_down: bool) -> int:
        """The first page of free addresses among [low, high) for a new region, at a multiple of `align` allocation
        units; -1: there are none."""
        unit = self.unit
        count, last = -(-pages // unit), (high - pages) // unit
        at = self._free.within(count, -(-low // unit), last + count, align, top_down)
        return at * unit if at >= 0 else -1

    def range(self, address: int, size: int) -> tuple[Region, int, int]:
        """The region that holds a range of bytes, and the pages [first, end) that it touches; raises Failure
        ERROR_INVALID_PARAMETER above user space, ERROR_INVALID_ADDRESS if no region holds all of it."""
        first, end = address // self.page_size, -(-(address + size) // self.page_size)
        if end > self.end:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        region = self.vads.at(first)
        if region is None or end > region.end:
            raise Failure(c.ERROR_INVALID_ADDRESS)
        return region, first, end

    def charge(self, pages: int) -> None:
        """Charge commit; raises Failure ERROR_COMMITMENT_LIMIT."""
        if pages and not self.pages.charge(pages, self.process):
            raise Failure(c.ERROR_COMMITMENT_LIMIT)
        self._charged += pages
        self.peak_commit = max(self.peak_commit, self.pages.commit(self.process))

    def refund(self, pages: int) -> None:
        """Give commit back."""
        if pages:
            self.pages.refund(pages, self.process)
            self._charged -= pages

    def missing_tables(self, first: int, end: int) -> int:
        """Page tables that committing all of [first, end) would be charged for."""
        low, high = first // self._span, -(-end // self._span)
        return high - low - self.vads.tables(low * self._span, high * self._span, self._span)

    def insert(self, region: Region) -> None:
        """A new region, at a place that `place` gave; its commit is charged already."""
        low, high = self._units(region)
        if low < high:
            self._free.take(low, high - low)
        self.vads.add(region)
        self._virtual += region.end - region.first
        self.tables.forget(region.first, region.end)
        self.tables.show(region)

    def release(self, region: Region, reason: int) -> None:
        """A region is gone, with all that was in it."""
        committed = region.committed(region.first, region.end)
        missing = self.missing_tables(region.first, region.end) if committed else 0
        region.clear(reason)
        self.vads.remove(region)
        self._virtual -= region.end - region.first
        low, high = self._units(region)
        if low < high:
            self._free.give(low, high - low)
        freed = self.missing_tables(region.first, region.end) - missing if committed else 0
        self.refund((committed if region.charged_by_page else 0) + freed)
        region.released()

    def _units(self, region: Region) -> tuple[int, int]:
        """The allocation units [low, high) that a region, which isn't there now, has for itself: placeholders can share
        their first and last ones."""
        unit = self.unit
        low, high = region.first // unit, -(-region.end // unit)
        if region.first % unit and self._taken(low):
            low += 1
        if low < high and region.end % unit and self._taken(high - 1):
            high -= 1
        return low, high

    def _taken(self, unit: int) -> bool:
        pages = unit * self.unit, (unit + 1) * self.unit
        return next(self.vads.overlapping(*pages), None) is not None

    def _reserve(self, address: int, size: int, kind: int, protect: int) -> int:
        if 0 < address < self.system.granularity:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        first, end = self.place(address, size, bool(kind & c.MEM_TOP_DOWN))
        commit = bool(kind & c.MEM_COMMIT)
        if commit:
            self.charge(end - first + self.missing_tables(first, end))
        if kind & c.MEM_PHYSICAL:
            self.insert(fixed.Window(self, first, end, protect))
        else:
            self.insert(Private(self, first, end, protect, protect if commit else 0, kind))
        return first * self.page_size
