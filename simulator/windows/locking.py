"""VirtualLock and VirtualUnlock: pages that stay in the working set [VirtualLock; VirtualUnlock]. Locks aren't counted.

Codes: ERROR_NOACCESS for a page that can't be touched is chosen: STATUS_ACCESS_VIOLATION as a Win32 error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.state.constants import UNLOCKED
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import rights
from simulator.windows.regions.fixed import Window
from simulator.windows.regions.region import Numbers, Region

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

OVERHEAD = 8
"""Pages of the minimum working set that can't be locked (Windows Internals, 6th ed., part 2, ch. 10)."""


def begin(space: AddressSpace, address: int, size: int) -> tuple[Numbers, NDArray[np.uint8]]:
    """The entries of a range that is to be locked, all of which may be, and for each whether it is stored to: the
    caller faults them in and locks them.

    Writable pages of MEM_WRITE_WATCH regions are, and so count as written from now on [k32/virtual.c:2571; not on
    Windows 8]. Others are read, so that clean pages stay clean (chosen). Raises Failure ERROR_INVALID_PARAMETER (size
    0); ERROR_NOACCESS for a page that isn't committed, or is inaccessible; 0x80000001 for a guard page, which is none
    from then on [Creating Guard Pages]; ERROR_WORKING_SET_QUOTA beyond the minimum working set less 8 pages. AWE and
    large pages need no lock: no entries.
    """
    if size <= 0 or address < 0:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    first, end = address // space.page_size, -(-(address + size) // space.page_size)
    fixed = _check(space, first, end)
    if fixed:
        return np.empty(0, np.int64), np.empty(0, np.uint8)
    _check_quota(space, first, end)
    return space.tables.entries(first, end), _stores(space, first, end)


def virtual_unlock(space: AddressSpace, address: int, size: int) -> bool:
    """Let pages leave the working set again, if all are locked; else those that aren't leave it at once, and the call
    fails with ERROR_NOT_LOCKED [VirtualUnlock]. The locked pages among others stay locked (chosen).
    ERROR_INVALID_PARAMETER for size 0."""
    if size <= 0 or address < 0:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    first, end = address // space.page_size, -(-(address + size) // space.page_size)
    pages, entries = space.tables.existing(first, end)
    locked = space.pages.state_of(entries)["locked"]
    if len(pages) < end - first or not locked.all():
        space.pages.evict(entries[~locked], UNLOCKED)
        raise Failure(c.ERROR_NOT_LOCKED)
    space.pages.unlock(entries)
    return True


def _check(space: AddressSpace, first: int, end: int) -> bool:
    """Refuse what can't be touched; whether all of it is fixed anyway."""
    at, fixed = first, True
    while at < end:
        region = space.vads.at(at)
        if region is None:
            raise Failure(c.ERROR_NOACCESS)
        fixed &= region.fixed
        at = region.end if isinstance(region, Window) else _check_run(space, region, at)
    return fixed


def _check_run(space: AddressSpace, region: Region, page: int) -> int:
    """Refuse a run of pages of a region, or give its end."""
    value, end = region.state(page)
    _, stop, flagged = region.runs.run(page)
    if value & c.PAGE_GUARD:
        region.assign(page, page + 1, value & ~c.PAGE_GUARD)
        raise Failure(c.STATUS_GUARD_PAGE_VIOLATION)
    if not value or not rights(flagged, space.tables.no_execute)[0]:
        raise Failure(c.ERROR_NOACCESS)
    return min(end, stop)


def _stores(space: AddressSpace, first: int, end: int) -> NDArray[np.uint8]:
    """1 for the pages of a range that are write-watched and writable."""
    stores = np.zeros(end - first, np.uint8)
    for region in space.vads.overlapping(first, end):
        if region.watched is None:
            continue
        for start, stop, value in region.runs.within(max(first, region.first), min(end, region.end)):
            if rights(value, space.tables.no_execute)[1]:
                stores[start - first : stop - first] = 1
    return stores


def _check_quota(space: AddressSpace, first: int, end: int) -> None:
    minimum = int(space.pages.process(space.process)["minimum"])
    if end - first > minimum - OVERHEAD:
        raise Failure(c.ERROR_WORKING_SET_QUOTA)
    _, entries = space.tables.existing(first, end)
    already = int(np.count_nonzero(space.pages.state_of(entries)["locked"]))
    if space.pages.locked(space.process) + end - first - already > minimum - OVERHEAD:
        raise Failure(c.ERROR_WORKING_SET_QUOTA)
