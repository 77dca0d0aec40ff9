"""Placeholders: reserved address space that waits to be replaced by an allocation or a view, in one step, and can be
split and joined [VirtualAlloc2, MapViewOfFile3, VirtualFree, UnmapViewOfFile2].

What Windows answers: ntdll/virtual.c: test_NtAllocateVirtualMemoryEx; kernelbase/tests/process.c,
test_VirtualAlloc2. Functions raise Failure with a Win32 code, and have changed nothing then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.state.constants import DECOMMITTED
from simulator.windows import constants as c
from simulator.windows.allocation import check_allocation
from simulator.windows.failure import Failure
from simulator.windows.protection import is_private
from simulator.windows.vad import Vad

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

_RESERVING = c.MEM_RESERVE | c.MEM_RESERVE_PLACEHOLDER
_SPLIT = c.MEM_RELEASE | c.MEM_PRESERVE_PLACEHOLDER
_JOIN = c.MEM_RELEASE | c.MEM_COALESCE_PLACEHOLDERS
FREE_TYPES = (_SPLIT, _JOIN)
"""What `free` does; VirtualFree's other types aren't about placeholders."""


class Requirements(NamedTuple):
    """Where memory may lie [MEM_ADDRESS_REQUIREMENTS]; 0: anywhere, at any multiple of 64 KiB."""

    lowest: int = 0
    highest: int = 0
    """the last byte that it may have"""
    alignment: int = 0


def allocate(space: AddressSpace, address: int, size: int, kind: int, protect: int, wanted: Requirements) -> int:
    """VirtualAlloc with requirements of the address, of a placeholder, or in a placeholder's place; where
    [VirtualAlloc2].

    A placeholder is PAGE_NOACCESS. What replaces one has its very address and size, and is reserved, perhaps committed,
    perhaps under write watch. Raises Failure as `AddressSpace.virtual_alloc` and `choose`; 487 if no placeholder of
    that address and size is there.
    """
    if any(wanted):
        address = choose(space, address, size, kind, wanted)
    if kind & c.MEM_RESERVE_PLACEHOLDER:
        return _reserve(space, address, size, kind, protect)
    if kind & c.MEM_REPLACE_PLACEHOLDER:
        return _replace(space, address, size, kind & ~c.MEM_REPLACE_PLACEHOLDER, protect)
    return space.virtual_alloc(address, size, kind, protect)


def choose(space: AddressSpace, address: int, size: int, kind: int, wanted: Requirements) -> int:
    """An address that meets requirements; raises Failure 8 if none is free, 87 if they can't be met at all: with an
    `address`, with a `kind` that doesn't reserve, beyond user space, an end that isn't a page's, a beginning that isn't
    a multiple of 64 KiB, or an alignment that isn't a power of two of at least 64 KiB [MEM_ADDRESS_REQUIREMENTS;
    ntdll/virtual.c: test_NtAllocateVirtualMemoryEx_address_requirements]."""
    page, unit, (low, high, align) = space.page_size, space.system.granularity, wanted
    bad = address or size <= 0 or not kind & c.MEM_RESERVE or low < 0 or low % unit
    bad = bad or (high and (high < low or (high + 1) % page)) or high >= space.end * page
    if bad or (align and (align < unit or align & (align - 1))):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    end = (high + 1) // page if high else space.end
    top_down = bool(kind & c.MEM_TOP_DOWN)
    at = space.place_within(-(-size // page), low // page, end, max(align // unit, 1), top_down)
    if at < 0:
        raise Failure(c.ERROR_NOT_ENOUGH_MEMORY)
    return at * page


def _reserve(space: AddressSpace, address: int, size: int, kind: int, protect: int) -> int:
    if kind & ~c.MEM_TOP_DOWN != _RESERVING or protect != c.PAGE_NOACCESS or size <= 0 or address < 0:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    first, end = space.place(address, size, bool(kind & c.MEM_TOP_DOWN))
    space.insert(_placeholder(first, end))
    return first * space.page_size


def _replace(space: AddressSpace, address: int, size: int, kind: int, protect: int) -> int:
    """A private allocation in a placeholder's place; large pages can't have one (chosen)."""
    check_allocation(kind, protect, space.own.privileges)
    if (
        not is_private(protect)
        or not kind & c.MEM_RESERVE
        or kind & (c.MEM_PHYSICAL | c.MEM_LARGE_PAGES | c.MEM_TOP_DOWN)
    ):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    old = find(space, address, size)
    commit = bool(kind & c.MEM_COMMIT)
    if commit:
        space.charge(old.end - old.first + space.missing_tables(old.first, old.end))
    vad = Vad(old.first, old.end, protect, protect if commit else 0)
    if kind & c.MEM_WRITE_WATCH:
        vad.watched = set()
    put(space, vad, old)
    return address


def find(space: AddressSpace, address: int, size: int) -> Vad:
    """The placeholder with exactly this address and size; raises Failure 87 for none at all, 487 if there's no such."""
    if not address or size <= 0:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    vad = space.region_at(address)
    if vad is None or not vad.placeholder or not _covers(space, vad, address, size):
        raise Failure(c.ERROR_INVALID_ADDRESS)
    return vad


def _covers(space: AddressSpace, vad: Vad, address: int, size: int) -> bool:
    page = space.page_size
    return vad.first * page == address and vad.end * page == address + size


def put(space: AddressSpace, vad: Vad, old: Vad) -> None:
    """A region takes the place of a placeholder, all that can fail being done."""
    vad.replaced = True
    space.release(old, DECOMMITTED)
    space.insert(vad)


def restore(space: AddressSpace, address: int, reason: int) -> None:
    """What replaced a placeholder, and has an address, is gone, and the placeholder is there again; raises Failure 487
    if nothing there has replaced one."""
    vad = space.region_at(address)
    if vad is None or not vad.replaced:
        raise Failure(c.ERROR_INVALID_ADDRESS)
    space.release(vad, reason)
    space.insert(_placeholder(vad.first, vad.end))


def free(space: AddressSpace, address: int, size: int, kind: int) -> bool:
    """Split a placeholder, free what replaced one but keep the placeholder, or join placeholders side by side; `kind`
    is one of FREE_TYPES [VirtualFree].

    Raises Failure 87 for a size of 0, a view, or nothing there; 487 if nothing is there, what is there is neither a
    placeholder nor has replaced one, a placeholder would be split into itself, or placeholders don't fill the range.
    """
    page = space.page_size
    first, end = address // page, -(-(address + size) // page)
    if size <= 0 or not 0 <= first < space.end:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    if kind == _JOIN:
        return _join(space, first, end)
    vad = space.vads.at(first)
    if vad is not None and vad.view is not None:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    if vad is None or end > vad.end:
        raise Failure(c.ERROR_INVALID_ADDRESS)
    whole = (first, end) == (vad.first, vad.end)
    if vad.placeholder == whole:  # part of what replaced a placeholder can't be freed (chosen)
        raise Failure(c.ERROR_INVALID_ADDRESS)
    if whole:
        restore(space, address, DECOMMITTED)
    else:
        _split(space, vad, first, end)
    return True


def _split(space: AddressSpace, vad: Vad, first: int, end: int) -> None:
    space.release(vad, DECOMMITTED)
    for low, high in ((vad.first, first), (first, end), (end, vad.end)):
        if low < high:
            space.insert(_placeholder(low, high))


def _join(space: AddressSpace, first: int, end: int) -> bool:
    parts = list(space.vads.overlapping(first, end))
    whole = len(parts) > 1 and parts[0].first == first and parts[-1].end == end
    filled = sum(vad.end - vad.first for vad in parts) == end - first
    if not whole or not filled or not all(vad.placeholder for vad in parts):
        raise Failure(c.ERROR_INVALID_ADDRESS)
    for vad in parts:
        space.release(vad, DECOMMITTED)
    space.insert(_placeholder(first, end))
    return True


def _placeholder(first: int, end: int) -> Vad:
    vad = Vad(first, end, c.PAGE_NOACCESS, 0)
    vad.placeholder = True
    return vad
