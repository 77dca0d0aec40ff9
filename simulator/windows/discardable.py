"""Memory that a process can do without: MEM_RESET, and OfferVirtualMemory with its relatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.state.constants import DISCARDED
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import KNOWN, OFFERED
from simulator.windows.regions.private import Private
from simulator.windows.regions.region import Region

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace


def reset(space: AddressSpace, address: int, size: int, kind: int) -> int:
    """MEM_RESET or MEM_RESET_UNDO of the whole pages within a range; the address of the first page.

    What a reset page holds needn't be kept or written any more; it stays in the working set, protected as it was. Pages
    that are only reserved are passed over [k32/virtual.c:420, 925]. The undoing fails if something was lost, or isn't
    committed.
    Raises Failure ERROR_INVALID_ADDRESS (not in one region; undoing: not committed), ERROR_USER_MAPPED_FILE (a view of
    a file), ERROR_BUSY (lost; chosen, as for ReclaimVirtualMemory).
    """
    page = space.page_size
    region, _, _ = space.range(address, size)
    first, end = -(-address // page), (address + size) // page
    region.check_reset()
    if first < end and kind == c.MEM_RESET:
        for start, stop in _committed(region, first, end):
            space.pages.reset(space.tables.existing(start, stop)[1])
    elif first < end:
        _check_committed(region, first, end)
        if not np.all(space.pages.reclaim(space.tables.existing(first, end)[1])):
            raise Failure(c.ERROR_BUSY)
    return first * page


def offer_virtual_memory(space: AddressSpace, address: int, size: int, priority: int) -> int:
    """Take committed private pages out of the working set, locked or not, and never write them; they can't be touched
    until they are reclaimed [OfferVirtualMemory]. `priority`: of the standby list they go to, 1 to 4. 0, or an error
    code: ERROR_INVALID_PARAMETER (not whole pages, another priority) or ERROR_INVALID_ADDRESS (not committed private
    memory of one region)."""
    region, first, end = _pages(space, address, size)
    if not c.VM_OFFER_PRIORITY_VERY_LOW <= priority <= c.VM_OFFER_PRIORITY_NORMAL:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    _, entries = space.tables.existing(first, end)
    space.pages.offer(entries, priority)
    for start, stop, value in list(region.runs.within(first, end)):
        region.runs.set(start, stop, value | OFFERED)
    space.tables.allow(region, first, end)
    return 0


def reclaim_virtual_memory(space: AddressSpace, address: int, size: int) -> int:
    """Make offered pages accessible again: 0 if all hold what they held, ERROR_BUSY if some were discarded
    [ReclaimVirtualMemory]. Pages that weren't offered count as intact. Errors as `offer_virtual_memory`."""
    region, first, end = _pages(space, address, size)
    intact = True
    for start, stop, value in list(region.runs.within(first, end)):
        if value & OFFERED:
            _, entries = space.tables.existing(start, stop)
            intact &= bool(np.all(space.pages.reclaim(entries)))
            region.runs.set(start, stop, value & KNOWN)
    space.tables.allow(region, first, end)
    return 0 if intact else c.ERROR_BUSY


def discard_virtual_memory(space: AddressSpace, address: int, size: int) -> int:
    """Give up what PAGE_READWRITE pages hold; they stay committed, and are demand-zero (their content is undefined to
    the program) [DiscardVirtualMemory]. 0, or an error code as `offer_virtual_memory`, and ERROR_INVALID_PARAMETER for
    another protection."""
    region, first, end = _pages(space, address, size)
    if any(value & KNOWN != c.PAGE_READWRITE for _, _, value in region.runs.within(first, end)):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    _, entries = space.tables.existing(first, end)
    space.pages.delete(entries, DISCARDED)
    return 0


def prefetch_virtual_memory(space: AddressSpace, ranges: Sequence[tuple[int, int]]) -> bool:
    """Start reading what isn't in memory of (address, size) ranges; it ends on standby, not in the working set
    [PrefetchVirtualMemory]. Pages that aren't committed are passed over. ERROR_INVALID_PARAMETER: no range, or one that
    is empty or leaves user space."""
    page = space.page_size
    limit = space.end * page
    if not ranges or any(size <= 0 or address < 0 or address + size > limit for address, size in ranges):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    for address, size in ranges:
        first, end = address // page, -(-(address + size) // page)
        for region in space.vads.overlapping(first, end):
            contents = region.contents_in_use(max(first, region.first), min(end, region.end))
            if len(contents):
                space.pages.prefetch(contents, space.process)
    return True


def _pages(space: AddressSpace, address: int, size: int) -> tuple[Private, int, int]:
    """The private region that holds whole committed pages, and which ones."""
    if size <= 0 or address < 0 or address % space.page_size or size % space.page_size:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    region, first, end = space.range(address, size)
    if not isinstance(region, Private):
        raise Failure(c.ERROR_INVALID_ADDRESS)
    _check_committed(region, first, end)
    return region, first, end


def _committed(region: Region, first: int, end: int) -> Iterator[tuple[int, int]]:
    """The runs [first, end) of committed pages."""
    while first < end:
        value, stop = region.state(first)
        if value:
            yield first, min(stop, end)
        first = stop


def _check_committed(region: Region, first: int, end: int) -> None:
    if sum(stop - start for start, stop in _committed(region, first, end)) < end - first:
        raise Failure(c.ERROR_INVALID_ADDRESS)
