"""Memory that is in no working set and never faults: Address Windowing Extensions, and large pages.

AWE: frames that a process has, and the regions through which it sees some of them. The numbers that stand for frames
are those of the engine's contents; to a program they mean nothing, as [AWE] says of page frame numbers. Large pages:
memory that is there at once, in frames side by side, and never leaves [Large-Page Support].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.regions.region import Numbers, Region

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

LEFT = 64
"""Available pages that AllocateUserPhysicalPages leaves for others, or half of them if they are fewer; chosen."""


class Fixed(Region):
    """What AWE regions and regions of large pages have in common: no call changes their pages."""

    fixed = True
    bound = False

    def check_reset(self) -> None:
        """It can't be."""
        raise Failure(c.ERROR_INVALID_ADDRESS)


class Window(Fixed):
    """A region of Address Windowing Extensions; reserved, whatever is mapped there (chosen)."""

    def __init__(self, space: AddressSpace, first: int, end: int, protect: int) -> None:
        super().__init__(space, first, end, protect)
        self._shown: dict[int, int] = {}
        """the content behind each mapped page"""

    def show(self, first: int, frames: Sequence[int]) -> None:
        """Have the pages from `first` on show frames."""
        space = self.space
        entries = space.tables.entries(first, first + len(frames))
        space.pages.map_fixed(entries, np.array(frames, np.int64))
        space.pages.set_access(entries, True, True, not space.tables.no_execute)
        for page, frame in enumerate(frames, first):
            self._shown[page] = frame
            space.awe_frames[frame] = page

    def hide(self, first: int, end: int) -> None:
        """Have pages show nothing; the frames stay allocated [AWE]."""
        space = self.space
        mapped = sorted(page for page in self._shown if first <= page < end)
        if mapped:
            entries = space.tables.entries_of(np.array(mapped, np.int64))
            space.pages.unmap_fixed(entries)
            space.pages.set_access(entries, False, False, False)
            for page in mapped:
                space.awe_frames[self._shown.pop(page)] = -1

    def allow(self) -> None:
        """What may be executed has changed."""
        if self._shown:
            entries = self.space.tables.entries_of(np.array(list(self._shown), np.int64))
            self.space.pages.set_access(entries, True, True, not self.space.tables.no_execute)

    def clear(self, reason: int) -> None:
        """Its pages show nothing."""
        self.hide(self.first, self.end)


class LargePages(Fixed):
    """A region of large pages."""

    def __init__(self, space: AddressSpace, first: int, end: int, protect: int, contents: Numbers) -> None:
        """`contents` have their frames."""
        super().__init__(space, first, end, protect, protect)
        self._contents = contents

    def show(self) -> None:
        """Have its pages show its contents; it is in the address space now."""
        self.space.pages.map_fixed(self.space.tables.entries(self.first, self.end), self._contents)
        self.allow()

    def clear(self, reason: int) -> None:
        """Its pages show nothing, and the frames are free."""
        space = self.space
        entries = space.tables.entries(self.first, self.end)
        space.pages.unmap_fixed(entries)
        space.pages.set_access(entries, False, False, False)
        space.pages.unfix(self._contents)


def allocate_large_pages(space: AddressSpace, address: int, size: int, kind: int, protect: int) -> int:
    """Reserve and commit large pages; where. `kind`, `protect` and the privilege have been checked.

    Raises Failure ERROR_INVALID_PARAMETER if address or size is no multiple of GetLargePageMinimum,
    ERROR_NO_SYSTEM_RESOURCES if there are no frames in a row for one of them, or as `AddressSpace.place` and `charge`.
    """
    minimum = space.system.settings.large_page_minimum
    if size % minimum or address % minimum:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    align = max(minimum // space.system.granularity, 1)
    first, end = space.place(address, size, bool(kind & c.MEM_TOP_DOWN), align)
    space.charge(end - first)
    content = int(space.pages.add_contents(end - first))
    contents = np.arange(content, content + end - first)
    together = minimum // space.page_size
    for at in range(0, len(contents), together):
        if not space.pages.fix_contiguous(contents[at : at + together]):
            if at:
                space.pages.unfix(contents[:at])
            space.refund(end - first)
            raise Failure(c.ERROR_NO_SYSTEM_RESOURCES)
    region = LargePages(space, first, end, protect, contents)
    space.insert(region)
    region.show()
    return first * space.page_size


def allocate_user_physical_pages(space: AddressSpace, count: int) -> list[int]:
    """Frames for AWE, zeroed and charged as commit, perhaps fewer than asked for [AllocateUserPhysicalPages].

    ERROR_PRIVILEGE_NOT_HELD without SeLockMemoryPrivilege, ERROR_INVALID_PARAMETER, ERROR_COMMITMENT_LIMIT, or
    ERROR_NO_SYSTEM_RESOURCES if there is no frame at all.
    """
    if c.SE_LOCK_MEMORY_NAME not in space.own.privileges:
        raise Failure(c.ERROR_PRIVILEGE_NOT_HELD)
    if count <= 0:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    available = space.pages.available()
    count = min(count, available - min(LEFT, available // 2))
    if count <= 0:
        raise Failure(c.ERROR_NO_SYSTEM_RESOURCES)
    space.charge(count)
    first = int(space.pages.add_contents(count))
    frames = list(range(first, first + int(space.pages.fix(np.arange(first, first + count)))))
    space.refund(count - len(frames))
    if not frames:
        raise Failure(c.ERROR_NO_SYSTEM_RESOURCES)
    space.awe_frames.update(dict.fromkeys(frames, -1))
    return frames


def map_user_physical_pages(space: AddressSpace, address: int, count: int, frames: Sequence[int] | None) -> bool:
    """Show frames in pages of an AWE region, in order, or nothing if `frames` is None [MapUserPhysicalPages].

    ERROR_INVALID_PARAMETER: the pages are not all in one AWE region, a frame isn't the process's, is given twice or
    mapped elsewhere.
    """
    first = address // space.page_size
    region = space.vads.at(first)
    if not isinstance(region, Window) or count <= 0 or first + count > region.end:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    if frames is not None:
        here = range(first, first + count)
        places = [space.awe_frames.get(frame) for frame in frames]
        strange = any(place is None or (place >= 0 and place not in here) for place in places)
        if len(frames) != count or len(set(frames)) != count or strange:
            raise Failure(c.ERROR_INVALID_PARAMETER)
    region.hide(first, first + count)
    if frames is not None:
        region.show(first, frames)
    return True


def free_user_physical_pages(space: AddressSpace, frames: Sequence[int]) -> bool:
    """Give AWE frames back, mapped or not [FreeUserPhysicalPages]. ERROR_INVALID_PARAMETER if one isn't the process's,
    or comes twice."""
    if len(set(frames)) != len(frames) or any(frame not in space.awe_frames for frame in frames):
        raise Failure(c.ERROR_INVALID_PARAMETER)
    for frame in frames:
        page = space.awe_frames[frame]
        region = space.vads.at(page) if page >= 0 else None
        if isinstance(region, Window):
            region.hide(page, page + 1)
        del space.awe_frames[frame]
    if frames:
        space.pages.unfix(np.array(frames, np.int64))
        space.refund(len(frames))
    return True
