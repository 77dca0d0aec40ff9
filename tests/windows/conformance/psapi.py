"""What Wine's tests of psapi assert, step by step: QueryWorkingSetEx, GetPerformanceInfo, GetProcessMemoryInfo."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    BOTH,
    NOACCESS,
    PAGE,
    RELEASE,
    RESERVE,
    RO,
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
WORKING_SET = "[psapi/psapi_main.c: test_QueryWorkingSetEx]"
PERFORMANCE = "[psapi/psapi_main.c: test_GetPerformanceInfo]"
MEMORY = "[psapi/psapi_main.c: test_GetProcessMemoryInfo]"
CHANGES = "[psapi/psapi_main.c: test_ws_functions]"
COUNTERS = "[ntdll/info.c: test_query_process_vm]"
DLL: dict[str, Any] = {"images": {"dll": {"size": 2 * UNIT, "dynamic_base": False}}}
NO_HANDLE = 0


def shown(process: Any, address: int) -> Steps:
    """(valid, protection, shared) of a page, what must hold of the rest being looked at."""
    (found,) = yield from process.query_working_set_ex([address])
    equal((found.node, found.large_page), (0, False))
    equal(found.share_count > 0, found.valid and found.shared, "a share count")
    return found.valid, found.win32_protection, found.shared


@case("QueryWorkingSetEx", "a page of an image: valid once touched, shared all the time", WORKING_SET, **DLL)
def _(process: Any) -> Steps:
    base = yield from works(process.load_library("dll"))
    yield from process.read(base)
    equal((yield from shown(process, base)), (True, RO, True))
    equal((yield from process.virtual_protect(base, PAGE, NOACCESS)), RO)
    equal((yield from shown(process, base)), (False, 0, True))
    equal((yield from process.virtual_protect(base, PAGE, RO)), NOACCESS)
    equal((yield from shown(process, base)), (False, 0, True))
    yield from process.read(base)
    equal((yield from shown(process, base)), (True, RO, True))


@case("QueryWorkingSetEx", "a private page: valid once touched, never shared", WORKING_SET)
def _(process: Any) -> Steps:
    base = yield from region(process, 1)
    equal((yield from shown(process, base)), (False, 0, False))
    yield from process.read(base)
    equal((yield from shown(process, base)), (True, RW, False))
    yield from process.write(base)
    equal((yield from shown(process, base)), (True, RW, False))


@case("QueryWorkingSetEx", "protecting a private page from access makes it invalid until it is touched", WORKING_SET)
def _(process: Any) -> Steps:
    base = yield from region(process, 1)
    yield from process.write(base)
    equal((yield from process.virtual_protect(base, PAGE, NOACCESS)), RW)
    equal((yield from shown(process, base)), (False, 0, False))
    equal((yield from process.virtual_protect(base, PAGE, RW)), NOACCESS)
    equal((yield from shown(process, base)), (False, 0, False))
    yield from process.read(base)
    equal((yield from shown(process, base)), (True, RW, False))


@case("QueryWorkingSetEx", "a page that was freed is invalid", WORKING_SET)
def _(process: Any) -> Steps:
    base = yield from region(process, 1)
    yield from process.write(base)
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from shown(process, base)), (False, 0, False))


@case("GetPerformanceInfo", "KernelTotal is both pools, and memory and pages are GetSystemInfo's", PERFORMANCE)
def _(process: Any) -> Steps:
    found = yield from works(process.get_performance_info())
    equal(found.kernel_total, found.kernel_paged + found.kernel_nonpaged)
    status = yield from process.global_memory_status_ex()
    equal(found.physical_total * found.page_size, status.total_phys)
    equal(found.page_size, (yield from process.get_system_info()).page_size)
    equal(found.commit_peak >= found.commit_total > 0, True)
    equal(found.commit_limit >= found.commit_total, True)


@case("GetPerformanceInfo", "counts handles, processes and threads of all processes", PERFORMANCE)
def _(process: Any) -> Steps:
    def child(process: Any) -> Steps:
        yield from works(process.create_event())
        yield from process.sleep(10)

    before = yield from works(process.get_performance_info())
    yield from works(process.create_process("b", child))
    yield from process.sleep(1)
    after = yield from works(process.get_performance_info())
    equal(after.process_count - before.process_count, 1)
    equal(after.thread_count - before.thread_count, 1)
    equal(after.handle_count - before.handle_count, 2)  # the child's event, and this one's handle to the child


@case("GetProcessMemoryInfo", "refuses a handle of no process, and takes one to oneself", MEMORY)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.get_process_memory_info(NO_HANDLE))
    handle = yield from works(process.open_process("a"))
    yield from process.write((yield from region(process, 1)))
    mine, through = (yield from process.get_process_memory_info()), (yield from process.get_process_memory_info(handle))
    equal(mine.private_usage, through.private_usage)
    equal(mine.working_set_size > 0, True)


@case("EmptyWorkingSet", "refuses a handle of no process, and takes one to oneself", CHANGES)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.empty_working_set(NO_HANDLE))
    handle = yield from works(process.open_process("a"))
    base = yield from region(process, 1)
    yield from process.write(base)
    yield from works(process.empty_working_set(handle))
    equal((yield from shown(process, base)), (False, 0, False))
    equal((yield from process.get_process_memory_info()).working_set_size, 0)


def virtual_size(process: Any) -> Steps:
    """Bytes of address space that the process has reserved or committed."""
    found = yield from works(process.global_memory_status_ex())
    return found.total_virtual - found.avail_virtual


@case("ProcessVmCounters", "PrivateUsage is PagefileUsage, whatever is allocated", COUNTERS)
def _(process: Any) -> Steps:
    for kind in (BOTH, RESERVE):
        base = yield from works(process.virtual_alloc(0, MiB, kind, RW))
        found = yield from process.get_process_memory_info()
        equal(found.private_usage, found.pagefile_usage)
        equal(found.pagefile_usage > 0, True)
        yield from works(process.virtual_free(base, 0, RELEASE))
        found = yield from process.get_process_memory_info()
        equal(found.private_usage, found.pagefile_usage)


@case("ProcessVmCounters", "VirtualSize grows with reserving, and not with committing", COUNTERS)
def _(process: Any) -> Steps:
    before = yield from virtual_size(process)
    base = yield from works(process.virtual_alloc(0, MiB, BOTH, RW))
    equal((yield from virtual_size(process)), before + MiB)
    yield from works(process.virtual_free(base, 0, RELEASE))
    equal((yield from virtual_size(process)), before)
    base = yield from works(process.virtual_alloc(0, MiB, RESERVE, RW))
    equal((yield from virtual_size(process)), before + MiB)
    yield from works(process.virtual_alloc(base, MiB, w.MEM_COMMIT, RW))
    equal((yield from virtual_size(process)), before + MiB)
