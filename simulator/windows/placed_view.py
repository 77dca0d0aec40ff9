"""Views under a protection, in any process, where requirements allow, or in a placeholder's place [MapViewOfFile3]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.state.constants import UNMAPPED
from simulator.windows import constants as w
from simulator.windows import placeholders
from simulator.windows.failure import Failure
from simulator.windows.placeholders import Requirements
from simulator.windows.protection import is_valid
from simulator.windows.section import Section
from simulator.windows.view import check_part, map_part, needed, unmap

if TYPE_CHECKING:
    from simulator.windows.owner import Owner


def map_view(
    own: Owner, handle: int, target: Owner, base: int, offset: int, size: int, kind: int, protection: int,
    wanted: Requirements,
) -> int:  # fmt: skip
    """Map a part of a section, by its handle in one process, into another or the same one; where. `size` 0: to the
    section's end.

    `kind`: 0, or MEM_REPLACE_PLACEHOLDER: then the part begins at a page, and is exactly as large as the placeholder at
    `base`. Raises Failure as `view.map_view`; 87 also for other flags, for what is no protection, and for requirements
    that can't be or go with an alignment or a base [ntdll/virtual.c: test_NtMapViewOfSectionEx]; 487 if no
    placeholder of that size is there. Sections of large pages are MapViewOfFile's alone (chosen).
    """
    section = own.handles.get(handle, Section)
    replaces = kind == w.MEM_REPLACE_PLACEHOLDER
    bad = offset < 0 or size < 0 or base < 0 or section.large or wanted.alignment
    if bad or kind & ~w.MEM_REPLACE_PLACEHOLDER or not is_valid(protection):
        raise Failure(w.ERROR_INVALID_PARAMETER)
    unit = own.system.page_size if replaces else own.system.granularity
    if offset % unit or base % unit:
        raise Failure(w.ERROR_MAPPED_ALIGNMENT)
    own.handles.get(handle, Section, needed(protection))
    check_part(section, protection, offset, size)
    size = size or section.size - offset
    old = placeholders.find(target.space, base, size) if replaces else None
    if any(wanted):
        base = placeholders.choose(target.space, base, size, w.MEM_RESERVE, wanted)
    return map_part(target, section, protection, offset, size, base, old)


def unmap_view(owner: Owner, address: int, flags: int) -> bool:
    """Unmap a view, leaving a placeholder with MEM_PRESERVE_PLACEHOLDER [UnmapViewOfFile2]; a transient boost of its
    pages changes nothing here. Raises Failure 87 for other flags, 487 as `view.unmap` and if it replaced none."""
    if flags & ~(w.MEM_PRESERVE_PLACEHOLDER | w.MEM_UNMAP_WITH_TRANSIENT_BOOST):
        raise Failure(w.ERROR_INVALID_PARAMETER)
    if not flags & w.MEM_PRESERVE_PLACEHOLDER:
        return unmap(owner, address)
    owner.space.view_at(address)
    placeholders.restore(owner.space, address, UNMAPPED)
    return True
