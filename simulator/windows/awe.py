"""Address Windowing Extensions: frames that a process has, and the regions through which it sees some of them.

The numbers that stand for frames are those of the engine's contents; to a program they mean nothing, as [AWE] says of
page frame numbers. AWE pages are in no working set and never fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.windows.constants import (
    ERROR_INVALID_PARAMETER,
    ERROR_NO_SYSTEM_RESOURCES,
    ERROR_PRIVILEGE_NOT_HELD,
    SE_LOCK_MEMORY_NAME,
)
from simulator.windows.failure import Failure
from simulator.windows.vad import Vad

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

LEFT = 64
"""Available pages that AllocateUserPhysicalPages leaves for others, or half of them if they are fewer; chosen."""


def allocate(space: AddressSpace, count: int) -> list[int]:
    """Frames for good, zeroed and charged as commit, perhaps fewer than asked for [AllocateUserPhysicalPages].

    Raises Failure 1314 without SeLockMemoryPrivilege, 87, 1455, or 1450 if there is no frame at all.
    """
    if SE_LOCK_MEMORY_NAME not in space.own.privileges:
        raise Failure(ERROR_PRIVILEGE_NOT_HELD)
    if count <= 0:
        raise Failure(ERROR_INVALID_PARAMETER)
    available = space.pages.available()
    count = min(count, available - min(LEFT, available // 2))
    if count <= 0:
        raise Failure(ERROR_NO_SYSTEM_RESOURCES)
    space.charge(count)
    first = int(space.pages.add_contents(count))
    frames = list(range(first, first + int(space.pages.fix(np.arange(first, first + count)))))
    space.refund(count - len(frames))
    if not frames:
        raise Failure(ERROR_NO_SYSTEM_RESOURCES)
    space.awe_frames.update(dict.fromkeys(frames, -1))
    return frames


def map_frames(space: AddressSpace, address: int, count: int, frames: Sequence[int] | None) -> bool:
    """Show frames in pages of an AWE region, in order, or nothing if `frames` is None [MapUserPhysicalPages].

    Raises Failure 87: the pages are not all in one AWE region, a frame isn't the process's, is given twice or mapped
    elsewhere.
    """
    first = address // space.page_size
    vad = space.vads.at(first)
    if vad is None or vad.awe is None or count <= 0 or first + count > vad.end:
        raise Failure(ERROR_INVALID_PARAMETER)
    if frames is not None:
        here = range(first, first + count)
        places = [space.awe_frames.get(frame) for frame in frames]
        strange = any(place is None or (place >= 0 and place not in here) for place in places)
        if len(frames) != count or len(set(frames)) != count or strange:
            raise Failure(ERROR_INVALID_PARAMETER)
    _unmap(space, vad, first, first + count)
    if frames is not None:
        entries = space.tables.entries(first, first + count)
        space.pages.map_fixed(entries, np.array(frames, np.int64))
        space.pages.set_access(entries, True, True, not space.tables.no_execute)
        for page, frame in enumerate(frames, first):
            vad.awe[page] = frame
            space.awe_frames[frame] = page
    return True


def free(space: AddressSpace, frames: Sequence[int]) -> bool:
    """Give frames back, mapped or not [FreeUserPhysicalPages]; raises Failure 87 if one isn't the process's, or comes
    twice."""
    if len(set(frames)) != len(frames) or any(frame not in space.awe_frames for frame in frames):
        raise Failure(ERROR_INVALID_PARAMETER)
    for frame in frames:
        page = space.awe_frames[frame]
        vad = space.vads.at(page) if page >= 0 else None
        if vad is not None:
            _unmap(space, vad, page, page + 1)
        del space.awe_frames[frame]
    if frames:
        space.pages.unfix(np.array(frames, np.int64))
        space.refund(len(frames))
    return True


def unmap_all(space: AddressSpace, vad: Vad) -> None:
    """An AWE region is to be released: its pages show nothing, the frames stay allocated [AWE]."""
    _unmap(space, vad, vad.first, vad.end)


def allow(space: AddressSpace, vad: Vad) -> None:
    """The process's DEP has changed."""
    for page in vad.awe or ():
        space.pages.set_access(space.tables.entries(page, page + 1), True, True, not space.tables.no_execute)


def _unmap(space: AddressSpace, vad: Vad, first: int, end: int) -> None:
    assert vad.awe is not None
    mapped = sorted(page for page in vad.awe if first <= page < end)
    if mapped:
        entries = space.tables.entries_of(np.array(mapped, np.int64))
        space.pages.unmap_fixed(entries)
        space.pages.set_access(entries, False, False, False)
        for page in mapped:
            space.awe_frames[vad.awe.pop(page)] = -1
