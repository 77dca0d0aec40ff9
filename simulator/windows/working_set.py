"""Working-set limits, what is in a working set, and the counters of a process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.state.constants import EMPTIED, LIMITS_LOWERED, PAGE_ERROR
from simulator.windows import constants as w
from simulator.windows.failure import Failure
from simulator.windows.protection import COPYING, KNOWN, working_set_code

if TYPE_CHECKING:
    from simulator.windows.address_space import AddressSpace
    from simulator.windows.owner import Owner
    from simulator.windows.system import System

LEAST_MINIMUM, LEAST_MAXIMUM = 20, 13
"""Pages [SetProcessWorkingSetSizeEx]: a smaller minimum is raised, a smaller maximum is refused."""
MOST_SHARERS = 7
"""What three bits hold [PSAPI_WORKING_SET_EX_BLOCK]."""
ALL_AWAY = -1
"""(SIZE_T)-1 for both limits: take out all that can be."""
_HARD_MINIMUM = w.QUOTA_LIMITS_HARDWS_MIN_ENABLE, w.QUOTA_LIMITS_HARDWS_MIN_DISABLE
_HARD_MAXIMUM = w.QUOTA_LIMITS_HARDWS_MAX_ENABLE, w.QUOTA_LIMITS_HARDWS_MAX_DISABLE


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


def limits(own: Owner) -> tuple[int, int, int]:
    """Minimum and maximum in bytes, and the flags that hold, one of each pair [GetProcessWorkingSetSizeEx]."""
    record, page = own.system.pages.process(own.number), own.system.page_size
    flags = _HARD_MINIMUM[not record["hard_minimum"]] | _HARD_MAXIMUM[not record["hard_maximum"]]
    return int(record["minimum"]) * page, int(record["maximum"]) * page, flags


def set_limits(own: Owner, minimum: int, maximum: int, flags: int = 0, asking: Owner | None = None) -> bool:
    """Set a process's limits, in bytes [SetProcessWorkingSetSizeEx]; (-1, -1) empties its working set.

    A minimum below 20 pages is raised to 20. A lower maximum takes out what is above it, oldest first.
    Raises Failure 87: minimum 0 or above the maximum, maximum below 13 pages or so large that fewer than
    `reserved_frames` pages would be left, both flags of a pair, a flag that is none; 1314: raised without the
    privilege, which `asking` must have; 1450 (chosen): the minimums of all processes can't be granted together,
    first come, first served.
    """
    if minimum == maximum == ALL_AWAY:
        return empty(own)
    if any(flags & on and flags & off for on, off in (_HARD_MINIMUM, _HARD_MAXIMUM)) or flags & ~0xF:
        raise Failure(w.ERROR_INVALID_PARAMETER)
    system, pages = own.system, own.system.pages
    record = pages.process(own.number)
    lowest, highest = max(minimum // system.page_size, LEAST_MINIMUM), maximum // system.page_size
    room = _room(system)
    if minimum <= 0 or highest < LEAST_MAXIMUM or lowest > highest or highest >= room:
        raise Failure(w.ERROR_INVALID_PARAMETER)
    more = lowest - int(record["minimum"])
    if more > 0 or highest > record["maximum"]:
        _check_privilege(asking or own)
    granted = sum(int(pages.process(other.number)["minimum"]) for other in system.processes)
    if more > 0 and granted + more > room:
        raise Failure(w.ERROR_NO_SYSTEM_RESOURCES)
    hard_minimum, hard_maximum = (
        bool(flags & on) or (bool(was) and not flags & off)
        for (on, off), was in ((_HARD_MINIMUM, record["hard_minimum"]), (_HARD_MAXIMUM, record["hard_maximum"]))
    )
    pages.set_limits(own.number, lowest, highest, hard_minimum, hard_maximum)
    _cut(own, highest)
    return True


def _room(system: System) -> int:
    """Pages that working sets may have at most."""
    frames = int(system.pages.frames)
    return frames - min(system.settings.reserved_frames, frames // 8)


def _check_privilege(asking: Owner) -> None:
    if w.SE_INC_WORKING_SET_NAME not in asking.privileges:
        raise Failure(w.ERROR_PRIVILEGE_NOT_HELD)


def _cut(own: Owner, maximum: int) -> None:
    """Take out what a lowered maximum leaves no room for: the pages that came first, locked ones excepted."""
    pages = own.system.pages
    above = pages.size(own.number) - maximum
    if above > 0:
        entries = pages.working_set(own.number)
        free = entries[~pages.state_of(entries)["locked"]]
        pages.evict(free[:above], LIMITS_LOWERED)


def empty(own: Owner) -> bool:
    """Take out of a working set all that can be: all but locked pages [EmptyWorkingSet]."""
    own.system.pages.evict(own.system.pages.working_set(own.number), EMPTIED)
    return True


def contents(space: AddressSpace) -> list[WorkingSetPage]:
    """The pages of a working set, in order of address [QueryWorkingSet]."""
    entries = space.pages.working_set(space.process)
    numbers = space.tables.pages_of(entries)
    found = []
    for page, state in zip(numbers.tolist(), space.pages.state_of(entries), strict=True):
        vad = space.vads.at(page)
        protect = _protection(vad.runs.at(page), state) if vad is not None else w.PAGE_NOACCESS
        code = working_set_code(protect)
        found.append(WorkingSetPage(page * space.page_size, code, _sharers(state), bool(state["shared"])))
    return sorted(found)


def information(space: AddressSpace, addresses: Sequence[int]) -> list[PageInformation]:
    """What is known of the pages at some addresses, valid or not [QueryWorkingSetEx]."""
    if not addresses:
        return []
    size = space.page_size
    states = space.pages.state_of(space.entries_of([address // size for address in addresses]))
    found = []
    for address, state in zip(addresses, states, strict=True):
        vad = space.region_at(address)
        shared = bool(state["shared"]) and not (vad is not None and vad.pageable)
        if not state["valid"] or vad is None:
            found.append(PageInformation(valid=False, shared=shared))
            continue
        fixed = vad.awe is not None
        found.append(
            PageInformation(
                valid=True,
                share_count=0 if fixed else _sharers(state),
                win32_protection=w.PAGE_READWRITE if fixed else _protection(vad.runs.at(address // size), state),
                shared=bool(vad.view is not None and state["shared"]),
                locked=bool(state["locked"]),
                large_page=not vad.tables,
            )
        )
    return found


def _protection(value: int, state: Any) -> int:
    """A page's protection; a copy-on-write page that was copied is writable [Memory Protection]."""
    copied = value & COPYING if state["copied"] else 0
    return value & KNOWN & ~copied | copied >> 1


def _sharers(state: Any) -> int:
    return min(int(state["share"]), MOST_SHARERS) if state["shared"] else 0


def memory_counters(own: Owner) -> ProcessMemoryCounters:
    """The counters of a process [GetProcessMemoryInfo].

    `pagefile_usage` is its commit charge, as `private_usage` (MODEL.md 13, 9). Shared commit is that of the sections
    backed by the paging files that it has views of.
    """
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
    for vad in space.vads.vads:
        if vad.view is None or vad.view.file_backed:
            continue
        at = vad.first
        while at < vad.end:
            committed, length = vad.view.committed_run(at - vad.first)
            total += min(length, vad.end - at) if committed else 0
            at += length
    return total


def set_memory_priority(own: Owner, priority: int) -> bool:
    """Set the priority of the pages that a process brings in from now on, 1 to 5 [MEMORY_PRIORITY_INFORMATION]; raises
    Failure 87."""
    if not w.MEMORY_PRIORITY_VERY_LOW <= priority <= w.MEMORY_PRIORITY_NORMAL:
        raise Failure(w.ERROR_INVALID_PARAMETER)
    own.system.pages.process(own.number)["memory_priority"] = priority
    return True


def memory_priority(own: Owner) -> int:
    """What `set_memory_priority` has set, or the process was given."""
    return int(own.system.pages.process(own.number)["memory_priority"])
