"""Files: made, extended, opened, mapped and flushed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulator.windows import constants as w
from tests.simulator.small import constant
from tests.windows.harness import PAGE, RW, UNIT, Steps, equal, fails, mapped, raises, run, section, works

READ, WRITE = w.FILE_MAP_READ, w.FILE_MAP_WRITE


def test_a_larger_mapping_extends_its_file_as_far_as_the_disk_has_room() -> None:
    def program(process: Any) -> Steps:
        file = yield from works(process.create_file("new", disposition=w.CREATE_NEW))
        yield from fails(process, 1006, process.create_file_mapping(file, RW))
        yield from fails(process, 112, process.create_file_mapping(file, RW, 9 * PAGE))
        yield from fails(process, 8, process.create_file_mapping(file, w.PAGE_READONLY, PAGE))
        handle = yield from works(process.create_file_mapping(file, RW, 5000))
        equal((yield process.get_file_size(file)), 5000)
        yield from fails(process, 5, process.map_view_of_file(handle, WRITE, 0, 5001))
        address = yield from works(process.map_view_of_file(handle, WRITE))
        yield process.write(address, 2 * PAGE)
        yield from raises(w.STATUS_ACCESS_VIOLATION, process.read(address + 2 * PAGE, 1))
        yield from fails(process, 1224, process.set_end_of_file(file, PAGE))
        yield from works(process.create_file_mapping(file, RW, 8 * PAGE))
        equal((yield process.get_file_size(file)), 8 * PAGE)
        yield from fails(process, 112, process.set_end_of_file(file, 8 * PAGE + 1))
        for code, disposition in ((112, w.CREATE_NEW), (2, w.OPEN_EXISTING)):
            equal((yield process.create_file("more", PAGE, disposition=disposition)), w.INVALID_HANDLE_VALUE)
            equal(process.get_last_error(), code)

    disks = {"d": replace(constant(), capacity=(1024 + 8) * PAGE)}
    run(program, machine={"disks": disks})


def test_a_file_is_mapped_only_for_what_it_was_opened_for() -> None:
    def program(process: Any) -> Steps:
        file = yield from works(process.create_file("data", access=w.GENERIC_READ))
        yield from fails(process, 5, process.create_file_mapping(file, RW))
        yield from fails(process, 5, process.create_file_mapping(file, w.PAGE_EXECUTE_READ))
        yield from fails(process, 5, process.set_end_of_file(file, 0))
        yield from fails(process, 5, process.flush_file_buffers(file))
        yield from fails(process, 193, process.create_file_mapping(file, w.PAGE_READONLY | w.SEC_IMAGE))
        yield from works(process.create_file_mapping(file, w.PAGE_WRITECOPY))

    run(program, files={"data": PAGE})


def test_a_flushed_page_is_written_and_stays_where_it_is_clean() -> None:
    def program(process: Any) -> Steps:
        address = yield from mapped(process)
        file = yield from works(process.create_file("data"))
        yield process.write(address, 3 * PAGE)
        begun = process.system.now
        yield from works(process.flush_view_of_file(address + PAGE, PAGE))
        assert process.system.now - begun < 1000, "FlushViewOfFile doesn't wait"
        yield from works(process.flush_file_buffers(file))
        assert process.system.now - begun >= 1000, "FlushFileBuffers waits for the disk"
        states = process.system.pages.state_of(process.own.space.entries(address, 3 * PAGE))
        equal(states["valid"].tolist(), [True] * 3)
        equal(states["dirty"].tolist(), [True, False, True])
        yield from fails(process, 487, process.flush_view_of_file(address + 64 * UNIT, 0))
        yield from fails(process, 87, process.flush_view_of_file(address, 5 * PAGE))
        shared = yield from works(process.map_view_of_file((yield from section(process, 1)), WRITE))
        yield from works(process.flush_view_of_file(shared, 0))

    done = run(program, files={"data": 4 * PAGE})
    assert done.result.summary["pages_output"] == 1
