"""Which wishes VirtualAlloc grants at all: flags, protection and privileges, before any address is looked at."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from simulator.windows.constants import (
    ERROR_INVALID_PARAMETER,
    ERROR_PRIVILEGE_NOT_HELD,
    MEM_COMMIT,
    MEM_LARGE_PAGES,
    MEM_PHYSICAL,
    MEM_RESERVE,
    MEM_RESET,
    MEM_RESET_UNDO,
    MEM_TOP_DOWN,
    MEM_WRITE_WATCH,
    PAGE_READWRITE,
    SE_LOCK_MEMORY_NAME,
)
from simulator.windows.failure import Failure
from simulator.windows.protection import is_private, is_valid

BOTH = MEM_RESERVE | MEM_COMMIT
RESETS = MEM_RESET | MEM_RESET_UNDO
KNOWN_TYPES = BOTH | RESETS | MEM_TOP_DOWN | MEM_WRITE_WATCH | MEM_PHYSICAL | MEM_LARGE_PAGES


def check_allocation(kind: int, protect: int, privileges: Collection[str]) -> None:
    """Refuse what VirtualAlloc never does [VirtualAlloc; ros: ARM3/virtual.c, NtAllocateVirtualMemory].

    Raises Failure 87 for unknown flags, mixtures that make no sense and protections that private memory can't have,
    unless `kind` is MEM_COMMIT, which may be meant for a view; 1314 for AWE regions and large pages without
    SeLockMemoryPrivilege.
    """
    if not _possible(kind, protect):
        raise Failure(ERROR_INVALID_PARAMETER)
    if kind & (MEM_PHYSICAL | MEM_LARGE_PAGES) and SE_LOCK_MEMORY_NAME not in privileges:
        raise Failure(ERROR_PRIVILEGE_NOT_HELD)


@lru_cache(maxsize=256)  # programs ask for the same few again and again
def _possible(kind: int, protect: int) -> bool:
    if not _sensible(kind) or not is_valid(protect) or not (is_private(protect) or kind == MEM_COMMIT):
        return False
    return not kind & MEM_PHYSICAL or protect == PAGE_READWRITE


def _sensible(kind: int) -> bool:
    if kind & ~KNOWN_TYPES or not kind & (BOTH | RESETS):
        return False
    if kind & RESETS:
        return kind in (MEM_RESET, MEM_RESET_UNDO)
    if kind & MEM_WRITE_WATCH and not kind & MEM_RESERVE:
        return False
    if kind & MEM_LARGE_PAGES:
        return kind & ~MEM_TOP_DOWN == BOTH | MEM_LARGE_PAGES
    return not kind & MEM_PHYSICAL or kind & ~MEM_TOP_DOWN == MEM_RESERVE | MEM_PHYSICAL
