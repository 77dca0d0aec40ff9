"""What a program is told of the machine: GlobalMemoryStatusEx, GetSystemInfo and their relatives."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

STATUS, INFO = "[MEMORYSTATUSEX]", "[SYSTEM_INFO]"
WINE_STATUS = "[k32/heap.c: test_GlobalMemoryStatus]"
TERABYTE = 1 << 40
SMALL: dict[str, Any] = {"bits": 32}


def test_global_memory_status_ex(rule: Rule) -> None:
    with rule("the memory load is whole per cent of what isn't available", WINE_STATUS) as p:
        base = p.region(100)
        p.write(base, 100 * PAGE)
        found = works(p.global_memory_status_ex())
        used = found.total_phys - found.avail_phys
        assert used >= 100 * PAGE
        assert found.memory_load == used // PAGE * 100 // 512
    with rule("memory and commit are those of GetPerformanceInfo", WINE_STATUS) as p:
        found = works(p.global_memory_status_ex())
        system = works(p.get_performance_info())
        assert found.total_phys == system.physical_total * system.page_size
        assert found.avail_phys == system.physical_available * system.page_size
        assert found.total_page_file == system.commit_limit * system.page_size
        assert found.avail_page_file == (system.commit_limit - system.commit_total) * system.page_size
        assert found.avail_extended_virtual == 0
    with rule("TotalVirtual reaches from the lowest to the highest user address", WINE_STATUS) as p:
        found = works(p.global_memory_status_ex())
        system = works(p.get_system_info())
        span = system.maximum_application_address - system.minimum_application_address + 1
        assert found.total_virtual == span
    with rule("a 32-bit process has 2 GiB less two times 64 KiB", WINE_STATUS, **SMALL) as p:
        assert works(p.global_memory_status_ex()).total_virtual == 0x7FFE0000
    with rule("reserving takes address space, and neither commit nor memory", STATUS) as p:
        before = works(p.global_memory_status_ex())
        p.region(16, RESERVE)
        after = works(p.global_memory_status_ex())
        assert after.avail_virtual == before.avail_virtual - UNIT
        assert after._replace(avail_virtual=0) == before._replace(avail_virtual=0)
    with rule("committing takes commit, and touching memory", STATUS) as p:
        base = p.region(16)
        p.write(base, PAGE)
        before = works(p.global_memory_status_ex())
        works(p.virtual_alloc(0, 16 * PAGE, BOTH, RW))
        committed = works(p.global_memory_status_ex())
        assert before.avail_page_file - committed.avail_page_file == 16 * PAGE
        assert committed.avail_phys == before.avail_phys
        p.write(base + PAGE, 4 * PAGE)
        touched = works(p.global_memory_status_ex())
        assert committed.avail_phys - touched.avail_phys == 4 * PAGE
        assert touched.avail_page_file == committed.avail_page_file


def test_memory_status_after_a_release(rule: Rule) -> None:
    with rule("what is released is available again", STATUS) as p:
        before = works(p.global_memory_status_ex())
        base = p.region(16)
        works(p.virtual_free(base, 0, RELEASE))
        assert works(p.global_memory_status_ex()) == before


def test_global_memory_status(rule: Rule) -> None:
    with rule("shows a 64-bit process the same", WINE_STATUS) as p:
        assert p.global_memory_status() == p.global_memory_status_ex()
    with rule(
        "a 32-bit process sees at most 2 GiB - 1 of memory and 4 GiB - 1 of commit",
        WINE_STATUS,
        bits=32,
        frames=1024,
        paging_pages=2 << 20,
    ) as p:
        short, whole = p.global_memory_status(), p.global_memory_status_ex()
        assert (short.memory_load, short.total_phys) == (whole.memory_load, min(whole.total_phys, 0x7FFFFFFF))
        assert whole.total_page_file > 1 << 32
        assert (short.total_page_file, short.avail_page_file) == (0xFFFFFFFF, 0xFFFFFFFF)
        assert (short.total_virtual, short.avail_virtual) == (whole.total_virtual, whole.avail_virtual)


def test_get_system_info(rule: Rule) -> None:
    with rule("pages have 4 KiB, and regions begin at multiples of 64 KiB", INFO) as p:
        found = works(p.get_system_info())
        assert (found.page_size, found.allocation_granularity) == (PAGE, UNIT)
        base = p.region(1, RESERVE)
        assert base % found.allocation_granularity == 0
    with rule("the lowest and the highest address are 64 KiB from the ends of user space", INFO) as p:
        found = works(p.get_system_info())
        assert found.minimum_application_address == 0x10000
        assert found.maximum_application_address == 8 * TERABYTE - UNIT - 1
        last = found.maximum_application_address + 1 - UNIT
        assert p.virtual_alloc(last, UNIT, RESERVE, NOACCESS) == last
        p.fails(PARAMETER).virtual_alloc(last + UNIT, UNIT, RESERVE, NOACCESS)
        p.fails(PARAMETER).virtual_alloc(UNIT - PAGE, UNIT, RESERVE, NOACCESS)
    with rule("of a 32-bit process: below 2 GiB, on a 32-bit processor", INFO, **SMALL) as p:
        found = works(p.get_system_info())
        assert (found.minimum_application_address, found.maximum_application_address) == (0x10000, 0x7FFEFFFF)
        assert (found.processor_architecture, found.processor_type) == (w.PROCESSOR_ARCHITECTURE_INTEL, 586)
    with rule("of a 64-bit process: on a 64-bit processor", INFO) as p:
        found = works(p.get_system_info())
        assert (found.processor_architecture, found.processor_type) == (w.PROCESSOR_ARCHITECTURE_AMD64, 8664)
        assert p.get_native_system_info() == found


def test_get_native_system_info(rule: Rule) -> None:
    with rule("tells a 32-bit process of the processor that there is", "[GetNativeSystemInfo]", **SMALL) as p:
        found = works(p.get_native_system_info())
        assert (found.processor_architecture, found.processor_type) == (w.PROCESSOR_ARCHITECTURE_AMD64, 8664)
    with rule(
        "of a 32-bit system is what GetSystemInfo says",
        "[GetNativeSystemInfo]",
        bits=32,
        settings={"pools": {"bits": 32}},
    ) as p:
        assert p.get_native_system_info() == p.get_system_info()


def test_processors_in_system_info(rule: Rule) -> None:
    with rule("has a bit in the mask for each processor", INFO, processors=3) as p:
        found = works(p.get_system_info())
        assert (found.number_of_processors, found.active_processor_mask) == (3, 0b111)


def test_get_physically_installed_system_memory(rule: Rule) -> None:
    with rule("isn't less than TotalPhys, in KiB", "[k32/heap.c: test_GetPhysicallyInstalledSystemMemory]") as p:
        found = works(p.get_physically_installed_system_memory())
        assert found == 2 * MiB // 1024
        assert found >= p.global_memory_status_ex().total_phys // 1024
