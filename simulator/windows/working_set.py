"""Working sets as programs see them: their limits, what is in them, what has come into them, and the counters of a
process. A handle of -1, CURRENT_PROCESS, is the calling process's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.state.constants import EMPTIED, FETCH, HARD, LIMITS_LOWERED, PAGE_ERROR
from simulator.windows import constants as c
from simulator.windows.failure import Failure
from simulator.windows.protection import COPYING, KNOWN, working_set_code
from simulator.windows.regions.fixed import Window
from simulator.windows.regions.private import Private
from simulator.windows.regions.view import View

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

LEAST_MINIMUM, LEAST_MAXIMUM = 20, 13
"""Pages [SetProcessWorkingSetSizeEx]: a smaller minimum is raised, a smaller maximum is refused."""
MOST_SHARERS = 7
"""What three bits hold [PSAPI_WORKING_SET_EX_BLOCK]."""
ALL_AWAY = -1
"""(SIZE_T)-1 for both limits: take out all that can be."""
ROOM = 1024
"""Faults that a process's buffer for the working set watch holds; chosen."""
_HARD_MINIMUM = c.QUOTA_LIMITS_HARDWS_MIN_ENABLE, c.QUOTA_LIMITS_HARDWS_MIN_DISABLE
_HARD_MAXIMUM = c.QUOTA_LIMITS_HARDWS_MAX_ENABLE, c.QUOTA_LIMITS_HARDWS_MAX_DISABLE


class WorkingSetPage(NamedTuple):
    """A page of a working set [PSAPI_WORKING_SET_BLOCK]."""

    address: int
    protection: int
    """as `protection.WORKING_SET_CODES`"""
    share_count: int
    """processes that share it, at most 7; 0 for a private page"""
    shared: bool


class PageInformation(NamedTuple):
    """What is known of a page [PSAPI_WORKING_SET_EX_BLOCK]; all but `shared` and `bad` are 0 unless it is valid."""

    valid: bool
    share_count: int = 0
    """processes that share it, at most 7; 0 for a private page"""
    win32_protection: int = 0
    shared: bool = False
    node: int = 0
    locked: bool = False
    large_page: bool = False
    bad: bool = False


class ProcessMemoryCounters(NamedTuple):
    """Counters of a process's memory, in bytes but for the first [PROCESS_MEMORY_COUNTERS_EX2]."""

    page_fault_count: int
    peak_working_set_size: int
    working_set_size: int
    quota_peak_paged_pool_usage: int
    quota_paged_pool_usage: int
    quota_peak_non_paged_pool_usage: int
    quota_non_paged_pool_usage: int
    pagefile_usage: int
    peak_pagefile_usage: int
    private_usage: int
    private_working_set_size: int
    shared_commit_usage: int


class WorkingSetChange(NamedTuple):
    """A page that was added to a working set [PSAPI_WS_WATCH_INFORMATION_EX]."""

    faulting_pc: int
    """the instruction's page where it is the fetch that faulted; else 0, as a program's loads and stores come from no
    instruction that is known"""
    faulting_va: int
    """the page's address; its lowest bit is set if the fault was soft, that is, read nothing"""
    faulting_thread_id: int
    flags: int = 0
    """reserved by Windows"""


def get_process_working_set_size_ex(own: ProcessState, handle: int = c.CURRENT_PROCESS) -> tuple[int, int, int]:
    """(minimum, maximum, flags): in bytes, and the flags that hold, one of each pair [GetProcessWorkingSetSizeEx]."""
    of = own.process(handle)
    record, page = of.system.pages.process(of.number), of.system.page_size
    flags = _HARD_MINIMUM[not record["hard_minimum"]] | _HARD_MAXIMUM[not record["hard_maximum"]]
    return int(record["minimum"]) * page, int(record["maximum"]) * page, flags


def get_process_working_set_size(own: ProcessState, handle: int = c.CURRENT_PROCESS) -> tuple[int, int]:
    """(minimum, maximum) in bytes [GetProcessWorkingSetSize]."""
    return get_process_working_set_size_ex(own, handle)[:2]


def set_process_working_set_size(
    own: ProcessState, minimum: int, maximum: int, handle: int = c.CURRENT_PROCESS
) -> bool:
    """Set the limits, in bytes, soft or hard as they were; (-1, -1) empties the working set
    [SetProcessWorkingSetSize]."""
    return set_process_working_set_size_ex(own, minimum, maximum, 0, handle)


def set_process_working_set_size_ex(
    own: ProcessState, minimum: int, maximum: int, flags: int, handle: int = c.CURRENT_PROCESS
) -> bool:
    """`set_process_working_set_size`, with QUOTA_LIMITS_ flags [SetProcessWorkingSetSizeEx].

    A minimum below 20 pages is raised to 20. A lower maximum takes out what is above it, oldest first.
    ERROR_INVALID_PARAMETER: minimum 0 or above the maximum, maximum below 13 pages or so large that fewer than
    `reserved_frames` pages would be left, both flags of a pair, a flag that is none; ERROR_PRIVILEGE_NOT_HELD: raised
    without SeIncreaseWorkingSetPrivilege; ERROR_NO_SYSTEM_RESOURCES (chosen): the minimums of all processes can't be
    granted together, first come, first served.
    """
    of = own.process(handle)
    if minimum == maximum == ALL_AWAY:
        return empty_working_set(own, handle)
    if any(flags & on and flags & off for on, off in (_HARD_MINIMUM, _HARD_MAXIMUM)) or flags & ~0xF:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    system, pages = of.system, of.system.pages
    record = pages.process(of.number)
    lowest, highest = max(minimum // system.page_size, LEAST_MINIMUM), maximum // system.page_size
    room = _room(system)
    if minimum <= 0 or highest < LEAST_MAXIMUM or lowest > highest or highest >= room:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    more = lowest - int(record["minimum"])
    if (more > 0 or highest > record["maximum"]) and c.SE_INC_WORKING_SET_NAME not in own.privileges:
        raise Failure(c.ERROR_PRIVILEGE_NOT_HELD)
    granted = sum(int(pages.process(other.number)["minimum"]) for other in system.processes)
    if more > 0 and granted + more > room:
        raise Failure(c.ERROR_NO_SYSTEM_RESOURCES)
    hard_minimum, hard_maximum = (
        bool(flags & on) or (bool(was) and not flags & off)
        for (on, off), was in ((_HARD_MINIMUM, record["hard_minimum"]), (_HARD_MAXIMUM, record["hard_maximum"]))
    )
    pages.set_limits(of.number, lowest, highest, hard_minimum, hard_maximum)
    _cut(of, highest)
    return True


def _room(system: System) -> int:
    """Pages that working sets may have at most."""
    frames = int(system.pages.frames)
    return frames - min(system.settings.reserved_frames, frames // 8)


def _cut(own: ProcessState, maximum: int) -> None:
    """Take out what a lowered maximum leaves no room for: the pages that came first, locked ones excepted."""
    pages = own.system.pages
    above = pages.size(own.number) - maximum
    if above > 0:
        entries = pages.working_set(own.number)
        free = entries[~pages.state_of(entries)["locked"]]
        pages.evict(free[:above], LIMITS_LOWERED)


def empty_working_set(own: ProcessState, handle: int = c.CURRENT_PROCESS) -> bool:
    """Take out all that can be: all but locked pages [EmptyWorkingSet]."""
    of = own.process(handle)
    of.system.pages.evict(of.system.pages.working_set(of.number), EMPTIED)
    return True


def query_working_set(space: AddressSpace) -> list[WorkingSetPage]:
    """The pages in the working set, by address [QueryWorkingSet]."""
    entries = space.pages.working_set(space.process)
    numbers = space.tables.pages_of(entries)
    pages = []
    for page, state in zip(numbers.tolist(), space.pages.state_of(entries), strict=True):
        region = space.vads.at(page)
        protect = _protection(region.runs.at(page), state) if region is not None else c.PAGE_NOACCESS
        code = working_set_code(protect)
        pages.append(WorkingSetPage(page * space.page_size, code, _sharers(state), bool(state["shared"])))
    return sorted(pages)


def query_working_set_ex(space: AddressSpace, addresses: Sequence[int]) -> list[PageInformation]:
    """What is known of the pages at some addresses, valid or not [QueryWorkingSetEx]."""
    if not addresses:
        return []
    size = space.page_size
    states = space.pages.state_of(space.entries_of([address // size for address in addresses]))
    records = []
    for address, state in zip(addresses, states, strict=True):
        region = space.region_at(address)
        shared = bool(state["shared"]) and not isinstance(region, Private)
        if not state["valid"] or region is None:
            records.append(PageInformation(valid=False, shared=shared))
            continue
        window = isinstance(region, Window)
        records.append(
            PageInformation(
                valid=True,
                share_count=0 if window else _sharers(state),
                win32_protection=c.PAGE_READWRITE if window else _protection(region.runs.at(address // size), state),
                shared=isinstance(region, View) and bool(state["shared"]),
                locked=bool(state["locked"]),
                large_page=region.fixed and not window,
            )
        )
    return records


def _protection(value: int, state: Any) -> int:
    """A page's protection; a copy-on-write page that was copied is writable [Memory Protection]."""
    copied = value & COPYING if state["copied"] else 0
    return value & KNOWN & ~copied | copied >> 1


def _sharers(state: Any) -> int:
    return min(int(state["share"]), MOST_SHARERS) if state["shared"] else 0


def get_process_memory_info(own: ProcessState, handle: int = c.CURRENT_PROCESS) -> ProcessMemoryCounters:
    """Counters of memory use [GetProcessMemoryInfo].

    `pagefile_usage` is its commit charge, as `private_usage` (MODEL.md 13, 9). Shared commit is that of the sections
    backed by the paging files that it has views of.
    """
    own = own.process(handle)
    system, page = own.system, own.system.page_size
    record, entries = system.pages.process(own.number), system.pages.working_set(own.number)
    commit = system.pages.commit(own.number)
    own.space.peak_commit = max(own.space.peak_commit, commit)
    quota = system.pool.quota(own)
    private = int(np.count_nonzero(~system.pages.state_of(entries)["shared"]))
    return ProcessMemoryCounters(
        page_fault_count=int(record["kinds"][:PAGE_ERROR].sum()),
        peak_working_set_size=int(record["peak"]) * page,
        working_set_size=len(entries) * page,
        quota_peak_paged_pool_usage=quota.peak_paged,
        quota_paged_pool_usage=quota.paged,
        quota_peak_non_paged_pool_usage=quota.peak_nonpaged,
        quota_non_paged_pool_usage=quota.nonpaged,
        pagefile_usage=commit * page,
        peak_pagefile_usage=own.space.peak_commit * page,
        private_usage=commit * page,
        private_working_set_size=private * page,
        shared_commit_usage=_shared_commit(own.space) * page,
    )


def _shared_commit(space: AddressSpace) -> int:
    """Committed pages of views of sections backed by the paging files, each view's own."""
    total = 0
    for region in space.vads.regions:
        at = region.first
        while isinstance(region, View) and not region.file_backed and at < region.end:
            present, end = region.present_run(at)
            total += end - at if present else 0
            at = end
    return total


def set_memory_priority(own: ProcessState, priority: int) -> bool:
    """Set the process's memory priority, of the pages that it brings in from now on, 1 to 5 [SetProcessInformation,
    ProcessMemoryPriority]. ERROR_INVALID_PARAMETER for another."""
    if not c.MEMORY_PRIORITY_VERY_LOW <= priority <= c.MEMORY_PRIORITY_NORMAL:
        raise Failure(c.ERROR_INVALID_PARAMETER)
    own.system.pages.process(own.number)["memory_priority"] = priority
    return True


def get_memory_priority(own: ProcessState) -> int:
    """The process's memory priority [GetProcessInformation, ProcessMemoryPriority]."""
    return int(own.system.pages.process(own.number)["memory_priority"])


def initialize_process_for_ws_watch(own: ProcessState, handle: int = c.CURRENT_PROCESS) -> bool:
    """Begin to note down the faults of a process, or forget those noted down [InitializeProcessForWsWatch]."""
    of = own.process(handle)
    of.system.pages.watch_working_set(of.number, ROOM)
    return True


def get_ws_changes(own: ProcessState, handle: int = c.CURRENT_PROCESS, size: int = 1 << 16) -> list[WorkingSetChange]:
    """The faults that brought pages into the working set since the last call, oldest first; the buffer is empty again
    [GetWsChanges]. While it is full nothing is noted down.

    `size`: bytes that the caller has for them, and for one record more, which ends them. ERROR_INSUFFICIENT_BUFFER if
    that is too little (then they stay in the buffer), ERROR_GEN_FAILURE if nobody watches the process
    (STATUS_UNSUCCESSFUL).
    """
    return _changes(own.process(handle), size, pointers=2)


def get_ws_changes_ex(
    own: ProcessState, handle: int = c.CURRENT_PROCESS, size: int = 1 << 16
) -> list[WorkingSetChange]:
    """The same; its records take twice the room [GetWsChangesEx]."""
    return _changes(own.process(handle), size, pointers=4)


def _changes(of: ProcessState, size: int, *, pointers: int) -> list[WorkingSetChange]:
    """`pointers`: what a record takes."""
    pages = of.system.pages
    rows = pages.watched(of.number)
    if rows is None:
        raise Failure(c.ERROR_GEN_FAILURE)
    if (len(rows) + 1) * pointers * of.bits // 8 > size:
        raise Failure(c.ERROR_INSUFFICIENT_BUFFER)
    pages.watch_working_set(of.number, ROOM)
    page = of.system.page_size
    return [
        WorkingSetChange(
            faulting_pc=int(row["page"]) * page if row["access"] == FETCH else 0,
            faulting_va=int(row["page"]) * page | int(row["kind"] != HARD),
            faulting_thread_id=int(row["thread"]),
        )
        for row in rows
    ]
