"""MapViewOfFile(Ex), FlushViewOfFile, UnmapViewOfFile: where views lie, what they show, who shares them."""

from __future__ import annotations

import itertools
from typing import Any

from tests.windows.conformance.rules import *

MAP, MAP_EX, UNMAP = "[MapViewOfFile]", "[MapViewOfFileEx]", "[UnmapViewOfFile]"
FLUSH = "[FlushViewOfFile]"
FILE: dict[str, Any] = {"files": {"data": 4 * UNIT}}
WRITE, READ, COPY = w.FILE_MAP_WRITE, w.FILE_MAP_READ, w.FILE_MAP_COPY


def test_map_view_of_file(rule: Rule) -> None:
    with rule("a view begins at a multiple of 64 KiB", MAP) as p:
        for _ in range(3):
            assert p.view(1) % UNIT == 0
    with rule("length 0 goes to the end of the section", MAP, **FILE) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, RW))
        base = works(p.map_view_of_file(handle, WRITE, UNIT, 0))
        assert p.query(base) == (48, COMMIT, RW)
    with rule("a view may show a part of the section", MAP, **FILE) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, RW))
        base = works(p.map_view_of_file(handle, WRITE, UNIT, 3 * PAGE))
        assert p.query(base) == (3, COMMIT, RW)
    with rule("the length goes up to a page", MAP, **FILE) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, RW))
        base = works(p.map_view_of_file(handle, WRITE, 0, PAGE + 1))
        assert p.query(base) == (2, COMMIT, RW)
    with rule("the offset must be a multiple of 64 KiB", MAP, **FILE) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, RW))
        p.fails(w.ERROR_MAPPED_ALIGNMENT).map_view_of_file(handle, WRITE, PAGE, PAGE)
    with rule("a view can't go beyond the section", MAP) as p:
        handle = p.section(16)
        p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, WRITE, 0, 2 * UNIT)
        p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, WRITE, UNIT, PAGE)
    with rule("a handle of something else is refused", MAP) as p:
        event = works(p.create_event())
        p.fails(w.ERROR_INVALID_HANDLE).map_view_of_file(event, WRITE)
    with rule("write access to a read-only section is refused", MAP) as p:
        handle = p.section(4, RO)
        p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, WRITE)
        works(p.map_view_of_file(handle, READ))
    with rule("write access to a copy-on-write section is refused", MAP) as p:
        handle = p.section(4, w.PAGE_WRITECOPY)
        p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, WRITE)
        works(p.map_view_of_file(handle, COPY))
    with rule("execute access needs an executable section", MAP) as p:
        handle = p.section(4, RW)
        p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, READ | w.FILE_MAP_EXECUTE)


def test_views_by_handles_of_others(rule: Rule) -> None:
    with rule("write access through a handle that was opened for reading is refused", "[OpenFileMapping]") as p:
        p.section(4, RW, "shared")
        handle = works(p.open_file_mapping(READ, "shared"))
        p.fails(w.ERROR_ACCESS_DENIED).map_view_of_file(handle, WRITE)
    for name, protect, access, shown in (
        ("FILE_MAP_READ shows PAGE_READONLY", RW, READ, RO),
        ("FILE_MAP_WRITE shows PAGE_READWRITE", RW, WRITE, RW),
        ("FILE_MAP_COPY shows PAGE_WRITECOPY", RW, COPY, w.PAGE_WRITECOPY),
        ("FILE_MAP_ALL_ACCESS shows PAGE_READWRITE", RW, w.FILE_MAP_ALL_ACCESS, RW),
        (
            "read and execute show PAGE_EXECUTE_READ",
            w.PAGE_EXECUTE_READ,
            READ | w.FILE_MAP_EXECUTE,
            w.PAGE_EXECUTE_READ,
        ),
    ):
        with rule(name, MAP) as p:
            handle = p.section(4, protect)
            base = works(p.map_view_of_file(handle, access))
            assert p.query(base) == (4, COMMIT, shown)
    with rule("a read-only view can't be written", MAP) as p:
        base = p.view(access=READ)
        p.read(base, 1)
        p.raises(AV, 1, base + 3).write(base + 3, 1)


def test_map_view_of_file_ex(rule: Rule) -> None:
    with rule("takes the address that is asked for", MAP_EX) as p:
        handle = p.section(4)
        assert p.map_view_of_file_ex(handle, WRITE, 0, 0, 0x2000_0000) == 0x2000_0000
    with rule("the address must be a multiple of 64 KiB", "[ntdll/virtual.c:1523, 1530]") as p:
        handle = p.section(4)
        for base in (0x2000_1000, 0x2000_002A):
            p.fails(w.ERROR_MAPPED_ALIGNMENT).map_view_of_file_ex(handle, WRITE, 0, 0, base)
    with rule("the addresses must be free", MAP_EX) as p:
        base = p.region()
        handle = p.section(4)
        p.fails(ADDRESS).map_view_of_file_ex(handle, WRITE, 0, 0, base)


def test_views_of_one_section(rule: Rule) -> None:
    with rule("views of one section show the same pages", MAP) as p:
        handle = p.section(4)
        first = works(p.map_view_of_file(handle, WRITE))
        second = works(p.map_view_of_file(handle, READ))
        p.write(first, 4 * PAGE)
        p.read(second, 4 * PAGE)
        assert p.state(first, 4)["frame"].tolist() == p.state(second, 4)["frame"].tolist()
    with rule("views of one file by two sections show the same pages", MAP, **FILE) as p:
        first = p.mapped()
        second = p.mapped()
        p.write(first, 4 * PAGE)
        p.read(second, 4 * PAGE)
        assert p.state(first, 4)["frame"].tolist() == p.state(second, 4)["frame"].tolist()
    with rule("views in two processes show the same pages", MAP) as p:
        handle = p.section(4, name="shared")
        base = works(p.map_view_of_file(handle, WRITE))
        p.write(base, 4 * PAGE)
        frames: list[int] = []

        def reader(child: Any) -> None:
            mapping = works(child.open_file_mapping(READ, "shared"))
            mine = works(child.map_view_of_file(mapping, READ))
            child.read(mine, 4 * PAGE)
            frames.extend(child.state(mine, 4)["frame"].tolist())

        assert p.other(reader) == 0
        assert frames == p.state(base, 4)["frame"].tolist()
    with rule("a page that another process has in memory is a soft fault", "MODEL section 2", **FILE) as p:
        base = p.mapped()
        p.read(base, 4 * UNIT)
        took: list[int] = []

        def reader(child: Any) -> None:
            mine = child.mapped()
            begun = child.hard_faults()
            child.read(mine, 4 * UNIT)
            took.append(child.hard_faults() - begun)

        assert p.other(reader) == 0
        assert took == [0]


def test_file_map_copy(rule: Rule) -> None:
    with rule("the whole view is charged when it is mapped", "MODEL section 5", **FILE) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, w.PAGE_WRITECOPY))
        before = p.charge()
        base = works(p.map_view_of_file(handle, COPY))
        full = p.charge()
        assert full - before >= 64
        p.write(base, UNIT)
        assert p.charge() == full
    with rule("a page is shared until it is written", MAP, **FILE) as p:
        base = p.mapped(protect=w.PAGE_WRITECOPY, access=COPY)
        p.read(base, 2 * PAGE)
        p.write(base, 1)
        records = p.query_working_set_ex([base, base + PAGE])
        assert [bool(record.shared) for record in records] == [False, True]
    with rule("other views don't see the copy", MAP, **FILE) as p:
        copy = p.mapped(protect=w.PAGE_WRITECOPY, access=COPY)
        plain = p.mapped()
        p.write(copy, 1)
        p.read(plain, 1)
        assert p.state(copy)["frame"][0] != p.state(plain)["frame"][0]
        assert not p.state(plain)["dirty"][0]
    with rule("a written page is marked PAGE_READWRITE", "[Memory Protection Constants]", **FILE) as p:
        base = p.mapped(protect=w.PAGE_WRITECOPY, access=COPY)
        p.write(base, 1)
        record = p.query_working_set_ex([base])[0]
        assert record.win32_protection == RW
    with rule("unmapping gives the charge and the copies back", UNMAP, **FILE) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, w.PAGE_WRITECOPY))
        base = works(p.map_view_of_file(handle, COPY))
        p.write(base, UNIT)
        full = p.get_performance_info()
        works(p.unmap_view_of_file(base))
        after = p.get_performance_info()
        assert after.commit_total <= full.commit_total - 64
        assert after.physical_available >= full.physical_available + 16


def test_unmap_view_of_file(rule: Rule) -> None:
    with rule("the address must be in a view", UNMAP) as p:
        base = p.view()
        p.fails(ADDRESS).unmap_view_of_file(0x2000_0000)
        works(p.unmap_view_of_file(base))
        p.fails(ADDRESS).unmap_view_of_file(base)
    with rule("private memory can't be unmapped", UNMAP) as p:
        base = p.region()
        p.fails(ADDRESS).unmap_view_of_file(base)
    with rule("the addresses are free afterwards", UNMAP) as p:
        base = p.view()
        p.write(base, PAGE)
        works(p.unmap_view_of_file(base))
        assert p.virtual_query(base).state == w.MEM_FREE
        p.raises(AV, 0, base).read(base, 1)
    with rule("dirty pages stay in memory for the next view", UNMAP, **FILE) as p:
        base = p.mapped()
        p.write(base, UNIT)
        works(p.unmap_view_of_file(base))
        base = p.mapped()
        begun = p.hard_faults()
        p.read(base, UNIT)
        assert p.hard_faults() == begun


def test_flush_view_of_file(rule: Rule) -> None:
    with rule("the pages become clean and stay in the working set", FLUSH, **FILE) as p:
        base = p.mapped()
        p.write(base, 4 * PAGE)
        assert p.state(base, 4)["dirty"].all()
        works(p.flush_view_of_file(base, 4 * PAGE))
        p.sleep(100)
        assert not (p.state(base, 4)["dirty"].any())
        assert p.valid(base, 4) == [True] * 4
    with rule("size 0 goes to the end of the view", FLUSH, **FILE) as p:
        base = p.mapped()
        p.write(base, 4 * UNIT)
        works(p.flush_view_of_file(base + UNIT, 0))
        p.sleep(100)
        dirty = p.state(base, 64)["dirty"]
        assert (bool(dirty[:16].all()), bool(dirty[16:].any())) == (True, False)
    with rule("the address must be in a view", FLUSH) as p:
        p.fails(0).flush_view_of_file(0x2000_0000, PAGE)


def test_dirty_pages_of_views(rule: Rule) -> None:
    with rule("dirty mapped pages stay unwritten while they are shared", UNMAP, **FILE) as p:
        base = p.mapped()
        p.write(base, 4 * PAGE)
        p.sleep(3000)
        assert p.state(base, 4)["dirty"].all()
    with rule("views can be mapped top down never over each other", MAP) as p:
        bases = [p.view(17) for _ in range(8)]
        bases.sort()
        assert all(b - a >= 2 * UNIT for a, b in itertools.pairwise(bases))
