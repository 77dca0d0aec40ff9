"""What a program is told of the machine it runs on: its memory, its processors, the limits of its address space, and
what PerfMon shows of the system and of each process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from simulator.windows import constants as c

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

_LEVEL = 6
"""The processor's family as Intel counts it; chosen."""


class MemoryStatus(NamedTuple):
    """The memory of the machine and of one process, in bytes but for the first [MEMORYSTATUSEX, MEMORYSTATUS]."""

    memory_load: int
    """per cent of the memory that isn't available"""
    total_phys: int
    avail_phys: int
    """zeroed + free + standby"""
    total_page_file: int
    """the commit limit at the paging files' present sizes"""
    avail_page_file: int
    """what can still be committed"""
    total_virtual: int
    """user space of the process"""
    avail_virtual: int
    """... of which it has neither reserved nor committed anything"""
    avail_extended_virtual: int = 0
    """reserved by Windows, always 0"""


class SystemInformation(NamedTuple):
    """The processors, and what address spaces are made of [SYSTEM_INFO]."""

    processor_architecture: int
    page_size: int
    minimum_application_address: int
    maximum_application_address: int
    """the highest address that a program can use"""
    active_processor_mask: int
    number_of_processors: int
    processor_type: int
    allocation_granularity: int
    processor_level: int
    processor_revision: int


def global_memory_status_ex(own: ProcessState) -> MemoryStatus:
    """Memory, commit charge and the process's address space, in bytes [GlobalMemoryStatusEx].

    The load is in whole per cent, rounded down; user space lacks the lowest and the highest 64 KiB
    [k32/heap.c: test_GlobalMemoryStatus].
    """
    pages, page = own.system.pages, own.system.page_size
    total, available = pages.frames * page, pages.available() * page
    limit = pages.commit_limit() * page
    space = own.space.end * page - own.system.granularity
    return MemoryStatus(
        memory_load=(total - available) * 100 // total,
        total_phys=total,
        avail_phys=available,
        total_page_file=limit,
        avail_page_file=max(limit - pages.commit_total() * page, 0),
        total_virtual=space,
        avail_virtual=space - own.space.virtual_bytes,
    )


def global_memory_status(own: ProcessState) -> MemoryStatus:
    """`global_memory_status_ex` in fields of a pointer's size, which hold no more than they can: memory at most half of
    what a pointer reaches, commit charge all of it [GlobalMemoryStatus; wine: kernel32/tests/heap.c,
    test_GlobalMemoryStatus]."""
    status, most = global_memory_status_ex(own), (1 << own.bits) - 1
    return status._replace(
        total_phys=min(status.total_phys, most >> 1),
        avail_phys=min(status.avail_phys, most >> 1),
        total_page_file=min(status.total_page_file, most),
        avail_page_file=min(status.avail_page_file, most),
    )


def get_system_info(own: ProcessState) -> SystemInformation:
    """Page size, allocation granularity, limits of the address space, processors, as the process sees them: a 32-bit
    process on a 64-bit system is shown a 32-bit processor, and at most 32 of them [GetSystemInfo; Process Affinity
    under WOW64]."""
    return _system_information(own, wide=own.bits == 64)


def get_native_system_info(own: ProcessState) -> SystemInformation:
    """The same, also in a 32-bit process with the processor that there is [GetNativeSystemInfo]."""
    return _system_information(own, wide=own.bits == 64 or own.system.settings.pools.bits == 64)


def _system_information(own: ProcessState, *, wide: bool) -> SystemInformation:
    system = own.system
    processors = min(system.processors, own.bits)
    return SystemInformation(
        processor_architecture=c.PROCESSOR_ARCHITECTURE_AMD64 if wide else c.PROCESSOR_ARCHITECTURE_INTEL,
        page_size=system.page_size,
        minimum_application_address=system.granularity,
        maximum_application_address=own.space.end * system.page_size - 1,
        active_processor_mask=(1 << processors) - 1,
        number_of_processors=processors,
        processor_type=c.PROCESSOR_AMD_X8664 if wide else c.PROCESSOR_INTEL_PENTIUM,
        allocation_granularity=system.granularity,
        processor_level=_LEVEL,
        processor_revision=0,
    )


def get_large_page_minimum(own: ProcessState) -> int:
    """Bytes of a large page [GetLargePageMinimum]."""
    return own.system.settings.large_page_minimum


def get_physically_installed_system_memory(own: ProcessState) -> int:
    """KiB of memory [GetPhysicallyInstalledSystemMemory]."""
    return own.system.pages.frames * own.system.page_size // 1024


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


def get_performance_info(own: ProcessState) -> PerformanceInformation:
    """Commit charge, memory, pools, and how many handles, processes and threads there are [GetPerformanceInfo].
    Processes and threads that have ended don't count; the System process and its threads do not either, as it is not a
    program."""
    system = own.system
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


def process_counters(owner: ProcessState) -> dict[str, int]:
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
