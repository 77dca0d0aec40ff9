"""InitializeProcessForWsWatch and GetWsChanges: the faults that brought pages into a working set."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import PAGE, RELEASE, Steps, Table, equal, fails, mapped, other, region, state, works

case = Table()
WINE = "[psapi/psapi_main.c: test_ws_functions]"
CHANGES, CHANGES_EX = "[GetWsChanges]", "[GetWsChangesEx]"
SOFT = 1
FILE: dict[str, Any] = {"files": {"data": 16 * PAGE}}


def pages(process: Any, base: int) -> Steps:
    """(number of the page from `base` on, whether the fault was soft) of each change."""
    found = yield from process.get_ws_changes()
    return [((one.faulting_va - base) // PAGE, bool(one.faulting_va & SOFT)) for one in found]


@case("GetWsChanges", "needs a watch", CHANGES)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_GEN_FAILURE, process.get_ws_changes())
    yield from fails(process, w.ERROR_GEN_FAILURE, process.get_ws_changes_ex())


@case("InitializeProcessForWsWatch", "refuses a handle that is no process's", WINE)
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.initialize_process_for_ws_watch(0))
    yield from fails(process, w.ERROR_INVALID_HANDLE, process.empty_working_set(0))
    yield from works(process.initialize_process_for_ws_watch())


@case("GetWsChanges", "finds a page that was touched, and locked", WINE)
def _(process: Any) -> Steps:
    yield from works(process.initialize_process_for_ws_watch())
    base = yield from region(process, 1)
    yield from process.write(base)
    yield from works(process.virtual_lock(base, 1))
    equal((yield from pages(process, base)), [(0, True)])


@case("GetWsChanges", "has each fault once, in order, soft ones with the lowest bit set", CHANGES, **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process)
    private = yield from region(process, 4)
    yield from works(process.initialize_process_for_ws_watch())
    yield from process.read(base + 3 * PAGE)  # from the disk
    yield from process.write(private + PAGE)  # demand-zero
    yield from process.write(private)
    yield from process.read(private)  # no fault
    found = yield from process.get_ws_changes()
    expected = [base + 3 * PAGE, private + PAGE + SOFT, private + SOFT]
    equal([one.faulting_va for one in found], expected)
    equal((yield from process.get_ws_changes()), [])


@case("GetWsChanges", "a page that was trimmed and comes back is a change", CHANGES)
def _(process: Any) -> Steps:
    base = yield from region(process, 4)
    yield from process.write(base, 4 * PAGE)
    yield from works(process.initialize_process_for_ws_watch())
    yield from works(process.empty_working_set())
    yield from process.read(base + 2 * PAGE)
    equal((yield from pages(process, base)), [(2, True)])


@case("GetWsChanges", "a page copied on write is a change", CHANGES, **FILE)
def _(process: Any) -> Steps:
    base = yield from mapped(process, access=w.FILE_MAP_COPY)
    yield from process.read(base)
    yield from works(process.initialize_process_for_ws_watch())
    yield from process.write(base)
    equal((yield from pages(process, base)), [(0, True)])


@case("GetWsChanges", "the faulting instruction is known where its fetch faulted", "[PSAPI_WS_WATCH_INFORMATION]")
def _(process: Any) -> Steps:
    code = yield from region(process, 1, protect=w.PAGE_EXECUTE_READ)
    data = yield from region(process, 1)
    yield from works(process.initialize_process_for_ws_watch())
    yield from process.execute(code, 4)
    yield from process.read(data)
    found = yield from process.get_ws_changes()
    equal([(one.faulting_pc, one.faulting_va - SOFT) for one in found], [(code, code), (0, data)])


@case("GetWsChangesEx", "names the thread, and its records are twice as large", CHANGES_EX)
def _(process: Any) -> Steps:
    base = yield from region(process, 3)
    yield from works(process.initialize_process_for_ws_watch())
    yield from process.write(base, 3 * PAGE)
    yield from fails(process, w.ERROR_INSUFFICIENT_BUFFER, process.get_ws_changes_ex(-1, 4 * 32 - 1))
    found = yield from process.get_ws_changes_ex(-1, 4 * 32)
    equal([(one.faulting_thread_id, one.flags) for one in found], [(process.thread, 0)] * 3)


@case("GetWsChanges", "too small a buffer: 122, and the changes stay; it must hold an end, too", CHANGES)
def _(process: Any) -> Steps:
    base = yield from region(process, 3)
    yield from works(process.initialize_process_for_ws_watch())
    yield from process.write(base, 3 * PAGE)
    yield from fails(process, w.ERROR_INSUFFICIENT_BUFFER, process.get_ws_changes(-1, 4 * 16 - 1))
    equal(len((yield from process.get_ws_changes(-1, 4 * 16))), 3)
    yield from fails(process, w.ERROR_INSUFFICIENT_BUFFER, process.get_ws_changes(-1, 15))
    equal((yield from process.get_ws_changes(-1, 16)), [])


@case("GetWsChanges", "records of a 32-bit process have 8 bytes", CHANGES, bits=32)
def _(process: Any) -> Steps:
    base = yield from region(process, 3)
    yield from works(process.initialize_process_for_ws_watch())
    yield from process.write(base, 3 * PAGE)
    yield from fails(process, w.ERROR_INSUFFICIENT_BUFFER, process.get_ws_changes(-1, 31))
    equal(len((yield from process.get_ws_changes(-1, 32))), 3)


@case("GetWsChanges", "when the buffer is full nothing is added until it is read", CHANGES, frames=4096)
def _(process: Any) -> Steps:
    base = yield from region(process, 1200)
    yield from works(process.initialize_process_for_ws_watch())
    yield from process.write(base, 1200 * PAGE)
    found = yield from pages(process, base)
    equal(found, [(i, True) for i in range(1024)])
    yield from works(process.virtual_free(base, 0, RELEASE))
    base = yield from region(process, 1)
    yield from process.write(base)
    equal((yield from pages(process, base)), [(0, True)])


@case("InitializeProcessForWsWatch", "again, forgets what was noted down", CHANGES)
def _(process: Any) -> Steps:
    base = yield from region(process, 3)
    yield from works(process.initialize_process_for_ws_watch())
    yield from process.write(base)
    yield from works(process.initialize_process_for_ws_watch())
    yield from process.write(base + PAGE)
    equal((yield from pages(process, base)), [(1, True)])


@case("InitializeProcessForWsWatch", "watches another process, which needn't know", CHANGES)
def _(process: Any) -> Steps:
    def watched(process: Any) -> Steps:
        yield from process.sleep(1)
        base = yield from region(process, 2)
        yield from process.write(base, 2 * PAGE)
        yield from process.sleep(2)

    handle = yield from works(process.create_process("b", watched))
    yield from works(process.initialize_process_for_ws_watch(handle))
    mine = yield from region(process, 1)
    yield from process.write(mine)
    yield from process.sleep(2)
    found = yield from process.get_ws_changes(handle)
    equal(len(found), 2)
    equal(found[1].faulting_va - found[0].faulting_va, PAGE)
    yield from fails(process, w.ERROR_GEN_FAILURE, process.get_ws_changes())
    yield from process.wait_for_single_object(handle)
    yield from fails(process, w.ERROR_ACCESS_DENIED, process.get_ws_changes(handle))


@case("GetWsChanges", "a page that another process writes into this one's memory is a change of this one", CHANGES)
def _(process: Any) -> Steps:
    base = yield from region(process, 2)

    def writer(process: Any, place: int) -> Steps:
        handle = yield from works(process.open_process("a"))
        buffer = yield from region(process, 1)
        yield from works(process.write_process_memory(handle, place, buffer, 8))

    yield from works(process.initialize_process_for_ws_watch())
    yield from other(process, writer, place=base + PAGE)
    equal((yield from pages(process, base)), [(1, True)])
    equal(state(process, base, 2)["stored"].tolist(), [False, True])
