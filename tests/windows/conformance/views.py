"""MapViewOfFile(Ex), FlushViewOfFile, UnmapViewOfFile: where views lie, what they show, who shares them."""

from __future__ import annotations

import itertools
from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    ADDRESS,
    AV,
    COMMIT,
    PAGE,
    RO,
    RW,
    UNIT,
    Steps,
    Table,
    charge,
    equal,
    fails,
    hard_faults,
    mapped,
    other,
    query,
    raises,
    region,
    section,
    several,
    state,
    valid,
    view,
    works,
)

case = Table()
MAP, MAP_EX, UNMAP = "[MapViewOfFile]", "[MapViewOfFileEx]", "[UnmapViewOfFile]"
FLUSH = "[FlushViewOfFile]"
FILE: dict[str, Any] = {"files": {"data": 4 * UNIT}}
WRITE, READ, COPY = w.FILE_MAP_WRITE, w.FILE_MAP_READ, w.FILE_MAP_COPY


@case("MapViewOfFile", "a view begins at a multiple of 64 KiB", MAP)
def _(process: Any) -> Steps:
    for _ in range(3):
        equal((yield from view(process, 1)) % UNIT, 0)


@case("MapViewOfFile", "length 0 goes to the end of the section", MAP, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, RW))
    base = yield from works(process.map_view_of_file(handle, WRITE, UNIT, 0))
    equal((yield from query(process, base)), (48, COMMIT, RW))


@case("MapViewOfFile", "a view may show a part of the section", MAP, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, RW))
    base = yield from works(process.map_view_of_file(handle, WRITE, UNIT, 3 * PAGE))
    equal((yield from query(process, base)), (3, COMMIT, RW))


@case("MapViewOfFile", "the length goes up to a page", MAP, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, RW))
    base = yield from works(process.map_view_of_file(handle, WRITE, 0, PAGE + 1))
    equal((yield from query(process, base)), (2, COMMIT, RW))


@case("MapViewOfFile", "the offset must be a multiple of 64 KiB", MAP, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, RW))
    yield from fails(process, w.ERROR_MAPPED_ALIGNMENT, process.map_view_of_file(handle, WRITE, PAGE, PAGE))


@case("MapViewOfFile", "a view can't go beyond the section", MAP)
def _(process: Any) -> Steps:
    handle = yield from section(process, 16)
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(handle, WRITE, 0, 2 * UNIT))
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(handle, WRITE, UNIT, PAGE))


@case("MapViewOfFile", "a handle of something else is refused", MAP)
def _(process: Any) -> Steps:
    event = yield from works(process.create_event())
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.map_view_of_file(event, WRITE))


@case("MapViewOfFile", "write access to a read-only section is refused", MAP)
def _(process: Any) -> Steps:
    handle = yield from section(process, 4, RO)
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(handle, WRITE))
    yield from works(process.map_view_of_file(handle, READ))


@case("MapViewOfFile", "write access to a copy-on-write section is refused", MAP)
def _(process: Any) -> Steps:
    handle = yield from section(process, 4, w.PAGE_WRITECOPY)
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(handle, WRITE))
    yield from works(process.map_view_of_file(handle, COPY))


@case("MapViewOfFile", "execute access needs an executable section", MAP)
def _(process: Any) -> Steps:
    handle = yield from section(process, 4, RW)
    call = process.map_view_of_file(handle, READ | w.FILE_MAP_EXECUTE)
    yield from fails(process, w.ERROR_ACCESS_DENIED, call)


@case("MapViewOfFile", "write access through a handle that was opened for reading is refused", "[OpenFileMapping]")
def _(process: Any) -> Steps:
    yield from section(process, 4, RW, "shared")
    handle = yield from works(process.open_file_mapping(READ, "shared"))
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.map_view_of_file(handle, WRITE))


for _name, _protect, _access, _shown in (
    ("FILE_MAP_READ shows PAGE_READONLY", RW, READ, RO),
    ("FILE_MAP_WRITE shows PAGE_READWRITE", RW, WRITE, RW),
    ("FILE_MAP_COPY shows PAGE_WRITECOPY", RW, COPY, w.PAGE_WRITECOPY),
    ("FILE_MAP_ALL_ACCESS shows PAGE_READWRITE", RW, w.FILE_MAP_ALL_ACCESS, RW),
    ("read and execute show PAGE_EXECUTE_READ", w.PAGE_EXECUTE_READ, READ | w.FILE_MAP_EXECUTE, w.PAGE_EXECUTE_READ),
):

    @case("MapViewOfFile", _name, MAP)
    def _(process: Any, protect: int = _protect, access: int = _access, shown: int = _shown) -> Steps:
        handle = yield from section(process, 4, protect)
        base = yield from works(process.map_view_of_file(handle, access))
        equal((yield from query(process, base)), (4, COMMIT, shown))


@case("MapViewOfFile", "a read-only view can't be written", MAP)
def _(process: Any) -> Steps:
    base = yield from view(process, access=READ)
    yield from process.read(base, 1)
    yield from raises(AV, process.write(base + 3, 1), 1, base + 3)


@case("MapViewOfFileEx", "takes the address that is asked for", MAP_EX)
def _(process: Any) -> Steps:
    handle = yield from section(process, 4)
    equal((yield from process.map_view_of_file_ex(handle, WRITE, 0, 0, 0x2000_0000)), 0x2000_0000)


@case("MapViewOfFileEx", "the address must be a multiple of 64 KiB", "[ntdll/virtual.c:1523, 1530]")
def _(process: Any) -> Steps:
    handle = yield from section(process, 4)
    for base in (0x2000_1000, 0x2000_002A):
        call = process.map_view_of_file_ex(handle, WRITE, 0, 0, base)
        yield from fails(process, w.ERROR_MAPPED_ALIGNMENT, call)


@case("MapViewOfFileEx", "the addresses must be free", MAP_EX)
def _(process: Any) -> Steps:
    base = yield from region(process)
    handle = yield from section(process, 4)
    yield from fails(process, ADDRESS, process.map_view_of_file_ex(handle, WRITE, 0, 0, base))


@case("MapViewOfFile", "views of one section show the same pages", MAP)
def _(process: Any) -> Steps:
    handle = yield from section(process, 4)
    first = yield from works(process.map_view_of_file(handle, WRITE))
    second = yield from works(process.map_view_of_file(handle, READ))
    yield from process.write(first, 4 * PAGE)
    yield from process.read(second, 4 * PAGE)
    equal(state(process, first, 4)["frame"].tolist(), state(process, second, 4)["frame"].tolist())


@case("MapViewOfFile", "views of one file by two sections show the same pages", MAP, **FILE)
def _(process: Any) -> Steps:
    first = yield from mapped(process)
    second = yield from mapped(process)
    yield from process.write(first, 4 * PAGE)
    yield from process.read(second, 4 * PAGE)
    equal(state(process, first, 4)["frame"].tolist(), state(process, second, 4)["frame"].tolist())


@case("MapViewOfFile", "views in two processes show the same pages", MAP)
def _(process: Any) -> Steps:
    handle = yield from section(process, 4, name="shared")
    base = yield from works(process.map_view_of_file(handle, WRITE))
    yield from process.write(base, 4 * PAGE)
    frames: list[int] = []

    def reader(child: Any) -> Steps:
        mapping = yield from works(child.open_file_mapping(READ, "shared"))
        mine = yield from works(child.map_view_of_file(mapping, READ))
        yield from child.read(mine, 4 * PAGE)
        frames.extend(state(child, mine, 4)["frame"].tolist())

    equal((yield from other(process, reader)), 0)
    equal(frames, state(process, base, 4)["frame"].tolist())


@case("MapViewOfFile", "a page that another process has in memory is a soft fault", "MODEL section 2", **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from process.read(base, 4 * UNIT)
    took: list[int] = []

    def reader(child: Any) -> Steps:
        mine = yield from mapped(child)
        begun = hard_faults(child)
        yield from child.read(mine, 4 * UNIT)
        took.append(hard_faults(child) - begun)

    equal((yield from other(process, reader)), 0)
    equal(took, [0], "pages read from the disk")


@case("FILE_MAP_COPY", "the whole view is charged when it is mapped", "MODEL section 5", **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, w.PAGE_WRITECOPY))
    before = yield from charge(process)
    base = yield from works(process.map_view_of_file(handle, COPY))
    full = yield from charge(process)
    equal(full - before >= 64, True)
    yield from process.write(base, UNIT)
    equal((yield from charge(process)), full)


@case("FILE_MAP_COPY", "a page is shared until it is written", MAP, **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process, protect=w.PAGE_WRITECOPY, access=COPY)
    yield from process.read(base, 2 * PAGE)
    yield from process.write(base, 1)
    records = yield from process.query_working_set_ex([base, base + PAGE])
    equal([bool(record.shared) for record in records], [False, True])


@case("FILE_MAP_COPY", "other views don't see the copy", MAP, **FILE)
def _(process: Any) -> Steps:
    copy = yield from mapped(process, protect=w.PAGE_WRITECOPY, access=COPY)
    plain = yield from mapped(process)
    yield from process.write(copy, 1)
    yield from process.read(plain, 1)
    equal(bool(state(process, copy)["frame"][0] == state(process, plain)["frame"][0]), False)
    equal(bool(state(process, plain)["dirty"][0]), False)


@case("FILE_MAP_COPY", "a written page is marked PAGE_READWRITE", "[Memory Protection Constants]", **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process, protect=w.PAGE_WRITECOPY, access=COPY)
    yield from process.write(base, 1)
    record = (yield from process.query_working_set_ex([base]))[0]
    equal(record.win32_protection, RW)


@case("FILE_MAP_COPY", "unmapping gives the charge and the copies back", UNMAP, **FILE)
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data"))
    handle = yield from works(process.create_file_mapping(file, w.PAGE_WRITECOPY))
    base = yield from works(process.map_view_of_file(handle, COPY))
    yield from process.write(base, UNIT)
    full = yield from process.get_performance_info()
    yield from works(process.unmap_view_of_file(base))
    after = yield from process.get_performance_info()
    equal(after.commit_total <= full.commit_total - 64, True)
    equal(after.physical_available >= full.physical_available + 16, True)


@case("UnmapViewOfFile", "the address must be in a view", UNMAP)
def _(process: Any) -> Steps:
    base = yield from view(process)
    yield from fails(process, ADDRESS, process.unmap_view_of_file(0x2000_0000))
    yield from works(process.unmap_view_of_file(base))
    yield from fails(process, ADDRESS, process.unmap_view_of_file(base))


@case("UnmapViewOfFile", "private memory can't be unmapped", UNMAP)
def _(process: Any) -> Steps:
    base = yield from region(process)
    yield from fails(process, ADDRESS, process.unmap_view_of_file(base))


@case("UnmapViewOfFile", "the addresses are free afterwards", UNMAP)
def _(process: Any) -> Steps:
    base = yield from view(process)
    yield from process.write(base, PAGE)
    yield from works(process.unmap_view_of_file(base))
    equal((yield from process.virtual_query(base)).state, w.MEM_FREE)
    yield from raises(AV, process.read(base, 1), 0, base)


@case("UnmapViewOfFile", "dirty pages stay in memory for the next view", UNMAP, **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from process.write(base, UNIT)
    yield from works(process.unmap_view_of_file(base))
    base = yield from mapped(process)
    begun = hard_faults(process)
    yield from process.read(base, UNIT)
    equal(hard_faults(process), begun, "pages read from the disk")


@case("FlushViewOfFile", "the pages become clean and stay in the working set", FLUSH, **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from process.write(base, 4 * PAGE)
    equal(state(process, base, 4)["dirty"].all(), True)
    yield from works(process.flush_view_of_file(base, 4 * PAGE))
    yield from process.sleep(100)
    equal(state(process, base, 4)["dirty"].any(), False)
    equal((yield from valid(process, base, 4)), [True] * 4)


@case("FlushViewOfFile", "size 0 goes to the end of the view", FLUSH, **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from process.write(base, 4 * UNIT)
    yield from works(process.flush_view_of_file(base + UNIT, 0))
    yield from process.sleep(100)
    dirty = state(process, base, 64)["dirty"]
    equal((bool(dirty[:16].all()), bool(dirty[16:].any())), (True, False))


@case("FlushViewOfFile", "the address must be in a view", FLUSH)
def _(process: Any) -> Steps:
    yield from fails(process, 0, process.flush_view_of_file(0x2000_0000, PAGE))


@case("MapViewOfFile", "dirty mapped pages stay unwritten while they are shared", UNMAP, **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    yield from process.write(base, 4 * PAGE)
    yield from process.sleep(3000)
    equal(state(process, base, 4)["dirty"].all(), True)


@case("MapViewOfFile", "views can be mapped top down never over each other", MAP)
def _(process: Any) -> Steps:
    bases = yield from several(view(process, 17) for _ in range(8))
    bases.sort()
    equal(all(b - a >= 2 * UNIT for a, b in itertools.pairwise(bases)), True)
