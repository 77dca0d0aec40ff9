"""Files as sections need them: CreateFile, their sizes, flushing, and errors of the disk."""

from __future__ import annotations

from typing import Any

from simulator.config import Disk
from tests.windows.conformance.rules import *

CREATE, END = "[CreateFile]", "[SetEndOfFile]"
FILE: dict[str, Any] = {"files": {"data": UNIT}}
ANY = w.GENERIC_READ | w.GENERIC_WRITE
BROKEN = Disk(model="constant", parameters={"read": 1000, "write": 1000}, read_error_rate=1.0)


def opened(p: Any, name: str, disposition: int, size: int | None = None) -> Any:
    """CreateFile with the disposition that counts here."""
    return p.create_file(name, size, None, ANY, disposition)


def test_create_file(rule: Rule) -> None:
    with rule("opens a file that is there", CREATE, **FILE) as p:
        file = works(opened(p, "data", w.OPEN_EXISTING))
        assert p.get_file_size(file) == UNIT
    with rule("OPEN_EXISTING of a file that isn't there fails", CREATE) as p:
        p.set_last_error(0)
        assert opened(p, "none", w.OPEN_EXISTING) == w.INVALID_HANDLE_VALUE
        assert p.get_last_error() == w.ERROR_FILE_NOT_FOUND
    with rule("CREATE_NEW of a file that is there fails", CREATE, **FILE) as p:
        p.set_last_error(0)
        assert opened(p, "data", w.CREATE_NEW) == w.INVALID_HANDLE_VALUE
        assert p.get_last_error() == w.ERROR_FILE_EXISTS
    with rule("CREATE_ALWAYS of a file that is there empties it, with last error 183", CREATE, **FILE) as p:
        p.set_last_error(0)
        file = works(opened(p, "data", w.CREATE_ALWAYS))
        assert p.get_last_error() == w.ERROR_ALREADY_EXISTS
        assert p.get_file_size(file) == 0
    with rule("OPEN_ALWAYS opens or makes", CREATE, **FILE) as p:
        p.set_last_error(0)
        file = works(opened(p, "data", w.OPEN_ALWAYS))
        assert p.get_last_error() == w.ERROR_ALREADY_EXISTS
        assert p.get_file_size(file) == UNIT
        p.set_last_error(0)
        file = works(opened(p, "new", w.OPEN_ALWAYS))
        assert (p.get_last_error(), p.get_file_size(file)) == (0, 0)
    with rule("a new file can be opened by its name", CREATE) as p:
        works(opened(p, "new", w.CREATE_NEW, UNIT))
        file = works(opened(p, "new", w.OPEN_EXISTING))
        assert p.get_file_size(file) == UNIT


def test_set_end_of_file(rule: Rule) -> None:
    with rule("extends a file", END, **FILE) as p:
        file = works(opened(p, "data", w.OPEN_EXISTING))
        works(p.set_end_of_file(file, 2 * UNIT))
        assert p.get_file_size(file) == 2 * UNIT
    with rule("can't cut off what a section shows", END, **FILE) as p:
        file = works(opened(p, "data", w.OPEN_EXISTING))
        handle = works(p.create_file_mapping(file, RW))
        works(p.map_view_of_file(handle, w.FILE_MAP_WRITE))
        p.fails(w.ERROR_USER_MAPPED_FILE).set_end_of_file(file, PAGE)
        assert p.get_file_size(file) == UNIT
    with rule("needs a file opened for writing", END, **FILE) as p:
        file = works(p.create_file("data", None, None, w.GENERIC_READ))
        p.fails(w.ERROR_ACCESS_DENIED).set_end_of_file(file, 2 * UNIT)


def test_get_file_size(rule: Rule) -> None:
    with rule("a handle of something else is refused", "[GetFileSize]") as p:
        event = works(p.create_event())
        p.set_last_error(0)
        p.get_file_size(event)
        assert p.get_last_error() == w.ERROR_INVALID_HANDLE


def test_flush_file_buffers(rule: Rule) -> None:
    with rule("waits until everything is on the disk", "[FlushFileBuffers]", **FILE) as p:
        base = p.mapped()
        p.write(base, UNIT)
        works(p.flush_view_of_file(base, 0))
        file = works(opened(p, "data", w.OPEN_EXISTING))
        works(p.flush_file_buffers(file))
        assert not (p.state(base, 16)["dirty"].any())


def test_file_view(rule: Rule) -> None:
    with rule("a page of a new file is read without error", CREATE) as p:
        file = works(opened(p, "new", w.CREATE_NEW, UNIT))
        handle = works(p.create_file_mapping(file, RO))
        base = works(p.map_view_of_file(handle, w.FILE_MAP_READ))
        p.read(base, UNIT)
    with rule(
        "a read that fails raises an in-page error with kind, address and status",
        "[Reading and Writing From a File View]",
        machine={"disks": {"d": Disk(model="constant", parameters={"read": 1000, "write": 1000}), "e": BROKEN}},
    ) as p:
        file = works(p.create_file("bad", UNIT, "e", ANY, w.CREATE_NEW))
        handle = works(p.create_file_mapping(file, RW))
        base = works(p.map_view_of_file(handle, w.FILE_MAP_WRITE))
        try:
            p.raises(w.STATUS_IN_PAGE_ERROR, 0, base + 5).read(base + 5, 1)
        finally:
            works(p.unmap_view_of_file(base))
    with rule("the first touch of a file's page is a hard fault, the next none", "MODEL section 2", **FILE) as p:
        base = p.mapped()
        begun = p.hard_faults()
        p.read(base, 1)
        assert p.hard_faults() == begun + 1
        before = p.get_process_memory_info().page_fault_count
        p.read(base, 1)
        assert p.get_process_memory_info().page_fault_count == before
