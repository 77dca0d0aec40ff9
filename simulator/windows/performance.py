"""What PerfMon and GetPerformanceInfo show of a system that runs programs, and of each process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.windows.owner import Owner
    from simulator.windows.system import System


@dataclass(frozen=True)
class PerformanceInformation:
    """PERFORMANCE_INFORMATION; all but the last four in pages."""

    commit_total: int
    """committed now"""
    commit_limit: int
    """that can be committed without growing a paging file"""
    commit_peak: int
    """the most ever committed"""
    physical_total: int
    physical_available: int
    """zeroed + free + standby"""
    system_cache: int
    """the system's working set and the standby pages [PERFORMANCE_INFORMATION; MODEL.md 13, 10]"""
    kernel_total: int
    """paged + nonpaged pool"""
    kernel_paged: int
    kernel_nonpaged: int
    page_size: int
    """bytes"""
    handle_count: int
    process_count: int
    thread_count: int


def performance_information(system: System) -> PerformanceInformation:
    """The system's state now [GetPerformanceInfo]. Processes and threads that have ended don't count; the System
    process and its threads do not either, as it is not a program."""
    pages, pool = system.pages, system.pool
    living = [owner for owner in system.processes if owner.threads]
    return PerformanceInformation(
        commit_total=pages.commit_total(),
        commit_limit=pages.commit_limit(),
        commit_peak=pages.commit_peak(),
        physical_total=pages.frames,
        physical_available=pages.available(),
        system_cache=pages.standby() + pages.size(system.kernel),
        kernel_total=pool.paged.used + pool.nonpaged.used,
        kernel_paged=pool.paged.used,
        kernel_nonpaged=pool.nonpaged.used,
        page_size=system.page_size,
        handle_count=sum(len(owner.handles) for owner in living),
        process_count=len(living),
        thread_count=sum(len(owner.threads) for owner in living),
    )


def system_counters(system: System) -> dict[str, int]:
    """The Memory counters that only a system with programs has, in bytes [Memory Object]."""
    pool, size = system.pool, system.page_size
    return {
        r"Memory\Pool Nonpaged Bytes": pool.nonpaged.used * size,
        r"Memory\Pool Paged Bytes": pool.paged.used * size,
        r"Memory\Pool Paged Resident Bytes": pool.paged.resident() * size,
    }


def process_counters(owner: Owner) -> dict[str, int]:
    """The Process counters of one process [Process Object], in bytes but for the handle count. Private Bytes and Page
    File Bytes are both its own commit charge, as on Vista and later [Memory Performance Information]; Virtual Bytes
    is all that is reserved or committed in its address space; pool bytes are those charged to its quota."""
    system = owner.system
    private = system.pages.commit(owner.number) * system.page_size
    quota = system.pool.quota(owner)
    values = {
        "Private Bytes": private,
        "Page File Bytes": private,
        "Virtual Bytes": owner.space.virtual_bytes,
        "Handle Count": len(owner.handles),
        "Pool Paged Bytes": quota.paged,
        "Pool Nonpaged Bytes": quota.nonpaged,
    }
    return {rf"Process({owner.name})\{key}": value for key, value in values.items()}
