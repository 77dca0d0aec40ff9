"""Sections of large pages take their frames at once, for good, and in rows."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import PAGE, RW, UNIT, Steps, equal, fails, run, works
from tests.windows.test_sections import shown

NOWHERE = w.INVALID_HANDLE_VALUE
WRITE, READ, COPY = w.FILE_MAP_WRITE, w.FILE_MAP_READ, w.FILE_MAP_COPY


def _not_pool(process: Any) -> int:
    """Available frames, and those that pool has: it takes and gives them back as it likes."""
    system = process.system
    return int(system.pages.available() + system.pool.paged.resident() + system.pool.nonpaged.used)


def test_a_section_of_large_pages_has_its_frames_at_once_and_gives_them_back() -> None:
    large = 8 * PAGE * 4

    def program(process: Any) -> Steps:
        protect = RW | w.SEC_LARGE_PAGES | w.SEC_COMMIT
        handle = yield from works(process.create_file_mapping(NOWHERE, protect, large))
        yield from works(process.close_handle(handle))
        before = _not_pool(process), process.system.pages.commit_total()
        handle = yield from works(process.create_file_mapping(NOWHERE, protect, 2 * large))
        equal(_not_pool(process), before[0] - 64)
        yield from fails(process, 1132, process.map_view_of_file(handle, WRITE, UNIT))
        yield from fails(process, 87, process.map_view_of_file(handle, COPY))
        first = yield from works(process.map_view_of_file(handle, WRITE | w.FILE_MAP_LARGE_PAGES))
        second = yield from works(process.map_view_of_file(handle, READ, large, large))
        faults = (yield process.get_process_memory_info()).page_fault_count
        yield process.write(first, 2 * large)
        yield process.read(second, large)
        equal((yield process.get_process_memory_info()).page_fault_count, faults)
        equal(shown(process, second, 32), shown(process, first + large, 32))
        yield from works(process.close_handle(handle))
        yield from works(process.unmap_view_of_file(first))
        yield process.read(second, large)
        yield from works(process.unmap_view_of_file(second))
        equal((_not_pool(process), process.system.pages.commit_total()), before)
        yield from fails(process, 1450, process.create_file_mapping(NOWHERE, protect, 17 * large))
        equal((_not_pool(process), process.system.pages.commit_total()), before)

    run(program, settings={"large_page_minimum": large})
