"""CreateFileMapping and OpenFileMapping: sections, their names, sizes, charges and lifetimes."""

from __future__ import annotations

from typing import Any

from simulator.config import Disk
from tests.windows.conformance.rules import *

CREATE, OPEN, MAP = "[CreateFileMapping]", "[OpenFileMapping]", "[MapViewOfFile]"
FILE: dict[str, Any] = {"files": {"data": UNIT}}
SMALL_DISK = {"disks": {"d": Disk(model="constant", parameters={"read": 1000, "write": 1000}, capacity=16 * MiB)}}
WRITE, READ = w.FILE_MAP_WRITE, w.FILE_MAP_READ
NONE = w.INVALID_HANDLE_VALUE


def test_create_file_mapping(rule: Rule) -> None:
    with rule("without a file it is backed by the paging files, and zero", CREATE) as p:
        handle = p.section(4)
        base = works(p.map_view_of_file(handle, WRITE))
        p.read(base, 4 * PAGE)
        assert p.valid(base, 4) == [True] * 4
    with rule("without a file a size is needed", CREATE) as p:
        p.fails(PARAMETER).create_file_mapping(NONE, RW, 0)
    with rule("a bad handle is refused", CREATE) as p:
        p.fails(w.ERROR_INVALID_HANDLE).create_file_mapping(0x7777770, RW, PAGE)
    for name, protect in {
        "no protection": 0,
        "PAGE_NOACCESS": w.PAGE_NOACCESS,
        "two protections": RW | RO,
        "PAGE_GUARD": RW | w.PAGE_GUARD,
        "SEC_COMMIT with SEC_RESERVE": RW | w.SEC_COMMIT | w.SEC_RESERVE,
    }.items():
        with rule(f"{name} is refused", CREATE) as p:
            p.fails(PARAMETER).create_file_mapping(NONE, protect, PAGE)
    with rule("size 0 is the file's size", CREATE, **FILE) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, RW))
        base = works(p.map_view_of_file(handle, WRITE))
        assert p.query(base) == (16, COMMIT, RW)
    with rule("an empty file can't be mapped with size 0", CREATE) as p:
        file = works(p.create_file("new", 0, None, w.GENERIC_READ | w.GENERIC_WRITE, w.CREATE_NEW))
        p.fails(w.ERROR_FILE_INVALID).create_file_mapping(file, RW)
    with rule("a larger size extends the file at once", CREATE, **FILE) as p:
        file = works(p.create_file("data"))
        works(p.create_file_mapping(file, RW, 2 * UNIT))
        assert p.get_file_size(file) == 2 * UNIT
    with rule("a file isn't extended without write protection", CREATE, **FILE) as p:
        file = works(p.create_file("data"))
        p.fails(0).create_file_mapping(file, RO, 2 * UNIT)
        assert p.get_file_size(file) == UNIT
    with rule("a smaller size maps the beginning of the file", CREATE, **FILE) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, RW, 4 * PAGE))
        base = works(p.map_view_of_file(handle, WRITE))
        assert p.query(base) == (4, COMMIT, RW)
        assert p.get_file_size(file) == UNIT
    with rule("a disk that is full can't hold a larger file", CREATE, machine=SMALL_DISK, **FILE) as p:
        file = works(p.create_file("data"))
        p.fails(w.ERROR_DISK_FULL).create_file_mapping(file, RW, 64 * MiB)


def test_sections_and_access_to_their_file(rule: Rule) -> None:
    with rule("write access needs a file opened for writing", CREATE, **FILE) as p:
        file = works(p.create_file("data", None, None, w.GENERIC_READ))
        p.fails(w.ERROR_ACCESS_DENIED).create_file_mapping(file, RW)
        works(p.create_file_mapping(file, RO))
        works(p.create_file_mapping(file, w.PAGE_WRITECOPY))
    with rule("an existing name gives its section, with its size and last error 183", CREATE) as p:
        p.section(4, name="shared")
        p.set_last_error(0)
        second = works(p.create_file_mapping(NONE, RW, 64 * PAGE, "shared"))
        assert p.get_last_error() == w.ERROR_ALREADY_EXISTS
        base = works(p.map_view_of_file(second, WRITE))
        assert p.query(base) == (4, COMMIT, RW)
    with rule("a new name leaves no such error", CREATE) as p:
        p.set_last_error(77)
        p.section(4, name="shared")
        assert p.get_last_error() != w.ERROR_ALREADY_EXISTS
    with rule("the name of another kind of object is refused", CREATE) as p:
        works(p.create_event(False, False, "taken"))
        p.fails(w.ERROR_INVALID_HANDLE).create_file_mapping(NONE, RW, PAGE, "taken")
    with rule("a section without a file is charged when it is made", "MODEL section 13 (7)") as p:
        before = p.charge()
        p.section(100)
        assert p.charge() - before in range(100, 104)
    with rule("views of a section without a file are charged nothing more", "MODEL section 5") as p:
        handle = p.section(100)
        before = p.get_process_memory_info()
        works(p.map_view_of_file(handle, WRITE))
        after = p.get_process_memory_info()
        assert after.private_usage - before.private_usage < 100 * PAGE
    with rule("a view of a file is charged nothing for its pages", "MODEL section 5", files={"data": 8 * UNIT}) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, RW))
        before = p.charge()
        works(p.map_view_of_file(handle, WRITE))
        assert p.charge() - before < 16
    with rule("beyond the commit limit it fails", "MODEL section 13 (7)", paging_pages=64) as p:
        p.fails(w.ERROR_COMMITMENT_LIMIT).create_file_mapping(NONE, RW, 4096 * PAGE)


def test_sec_reserve(rule: Rule) -> None:
    with rule("the pages of the view are reserved", CREATE) as p:
        handle = p.section(16, RW | w.SEC_RESERVE)
        base = works(p.map_view_of_file(handle, WRITE))
        assert p.query(base)[:2] == (16, RESERVE)
        p.raises(w.STATUS_ACCESS_VIOLATION, 0, base).read(base, 1)
    with rule("VirtualAlloc commits pages of the view", CREATE) as p:
        handle = p.section(16, RW | w.SEC_RESERVE)
        base = works(p.map_view_of_file(handle, WRITE))
        before = p.charge()
        works(p.virtual_alloc(base + PAGE, 2 * PAGE, COMMIT, RW))
        assert p.query(base + PAGE) == (2, COMMIT, RW)
        assert p.charge() == before + 2
        p.write(base + PAGE, 2 * PAGE)
    with rule("what one view commits is committed in all", CREATE) as p:
        handle = p.section(16, RW | w.SEC_RESERVE)
        first = works(p.map_view_of_file(handle, WRITE))
        second = works(p.map_view_of_file(handle, WRITE))
        works(p.virtual_alloc(first, 2 * PAGE, COMMIT, RW))
        p.write(second, 2 * PAGE)
        assert p.query(second)[:2] == (2, COMMIT)
    with rule("committed pages can't be decommitted", CREATE) as p:
        handle = p.section(16, RW | w.SEC_RESERVE)
        base = works(p.map_view_of_file(handle, WRITE))
        works(p.virtual_alloc(base, 2 * PAGE, COMMIT, RW))
        p.fails(PARAMETER).virtual_free(base, 2 * PAGE, w.MEM_DECOMMIT)
        p.write(base, 2 * PAGE)
    with rule("isn't charged before it is committed", CREATE) as p:
        before = p.charge()
        p.section(200, RW | w.SEC_RESERVE)
        assert p.charge() - before < 10
    with rule("has no effect on a file's section", CREATE, **FILE) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, RW | w.SEC_RESERVE))
        base = works(p.map_view_of_file(handle, WRITE))
        assert p.query(base) == (16, COMMIT, RW)


def test_sec_large_pages(rule: Rule) -> None:
    with rule("needs the privilege to lock pages", CREATE, privileges=(), settings={"large_page_minimum": UNIT}) as p:
        p.fails(w.ERROR_PRIVILEGE_NOT_HELD).create_file_mapping(NONE, RW | w.SEC_COMMIT | w.SEC_LARGE_PAGES, UNIT)


def test_open_file_mapping(rule: Rule) -> None:
    with rule("gives a handle to the named section", OPEN) as p:
        p.section(4, name="shared")
        handle = works(p.open_file_mapping(WRITE, "shared"))
        base = works(p.map_view_of_file(handle, WRITE))
        assert p.query(base) == (4, COMMIT, RW)
    with rule("fails if no section has the name", OPEN) as p:
        p.fails(w.ERROR_FILE_NOT_FOUND).open_file_mapping(WRITE, "nowhere")
    with rule("the name of another kind of object is refused", OPEN) as p:
        works(p.create_event(False, False, "taken"))
        p.fails(w.ERROR_INVALID_HANDLE).open_file_mapping(WRITE, "taken")
    with rule("a name ends with the last handle, though views are left", "[CreateFileMapping]") as p:
        handle = p.section(4, name="shared")
        base = works(p.map_view_of_file(handle, WRITE))
        works(p.close_handle(handle))
        p.fails(w.ERROR_FILE_NOT_FOUND).open_file_mapping(WRITE, "shared")
        p.write(base, PAGE)


def test_close_handle(rule: Rule) -> None:
    with rule("a section lives while a view is left", "[CreateFileMapping]") as p:
        handle = p.section(100)
        base = works(p.map_view_of_file(handle, WRITE))
        full = p.charge()
        works(p.close_handle(handle))
        assert p.charge() == full
        p.write(base, 100 * PAGE)
        works(p.unmap_view_of_file(base))
        assert p.charge() <= full - 100
    with rule("a section lives while a handle is left", "[CreateFileMapping]") as p:
        handle = p.section(4)
        base = works(p.map_view_of_file(handle, WRITE))
        p.write(base, 4 * PAGE)
        works(p.unmap_view_of_file(base))
        base = works(p.map_view_of_file(handle, READ))
        full = p.charge()
        works(p.unmap_view_of_file(base))
        works(p.close_handle(handle))
        assert p.charge() <= full - 4
    with rule(
        "a file's handle may be closed before the section's, and that before the view", "[CreateFileMapping]", **FILE
    ) as p:
        file = works(p.create_file("data"))
        handle = works(p.create_file_mapping(file, RW))
        base = works(p.map_view_of_file(handle, WRITE))
        works(p.close_handle(file))
        works(p.close_handle(handle))
        p.write(base, UNIT)
        works(p.virtual_alloc(0, PAGE, BOTH, RW))
