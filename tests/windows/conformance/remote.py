"""ReadProcessMemory and WriteProcessMemory: what they copy, and whose pages they bring in."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import (
    ADDRESS,
    BOTH,
    GUARD,
    NOACCESS,
    PAGE,
    RESERVE,
    RO,
    RW,
    Steps,
    Table,
    equal,
    fails,
    other,
    query,
    region,
    state,
    valid,
    works,
)

case = Table()
WINE = "[k32/virtual.c: test_VirtualAllocEx]"
READ, WRITE = "[ReadProcessMemory]", "[WriteProcessMemory]"
PARTIAL, CLOSED = w.ERROR_PARTIAL_COPY, w.ERROR_NOACCESS
SIZE = 16 * PAGE


def sleeper(process: Any) -> Steps:
    """A process that does nothing for a while."""
    yield from process.sleep(1000)


def target(process: Any, protect: int = w.PAGE_EXECUTE_READWRITE, kind: int = BOTH) -> Steps:
    """(handle of another process, memory of it, a buffer of this one)."""
    handle = yield from works(process.create_process("b", sleeper))
    memory = yield from works(process.virtual_alloc_ex(handle, 0, SIZE, kind, protect))
    return handle, memory, (yield from region(process))


def faulted(process: Any, name: str) -> int:
    """Pages in the working set of a process, by its name."""
    owner = next(owner for owner in process.system.processes if owner.name == name)
    return int(process.system.pages.size(owner.number))


@case("WriteProcessMemory", "copies all of it, and so does ReadProcessMemory", WINE)
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process)
    equal((yield from process.write_process_memory(handle, memory, buffer, SIZE)), SIZE)
    equal((yield from process.read_process_memory(handle, memory, buffer, SIZE)), SIZE)


@case("ReadProcessMemory", "0 bytes are copied at once", WINE)
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process)
    equal((yield from process.read_process_memory(handle, memory, buffer, 0)), 0)
    equal((yield from process.write_process_memory(handle, memory, buffer, 0)), 0)


@case("WriteProcessMemory", "brings the other process's pages into its working set, stored to", WRITE)
def _(process: Any) -> Steps:
    handle, memory, _ = yield from target(process)
    buffer = yield from region(process, 16, BOTH | w.MEM_WRITE_WATCH)
    before = faulted(process, "b")
    yield from works(process.write_process_memory(handle, memory + 5, buffer, 2 * PAGE))
    equal(faulted(process, "b"), before + 3)
    equal((yield from valid(process, buffer, 3)), [True, True, False])
    equal((yield from process.get_write_watch(buffer, SIZE)), [])


@case("ReadProcessMemory", "reads the other process's pages, and stores to its own", READ)
def _(process: Any) -> Steps:
    handle, memory, _ = yield from target(process)
    buffer = yield from region(process, 16, BOTH | w.MEM_WRITE_WATCH)
    before = faulted(process, "b")
    yield from works(process.read_process_memory(handle, memory, buffer, 2 * PAGE))
    equal(faulted(process, "b"), before + 2)
    equal((yield from process.get_write_watch(buffer, SIZE)), [buffer, buffer + PAGE])


@case("ReadProcessMemory", "into a buffer that ends: 299, with what goes before copied", WINE)
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process)
    yield from works(process.virtual_protect(buffer + 2 * PAGE, 2 * PAGE, NOACCESS))
    yield from fails(process, PARTIAL, process.read_process_memory(handle, memory, buffer, SIZE))
    equal((yield from valid(process, buffer, 4)), [True, True, False, False])


@case("WriteProcessMemory", "from a buffer that can't be read as a whole: 299, and nothing is written", WINE)
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process)
    before = faulted(process, "b")
    for first in (2 * PAGE, 0):
        yield from works(process.virtual_protect(buffer + first, 2 * PAGE, NOACCESS))
        yield from fails(process, PARTIAL, process.write_process_memory(handle, memory, buffer, SIZE))
    equal(faulted(process, "b"), before)


@case("WriteProcessMemory", "to read-only or inaccessible memory: 998, and nothing is written", WINE)
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process)
    before = faulted(process, "b")
    for protect in (RO, NOACCESS):
        yield from works(process.virtual_protect_ex(handle, memory, SIZE, protect))
        yield from fails(process, CLOSED, process.write_process_memory(handle, memory, buffer, SIZE))
    equal(faulted(process, "b"), before)


@case("WriteProcessMemory", "to code makes it writable for the while", WINE)
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process)
    yield from works(process.virtual_protect_ex(handle, memory, SIZE, w.PAGE_EXECUTE_READ))
    equal((yield from process.write_process_memory(handle, memory, buffer, SIZE)), SIZE)
    equal((yield from works(process.virtual_query_ex(handle, memory))).protect, w.PAGE_EXECUTE_READ)


@case("WriteProcessMemory", "the first page decides: writable ones before code or read-only ones: 299", WINE)
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process)
    before = faulted(process, "b")
    for protect in (w.PAGE_EXECUTE_READ, RO):
        yield from works(process.virtual_protect_ex(handle, memory + 2 * PAGE, SIZE - 2 * PAGE, protect))
        yield from fails(process, PARTIAL, process.write_process_memory(handle, memory, buffer, SIZE))
        equal(faulted(process, "b"), before + 2)


@case("ReadProcessMemory", "of what isn't committed, or is guarded, copies what goes before: 299", READ)
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process)
    yield from works(process.virtual_protect_ex(handle, memory + PAGE, PAGE, RW | GUARD))
    yield from fails(process, PARTIAL, process.read_process_memory(handle, memory, buffer, 2 * PAGE))
    yield from fails(process, PARTIAL, process.read_process_memory(handle, memory + SIZE, buffer, PAGE))
    equal((yield from works(process.virtual_query_ex(handle, memory + PAGE))).protect, RW | GUARD)


@case("WriteProcessMemory", "to what is reserved only: 487", "ros: dll/win32/kernel32/client/proc.c")
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process, RW, RESERVE)
    yield from fails(process, ADDRESS, process.write_process_memory(handle, memory, buffer, PAGE))


@case("WriteProcessMemory", "counts as a store for a write watch, in this process, too", WRITE)
def _(process: Any) -> Steps:
    base = yield from region(process, 16, BOTH | w.MEM_WRITE_WATCH)
    buffer = yield from region(process)
    yield from works(process.write_process_memory(-1, base + 3 * PAGE, buffer, PAGE))
    yield from works(process.read_process_memory(-1, buffer, base + 5 * PAGE, 1))
    equal((yield from process.get_write_watch(base, SIZE)), [base + 3 * PAGE, base + 5 * PAGE])


@case("WriteProcessMemory", "... and for the write watch of the process that is written to", WRITE)
def _(process: Any) -> Steps:
    def writer(process: Any, place: int) -> Steps:
        handle = yield from works(process.open_process("a"))
        buffer = yield from region(process, 1)
        yield from works(process.write_process_memory(handle, place, buffer, PAGE))

    base = yield from region(process, 16, BOTH | w.MEM_WRITE_WATCH)
    equal((yield from other(process, writer, place=base + 3 * PAGE)), 0)
    equal((yield from process.get_write_watch(base, SIZE)), [base + 3 * PAGE])


@case("ReadProcessMemory", "refuses a handle that is no process's, or of one that has ended", READ)
def _(process: Any) -> Steps:
    handle, memory, buffer = yield from target(process)
    event = yield from works(process.create_event())
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.read_process_memory(event, memory, buffer, 1))
    yield from works(process.terminate_process(handle, 0))
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.read_process_memory(handle, memory, buffer, 1))


@case("WriteProcessMemory", "copies a copy-on-write page of code, not the file's", WRITE, files={"data": 4 * PAGE})
def _(process: Any) -> Steps:
    file = yield from works(process.create_file("data", access=w.GENERIC_ALL))
    section = yield from works(process.create_file_mapping(file, w.PAGE_EXECUTE_READWRITE))
    view = yield from works(process.map_view_of_file(section, w.FILE_MAP_COPY | w.FILE_MAP_EXECUTE))
    buffer = yield from region(process)
    yield from works(process.write_process_memory(-1, view, buffer, PAGE))
    equal(state(process, view, 2)["copied"].tolist(), [True, False])
    equal((yield from query(process, view))[2], w.PAGE_EXECUTE_READWRITE)
