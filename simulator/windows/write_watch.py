"""Write watch: which pages of a region have been written since the last reset.

Pages not yet written are write-protected in the page table, so that the first store to each traps and is noted
(`violations.resolve`): exact, whatever paging does to the page. What the hardware's dirty bits would cost Windows
instead is not charged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.windows.constants import ERROR_INVALID_PARAMETER, WRITE_WATCH_FLAG_RESET
from simulator.windows.failure import Failure
from simulator.windows.vad import Vad

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace


def get(space: AddressSpace, address: int, size: int, flags: int, count: int | None = None) -> list[int]:
    """Addresses of the written pages of a range, ascending, at most `count` of them; with WRITE_WATCH_FLAG_RESET they,
    and no others, count as unwritten from now on [GetWriteWatch; k32/virtual.c: test_write_watch].

    Raises Failure 87 unless one MEM_WRITE_WATCH region holds the range, for other flags, and for a count below 1.
    """
    if flags & ~WRITE_WATCH_FLAG_RESET or (count is not None and count <= 0):
        raise Failure(ERROR_INVALID_PARAMETER)
    vad, first, end = _watched(space, address, size)
    assert vad.watched is not None
    written = sorted(page for page in vad.watched if first <= page < end)[:count]
    if written and flags & WRITE_WATCH_FLAG_RESET:
        _reset(space, vad, written[0], written[-1] + 1)
    return [page * space.page_size for page in written]


def reset(space: AddressSpace, address: int, size: int) -> bool:
    """The pages of a range count as unwritten from now on [ResetWriteWatch]; raises Failure as `get`."""
    _reset(space, *_watched(space, address, size))
    return True


def latch(vad: Vad, first: int, end: int) -> None:
    """A program gives pages another protection: those written so far count as written until the next reset, even if
    they are decommitted [k32/virtual.c:2225-2242]."""
    if vad.watched:
        vad.latched |= _within(vad.watched, first, end)


def decommit(vad: Vad, first: int, end: int) -> None:
    """Pages are decommitted: what was written to them is forgotten, unless it is latched."""
    if vad.watched:
        vad.watched -= _within(vad.watched, first, end) - vad.latched


def _within(pages: set[int], first: int, end: int) -> set[int]:
    return {page for page in pages if first <= page < end}


def _reset(space: AddressSpace, vad: Vad, first: int, end: int) -> None:
    assert vad.watched is not None
    vad.watched -= _within(vad.watched, first, end)
    vad.latched -= _within(vad.latched, first, end)
    space.tables.allow(vad, first, end)


def _watched(space: AddressSpace, address: int, size: int) -> tuple[Vad, int, int]:
    first, end = address // space.page_size, -(-(address + size) // space.page_size)
    vad = space.vads.at(first)
    if size <= 0 or vad is None or end > vad.end or vad.watched is None:
        raise Failure(ERROR_INVALID_PARAMETER)
    return vad, first, end
