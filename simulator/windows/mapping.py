"""Views of sections in an address space: mapping them, and what VirtualAlloc and VirtualProtect do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.state.constants import UNMAPPED
from simulator.windows import placeholders
from simulator.windows.constants import (
    ERROR_ACCESS_DENIED,
    ERROR_INVALID_ADDRESS,
    ERROR_INVALID_PARAMETER,
    ERROR_MAPPED_ALIGNMENT,
    ERROR_NOT_ENOUGH_MEMORY,
)
from simulator.windows.failure import Failure
from simulator.windows.protection import BASE, CACHING, CHARGED, COPYING
from simulator.windows.vad import MappedView, Vad

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

__all__ = ["UNMAPPED", "commit", "protect", "reserve_view", "written_run"]


def reserve_view(
    space: AddressSpace,
    address: int,
    size: int,
    kind: int,
    protection: int,
    view: MappedView,
    top_down: bool,
    old: Vad | None = None,
) -> int:
    """Give a view its addresses, those of the placeholder `old` if it is to replace one; its base. Commit is charged
    for its page tables; for pages that may be copied the view has charged it.

    `kind`: MEM_MAPPED or MEM_IMAGE; `protection`: the allocation's. Raises Failure 1132 (an address that isn't a
    multiple of 64 KiB), 487 (not free), 8 (no room, or never), 87, 1455.
    """
    if old is None and address % space.system.granularity:
        raise Failure(ERROR_MAPPED_ALIGNMENT)
    if not address and size > space.end * space.page_size:
        raise Failure(ERROR_NOT_ENOUGH_MEMORY)
    align = space.system.settings.large_page_minimum // space.system.granularity if view.fixed else 1
    first, end = (old.first, old.end) if old else space.place(address, size, top_down, max(align, 1))
    vad = Vad(first, end, protection, protection, kind)
    vad.view = view
    at = first
    while at < end:
        value, length = view.protection_run(at - first)
        stop = min(at + length, end)
        vad.runs.set(at, stop, vad.cached(value) | (CHARGED if value & COPYING else 0))
        at = stop
    if vad.tables:
        space.charge(space.missing_tables(first, end))
    if old is None:
        space.insert(vad)
    else:
        placeholders.put(space, vad, old)
    return first * space.page_size


def commit(space: AddressSpace, vad: Vad, first: int, end: int, protection: int) -> None:
    """VirtualAlloc of pages of a view: those of a SEC_RESERVE section are committed in all its views, and they get a
    protection in this one. Raises Failure 5 for a file's or an image's view [k32/virtual.c:3589-3590, 4115-4116], 87 or
    1455."""
    if vad.view.file_backed:
        raise Failure(ERROR_ACCESS_DENIED)
    effective = _checked(vad, protection)
    vad.view.commit(first - vad.first, end - first)
    _change(space, vad, first, end, effective)


def protect(space: AddressSpace, vad: Vad, first: int, end: int, protection: int) -> None:
    """VirtualProtect of pages of a view.

    Pages that may be copied from now on are charged for, until the view is unmapped. Raises Failure 87 if the view's
    access doesn't allow the protection, or it is for private memory; 487 if a page isn't committed; 1455.
    """
    effective = _checked(vad, protection)
    at = first
    while at < end:
        committed, length = vad.view.committed_run(at - vad.first)
        if not committed:
            raise Failure(ERROR_INVALID_ADDRESS)
        at += length
    _change(space, vad, first, end, effective)


def written_run(space: AddressSpace, page: int, end: int, protection: int) -> tuple[int, int]:
    """(protection, end) of the pages like `page` among copy-on-write pages up to `end`: those that were copied are
    writable [Memory Protection]."""
    pages, entries = space.tables.existing(page, end)
    copied = pages[space.pages.state_of(entries)["copied"]]
    if not len(copied) or copied[0] != page:
        return protection, int(copied[0]) if len(copied) else end
    gaps = np.flatnonzero(copied != page + np.arange(len(copied)))
    return protection & ~COPYING | (protection & COPYING) >> 1, page + int(gaps[0] if len(gaps) else len(copied))


def _checked(vad: Vad, protection: int) -> int:
    if protection & CACHING or not vad.view.allows(protection):
        raise Failure(ERROR_INVALID_PARAMETER)
    return vad.cached(vad.view.effective(protection))


def _change(space: AddressSpace, vad: Vad, first: int, end: int, protection: int) -> None:
    runs = list(vad.runs.within(first, end))
    charged = CHARGED if protection & COPYING else 0
    if charged:
        vad.view.charge_private(sum(stop - start for start, stop, value in runs if not value & CHARGED))
    private = vad.view.private(protection & BASE)
    for start, stop, value in runs:
        vad.runs.set(start, stop, protection | value & CHARGED | charged)
        if vad.view.private(value & BASE) != private:
            _rebind(space, vad, start, stop)
    space.tables.allow(vad, first, end)


def _rebind(space: AddressSpace, vad: Vad, first: int, end: int) -> None:
    """Stores to these pages begin, or cease, to copy them; pages that were copied stay so."""
    pages, entries = space.tables.existing(first, end)
    if len(entries):
        shared = ~space.pages.state_of(entries)["copied"]
        space.pages.set_access(entries[shared], False, False, False)
        space.tables.bind_pages(vad, pages[shared])
