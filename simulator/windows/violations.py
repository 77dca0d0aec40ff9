"""What a touch means that a page-table entry does not allow: an exception, a larger stack, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.state.constants import FETCH, STORE
from simulator.windows.constants import (
    PAGE_GUARD,
    STATUS_ACCESS_VIOLATION,
    STATUS_GUARD_PAGE_VIOLATION,
)
from simulator.windows.protection import OFFERED, rights
from simulator.windows.stack import grow_stack
from simulator.windows.vad import Vad

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace

_READ, _WRITE, _EXECUTE = 0, 1, 8


def resolve(space: AddressSpace, thread: Any, page: int, access: int) -> tuple[int, tuple[int, ...]] | None:
    """What becomes of a reference by `thread` (an object with the thread's `stack`) that trapped at a page; `access`:
    0 fetch, 1 load, 2 store.

    (status, information) of the exception that the program gets, information as in EXCEPTION_RECORD: kind of access and
    address; or None: it is to try again. Region and state are looked at first, then the guard bit, then the protection
    [ros: ARM3/pagfault.c]. A guard page loses its guard; in the thread's own stack the stack grows.
    None also for what is allowed though the entry doesn't know yet: the first store to a page of a write-watched
    region, which is noted, and pages of a SEC_RESERVE section that another process has committed.
    """
    vad = space.vads.at(page)
    if vad is None or vad.awe is not None or not vad.state(page)[0]:
        return _violation(space, page, access)
    value = vad.runs.at(page)
    if value & OFFERED:
        return _violation(space, page, access)
    if value & PAGE_GUARD:
        return _guard(space, vad, thread, page, value, access)
    accessible, writable, executable = rights(value, space.tables.no_execute)
    if not accessible or (access == STORE and not writable) or (access == FETCH and not executable):
        return _violation(space, page, access)
    if vad.watched is not None and access == STORE:
        vad.watched.add(page)
    space.tables.entries(page, page + 1)
    space.tables.allow(vad, page, page + 1)
    return None


def _information(space: AddressSpace, page: int, access: int) -> tuple[int, int]:
    """A fetch counts as a read where DEP is off."""
    prevented = access == FETCH and space.tables.no_execute
    return _EXECUTE if prevented else _WRITE if access == STORE else _READ, page * space.page_size


def _violation(space: AddressSpace, page: int, access: int) -> tuple[int, tuple[int, int]]:
    return STATUS_ACCESS_VIOLATION, _information(space, page, access)


def _guard(
    space: AddressSpace, vad: Vad, thread: Any, page: int, value: int, access: int
) -> tuple[int, tuple[int, ...]] | None:
    stack = vad.stack
    if stack is not None and thread.stack is stack:
        status = grow_stack(space, vad, stack, page)
        return (status, _information(space, page, access)) if status else None
    space.assign(vad, page, page + 1, value & ~PAGE_GUARD)
    return STATUS_GUARD_PAGE_VIOLATION, ()
