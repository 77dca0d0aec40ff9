"""CreateFileMapping and OpenFileMapping: sections, their names, sizes, charges and lifetimes."""

from __future__ import annotations

from typing import Any

from simulator.config import Disk
from simulator.windows import constants as w
from tests.windows.harness import (
    BOTH,
    COMMIT,
    PAGE,
    PARAMETER,
    RESERVE,
    RO,
    RW,
    UNIT,
    MiB,
    Steps,
    Table,
    charge,
    equal,
    fails,
    query,
    raises,
    section,
    valid,
    works,
)

case = Table()
CREATE, OPEN, MAP = "[CreateFileMapping]", "[OpenFileMapping]", "[MapViewOfFile]"
FILE: dict[str, Any] = {"files": {"data": UNIT}}
SMALL_DISK = {"disks": {"d": Disk(model="constant", parameters={"read": 1000, "write": 1000}, capacity=16 * MiB)}}
WRITE, READ = w.FILE_MAP_WRITE, w.FILE_MAP_READ
NONE = w.INVALID_HANDLE_VALUE


@case("CreateFileMapping", "without a file it is backed by the paging files, and zero", CREATE)
def _(process: Any) -> Steps:
    handle = yield from section(process, 4)
    base = yield from works(process.map_view_of_file(handle, WRITE))
    yield from process.read(base, 4 * PAGE)
    equal((yield from valid(process, base, 4)), [True] * 4)


@case("CreateFileMapping", "without a file a size is needed", CREATE)
def _(process: Any) -> Steps:
    yield from fails(process, PARAMETER, process.create_file_mapping(NONE, RW, 0))


@case("CreateFileMapping", "a bad handle is refused", CREATE)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.create_file_mapping(0x7777770, RW, PAGE))


for _name, _protect in {
    "no protection": 0,
    "PAGE_NOACCESS": w.PAGE_NOACCESS,
    "two protections": RW | RO,
    "PAGE_GUARD": RW | w.PAGE_GUARD,
    "SEC_COMMIT with SEC_RESERVE": RW | w.SEC_COMMIT | w.SEC_RESERVE,
}.items():

    @case("CreateFileMapping", f"{_name} is refused", CREATE)
    def _(process: Any, protect: int = _protect) -> Steps:
        yield from fails(process, PARAMETER, process.create_file_mapping(NONE, protect, PAGE))


@case("CreateFileMapping", "size 0 is the file's size", CREATE, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, RW))
    base = yield from works(process.map_view_of_file(handle, WRITE))
    equal((yield from query(process, base)), (16, COMMIT, RW))


@case("CreateFileMapping", "an empty file can't be mapped with size 0", CREATE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("new", 0, None, w.GENERIC_READ | w.GENERIC_WRITE, w.CREATE_NEW))
    yield from fails(process, w.ERROR_FILE_INVALID, process.create_file_mapping(file, RW))


@case("CreateFileMapping", "a larger size extends the file at once", CREATE, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    yield from works(process.create_file_mapping(file, RW, 2 * UNIT))
    equal((yield from process.get_file_size(file)), 2 * UNIT)


@case("CreateFileMapping", "a file isn't extended without write protection", CREATE, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    yield from fails(process, 0, process.create_file_mapping(file, RO, 2 * UNIT))
    equal((yield from process.get_file_size(file)), UNIT)


@case("CreateFileMapping", "a smaller size maps the beginning of the file", CREATE, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, RW, 4 * PAGE))
    base = yield from works(process.map_view_of_file(handle, WRITE))
    equal((yield from query(process, base)), (4, COMMIT, RW))
    equal((yield from process.get_file_size(file)), UNIT)


@case("CreateFileMapping", "a disk that is full can't hold a larger file", CREATE, machine=SMALL_DISK, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    yield from fails(process, w.ERROR_DISK_FULL, process.create_file_mapping(file, RW, 64 * MiB))


@case("CreateFileMapping", "write access needs a file opened for writing", CREATE, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data", None, None, w.GENERIC_READ))
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.create_file_mapping(file, RW))
    yield from works(process.create_file_mapping(file, RO))
    yield from works(process.create_file_mapping(file, w.PAGE_WRITECOPY))


@case("CreateFileMapping", "an existing name gives its section, with its size and last error 183", CREATE)
def _(process: Any) -> Steps:
    yield from section(process, 4, name="shared")
    process.set_last_error(0)
    second = yield from works(process.create_file_mapping(NONE, RW, 64 * PAGE, "shared"))
    equal(process.get_last_error(), w.ERROR_ALREADY_EXISTS)
    base = yield from works(process.map_view_of_file(second, WRITE))
    equal((yield from query(process, base)), (4, COMMIT, RW))


@case("CreateFileMapping", "a new name leaves no such error", CREATE)
def _(process: Any) -> Steps:
    process.set_last_error(77)
    yield from section(process, 4, name="shared")
    equal(process.get_last_error() != w.ERROR_ALREADY_EXISTS, True)


@case("CreateFileMapping", "the name of another kind of object is refused", CREATE)
def _(process: Any) -> Steps:
    yield from works(process.create_event(False, False, "taken"))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.create_file_mapping(NONE, RW, PAGE, "taken"))


@case("CreateFileMapping", "a section without a file is charged when it is made", "MODEL section 13 (7)")
def _(process: Any) -> Steps:
    before = yield from charge(process)
    yield from section(process, 100)
    equal((yield from charge(process)) - before in range(100, 104), True)


@case("CreateFileMapping", "views of a section without a file are charged nothing more", "MODEL section 5")
def _(process: Any) -> Steps:
    handle = yield from section(process, 100)
    before = yield from process.get_process_memory_info()
    yield from works(process.map_view_of_file(handle, WRITE))
    after = yield from process.get_process_memory_info()
    equal(after.private_usage - before.private_usage < 100 * PAGE, True)


@case(
    "CreateFileMapping",
    "a view of a file is charged nothing for its pages",
    "MODEL section 5",
    files={"data": 8 * UNIT},
)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, RW))
    before = yield from charge(process)
    yield from works(process.map_view_of_file(handle, WRITE))
    equal((yield from charge(process)) - before < 16, True)


@case("CreateFileMapping", "beyond the commit limit it fails", "MODEL section 13 (7)", paging_pages=64)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_COMMITMENT_LIMIT, process.create_file_mapping(NONE, RW, 4096 * PAGE))


@case("SEC_RESERVE", "the pages of the view are reserved", CREATE)
def _(process: Any) -> Steps:
    handle = yield from section(process, 16, RW | w.SEC_RESERVE)
    base = yield from works(process.map_view_of_file(handle, WRITE))
    equal((yield from query(process, base))[:2], (16, RESERVE))
    yield from raises(w.STATUS_ACCESS_VIOLATION, process.read(base, 1), 0, base)


@case("SEC_RESERVE", "VirtualAlloc commits pages of the view", CREATE)
def _(process: Any) -> Steps:
    handle = yield from section(process, 16, RW | w.SEC_RESERVE)
    base = yield from works(process.map_view_of_file(handle, WRITE))
    before = yield from charge(process)
    yield from works(process.virtual_alloc(base + PAGE, 2 * PAGE, COMMIT, RW))
    equal((yield from query(process, base + PAGE)), (2, COMMIT, RW))
    equal((yield from charge(process)), before + 2)
    yield from process.write(base + PAGE, 2 * PAGE)


@case("SEC_RESERVE", "what one view commits is committed in all", CREATE)
def _(process: Any) -> Steps:
    handle = yield from section(process, 16, RW | w.SEC_RESERVE)
    first = yield from works(process.map_view_of_file(handle, WRITE))
    second = yield from works(process.map_view_of_file(handle, WRITE))
    yield from works(process.virtual_alloc(first, 2 * PAGE, COMMIT, RW))
    yield from process.write(second, 2 * PAGE)
    equal((yield from query(process, second))[:2], (2, COMMIT))


@case("SEC_RESERVE", "committed pages can't be decommitted", CREATE)
def _(process: Any) -> Steps:
    handle = yield from section(process, 16, RW | w.SEC_RESERVE)
    base = yield from works(process.map_view_of_file(handle, WRITE))
    yield from works(process.virtual_alloc(base, 2 * PAGE, COMMIT, RW))
    yield from fails(process, PARAMETER, process.virtual_free(base, 2 * PAGE, w.MEM_DECOMMIT))
    yield from process.write(base, 2 * PAGE)


@case("SEC_RESERVE", "isn't charged before it is committed", CREATE)
def _(process: Any) -> Steps:
    before = yield from charge(process)
    yield from section(process, 200, RW | w.SEC_RESERVE)
    equal((yield from charge(process)) - before < 10, True)


@case("SEC_RESERVE", "has no effect on a file's section", CREATE, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, RW | w.SEC_RESERVE))
    base = yield from works(process.map_view_of_file(handle, WRITE))
    equal((yield from query(process, base)), (16, COMMIT, RW))


@case(
    "SEC_LARGE_PAGES", "needs the privilege to lock pages", CREATE, privileges=(), settings={"large_page_minimum": UNIT}
)
def _(process: Any) -> Steps:
    call = process.create_file_mapping(NONE, RW | w.SEC_COMMIT | w.SEC_LARGE_PAGES, UNIT)
    yield from fails(process, w.ERROR_PRIVILEGE_NOT_HELD, call)


@case("OpenFileMapping", "gives a handle to the named section", OPEN)
def _(process: Any) -> Steps:
    yield from section(process, 4, name="shared")
    handle = yield from works(process.open_file_mapping(WRITE, "shared"))
    base = yield from works(process.map_view_of_file(handle, WRITE))
    equal((yield from query(process, base)), (4, COMMIT, RW))


@case("OpenFileMapping", "fails if no section has the name", OPEN)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_FILE_NOT_FOUND, process.open_file_mapping(WRITE, "nowhere"))


@case("OpenFileMapping", "the name of another kind of object is refused", OPEN)
def _(process: Any) -> Steps:
    yield from works(process.create_event(False, False, "taken"))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.open_file_mapping(WRITE, "taken"))


@case("OpenFileMapping", "a name ends with the last handle, though views are left", "[CreateFileMapping]")
def _(process: Any) -> Steps:
    handle = yield from section(process, 4, name="shared")
    base = yield from works(process.map_view_of_file(handle, WRITE))
    yield from works(process.close_handle(handle))
    yield from fails(process, w.ERROR_FILE_NOT_FOUND, process.open_file_mapping(WRITE, "shared"))
    yield from process.write(base, PAGE)


@case("CloseHandle", "a section lives while a view is left", "[CreateFileMapping]")
def _(process: Any) -> Steps:
    handle = yield from section(process, 100)
    base = yield from works(process.map_view_of_file(handle, WRITE))
    full = yield from charge(process)
    yield from works(process.close_handle(handle))
    equal((yield from charge(process)), full)
    yield from process.write(base, 100 * PAGE)
    yield from works(process.unmap_view_of_file(base))
    equal((yield from charge(process)) <= full - 100, True)


@case("CloseHandle", "a section lives while a handle is left", "[CreateFileMapping]")
def _(process: Any) -> Steps:
    handle = yield from section(process, 4)
    base = yield from works(process.map_view_of_file(handle, WRITE))
    yield from process.write(base, 4 * PAGE)
    yield from works(process.unmap_view_of_file(base))
    base = yield from works(process.map_view_of_file(handle, READ))
    full = yield from charge(process)
    yield from works(process.unmap_view_of_file(base))
    yield from works(process.close_handle(handle))
    equal((yield from charge(process)) <= full - 4, True)


@case(
    "CloseHandle",
    "a file's handle may be closed before the section's, and that before the view",
    "[CreateFileMapping]",
    **FILE,
)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, RW))
    base = yield from works(process.map_view_of_file(handle, WRITE))
    yield from works(process.close_handle(file))
    yield from works(process.close_handle(handle))
    yield from process.write(base, UNIT)
    yield from works(process.virtual_alloc(0, PAGE, BOTH, RW))
