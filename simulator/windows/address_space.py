"""A process's address space: what VirtualAlloc, VirtualFree, VirtualProtect and VirtualQuery do to it.

Sources: [Name] is a Microsoft Learn page, ros a path in reactos/reactos; the rules are MODEL.md's. Nothing here takes
time in proportion to the size of a region: regions are runs of equal pages, and page-table entries are made when pages
are touched. Methods raise Failure with a Win32 code, and have changed nothing then. Addresses and sizes are in bytes,
unless called pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simulator.state.constants import DECOMMITTED, PROCESS_ENDED
from simulator.units import GiB
from simulator.windows import awe, constants, large, losable, mapping, placeholders, write_watch
from simulator.windows.allocation import RESETS, check_allocation
from simulator.windows.constants import MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE
from simulator.windows.failure import Failure
from simulator.windows.free_space import FreeSpace
from simulator.windows.page_tables import Numbers, PageTables
from simulator.windows.protection import COPYING, KNOWN, is_private, is_valid
from simulator.windows.stack import Stack, create_stack
from simulator.windows.vad import MappedView, Vad, Vads
from simulator.windows.violations import resolve

if TYPE_CHECKING:
    from simulator.windows.owner import Owner
    from simulator.windows.system import System

PTE_BYTES = 8
"""A page table is a page of PTEs: it maps 2 MiB (x86-64, and x86 with PAE)."""


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

    def __init__(self, system: System, own: Owner) -> None:
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

    def region_at(self, address: int) -> Vad | None:
        """The region that holds an address."""
        return self.vads.at(address // self.page_size)

    def find_free(self, size: int, top_down: bool = False) -> int:
        """Where the next region of a size would go; raises Failure 8 if nowhere, 87 if it can't be that large."""
        return self.place(0, size, top_down)[0] * self.page_size

    def entries(self, address: int, size: int) -> Numbers:
        """The page-table entries of all pages of a range, whatever is there; made if need be."""
        page = self.page_size
        return self.tables.entries(address // page, -(-(address + max(size, 1)) // page))

    def entries_of(self, pages: ArrayLike) -> Numbers:
        """The page-table entries of pages, given by their numbers, in the same order; made if need be."""
        return self.tables.entries_of(np.asarray(pages, np.int64))

    def fault(self, thread: Any, page: int, access: int) -> tuple[int, tuple[int, ...]] | None:
        """See `violations.resolve`."""
        return resolve(self, thread, page, access)

    def dep_changed(self) -> None:
        """The process's DEP is on or off now: what may be executed follows."""
        self.tables.no_execute = self.own.dep.enabled
        for vad in self.vads.vads:
            if vad.awe is None:
                self.tables.allow(vad, vad.first, vad.end)
            else:
                awe.allow(self, vad)

    def create_stack(self, reserve: int, commit: int) -> Stack:
        """See `stack.create_stack`."""
        return create_stack(self, reserve, commit)

    def free_stack(self, stack: Stack) -> None:
        """The thread that had a stack has ended; nothing happens if the program has freed it already."""
        vad = self.region_at(stack.base)
        if vad is not None and vad.stack is stack:
            self.release(vad, DECOMMITTED)

    def reserve_view(
        self,
        address: int,
        size: int,
        kind: int,
        protection: int,
        view: MappedView,
        offset: int = 0,
        top_down: bool = False,
        old: Vad | None = None,
    ) -> int:
        """See `mapping.reserve_view`; `offset` is the view's own affair."""
        return mapping.reserve_view(self, address, size, kind, protection, view, top_down, old)

    def unmap_view(self, address: int) -> int:
        """Unmap the view that holds an address [any of it does: k32/virtual.c:1215-1227]; its base.
        Raises Failure 487 if none does."""
        vad = self.vads.at(address // self.page_size)
        if vad is None or vad.view is None:
            raise Failure(constants.ERROR_INVALID_ADDRESS)
        self.release(vad, mapping.UNMAPPED)
        return vad.first * self.page_size

    def view_at(self, address: int) -> tuple[Any, int]:
        """The view that holds an address, and its base; raises Failure 487 if there is none."""
        vad = self.vads.at(address // self.page_size)
        if vad is None or vad.view is None:
            raise Failure(constants.ERROR_INVALID_ADDRESS)
        return vad.view, vad.first * self.page_size

    def destroy(self) -> None:
        """The process has ended: everything is given back."""
        for vad in list(self.vads.vads):
            self.release(vad, PROCESS_ENDED)
        awe.free(self, list(self.awe_frames))
        self.refund(self._charged)

    # The calls

    def virtual_alloc(self, address: int, size: int, kind: int, protect: int) -> int:
        """Reserve, commit or reset pages; the address of the first [VirtualAlloc].

        `address` 0: anywhere, reserving too. A reservation begins at a multiple of 64 KiB; it takes every page that the
        range touches.
        Raises Failure 87 (flags, protection, size 0, addresses that no region can have), 1314, 8 (no room), 487 (to
        reserve what isn't free, to commit outside one region), 5 (to commit pages of a file's or an image's view), 1455
        (commit limit).
        """
        check_allocation(kind, protect, self.own.privileges)
        if size <= 0 or address < 0:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        if kind & RESETS:
            return losable.reset(self, address, size, kind)
        if kind & constants.MEM_LARGE_PAGES:
            return large.allocate(self, address, size, kind, protect)
        if kind & MEM_RESERVE or not address:
            _check_private(protect)
            return self._reserve(address, size, kind, protect)
        return self._commit(address, size, protect)

    def virtual_free(self, address: int, size: int, kind: int) -> bool:
        """Decommit pages, or release a region [VirtualFree]; for placeholders see `placeholders.free`.

        Raises Failure 87 (flags, a size with MEM_RELEASE, past the region's end, a view, a part of an AWE or
        large-page region) or 487 (nothing there, not at the region's base).
        """
        if kind in placeholders.FREE_TYPES:
            return placeholders.free(self, address, size, kind)
        if kind not in (MEM_DECOMMIT, MEM_RELEASE) or size < 0 or (kind == MEM_RELEASE and size):
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        first = address // self.page_size
        if not 0 <= first < self.end:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        vad = self.vads.at(first)
        if vad is None:
            raise Failure(constants.ERROR_INVALID_ADDRESS)
        if vad.view is not None or (kind == MEM_DECOMMIT and not vad.pageable):
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        if size == 0 and first != vad.first:
            raise Failure(constants.ERROR_INVALID_ADDRESS)
        if kind == MEM_RELEASE:
            self.release(vad, DECOMMITTED)
            return True
        end = -(-(address + size) // self.page_size) if size else vad.end
        if end > vad.end:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        self._decommit(vad, first, end)
        return True

    def protect(self, address: int, size: int, protect: int) -> int:
        """Change the protection of every page that a range touches; the first one's old protection [VirtualProtect].

        Raises Failure 87 (size 0, a protection that is none or not for this memory) or 487 (not in one region, a page
        that isn't committed, AWE and large pages).
        """
        if size <= 0 or address < 0 or not is_valid(protect):
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        vad, first, end = self.range(address, size)
        if vad.awe is not None or vad.large is not None:
            raise Failure(constants.ERROR_INVALID_ADDRESS)
        old = vad.runs.at(first) & KNOWN
        if vad.view is not None:
            if old & COPYING:
                old = mapping.written_run(self, first, first + 1, old)[0]
            mapping.protect(self, vad, first, end, protect)
            return old
        _check_private(protect)
        if vad.committed(first, end) != end - first:
            raise Failure(constants.ERROR_INVALID_ADDRESS)
        self._reprotect(vad, first, end, protect)
        return old

    def virtual_query(self, address: int) -> MemoryBasicInformation:
        """The run of pages like the one at an address, from that one on [VirtualQuery]; raises Failure 87 above user
        space. AWE regions are reserved, whatever is mapped there (chosen)."""
        page, size = address // self.page_size, self.page_size
        if not 0 <= page < self.end:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        vad = self.vads.at(page)
        if vad is None:
            length = self.vads.next_first(page, self.end) - page
            return MemoryBasicInformation(
                page * size, 0, 0, length * size, constants.MEM_FREE, constants.PAGE_NOACCESS, 0
            )
        value, end = vad.state(page)
        if vad.view is not None and value & COPYING:
            value, end = mapping.written_run(self, page, end, value)
        state = MEM_COMMIT if value else MEM_RESERVE
        return MemoryBasicInformation(
            page * size, vad.first * size, vad.protect, (end - page) * size, state, value, vad.kind
        )

    # Parts of the calls, for the other modules of the address space

    def place(self, address: int, size: int, top_down: bool, align: int = 1) -> tuple[int, int]:
        """(first page, end) of a new region; `align`: allocation units to whose multiple it goes if `address` is 0.
        Raises Failure 8, 87 or 487 as `virtual_alloc`."""
        page, unit = self.page_size, self.unit
        if not address:
            pages = -(-size // page)
            if pages > self.end:
                raise Failure(constants.ERROR_INVALID_PARAMETER)
            units = -(-pages // unit)
            wanted = units + align - 1
            at = self._free.highest(wanted) if top_down else self._free.lowest(wanted)
            if at < 0:
                raise Failure(constants.ERROR_NOT_ENOUGH_MEMORY)
            at = -(-at // align) * align
            return at * unit, at * unit + pages
        first = address // page // unit * unit
        end = -(-(address + size) // page)
        if first < unit or end > self.end:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        free = self._free.holds(first // unit, -(-end // unit) - first // unit)
        if not free and next(self.vads.overlapping(first, end), None) is not None:
            raise Failure(constants.ERROR_INVALID_ADDRESS)  # else a placeholder's part has the end of a unit
        return first, end

    def place_within(self, pages: int, low: int, high: int, align: int, top_down: bool) -> int:
        """The first page of free addresses among [low, high) for a new region, at a multiple of `align` allocation
        units; -1: there are none."""
        unit = self.unit
        count, last = -(-pages // unit), (high - pages) // unit
        at = self._free.within(count, -(-low // unit), last + count, align, top_down)
        return at * unit if at >= 0 else -1

    def range(self, address: int, size: int) -> tuple[Vad, int, int]:
        """The region that holds a range of bytes, and the pages [first, end) that it touches; raises Failure 87 above
        user space, 487 if no region holds all of it."""
        first, end = address // self.page_size, -(-(address + size) // self.page_size)
        if end > self.end:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        vad = self.vads.at(first)
        if vad is None or end > vad.end:
            raise Failure(constants.ERROR_INVALID_ADDRESS)
        return vad, first, end

    def charge(self, pages: int) -> None:
        """Charge commit; raises Failure 1455."""
        if pages and not self.pages.charge(pages, self.process):
            raise Failure(constants.ERROR_COMMITMENT_LIMIT)
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

    def insert(self, vad: Vad) -> None:
        """A new region, at a place that `place` gave; its commit is charged already."""
        low, high = self._units(vad)
        if low < high:
            self._free.take(low, high - low)
        self.vads.add(vad)
        self._virtual += vad.end - vad.first
        self.tables.forget(vad.first, vad.end)
        self.tables.show(vad)

    def release(self, vad: Vad, reason: int) -> None:
        """A region is gone, with all that was in it."""
        private = vad.committed(vad.first, vad.end) if vad.view is None else 0
        has_tables = private > 0 or vad.view is not None
        missing = self.missing_tables(vad.first, vad.end) if has_tables else 0
        if vad.view is not None:
            self.tables.unbind(vad, reason)
        elif vad.awe is not None:
            awe.unmap_all(self, vad)
        elif vad.large is not None:
            large.free(self, vad)
        else:
            self.tables.delete(vad.first, vad.end, reason)
        self.vads.remove(vad)
        self._virtual -= vad.end - vad.first
        low, high = self._units(vad)
        if low < high:
            self._free.give(low, high - low)
        freed = self.missing_tables(vad.first, vad.end) - missing if has_tables else 0
        self.refund(private + freed)
        if vad.view is not None:
            vad.view.unmapped()

    def _units(self, vad: Vad) -> tuple[int, int]:
        """The allocation units [low, high) that a region, which isn't there now, has for itself: placeholders can share
        their first and last ones."""
        unit = self.unit
        low, high = vad.first // unit, -(-vad.end // unit)
        if vad.first % unit and self._taken(low):
            low += 1
        if low < high and vad.end % unit and self._taken(high - 1):
            high -= 1
        return low, high

    def _taken(self, unit: int) -> bool:
        pages = unit * self.unit, (unit + 1) * self.unit
        return next(self.vads.overlapping(*pages), None) is not None

    def commit_private(self, vad: Vad, first: int, end: int, protect: int) -> None:
        """Commit pages of private memory, or give them another protection; raises Failure 1455."""
        fresh = end - first - vad.committed(first, end)
        if fresh:
            self.charge(fresh + self.missing_tables(first, end))
        self._reprotect(vad, first, end, protect)

    def assign(self, vad: Vad, first: int, end: int, protect: int) -> None:
        """Give pages a protection; their flags stay."""
        protect = vad.cached(protect)
        flagged = [run for run in vad.runs.within(first, end) if run[2] & ~KNOWN]
        vad.runs.set(first, end, protect)
        for start, stop, value in flagged:
            vad.runs.set(start, stop, protect | value & ~KNOWN)
        self.tables.allow(vad, first, end)

    def _reprotect(self, vad: Vad, first: int, end: int, protect: int) -> None:
        """A program gives pages of private memory a protection."""
        write_watch.latch(vad, first, end)
        self.assign(vad, first, end, protect)
        if vad.stack is not None and protect & constants.PAGE_GUARD:
            vad.stack.guarded(first * self.page_size, end * self.page_size)

    def _commit(self, address: int, size: int, protect: int) -> int:
        vad, first, end = self.range(address, size)
        if vad.view is not None:
            mapping.commit(self, vad, first, end, protect)
        elif vad.pageable:
            _check_private(protect)
            self.commit_private(vad, first, end, protect)
        else:
            raise Failure(constants.ERROR_INVALID_ADDRESS)
        return first * self.page_size

    def _reserve(self, address: int, size: int, kind: int, protect: int) -> int:
        if 0 < address < self.system.granularity:
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        first, end = self.place(address, size, bool(kind & constants.MEM_TOP_DOWN))
        commit = bool(kind & MEM_COMMIT)
        if commit:
            self.charge(end - first + self.missing_tables(first, end))
        vad = Vad(first, end, protect, protect if commit else 0)
        if kind & constants.MEM_PHYSICAL:
            vad.awe = {}
        if kind & constants.MEM_WRITE_WATCH:
            vad.watched = set()
        self.insert(vad)
        return first * self.page_size

    def _decommit(self, vad: Vad, first: int, end: int) -> None:
        pages = vad.committed(first, end)
        if not pages:
            return
        missing = self.missing_tables(first, end)
        vad.runs.set(first, end, 0)
        self.refund(pages + self.missing_tables(first, end) - missing)
        self.tables.delete(first, end, DECOMMITTED)
        write_watch.decommit(vad, first, end)


def _check_private(protect: int) -> None:
    """Refuse protections that private memory can't have."""
    if not is_private(protect):
        raise Failure(constants.ERROR_INVALID_PARAMETER)
