"""Memory that a process can do without: MEM_RESET, and OfferVirtualMemory with its relatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.state.constants import DISCARDED
from simulator.windows.constants import (
    ERROR_BUSY,
    ERROR_INVALID_ADDRESS,
    ERROR_INVALID_PARAMETER,
    ERROR_USER_MAPPED_FILE,
    MEM_RESET,
    PAGE_READWRITE,
    VM_OFFER_PRIORITY_NORMAL,
    VM_OFFER_PRIORITY_VERY_LOW,
)
from simulator.windows.failure import Failure
from simulator.windows.protection import KNOWN, OFFERED
from simulator.windows.vad import Vad

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace


def reset(space: AddressSpace, address: int, size: int, kind: int) -> int:
    """MEM_RESET or MEM_RESET_UNDO of the whole pages within a range; the address of the first page.

    What a reset page holds needn't be kept or written any more; it stays in the working set, protected as it was. Pages
    that are only reserved are passed over [k32/virtual.c:420, 925]. The undoing fails if something was
    lost, or isn't committed.
    Raises Failure 487 (not in one region; undoing: not committed), 1224 (a view of a file), 170 (lost; chosen, as for
    ReclaimVirtualMemory).
    """
    page = space.page_size
    vad, _, _ = space.range(address, size)
    first, end = -(-address // page), (address + size) // page
    if vad.view is not None and vad.view.file_backed:
        raise Failure(ERROR_USER_MAPPED_FILE)
    if vad.awe is not None or vad.large is not None:
        raise Failure(ERROR_INVALID_ADDRESS)
    if first < end and kind == MEM_RESET:
        for start, stop in _committed(vad, first, end):
            space.pages.reset(space.tables.existing(start, stop)[1])
    elif first < end:
        _check_committed(vad, first, end)
        if not np.all(space.pages.reclaim(space.tables.existing(first, end)[1])):
            raise Failure(ERROR_BUSY)
    return first * page


def offer(space: AddressSpace, address: int, size: int, priority: int) -> int:
    """Take committed private pages out of the working set, locked or not, and never write them; they can't be touched
    until they are reclaimed [OfferVirtualMemory]. 0.

    Raises Failure 87 (not whole pages; a priority other than 1 to 4, the standby list it goes to) or 487 (not committed
    private memory of one region).
    """
    vad, first, end = _pages(space, address, size)
    if not VM_OFFER_PRIORITY_VERY_LOW <= priority <= VM_OFFER_PRIORITY_NORMAL:
        raise Failure(ERROR_INVALID_PARAMETER)
    _, entries = space.tables.existing(first, end)
    space.pages.offer(entries, priority)
    for start, stop, value in list(vad.runs.within(first, end)):
        vad.runs.set(start, stop, value | OFFERED)
    space.tables.allow(vad, first, end)
    return 0


def reclaim(space: AddressSpace, address: int, size: int) -> int:
    """Make offered pages accessible again: 0 if all hold what they held, 170 if some were discarded
    [ReclaimVirtualMemory]. Pages that weren't offered count as intact. Raises Failure as `offer`."""
    vad, first, end = _pages(space, address, size)
    intact = True
    for start, stop, value in list(vad.runs.within(first, end)):
        if value & OFFERED:
            _, entries = space.tables.existing(start, stop)
            intact &= bool(np.all(space.pages.reclaim(entries)))
            vad.runs.set(start, stop, value & KNOWN)
    space.tables.allow(vad, first, end)
    return 0 if intact else ERROR_BUSY


def discard(space: AddressSpace, address: int, size: int) -> int:
    """Give up what PAGE_READWRITE pages hold; they stay committed, and are demand-zero (their content is undefined to
    the program) [DiscardVirtualMemory]. 0. Raises Failure as `offer`, and 87 for another protection."""
    vad, first, end = _pages(space, address, size)
    if any(value & KNOWN != PAGE_READWRITE for _, _, value in vad.runs.within(first, end)):
        raise Failure(ERROR_INVALID_PARAMETER)
    _, entries = space.tables.existing(first, end)
    space.pages.delete(entries, DISCARDED)
    return 0


def prefetch(space: AddressSpace, ranges: Sequence[tuple[int, int]]) -> bool:
    """Start reading what isn't in memory of ranges of addresses; it ends on standby, not in the working set
    [PrefetchVirtualMemory]. Pages that aren't committed are passed over. Raises Failure 87: no range, or one that is
    empty or leaves user space."""
    page = space.page_size
    limit = space.end * page
    if not ranges or any(size <= 0 or address < 0 or address + size > limit for address, size in ranges):
        raise Failure(ERROR_INVALID_PARAMETER)
    for address, size in ranges:
        first, end = address // page, -(-(address + size) // page)
        for vad in space.vads.overlapping(first, end):
            contents = _contents(space, vad, max(first, vad.first), min(end, vad.end))
            if len(contents):
                space.pages.prefetch(contents, space.process)
    return True


def _contents(space: AddressSpace, vad: Vad, first: int, end: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """What a part of a region shows, as far as it may have been anywhere: private pages never asked about are zero."""
    if vad.view is not None and not vad.view.fixed:
        shown = vad.view.contents(first - vad.first, end - first)[vad.view.committed(first - vad.first, end - first)]
        pages, entries = space.tables.existing(first, end)
        if len(pages):
            state = space.pages.state_of(entries)
            shown = np.concatenate((shown, state["content"][state["copied"]]))
        return shown
    return space.tables.private_contents(first, end) if vad.pageable else np.empty(0, np.int64)


def _pages(space: AddressSpace, address: int, size: int) -> tuple[Vad, int, int]:
    """The private region that holds whole committed pages, and which ones."""
    if size <= 0 or address < 0 or address % space.page_size or size % space.page_size:
        raise Failure(ERROR_INVALID_PARAMETER)
    vad, first, end = space.range(address, size)
    if not vad.pageable:
        raise Failure(ERROR_INVALID_ADDRESS)
    _check_committed(vad, first, end)
    return vad, first, end


def _committed(vad: Vad, first: int, end: int) -> Iterator[tuple[int, int]]:
    """The runs [first, end) of committed pages."""
    while first < end:
        value, stop = vad.state(first)
        if value:
            yield first, min(stop, end)
        first = stop


def _check_committed(vad: Vad, first: int, end: int) -> None:
    at = first
    while at < end:
        value, at = vad.state(at)
        if not value:
            raise Failure(ERROR_INVALID_ADDRESS)
