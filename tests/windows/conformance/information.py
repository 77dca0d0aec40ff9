"""What a program is told of the machine: GlobalMemoryStatusEx, GetSystemInfo and their relatives."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    BOTH,
    NOACCESS,
    PAGE,
    PARAMETER,
    RELEASE,
    RESERVE,
    RW,
    UNIT,
    MiB,
    Steps,
    Table,
    equal,
    fails,
    region,
    works,
)

case = Table()
STATUS, INFO = "[MEMORYSTATUSEX]", "[SYSTEM_INFO]"
WINE_STATUS = "[k32/heap.c: test_GlobalMemoryStatus]"
TERABYTE = 1 << 40
SMALL: dict[str, Any] = {"bits": 32}


@case("GlobalMemoryStatusEx", "the memory load is whole per cent of what isn't available", WINE_STATUS)
def _(process: Any) -> Steps:
    base = yield from region(process, 100)
    yield from process.write(base, 100 * PAGE)
    found = yield from works(process.global_memory_status_ex())
    used = found.total_phys - found.avail_phys
    equal(used >= 100 * PAGE, True)
    equal(found.memory_load, used // PAGE * 100 // 512)


@case("GlobalMemoryStatusEx", "memory and commit are those of GetPerformanceInfo", WINE_STATUS)
def _(process: Any) -> Steps:
    found = yield from works(process.global_memory_status_ex())
    system = yield from works(process.get_performance_info())
    equal(found.total_phys, system.physical_total * system.page_size)
    equal(found.avail_phys, system.physical_available * system.page_size)
    equal(found.total_page_file, system.commit_limit * system.page_size)
    equal(found.avail_page_file, (system.commit_limit - system.commit_total) * system.page_size)
    equal(found.avail_extended_virtual, 0)


@case("GlobalMemoryStatusEx", "TotalVirtual reaches from the lowest to the highest user address", WINE_STATUS)
def _(process: Any) -> Steps:
    found = yield from works(process.global_memory_status_ex())
    system = yield from works(process.get_system_info())
    span = system.maximum_application_address - system.minimum_application_address + 1
    equal(found.total_virtual, span)


@case("GlobalMemoryStatusEx", "a 32-bit process has 2 GiB less two times 64 KiB", WINE_STATUS, **SMALL)
def _(process: Any) -> Steps:
    equal((yield from works(process.global_memory_status_ex())).total_virtual, 0x7FFE0000)


@case("GlobalMemoryStatusEx", "reserving takes address space, and neither commit nor memory", STATUS)
def _(process: Any) -> Steps:
    before = yield from works(process.global_memory_status_ex())
    yield from region(process, 16, RESERVE)
    after = yield from works(process.global_memory_status_ex())
    equal(after.avail_virtual, before.avail_virtual - UNIT)
    equal(after._replace(avail_virtual=0), before._replace(avail_virtual=0))


@case("GlobalMemoryStatusEx", "committing takes commit, and touching memory", STATUS)
def _(process: Any) -> Steps:
    base = yield from region(process, 16)
    yield from process.write(base, PAGE)
    before = yield from works(process.global_memory_status_ex())
    yield from works(process.virtual_alloc(0, 16 * PAGE, BOTH, RW))
    committed = yield from works(process.global_memory_status_ex())
    equal(before.avail_page_file - committed.avail_page_file, 16 * PAGE)
    equal(committed.avail_phys, before.avail_phys)
    yield from process.write(base + PAGE, 4 * PAGE)
    touched = yield from works(process.global_memory_status_ex())
    equal(committed.avail_phys - touched.avail_phys, 4 * PAGE)
    equal(touched.avail_page_file, committed.avail_page_file)


@case("GlobalMemoryStatusEx", "what is released is available again", STATUS)
def _(process: Any) -> Steps:
    before = yield from works(process.global_memory_status_ex())
    base = yield from region(process, 16)
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from works(process.global_memory_status_ex())), before)


@case("GlobalMemoryStatus", "shows a 64-bit process the same", WINE_STATUS)
def _(process: Any) -> Steps:
    equal((yield from process.global_memory_status()), (yield from process.global_memory_status_ex()))


@case(
    "GlobalMemoryStatus",
    "a 32-bit process sees at most 2 GiB - 1 of memory and 4 GiB - 1 of commit",
    WINE_STATUS,
    bits=32,
    frames=1024,
    paging_pages=2 << 20,
)
def _(process: Any) -> Steps:
    short, whole = (yield from process.global_memory_status()), (yield from process.global_memory_status_ex())
    equal((short.memory_load, short.total_phys), (whole.memory_load, min(whole.total_phys, 0x7FFFFFFF)))
    equal(whole.total_page_file > 1 << 32, True)
    equal((short.total_page_file, short.avail_page_file), (0xFFFFFFFF, 0xFFFFFFFF))
    equal((short.total_virtual, short.avail_virtual), (whole.total_virtual, whole.avail_virtual))


@case("GetSystemInfo", "pages have 4 KiB, and regions begin at multiples of 64 KiB", INFO)
def _(process: Any) -> Steps:
    found = yield from works(process.get_system_info())
    equal((found.page_size, found.allocation_granularity), (PAGE, UNIT))
    base = yield from region(process, 1, RESERVE)
    equal(base % found.allocation_granularity, 0)


@case("GetSystemInfo", "the lowest and the highest address are 64 KiB from the ends of user space", INFO)
def _(process: Any) -> Steps:
    found = yield from works(process.get_system_info())
    equal(found.minimum_application_address, 0x10000)
    equal(found.maximum_application_address, 8 * TERABYTE - UNIT - 1)
    last = found.maximum_application_address + 1 - UNIT
    equal((yield from process.virtual_alloc(last, UNIT, RESERVE, NOACCESS)), last)
    yield from fails(process, PARAMETER, process.virtual_alloc(last + UNIT, UNIT, RESERVE, NOACCESS))
    yield from fails(process, PARAMETER, process.virtual_alloc(UNIT - PAGE, UNIT, RESERVE, NOACCESS))


@case("GetSystemInfo", "of a 32-bit process: below 2 GiB, on a 32-bit processor", INFO, **SMALL)
def _(process: Any) -> Steps:
    found = yield from works(process.get_system_info())
    equal((found.minimum_application_address, found.maximum_application_address), (0x10000, 0x7FFEFFFF))
    equal((found.processor_architecture, found.processor_type), (w.PROCESSOR_ARCHITECTURE_INTEL, 586))


@case("GetSystemInfo", "of a 64-bit process: on a 64-bit processor", INFO)
def _(process: Any) -> Steps:
    found = yield from works(process.get_system_info())
    equal((found.processor_architecture, found.processor_type), (w.PROCESSOR_ARCHITECTURE_AMD64, 8664))
    equal((yield from process.get_native_system_info()), found)


@case("GetNativeSystemInfo", "tells a 32-bit process of the processor that there is", "[GetNativeSystemInfo]", **SMALL)
def _(process: Any) -> Steps:
    found = yield from works(process.get_native_system_info())
    equal((found.processor_architecture, found.processor_type), (w.PROCESSOR_ARCHITECTURE_AMD64, 8664))


@case(
    "GetNativeSystemInfo",
    "of a 32-bit system is what GetSystemInfo says",
    "[GetNativeSystemInfo]",
    bits=32,
    settings={"pools": {"bits": 32}},
)
def _(process: Any) -> Steps:
    equal((yield from process.get_native_system_info()), (yield from process.get_system_info()))


@case("GetSystemInfo", "has a bit in the mask for each processor", INFO, processors=3)
def _(process: Any) -> Steps:
    found = yield from works(process.get_system_info())
    equal((found.number_of_processors, found.active_processor_mask), (3, 0b111))


@case(
    "GetPhysicallyInstalledSystemMemory",
    "isn't less than TotalPhys, in KiB",
    "[k32/heap.c: test_GetPhysicallyInstalledSystemMemory]",
)
def _(process: Any) -> Steps:
    found = yield from works(process.get_physically_installed_system_memory())
    equal(found, 2 * MiB // 1024)
    equal(found >= (yield from process.global_memory_status_ex()).total_phys // 1024, True)
