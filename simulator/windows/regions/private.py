"""Private memory: what VirtualAlloc reserves and commits, page by page, perhaps under write watch.

Pages under write watch that are not yet written are write-protected in the page table, so that the first store to each
traps and is noted (`AddressSpace.fault`): exact, whatever paging does to the page. What the hardware's dirty bits would
cost Windows instead is not charged.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.state.constants import DECOMMITTED
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import KNOWN, is_private, is_valid
from simulator.windows.regions.region import Numbers, Region

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

BOTH = c.MEM_RESERVE | c.MEM_COMMIT
RESETS = c.MEM_RESET | c.MEM_RESET_UNDO
KNOWN_TYPES = BOTH | RESETS | c.MEM_TOP_DOWN | c.MEM_WRITE_WATCH | c.MEM_PHYSICAL | c.MEM_LARGE_PAGES


class Private(Region):
    """Pageable memory of the process's own."""

    def __init__(self, space: AddressSpace, first: int, end: int, protect: int, value: int = 0, kind: int = 0) -> None:
        """`kind`: VirtualAlloc's flags."""
        super().__init__(space, first, end, protect, value)
        if kind & c.MEM_WRITE_WATCH:
            self.watched = set()
        self._latched: set[int] = set()
        """pages among `watched` that count as written even when they are decommitted"""

    def contents_in_use(self, first: int, end: int) -> Numbers:
        """Pages never asked about are zero, and have none."""
        return self.space.tables.private_contents(first, end)

    def commit(self, first: int, end: int, protect: int) -> None:
        """Commit pages, or give them another protection."""
        check_private(protect)
        self.commit_pages(first, end, protect)

    def commit_pages(self, first: int, end: int, protect: int) -> None:
        """`commit` with a protection that private memory can have; raises Failure ERROR_COMMITMENT_LIMIT."""
        fresh = end - first - self.committed(first, end)
        if fresh:
            self.space.charge(fresh + self.space.missing_tables(first, end))
        self.reprotect(first, end, protect)

    def protect_pages(self, first: int, end: int, protect: int) -> int:
        """All pages must be committed."""
        check_private(protect)
        if self.committed(first, end) != end - first:
            raise Failure(c.ERROR_INVALID_ADDRESS)
        old = self.runs.at(first) & KNOWN
        self.reprotect(first, end, protect)
        return old

    def reprotect(self, first: int, end: int, protect: int) -> None:
        """A program gives pages a protection: those written so far count as written until the next reset, even if they
        are decommitted [k32/virtual.c:2225-2242]."""
        if self.watched:
            self._latched |= _within(self.watched, first, end)
        self.assign(first, end, protect)

    def check_free(self, free_type: int) -> None:
        """All of it can be decommitted and released."""

    def decommit(self, first: int, end: int) -> None:
        """What was written to the pages is forgotten, unless it is latched."""
        pages, space = self.committed(first, end), self.space
        if not pages:
            return
        missing = space.missing_tables(first, end)
        self.runs.set(first, end, 0)
        space.refund(pages + space.missing_tables(first, end) - missing)
        space.tables.delete(first, end, DECOMMITTED)
        if self.watched:
            self.watched -= _within(self.watched, first, end) - self._latched

    def note_stores(self, first: int, end: int) -> None:
        """They count as written."""
        if self.watched is not None:
            self.watched.update(range(first, end))

    def rights(self, pages: Numbers, value: int) -> tuple[Any, Any, Any]:
        """Pages under write watch are writable once they are written."""
        accessible, writable, executable = super().rights(pages, value)
        if writable and self.watched is not None:
            writable = np.fromiter((page in self.watched for page in pages.tolist()), bool, len(pages))
        return accessible, writable, executable

    def forget_stores(self, first: int, end: int) -> None:
        """Pages of a write-watched region count as unwritten from now on."""
        assert self.watched is not None
        self.watched -= _within(self.watched, first, end)
        self._latched -= _within(self._latched, first, end)
        self.space.tables.allow(self, first, end)


def check_private(protect: int) -> None:
    """Refuse protections that private memory can't have."""
    if not is_private(protect):
        raise Failure(c.ERROR_INVALID_PARAMETER)


def check_allocation(kind: int, protect: int, privileges: Collection[str]) -> None:
    """Refuse what VirtualAlloc never does, before any address is looked at [VirtualAlloc; ros: ARM3/virtual.c,
    NtAllocateVirtualMemory].

    Raises Failure ERROR_INVALID_PARAMETER for unknown flags, mixtures that make no sense and protections that private
    memory can't have, unless `kind` is MEM_COMMIT, which may be meant for a view; ERROR_PRIVILEGE_NOT_HELD for AWE
    regions and large pages without SeLockMemoryPrivilege.
    """
    if not _possible(kind, protect):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    if kind & (c.MEM_PHYSICAL | c.MEM_LARGE_PAGES) and c.SE_LOCK_MEMORY_NAME not in privileges:
        raise Failure(c.ERROR_PRIVILEGE_NOT_HELD)


@lru_cache(maxsize=256)  # programs ask for the same few again and again
def _possible(kind: int, protect: int) -> bool:
    if not _sensible(kind) or not is_valid(protect) or not (is_private(protect) or kind == c.MEM_COMMIT):
        return False
    return not kind & c.MEM_PHYSICAL or protect == c.PAGE_READWRITE


def _sensible(kind: int) -> bool:
    if kind & ~KNOWN_TYPES or not kind & (BOTH | RESETS):
        return False
    if kind & RESETS:
        return kind in (c.MEM_RESET, c.MEM_RESET_UNDO)
    if kind & c.MEM_WRITE_WATCH and not kind & c.MEM_RESERVE:
        return False
    if kind & c.MEM_LARGE_PAGES:
        return kind & ~c.MEM_TOP_DOWN == BOTH | c.MEM_LARGE_PAGES
    return not kind & c.MEM_PHYSICAL or kind & ~c.MEM_TOP_DOWN == c.MEM_RESERVE | c.MEM_PHYSICAL


def get_write_watch(
    space: AddressSpace, address: int, size: int, reset: int = 0, count: int | None = None
) -> list[int]:
    """Addresses of the pages written in a range, ascending and at most `count` of them [GetWriteWatch;
    k32/virtual.c: test_write_watch]. `reset`: WRITE_WATCH_FLAG_RESET (1): those that are returned, and no others, count
    as unwritten from now on.

    ERROR_INVALID_PARAMETER unless one MEM_WRITE_WATCH region holds the range, for other flags, and for a count below 1.
    """
    if reset & ~c.WRITE_WATCH_FLAG_RESET or (count is not None and count <= 0):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    region, first, end = _watched(space, address, size)
    written = sorted(_within(region.watched or (), first, end))[:count]
    if written and reset & c.WRITE_WATCH_FLAG_RESET:
        region.forget_stores(written[0], written[-1] + 1)
    return [page * space.page_size for page in written]


def reset_write_watch(space: AddressSpace, address: int, size: int) -> bool:
    """Forget what was written to a range [ResetWriteWatch]. ERROR_INVALID_PARAMETER unless one MEM_WRITE_WATCH region
    holds it."""
    region, first, end = _watched(space, address, size)
    region.forget_stores(first, end)
    return True


def _watched(space: AddressSpace, address: int, size: int) -> tuple[Private, int, int]:
    first, end = address // space.page_size, -(-(address + size) // space.page_size)
    region = space.vads.at(first)
    if size <= 0 or not isinstance(region, Private) or end > region.end or region.watched is None:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    return region, first, end


def _within(pages: Collection[int], first: int, end: int) -> set[int]:
    return {page for page in pages if first <= page < end}
