"""ReadProcessMemory and WriteProcessMemory: what they copy, and whose pages they bring in."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

WINE = "[k32/virtual.c: test_VirtualAllocEx]"
READ, WRITE = "[ReadProcessMemory]", "[WriteProcessMemory]"
PARTIAL, CLOSED = w.ERROR_PARTIAL_COPY, w.ERROR_NOACCESS
SIZE = 16 * PAGE


def sleeper(p: Any) -> None:
    """A process that does nothing for a while."""
    p.sleep(1000)


def target(p: Any, protect: int = w.PAGE_EXECUTE_READWRITE, kind: int = BOTH) -> Any:
    """(handle of another process, memory of it, a buffer of this one)."""
    handle = works(p.create_process("b", sleeper))
    memory = works(p.virtual_alloc_ex(handle, 0, SIZE, kind, protect))
    return handle, memory, p.region()


def faulted(p: Any, name: str) -> int:
    """Pages in the working set of a process, by its name."""
    owner = next(owner for owner in p.system.processes if owner.name == name)
    return int(p.system.pages.size(owner.number))


def test_write_process_memory(rule: Rule) -> None:
    with rule("copies all of it, and so does ReadProcessMemory", WINE) as p:
        handle, memory, buffer = target(p)
        assert p.write_process_memory(handle, memory, buffer, SIZE) == SIZE
        assert p.read_process_memory(handle, memory, buffer, SIZE) == SIZE


def test_read_process_memory(rule: Rule) -> None:
    with rule("0 bytes are copied at once", WINE) as p:
        handle, memory, buffer = target(p)
        assert p.read_process_memory(handle, memory, buffer, 0) == 0
        assert p.write_process_memory(handle, memory, buffer, 0) == 0


def test_writing_brings_pages_in(rule: Rule) -> None:
    with rule("brings the other process's pages into its working set, stored to", WRITE) as p:
        handle, memory, _ = target(p)
        buffer = p.region(16, BOTH | w.MEM_WRITE_WATCH)
        before = faulted(p, "b")
        works(p.write_process_memory(handle, memory + 5, buffer, 2 * PAGE))
        assert faulted(p, "b") == before + 3
        assert p.valid(buffer, 3) == [True, True, False]
        assert p.get_write_watch(buffer, SIZE) == []


def test_reading_brings_pages_in(rule: Rule) -> None:
    with rule("reads the other process's pages, and stores to its own", READ) as p:
        handle, memory, _ = target(p)
        buffer = p.region(16, BOTH | w.MEM_WRITE_WATCH)
        before = faulted(p, "b")
        works(p.read_process_memory(handle, memory, buffer, 2 * PAGE))
        assert faulted(p, "b") == before + 2
        assert p.get_write_watch(buffer, SIZE) == [buffer, buffer + PAGE]
    with rule("into a buffer that ends: 299, with what goes before copied", WINE) as p:
        handle, memory, buffer = target(p)
        works(p.virtual_protect(buffer + 2 * PAGE, 2 * PAGE, NOACCESS))
        p.fails(PARTIAL).read_process_memory(handle, memory, buffer, SIZE)
        assert p.valid(buffer, 4) == [True, True, False, False]


def test_writing_from_what_cannot_be_read(rule: Rule) -> None:
    with rule("from a buffer that can't be read as a whole: 299, and nothing is written", WINE) as p:
        handle, memory, buffer = target(p)
        before = faulted(p, "b")
        for first in (2 * PAGE, 0):
            works(p.virtual_protect(buffer + first, 2 * PAGE, NOACCESS))
            p.fails(PARTIAL).write_process_memory(handle, memory, buffer, SIZE)
        assert faulted(p, "b") == before
    with rule("to read-only or inaccessible memory: 998, and nothing is written", WINE) as p:
        handle, memory, buffer = target(p)
        before = faulted(p, "b")
        for protect in (RO, NOACCESS):
            works(p.virtual_protect_ex(handle, memory, SIZE, protect))
            p.fails(CLOSED).write_process_memory(handle, memory, buffer, SIZE)
        assert faulted(p, "b") == before
    with rule("to code makes it writable for the while", WINE) as p:
        handle, memory, buffer = target(p)
        works(p.virtual_protect_ex(handle, memory, SIZE, w.PAGE_EXECUTE_READ))
        assert p.write_process_memory(handle, memory, buffer, SIZE) == SIZE
        assert works(p.virtual_query_ex(handle, memory)).protect == w.PAGE_EXECUTE_READ
    with rule("the first page decides: writable ones before code or read-only ones: 299", WINE) as p:
        handle, memory, buffer = target(p)
        before = faulted(p, "b")
        for protect in (w.PAGE_EXECUTE_READ, RO):
            works(p.virtual_protect_ex(handle, memory + 2 * PAGE, SIZE - 2 * PAGE, protect))
            p.fails(PARTIAL).write_process_memory(handle, memory, buffer, SIZE)
            assert faulted(p, "b") == before + 2


def test_reading_what_cannot_be_read(rule: Rule) -> None:
    with rule("of what isn't committed, or is guarded, copies what goes before: 299", READ) as p:
        handle, memory, buffer = target(p)
        works(p.virtual_protect_ex(handle, memory + PAGE, PAGE, RW | GUARD))
        p.fails(PARTIAL).read_process_memory(handle, memory, buffer, 2 * PAGE)
        p.fails(PARTIAL).read_process_memory(handle, memory + SIZE, buffer, PAGE)
        assert works(p.virtual_query_ex(handle, memory + PAGE)).protect == RW | GUARD


def test_writing_to_what_cannot_be_written(rule: Rule) -> None:
    with rule("to what is reserved only: 487", "ros: dll/win32/kernel32/client/proc.c") as p:
        handle, memory, buffer = target(p, RW, RESERVE)
        p.fails(ADDRESS).write_process_memory(handle, memory, buffer, PAGE)
    with rule("counts as a store for a write watch, in this process, too", WRITE) as p:
        base = p.region(16, BOTH | w.MEM_WRITE_WATCH)
        buffer = p.region()
        works(p.write_process_memory(-1, base + 3 * PAGE, buffer, PAGE))
        works(p.read_process_memory(-1, buffer, base + 5 * PAGE, 1))
        assert p.get_write_watch(base, SIZE) == [base + 3 * PAGE, base + 5 * PAGE]
    with rule("... and for the write watch of the process that is written to", WRITE) as p:

        def writer(p: Any, place: int) -> None:
            handle = works(p.open_process("a"))
            buffer = p.region(1)
            works(p.write_process_memory(handle, place, buffer, PAGE))

        base = p.region(16, BOTH | w.MEM_WRITE_WATCH)
        assert p.other(writer, place=base + 3 * PAGE) == 0
        assert p.get_write_watch(base, SIZE) == [base + 3 * PAGE]


def test_handles_of_other_processes(rule: Rule) -> None:
    with rule("refuses a handle that is no process's, or of one that has ended", READ) as p:
        handle, memory, buffer = target(p)
        event = works(p.create_event())
        p.fails(w.ERROR_INVALID_HANDLE).read_process_memory(event, memory, buffer, 1)
        works(p.terminate_process(handle, 0))
        p.fails(w.ERROR_ACCESS_DENIED).read_process_memory(handle, memory, buffer, 1)


def test_writing_to_shared_pages(rule: Rule) -> None:
    with rule("copies a copy-on-write page of code, not the file's", WRITE, files={"data": 4 * PAGE}) as p:
        file = works(p.create_file("data", access=w.GENERIC_ALL))
        section = works(p.create_file_mapping(file, w.PAGE_EXECUTE_READWRITE))
        view = works(p.map_view_of_file(section, w.FILE_MAP_COPY | w.FILE_MAP_EXECUTE))
        buffer = p.region()
        works(p.write_process_memory(-1, view, buffer, PAGE))
        assert p.state(view, 2)["copied"].tolist() == [True, False]
        assert p.query(view)[2] == w.PAGE_EXECUTE_READWRITE
