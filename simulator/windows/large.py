"""Large pages: memory that is there at once, in frames side by side, and never leaves [Large-Page Support]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.windows.constants import ERROR_INVALID_PARAMETER, ERROR_NO_SYSTEM_RESOURCES, MEM_TOP_DOWN
from simulator.windows.failure import Failure
from simulator.windows.vad import Vad

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace


def allocate(space: AddressSpace, address: int, size: int, kind: int, protect: int) -> int:
    """Reserve and commit large pages; where. `kind`, `protect` and the privilege have been checked.

    Raises Failure 87 if address or size is no multiple of GetLargePageMinimum, 8, 487, 1455, or 1450 if there are no
    frames in a row for one of them.
    """
    minimum = space.system.settings.large_page_minimum
    if size % minimum or address % minimum:
        raise Failure(ERROR_INVALID_PARAMETER)
    align = max(minimum // space.system.granularity, 1)
    first, end = space.place(address, size, bool(kind & MEM_TOP_DOWN), align)
    space.charge(end - first)
    content = int(space.pages.add_contents(end - first))
    contents = np.arange(content, content + end - first)
    together = minimum // space.page_size
    for at in range(0, len(contents), together):
        if not space.pages.fix_contiguous(contents[at : at + together]):
            if at:
                space.pages.unfix(contents[:at])
            space.refund(end - first)
            raise Failure(ERROR_NO_SYSTEM_RESOURCES)
    vad = Vad(first, end, protect, protect)
    vad.large = contents
    space.insert(vad)
    entries = space.tables.entries(first, end)
    space.pages.map_fixed(entries, contents)
    space.tables.allow(vad, first, end)
    return first * space.page_size


def free(space: AddressSpace, vad: Vad) -> None:
    """A large-page region is to be released: its pages show nothing, and the frames are free."""
    assert vad.large is not None
    entries = space.tables.entries(vad.first, vad.end)
    space.pages.unmap_fixed(entries)
    space.pages.set_access(entries, False, False, False)
    space.pages.unfix(vad.large)
