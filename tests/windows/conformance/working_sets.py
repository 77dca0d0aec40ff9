"""Working sets: their limits, what is said of them, and every way a page leaves one."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    DECOMMIT,
    NOACCESS,
    PAGE,
    PARAMETER,
    RO,
    RW,
    UNIT,
    Steps,
    Table,
    equal,
    fails,
    hard_faults,
    mapped,
    region,
    valid,
    view,
    works,
)

case = Table()
SET, SET_EX = "[SetProcessWorkingSetSize]", "[SetProcessWorkingSetSizeEx]"
WORKING_SET, QUERY = "[Working Set]", "[QueryWorkingSetEx]"
HARD_MIN, SOFT_MIN = w.QUOTA_LIMITS_HARDWS_MIN_ENABLE, w.QUOTA_LIMITS_HARDWS_MIN_DISABLE
HARD_MAX, SOFT_MAX = w.QUOTA_LIMITS_HARDWS_MAX_ENABLE, w.QUOTA_LIMITS_HARDWS_MAX_DISABLE


def written(process: Any, pages: int = 4) -> Steps:
    """The address of some pages that are in the working set."""
    base = yield from region(process, pages)
    yield from process.write(base, pages * PAGE)
    return base


@case("GetProcessWorkingSetSize", "the defaults are 50 and 345 pages", SET_EX)
def _(process: Any) -> Steps:
    equal((yield from process.get_process_working_set_size()), (50 * PAGE, 345 * PAGE))


@case("GetProcessWorkingSetSizeEx", "both limits are soft by default", "[GetProcessWorkingSetSizeEx]")
def _(process: Any) -> Steps:
    equal((yield from process.get_process_working_set_size_ex()), (50 * PAGE, 345 * PAGE, SOFT_MIN | SOFT_MAX))


@case("SetProcessWorkingSetSize", "sets both limits", SET)
def _(process: Any) -> Steps:
    yield from works(process.set_process_working_set_size(60 * PAGE, 100 * PAGE))
    equal((yield from process.get_process_working_set_size()), (60 * PAGE, 100 * PAGE))


@case("SetProcessWorkingSetSize", "a minimum below 20 pages is raised to 20", SET_EX)
def _(process: Any) -> Steps:
    yield from works(process.set_process_working_set_size(PAGE, 100 * PAGE))
    equal((yield from process.get_process_working_set_size()), (20 * PAGE, 100 * PAGE))


@case("SetProcessWorkingSetSize", "the minimum can't be above the maximum", SET)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.set_process_working_set_size(100 * PAGE, 60 * PAGE))
    equal((yield from process.get_process_working_set_size()), (50 * PAGE, 345 * PAGE))


@case("SetProcessWorkingSetSize", "a maximum below 13 pages is refused", SET_EX)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.set_process_working_set_size(PAGE, 12 * PAGE))


@case("SetProcessWorkingSetSize", "a maximum must be below the available pages less 512", SET_EX, frames=2048)
def _(process: Any) -> Steps:
    available = (yield from process.get_performance_info()).physical_available
    yield from fails(process, 0, process.set_process_working_set_size(50 * PAGE, (available + 10) * PAGE))
    yield from works(process.set_process_working_set_size(50 * PAGE, (available - 600) * PAGE))


@case("SetProcessWorkingSetSize", "zero is no limit", SET)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.set_process_working_set_size(0, 100 * PAGE))


@case("SetProcessWorkingSetSize", "minimums that memory can't hold are denied", SET_EX, frames=256)
def _(process: Any) -> Steps:
    yield from fails(process, 0, process.set_process_working_set_size(400 * PAGE, 500 * PAGE))


@case("SetProcessWorkingSetSize", "raising the limits needs a privilege", "MODEL section 13 (12)", privileges=())
def _(process: Any) -> Steps:
    call = process.set_process_working_set_size(60 * PAGE, 400 * PAGE)
    yield from fails(process, w.ERROR_PRIVILEGE_NOT_HELD, call)
    yield from works(process.set_process_working_set_size(40 * PAGE, 300 * PAGE))


@case("SetProcessWorkingSetSize", "(-1, -1) empties the working set and keeps the limits", SET)
def _(process: Any) -> Steps:
    base = yield from written(process)
    yield from works(process.set_process_working_set_size(-1, -1))
    equal((yield from valid(process, base, 4)), [False] * 4)
    equal((yield from process.get_process_working_set_size()), (50 * PAGE, 345 * PAGE))


@case("SetProcessWorkingSetSize", "works on another process through its handle", SET)
def _(process: Any) -> Steps:
    found: list[Any] = []

    def child(target: Any) -> Steps:
        yield from target.sleep(100)
        found.append((yield from target.get_process_working_set_size()))

    handle = yield from works(process.create_process("b", child))
    yield from works(process.set_process_working_set_size(30 * PAGE, 100 * PAGE, handle))
    yield from process.wait_for_single_object(handle)
    equal(found, [(30 * PAGE, 100 * PAGE)])


for _flags, _name in ((HARD_MIN | SOFT_MIN, "minimum"), (HARD_MAX | SOFT_MAX, "maximum")):

    @case("SetProcessWorkingSetSizeEx", f"the {_name} can't be hard and soft at once", SET_EX)
    def _(process: Any, flags: int = _flags) -> Steps:
        yield from fails(process, PARAMETER, process.set_process_working_set_size_ex(50 * PAGE, 100 * PAGE, flags))


@case("SetProcessWorkingSetSizeEx", "unknown flags are refused", SET_EX)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.set_process_working_set_size_ex(50 * PAGE, 100 * PAGE, 0x10))


@case("SetProcessWorkingSetSizeEx", "hard limits are reported", SET_EX)
def _(process: Any) -> Steps:
    yield from works(process.set_process_working_set_size_ex(50 * PAGE, 100 * PAGE, HARD_MIN | HARD_MAX))
    equal((yield from process.get_process_working_set_size_ex())[2], HARD_MIN | HARD_MAX)


@case("SetProcessWorkingSetSizeEx", "a hard maximum holds though memory is plentiful", SET_EX)
def _(process: Any) -> Steps:
    yield from works(process.set_process_working_set_size_ex(20 * PAGE, 40 * PAGE, HARD_MAX))
    yield from written(process, 120)
    equal((yield from process.get_process_memory_info()).working_set_size <= 40 * PAGE, True)


@case("SetProcessWorkingSetSizeEx", "a soft maximum is exceeded when memory is plentiful", SET_EX)
def _(process: Any) -> Steps:
    yield from works(process.set_process_working_set_size_ex(20 * PAGE, 40 * PAGE, SOFT_MAX))
    yield from written(process, 120)
    equal((yield from process.get_process_memory_info()).working_set_size >= 120 * PAGE, True)


@case("EmptyWorkingSet", "removes all it can", "[EmptyWorkingSet]")
def _(process: Any) -> Steps:
    base = yield from written(process, 10)
    yield from works(process.empty_working_set())
    equal((yield from valid(process, base, 10)), [False] * 10)


@case("EmptyWorkingSet", "the pages come back softly", "[EmptyWorkingSet]")
def _(process: Any) -> Steps:
    base = yield from written(process, 10)
    yield from works(process.empty_working_set())
    begun = hard_faults(process)
    yield from process.read(base, 10 * PAGE)
    equal(hard_faults(process), begun, "pages read from the disk")


@case("Working set", "a page leaves it by lowered limits", WORKING_SET)
def _(process: Any) -> Steps:
    base = yield from written(process, 120)
    yield from works(process.set_process_working_set_size_ex(20 * PAGE, 40 * PAGE, HARD_MAX))
    equal(sum((yield from valid(process, base, 120))) <= 40, True)


@case("Working set", "a page leaves it by UnmapViewOfFile", WORKING_SET)
def _(process: Any) -> Steps:
    base = yield from view(process)
    yield from process.write(base, UNIT)
    before = (yield from process.get_process_memory_info()).working_set_size
    yield from works(process.unmap_view_of_file(base))
    equal((yield from process.get_process_memory_info()).working_set_size, before - UNIT)


@case("Working set", "a page leaves it by decommit", WORKING_SET)
def _(process: Any) -> Steps:
    base = yield from written(process, 10)
    before = (yield from process.get_process_memory_info()).working_set_size
    yield from works(process.virtual_free(base, 4 * PAGE, DECOMMIT))
    equal((yield from process.get_process_memory_info()).working_set_size, before - 4 * PAGE)


@case("Working set", "a page leaves it by loss of access", "MODEL section 3 (13)")
def _(process: Any) -> Steps:
    base = yield from written(process, 10)
    yield from works(process.virtual_protect(base, 4 * PAGE, NOACCESS))
    equal((yield from valid(process, base, 10)), [False] * 4 + [True] * 6)


@case(
    "Working set",
    "the shared page of a copy-on-write leaves it for the copy",
    "MODEL section 3 (10)",
    files={"data": UNIT},
)
def _(process: Any) -> Steps:
    base = yield from mapped(process, protect=w.PAGE_WRITECOPY, access=w.FILE_MAP_COPY)
    yield from process.read(base, 1)
    before = (yield from process.get_process_memory_info()).working_set_size
    yield from process.write(base, 1)
    equal((yield from process.get_process_memory_info()).working_set_size, before)
    equal(bool((yield from process.query_working_set_ex([base]))[0].shared), False)


@case("Working set", "leaving one affects no other sharer", "MODEL section 3")
def _(process: Any) -> Steps:
    handle = yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, UNIT, "shared"))
    base = yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))
    yield from process.write(base, UNIT)

    def sharer(child: Any) -> Steps:
        mapping = yield from works(child.open_file_mapping(w.FILE_MAP_WRITE, "shared"))
        mine = yield from works(child.map_view_of_file(mapping, w.FILE_MAP_WRITE))
        yield from child.read(mine, UNIT)
        yield from works(child.empty_working_set())

    child = yield from works(process.create_process("b", sharer))
    yield from process.wait_for_single_object(child)
    equal((yield from valid(process, base, 16)), [True] * 16)


@case("QueryWorkingSetEx", "a page that isn't in the working set is not valid", QUERY)
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    equal((yield from valid(process, base, 4)), [False] * 4)


@case("QueryWorkingSetEx", "says each page's protection", QUERY)
def _(process: Any) -> Steps:
    base = yield from written(process, 2)
    yield from works(process.virtual_protect(base + PAGE, PAGE, RO))
    records = yield from process.query_working_set_ex([base, base + PAGE])
    equal([record.win32_protection for record in records], [RW, RO])


@case("QueryWorkingSetEx", "private pages are not shared", QUERY)
def _(process: Any) -> Steps:
    base = yield from written(process, 1)
    record = (yield from process.query_working_set_ex([base]))[0]
    equal((bool(record.shared), bool(record.bad), bool(record.large_page), record.node), (False, False, False, 0))


@case("QueryWorkingSetEx", "the share count is that of the processes that have the page, at most 7", QUERY)
def _(process: Any) -> Steps:
    handle = yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, PAGE))
    bases = []
    counts = []
    for _ in range(9):
        bases.append((yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))))
        yield from process.read(bases[-1], 1)
        counts.append((yield from process.query_working_set_ex([bases[0]]))[0].share_count)
    equal(counts, [1, 2, 3, 4, 5, 6, 7, 7, 7])


@case("QueryWorkingSet", "lists the pages in the working set", "[QueryWorkingSet]")
def _(process: Any) -> Steps:
    base = yield from written(process, 4)
    pages = [entry[0] for entry in (yield from process.query_working_set())]
    equal([base + i * PAGE in pages for i in range(4)], [True] * 4)
    equal(len(pages) * PAGE, (yield from process.get_process_memory_info()).working_set_size)


@case("GetProcessMemoryInfo", "the working set and its peak are counted", "[PROCESS_MEMORY_COUNTERS_EX]")
def _(process: Any) -> Steps:
    before = (yield from process.get_process_memory_info()).working_set_size
    base = yield from written(process, 100)
    full = yield from process.get_process_memory_info()
    equal(full.working_set_size, before + 100 * PAGE)
    yield from works(process.virtual_free(base, 0, DECOMMIT))
    after = yield from process.get_process_memory_info()
    equal((after.working_set_size, after.peak_working_set_size), (before, full.peak_working_set_size))


@case("GetProcessMemoryInfo", "every fault is counted", "[PROCESS_MEMORY_COUNTERS_EX]")
def _(process: Any) -> Steps:
    base = yield from region(process, 10)
    before = (yield from process.get_process_memory_info()).page_fault_count
    yield from process.write(base, 10 * PAGE)
    yield from process.write(base, 10 * PAGE)
    equal((yield from process.get_process_memory_info()).page_fault_count, before + 10)


@case("GetProcessMemoryInfo", "private usage is what the process has committed", "[PROCESS_MEMORY_COUNTERS_EX]")
def _(process: Any) -> Steps:
    base = yield from region(process, 16, w.MEM_RESERVE)
    before = (yield from process.get_process_memory_info()).private_usage
    yield from works(process.virtual_alloc(base, 10 * PAGE, w.MEM_COMMIT, RW))
    after = yield from process.get_process_memory_info()
    equal((after.private_usage, after.pagefile_usage), (before + 10 * PAGE,) * 2)


@case("GetProcessMemoryInfo", "the peak of the commit charge is kept", "[PROCESS_MEMORY_COUNTERS_EX]")
def _(process: Any) -> Steps:
    base = yield from region(process, 100)
    full = (yield from process.get_process_memory_info()).pagefile_usage
    yield from works(process.virtual_free(base, 0, w.MEM_RELEASE))
    after = yield from process.get_process_memory_info()
    equal(after.peak_pagefile_usage >= full > after.pagefile_usage, True)


@case("SetMemoryPriority", "the default is 5, normal", "[MEMORY_PRIORITY_INFORMATION]")
def _(process: Any) -> Steps:
    equal((yield from process.get_memory_priority()), w.MEMORY_PRIORITY_NORMAL)


@case("SetMemoryPriority", "1 to 5 are taken, others refused", "[MEMORY_PRIORITY_INFORMATION]")
def _(process: Any) -> Steps:
    for priority in (1, 2, 3, 4, 5):
        yield from works(process.set_memory_priority(priority))
        equal((yield from process.get_memory_priority()), priority)
    for priority in (0, 6):
        yield from fails(process, PARAMETER, process.set_memory_priority(priority))
