"""Placeholders: reserved address space that waits to be replaced by an allocation or a view, in one step, and can be
split and joined [VirtualAlloc2, MapViewOfFile3, VirtualFree, UnmapViewOfFile2].

What Windows answers: ntdll/virtual.c: test_NtAllocateVirtualMemoryEx; kernelbase/tests/process.c,
test_VirtualAlloc2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.state.constants import DECOMMITTED
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import is_private
from simulator.windows.regions.private import Private, check_allocation, check_private
from simulator.windows.regions.region import Region

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace
    from simulator.windows.process_state import ProcessState

_RESERVING = c.MEM_RESERVE | c.MEM_RESERVE_PLACEHOLDER
_SPLIT = c.MEM_RELEASE | c.MEM_PRESERVE_PLACEHOLDER
_JOIN = c.MEM_RELEASE | c.MEM_COALESCE_PLACEHOLDERS
FREE_TYPES = (_SPLIT, _JOIN)
"""What `free` does; VirtualFree's other types aren't about placeholders."""


class Placeholder(Region):
    """A region that waits to be replaced."""

    def __init__(self, space: AddressSpace, first: int, end: int) -> None:
        super().__init__(space, first, end, c.PAGE_NOACCESS)

    def protect_pages(self, first: int, end: int, protect: int) -> int:
        """Nothing of it is committed."""
        check_private(protect)
        raise Failure(c.ERROR_INVALID_ADDRESS)


class Requirements(NamedTuple):
    """Where memory may lie [MEM_ADDRESS_REQUIREMENTS]; 0: anywhere, at any multiple of 64 KiB."""

    lowest: int = 0
    highest: int = 0
    """the last byte that it may have"""
    alignment: int = 0


def virtual_alloc2(
    own: ProcessState,
    process_handle: int,
    address: int,
    size: int,
    allocation_type: int,
    protect: int,
    lowest_starting_address: int = 0,
    highest_ending_address: int = 0,
    alignment: int = 0,
) -> int:
    """`virtual_alloc` in a process (0 or -1: this one) where requirements allow, of a placeholder
    (MEM_RESERVE_PLACEHOLDER), or in the place of one (MEM_REPLACE_PLACEHOLDER) [VirtualAlloc2]. The highest address
    counts as one that it may have.

    A placeholder is PAGE_NOACCESS. What replaces one has its very address and size, and is reserved, perhaps committed,
    perhaps under write watch. ERROR_INVALID_ADDRESS also if no placeholder of that address and size is there.
    """
    space = own.process(process_handle or c.CURRENT_PROCESS).space
    wanted = Requirements(lowest_starting_address, highest_ending_address, alignment)
    if any(wanted):
        address = choose(space, address, size, allocation_type, wanted)
    if allocation_type & c.MEM_RESERVE_PLACEHOLDER:
        return _reserve(space, address, size, allocation_type, protect)
    if allocation_type & c.MEM_REPLACE_PLACEHOLDER:
        return _replace(space, address, size, allocation_type & ~c.MEM_REPLACE_PLACEHOLDER, protect)
    return space.virtual_alloc(address, size, allocation_type, protect)


def choose(space: AddressSpace, address: int, size: int, kind: int, wanted: Requirements) -> int:
    """An address that meets requirements; raises Failure ERROR_NOT_ENOUGH_MEMORY if none is free,
    ERROR_INVALID_PARAMETER if they can't be met at all: with an `address`, with a `kind` that doesn't reserve, beyond
    user space, an end that isn't a page's, a beginning that isn't a multiple of 64 KiB, or an alignment that isn't a
    power of two of at least 64 KiB [MEM_ADDRESS_REQUIREMENTS; ntdll/virtual.c:
    test_NtAllocateVirtualMemoryEx_address_requirements]."""
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
    space.insert(Placeholder(space, first, end))
    return first * space.page_size


def _replace(space: AddressSpace, address: int, size: int, kind: int, protect: int) -> int:
    """A private allocation in a placeholder's place; large pages can't have one (chosen)."""
    check_allocation(kind, protect, space.own.privileges)
    impossible = kind & (c.MEM_PHYSICAL | c.MEM_LARGE_PAGES | c.MEM_TOP_DOWN)
    if not is_private(protect) or not kind & c.MEM_RESERVE or impossible:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    old = find(space, address, size)
    commit = bool(kind & c.MEM_COMMIT)
    if commit:
        space.charge(old.end - old.first + space.missing_tables(old.first, old.end))
    put(space, Private(space, old.first, old.end, protect, protect if commit else 0, kind), old)
    return address


def find(space: AddressSpace, address: int, size: int) -> Placeholder:
    """The placeholder with exactly this address and size; raises Failure ERROR_INVALID_PARAMETER for none at all,
    ERROR_INVALID_ADDRESS if there's no such."""
    if not address or size <= 0:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    region, page = space.region_at(address), space.page_size
    if not isinstance(region, Placeholder) or (region.first * page, region.end * page) != (address, address + size):
        raise Failure(c.ERROR_INVALID_ADDRESS)
    return region


def put(space: AddressSpace, region: Region, old: Placeholder) -> None:
    """A region takes the place of a placeholder, all that can fail being done."""
    region.replaced = True
    space.release(old, DECOMMITTED)
    space.insert(region)


def restore(space: AddressSpace, address: int, reason: int) -> None:
    """What replaced a placeholder, and has an address, is gone, and the placeholder is there again; raises Failure
    ERROR_INVALID_ADDRESS if nothing there has replaced one."""
    region = space.region_at(address)
    if region is None or not region.replaced:
        raise Failure(c.ERROR_INVALID_ADDRESS)
    space.release(region, reason)
    space.insert(Placeholder(space, region.first, region.end))


def free(space: AddressSpace, address: int, size: int, kind: int) -> bool:
    """Split a placeholder, free what replaced one but keep the placeholder, or join placeholders side by side; `kind`
    is one of FREE_TYPES [VirtualFree].

    Raises Failure ERROR_INVALID_PARAMETER for a size of 0, a view, or nothing there; ERROR_INVALID_ADDRESS if nothing
    is there, what is there is neither a placeholder nor has replaced one, a placeholder would be split into itself, or
    placeholders don't fill the range.
    """
    page = space.page_size
    first, end = address // page, -(-(address + size) // page)
    if size <= 0 or not 0 <= first < space.end:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    if kind == _JOIN:
        return _join(space, first, end)
    region = space.vads.at(first)
    if region is not None:
        region.check_free(c.MEM_RELEASE)
    if region is None or end > region.end:
        raise Failure(c.ERROR_INVALID_ADDRESS)
    whole = (first, end) == (region.first, region.end)
    if isinstance(region, Placeholder) == whole:  # part of what replaced a placeholder can't be freed (chosen)
        raise Failure(c.ERROR_INVALID_ADDRESS)
    if whole:
        restore(space, address, DECOMMITTED)
    else:
        space.release(region, DECOMMITTED)
        for low, high in ((region.first, first), (first, end), (end, region.end)):
            if low < high:
                space.insert(Placeholder(space, low, high))
    return True


def _join(space: AddressSpace, first: int, end: int) -> bool:
    parts = list(space.vads.overlapping(first, end))
    whole = len(parts) > 1 and parts[0].first == first and parts[-1].end == end
    filled = sum(region.end - region.first for region in parts) == end - first
    if not whole or not filled or not all(isinstance(region, Placeholder) for region in parts):
        raise Failure(c.ERROR_INVALID_ADDRESS)
    for region in parts:
        space.release(region, DECOMMITTED)
    space.insert(Placeholder(space, first, end))
    return True
