"""Which bytes of a process ReadProcessMemory and WriteProcessMemory can copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import BASE, rights

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

_CODE = (c.PAGE_EXECUTE, c.PAGE_EXECUTE_READ)
_CLOSED = (c.PAGE_NOACCESS, c.PAGE_READONLY)


def accessible(space: AddressSpace, address: int, size: int, store: bool = False) -> int:
    """How many bytes of a range, from its first one on, can be read or written without an exception. Those of AWE
    regions can't (chosen)."""
    page, last = address // space.page_size, (address + size - 1) // space.page_size
    while page <= last:
        vad = space.vads.at(page)
        if vad is None or vad.awe is not None:
            break
        value, end = vad.state(page)
        readable, writable, _ = rights(vad.runs.at(page), no_execute=False)
        if not value or not (writable if store else readable):
            break
        page = min(end, vad.runs.run(page)[1])
    return max(min(page * space.page_size - address, size), 0)


def open_code(space: AddressSpace, address: int, size: int) -> int:
    """Make code writable, for who writes to it; its protection until then, 0 if it is writable anyway. The first page
    decides for all [ros: kernel32/client/proc.c, WriteProcessMemory].

    Raises Failure 998 if it is read-only or inaccessible, 487 if nothing is committed there, and as VirtualProtect.
    """
    found = space.virtual_query(address)
    base = found.protect & BASE
    if found.state != c.MEM_COMMIT:
        raise Failure(c.ERROR_INVALID_ADDRESS)
    if base in _CLOSED:
        raise Failure(c.ERROR_NOACCESS)
    if base not in _CODE:
        return 0
    private = found.type == c.MEM_PRIVATE
    return space.protect(address, size, c.PAGE_EXECUTE_READWRITE if private else c.PAGE_EXECUTE_WRITECOPY)


def note_stores(space: AddressSpace, address: int, size: int) -> None:
    """Pages are about to be stored to by another process: their write watch is told so, and their entries say what is
    allowed now."""
    first, end = address // space.page_size, (address + size - 1) // space.page_size + 1
    for vad in space.vads.overlapping(first, end):
        low, high = max(first, vad.first), min(end, vad.end)
        if vad.watched is not None:
            vad.watched.update(range(low, high))
        space.tables.allow(vad, low, high)
