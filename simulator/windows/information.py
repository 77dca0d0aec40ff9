"""What a program is told of the machine it runs on: its memory, its processors, the limits of its address space."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.windows import constants as c

if TYPE_CHECKING:
    from simulator.windows.owner import Owner

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


def memory_status(own: Owner) -> MemoryStatus:
    """The machine's memory and the process's address space now [GlobalMemoryStatusEx].

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


def short_memory_status(own: Owner) -> MemoryStatus:
    """`memory_status` in fields of a pointer's size, which hold no more than they can: memory at most half of what a
    pointer reaches, commit charge all of it [GlobalMemoryStatus; wine: kernel32/tests/heap.c,
    test_GlobalMemoryStatus]."""
    found, most = memory_status(own), (1 << own.bits) - 1
    return found._replace(
        total_phys=min(found.total_phys, most >> 1),
        avail_phys=min(found.avail_phys, most >> 1),
        total_page_file=min(found.total_page_file, most),
        avail_page_file=min(found.avail_page_file, most),
    )


def system_information(own: Owner, native: bool = False) -> SystemInformation:
    """The machine as the process sees it [GetSystemInfo], or as it is [GetNativeSystemInfo]: a 32-bit process on a
    64-bit system is shown a 32-bit processor, and at most 32 of them [Process Affinity under WOW64]."""
    system = own.system
    wide = own.bits == 64 or (native and system.settings.pools.bits == 64)
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
