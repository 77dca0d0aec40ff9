"""Working sets: their limits, what is said of them, and every way a page leaves one."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

SET, SET_EX = "[SetProcessWorkingSetSize]", "[SetProcessWorkingSetSizeEx]"
WORKING_SET, QUERY = "[Working Set]", "[QueryWorkingSetEx]"
HARD_MIN, SOFT_MIN = w.QUOTA_LIMITS_HARDWS_MIN_ENABLE, w.QUOTA_LIMITS_HARDWS_MIN_DISABLE
HARD_MAX, SOFT_MAX = w.QUOTA_LIMITS_HARDWS_MAX_ENABLE, w.QUOTA_LIMITS_HARDWS_MAX_DISABLE


def written(p: Any, pages: int = 4) -> Any:
    """The address of some pages that are in the working set."""
    base = p.region(pages)
    p.write(base, pages * PAGE)
    return base


def test_get_process_working_set_size(rule: Rule) -> None:
    with rule("the defaults are 50 and 345 pages", SET_EX) as p:
        assert p.get_process_working_set_size() == (50 * PAGE, 345 * PAGE)


def test_get_process_working_set_size_ex(rule: Rule) -> None:
    with rule("both limits are soft by default", "[GetProcessWorkingSetSizeEx]") as p:
        assert p.get_process_working_set_size_ex() == (50 * PAGE, 345 * PAGE, SOFT_MIN | SOFT_MAX)


def test_set_process_working_set_size(rule: Rule) -> None:
    with rule("sets both limits", SET) as p:
        works(p.set_process_working_set_size(60 * PAGE, 100 * PAGE))
        assert p.get_process_working_set_size() == (60 * PAGE, 100 * PAGE)
    with rule("a minimum below 20 pages is raised to 20", SET_EX) as p:
        works(p.set_process_working_set_size(PAGE, 100 * PAGE))
        assert p.get_process_working_set_size() == (20 * PAGE, 100 * PAGE)
    with rule("the minimum can't be above the maximum", SET) as p:
        p.fails(PARAMETER).set_process_working_set_size(100 * PAGE, 60 * PAGE)
        assert p.get_process_working_set_size() == (50 * PAGE, 345 * PAGE)
    with rule("a maximum below 13 pages is refused", SET_EX) as p:
        p.fails(PARAMETER).set_process_working_set_size(PAGE, 12 * PAGE)
    with rule("a maximum must be below the available pages less 512", SET_EX, frames=2048) as p:
        available = p.get_performance_info().physical_available
        p.fails(0).set_process_working_set_size(50 * PAGE, (available + 10) * PAGE)
        works(p.set_process_working_set_size(50 * PAGE, (available - 600) * PAGE))
    with rule("zero is no limit", SET) as p:
        p.fails(PARAMETER).set_process_working_set_size(0, 100 * PAGE)
    with rule("minimums that memory can't hold are denied", SET_EX, frames=256) as p:
        p.fails(0).set_process_working_set_size(400 * PAGE, 500 * PAGE)
    with rule("raising the limits needs a privilege", "MODEL section 13 (12)", privileges=()) as p:
        p.fails(w.ERROR_PRIVILEGE_NOT_HELD).set_process_working_set_size(60 * PAGE, 400 * PAGE)
        works(p.set_process_working_set_size(40 * PAGE, 300 * PAGE))
    with rule("(-1, -1) empties the working set and keeps the limits", SET) as p:
        base = written(p)
        works(p.set_process_working_set_size(-1, -1))
        assert p.valid(base, 4) == [False] * 4
        assert p.get_process_working_set_size() == (50 * PAGE, 345 * PAGE)
    with rule("works on another process through its handle", SET) as p:
        found: list[Any] = []

        def child(target: Any) -> None:
            target.sleep(100)
            found.append(target.get_process_working_set_size())

        handle = works(p.create_process("b", child))
        works(p.set_process_working_set_size(30 * PAGE, 100 * PAGE, handle))
        p.wait_for_single_object(handle)
        assert found == [(30 * PAGE, 100 * PAGE)]


def test_set_process_working_set_size_ex(rule: Rule) -> None:
    for flags, name in ((HARD_MIN | SOFT_MIN, "minimum"), (HARD_MAX | SOFT_MAX, "maximum")):
        with rule(f"the {name} can't be hard and soft at once", SET_EX) as p:
            p.fails(PARAMETER).set_process_working_set_size_ex(50 * PAGE, 100 * PAGE, flags)
    with rule("unknown flags are refused", SET_EX) as p:
        p.fails(PARAMETER).set_process_working_set_size_ex(50 * PAGE, 100 * PAGE, 0x10)
    with rule("hard limits are reported", SET_EX) as p:
        works(p.set_process_working_set_size_ex(50 * PAGE, 100 * PAGE, HARD_MIN | HARD_MAX))
        assert p.get_process_working_set_size_ex()[2] == HARD_MIN | HARD_MAX
    with rule("a hard maximum holds though memory is plentiful", SET_EX) as p:
        works(p.set_process_working_set_size_ex(20 * PAGE, 40 * PAGE, HARD_MAX))
        written(p, 120)
        assert p.get_process_memory_info().working_set_size <= 40 * PAGE
    with rule("a soft maximum is exceeded when memory is plentiful", SET_EX) as p:
        works(p.set_process_working_set_size_ex(20 * PAGE, 40 * PAGE, SOFT_MAX))
        written(p, 120)
        assert p.get_process_memory_info().working_set_size >= 120 * PAGE


def test_empty_working_set(rule: Rule) -> None:
    with rule("removes all it can", "[EmptyWorkingSet]") as p:
        base = written(p, 10)
        works(p.empty_working_set())
        assert p.valid(base, 10) == [False] * 10
    with rule("the pages come back softly", "[EmptyWorkingSet]") as p:
        base = written(p, 10)
        works(p.empty_working_set())
        begun = p.hard_faults()
        p.read(base, 10 * PAGE)
        assert p.hard_faults() == begun


def test_working_set(rule: Rule) -> None:
    with rule("a page leaves it by lowered limits", WORKING_SET) as p:
        base = written(p, 120)
        works(p.set_process_working_set_size_ex(20 * PAGE, 40 * PAGE, HARD_MAX))
        assert sum(p.valid(base, 120)) <= 40
    with rule("a page leaves it by UnmapViewOfFile", WORKING_SET) as p:
        base = p.view()
        p.write(base, UNIT)
        before = p.get_process_memory_info().working_set_size
        works(p.unmap_view_of_file(base))
        assert p.get_process_memory_info().working_set_size == before - UNIT
    with rule("a page leaves it by decommit", WORKING_SET) as p:
        base = written(p, 10)
        before = p.get_process_memory_info().working_set_size
        works(p.virtual_free(base, 4 * PAGE, DECOMMIT))
        assert p.get_process_memory_info().working_set_size == before - 4 * PAGE
    with rule("a page leaves it by loss of access", "MODEL section 3 (13)") as p:
        base = written(p, 10)
        works(p.virtual_protect(base, 4 * PAGE, NOACCESS))
        assert p.valid(base, 10) == [False] * 4 + [True] * 6
    with rule(
        "the shared page of a copy-on-write leaves it for the copy", "MODEL section 3 (10)", files={"data": UNIT}
    ) as p:
        base = p.mapped(protect=w.PAGE_WRITECOPY, access=w.FILE_MAP_COPY)
        p.read(base, 1)
        before = p.get_process_memory_info().working_set_size
        p.write(base, 1)
        assert p.get_process_memory_info().working_set_size == before
        assert not p.query_working_set_ex([base])[0].shared
    with rule("leaving one affects no other sharer", "MODEL section 3") as p:
        handle = works(p.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, UNIT, "shared"))
        base = works(p.map_view_of_file(handle, w.FILE_MAP_WRITE))
        p.write(base, UNIT)

        def sharer(child: Any) -> None:
            mapping = works(child.open_file_mapping(w.FILE_MAP_WRITE, "shared"))
            mine = works(child.map_view_of_file(mapping, w.FILE_MAP_WRITE))
            child.read(mine, UNIT)
            works(child.empty_working_set())

        child = works(p.create_process("b", sharer))
        p.wait_for_single_object(child)
        assert p.valid(base, 16) == [True] * 16


def test_query_working_set_ex(rule: Rule) -> None:
    with rule("a page that isn't in the working set is not valid", QUERY) as p:
        base = p.region(4)
        assert p.valid(base, 4) == [False] * 4
    with rule("says each page's protection", QUERY) as p:
        base = written(p, 2)
        works(p.virtual_protect(base + PAGE, PAGE, RO))
        records = p.query_working_set_ex([base, base + PAGE])
        assert [record.win32_protection for record in records] == [RW, RO]
    with rule("private pages are not shared", QUERY) as p:
        base = written(p, 1)
        record = p.query_working_set_ex([base])[0]
        assert (bool(record.shared), bool(record.bad), bool(record.large_page), record.node) == (False, False, False, 0)
    with rule("the share count is that of the processes that have the page, at most 7", QUERY) as p:
        handle = works(p.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, PAGE))
        bases = []
        counts = []
        for _ in range(9):
            bases.append(works(p.map_view_of_file(handle, w.FILE_MAP_WRITE)))
            p.read(bases[-1], 1)
            counts.append(p.query_working_set_ex([bases[0]])[0].share_count)
        assert counts == [1, 2, 3, 4, 5, 6, 7, 7, 7]


def test_query_working_set(rule: Rule) -> None:
    with rule("lists the pages in the working set", "[QueryWorkingSet]") as p:
        base = written(p, 4)
        pages = [entry[0] for entry in p.query_working_set()]
        assert [base + i * PAGE in pages for i in range(4)] == [True] * 4
        assert len(pages) * PAGE == p.get_process_memory_info().working_set_size


def test_get_process_memory_info(rule: Rule) -> None:
    with rule("the working set and its peak are counted", "[PROCESS_MEMORY_COUNTERS_EX]") as p:
        before = p.get_process_memory_info().working_set_size
        base = written(p, 100)
        full = p.get_process_memory_info()
        assert full.working_set_size == before + 100 * PAGE
        works(p.virtual_free(base, 0, DECOMMIT))
        after = p.get_process_memory_info()
        assert (after.working_set_size, after.peak_working_set_size) == (before, full.peak_working_set_size)
    with rule("every fault is counted", "[PROCESS_MEMORY_COUNTERS_EX]") as p:
        base = p.region(10)
        before = p.get_process_memory_info().page_fault_count
        p.write(base, 10 * PAGE)
        p.write(base, 10 * PAGE)
        assert p.get_process_memory_info().page_fault_count == before + 10
    with rule("private usage is what the process has committed", "[PROCESS_MEMORY_COUNTERS_EX]") as p:
        base = p.region(16, w.MEM_RESERVE)
        before = p.get_process_memory_info().private_usage
        works(p.virtual_alloc(base, 10 * PAGE, w.MEM_COMMIT, RW))
        after = p.get_process_memory_info()
        assert (after.private_usage, after.pagefile_usage) == (before + 10 * PAGE,) * 2
    with rule("the peak of the commit charge is kept", "[PROCESS_MEMORY_COUNTERS_EX]") as p:
        base = p.region(100)
        full = p.get_process_memory_info().pagefile_usage
        works(p.virtual_free(base, 0, w.MEM_RELEASE))
        after = p.get_process_memory_info()
        assert after.peak_pagefile_usage >= full > after.pagefile_usage


def test_set_memory_priority(rule: Rule) -> None:
    with rule("the default is 5, normal", "[MEMORY_PRIORITY_INFORMATION]") as p:
        assert p.get_memory_priority() == w.MEMORY_PRIORITY_NORMAL
    with rule("1 to 5 are taken, others refused", "[MEMORY_PRIORITY_INFORMATION]") as p:
        for priority in (1, 2, 3, 4, 5):
            works(p.set_memory_priority(priority))
            assert p.get_memory_priority() == priority
        for priority in (0, 6):
            p.fails(PARAMETER).set_memory_priority(priority)
