"""Files as sections need them: CreateFile, their sizes, flushing, and errors of the disk."""

from __future__ import annotations

from typing import Any

from simulator.config import Disk
from simulator.windows import constants as w
from tests.windows.harness import (
    PAGE,
    RO,
    RW,
    UNIT,
    Steps,
    Table,
    equal,
    fails,
    hard_faults,
    mapped,
    raises,
    state,
    works,
)

case = Table()
CREATE, END = "[CreateFile]", "[SetEndOfFile]"
FILE: dict[str, Any] = {"files": {"data": UNIT}}
ANY = w.GENERIC_READ | w.GENERIC_WRITE
BROKEN = Disk(model="constant", parameters={"read": 1000, "write": 1000}, read_error_rate=1.0)


def opened(process: Any, name: str, disposition: int, size: int | None = None) -> Steps:
    """CreateFile with the disposition that counts here."""
    return (yield from process.create_file(name, size, None, ANY, disposition))


@case("CreateFile", "opens a file that is there", CREATE, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(opened(process, "data", w.OPEN_EXISTING))
    equal((yield from process.get_file_size(file)), UNIT)


@case("CreateFile", "OPEN_EXISTING of a file that isn't there fails", CREATE)
def _(process: Any) -> Steps:
    process.set_last_error(0)
    equal((yield from opened(process, "none", w.OPEN_EXISTING)), w.INVALID_HANDLE_VALUE)
    equal(process.get_last_error(), w.ERROR_FILE_NOT_FOUND)


@case("CreateFile", "CREATE_NEW of a file that is there fails", CREATE, **FILE)
def _(process: Any) -> Steps:
    process.set_last_error(0)
    equal((yield from opened(process, "data", w.CREATE_NEW)), w.INVALID_HANDLE_VALUE)
    equal(process.get_last_error(), w.ERROR_FILE_EXISTS)


@case("CreateFile", "CREATE_ALWAYS of a file that is there empties it, with last error 183", CREATE, **FILE)
def _(process: Any) -> Steps:
    process.set_last_error(0)
    file = yield from works(opened(process, "data", w.CREATE_ALWAYS))
    equal(process.get_last_error(), w.ERROR_ALREADY_EXISTS)
    equal((yield from process.get_file_size(file)), 0)


@case("CreateFile", "OPEN_ALWAYS opens or makes", CREATE, **FILE)
def _(process: Any) -> Steps:
    process.set_last_error(0)
    file = yield from works(opened(process, "data", w.OPEN_ALWAYS))
    equal(process.get_last_error(), w.ERROR_ALREADY_EXISTS)
    equal((yield from process.get_file_size(file)), UNIT)
    process.set_last_error(0)
    file = yield from works(opened(process, "new", w.OPEN_ALWAYS))
    equal((process.get_last_error(), (yield from process.get_file_size(file))), (0, 0))


@case("CreateFile", "a new file can be opened by its name", CREATE)
def _(process: Any) -> Steps:
    yield from works(opened(process, "new", w.CREATE_NEW, UNIT))
    file = yield from works(opened(process, "new", w.OPEN_EXISTING))
    equal((yield from process.get_file_size(file)), UNIT)


@case("SetEndOfFile", "extends a file", END, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(opened(process, "data", w.OPEN_EXISTING))
    yield from works(process.set_end_of_file(file, 2 * UNIT))
    equal((yield from process.get_file_size(file)), 2 * UNIT)


@case("SetEndOfFile", "can't cut off what a section shows", END, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(opened(process, "data", w.OPEN_EXISTING))
    handle = yield from works(process.create_file_mapping(file, RW))
    yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))
    yield from fails(process, w.ERROR_USER_MAPPED_FILE, process.set_end_of_file(file, PAGE))
    equal((yield from process.get_file_size(file)), UNIT)


@case("SetEndOfFile", "needs a file opened for writing", END, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data", None, None, w.GENERIC_READ))
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.set_end_of_file(file, 2 * UNIT))


@case("GetFileSize", "a handle of something else is refused", "[GetFileSize]")
def _(process: Any) -> Steps:
    event = yield from works(process.create_event())
    process.set_last_error(0)
    yield from process.get_file_size(event)
    equal(process.get_last_error(), w.ERROR_INVALID_HANDLE)


@case("FlushFileBuffers", "waits until everything is on the disk", "[FlushFileBuffers]", **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from process.write(base, UNIT)
    yield from works(process.flush_view_of_file(base, 0))
    file = yield from works(opened(process, "data", w.OPEN_EXISTING))
    yield from works(process.flush_file_buffers(file))
    equal(state(process, base, 16)["dirty"].any(), False)


@case("File view", "a page of a new file is read without error", CREATE)
def _(process: Any) -> Steps:
    file = yield from works(opened(process, "new", w.CREATE_NEW, UNIT))
    handle = yield from works(process.create_file_mapping(file, RO))
    base = yield from works(process.map_view_of_file(handle, w.FILE_MAP_READ))
    yield from process.read(base, UNIT)


@case(
    "File view",
    "a read that fails raises an in-page error with kind, address and status",
    "[Reading and Writing From a File View]",
    machine={"disks": {"d": Disk(model="constant", parameters={"read": 1000, "write": 1000}), "e": BROKEN}},
)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("bad", UNIT, "e", ANY, w.CREATE_NEW))
    handle = yield from works(process.create_file_mapping(file, RW))
    base = yield from works(process.map_view_of_file(handle, w.FILE_MAP_WRITE))
    try:
        yield from raises(w.STATUS_IN_PAGE_ERROR, process.read(base + 5, 1), 0, base + 5)
    finally:
        yield from works(process.unmap_view_of_file(base))


@case("File view", "the first touch of a file's page is a hard fault, the next none", "MODEL section 2", **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    begun = hard_faults(process)
    yield from process.read(base, 1)
    equal(hard_faults(process), begun + 1, "pages read from the disk")
    before = (yield from process.get_process_memory_info()).page_fault_count
    yield from process.read(base, 1)
    equal((yield from process.get_process_memory_info()).page_fault_count, before)
