"""Write watch: which pages of a region have been written since the last reset.

Pages not yet written are write-protected in the page table, so that the first store to each traps and is noted
(`violations.resolve`): exact, whatever paging does to the page. What the hardware's dirty bits would cost Windows
instead is not charged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.windows.constants import ERROR_INVALID_PARAMETER
from simulator.windows.failure import Failure
from simulator.windows.vad import Vad

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace


def get(space: AddressSpace, address: int, size: int, reset: bool) -> list[int]:
    """Addresses of the written pages of a range, ascending; with `reset` they count as unwritten from now on
    [GetWriteWatch]. Raises Failure 87 unless one MEM_WRITE_WATCH region holds the range."""
    vad, first, end = _watched(space, address, size)
    assert vad.watched is not None
    written = sorted(page for page in vad.watched if first <= page < end)
    if reset:
        _reset(space, vad, first, end)
    return [page * space.page_size for page in written]


def reset(space: AddressSpace, address: int, size: int) -> bool:
    """The pages of a range count as unwritten from now on [ResetWriteWatch]; raises Failure as `get`."""
    _reset(space, *_watched(space, address, size))
    return True


def _reset(space: AddressSpace, vad: Vad, first: int, end: int) -> None:
    assert vad.watched is not None
    vad.watched = {page for page in vad.watched if not first <= page < end}
    space.tables.allow(vad, first, end)


def _watched(space: AddressSpace, address: int, size: int) -> tuple[Vad, int, int]:
    first, end = address // space.page_size, -(-(address + size) // space.page_size)
    vad = space.vads.at(first)
    if size <= 0 or vad is None or end > vad.end or vad.watched is None:
        raise Failure(ERROR_INVALID_PARAMETER)
    return vad, first, end
