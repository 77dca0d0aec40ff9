"""InitializeProcessForWsWatch and GetWsChanges: the faults that brought pages into a working set."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

WINE = "[psapi/psapi_main.c: test_ws_functions]"
CHANGES, CHANGES_EX = "[GetWsChanges]", "[GetWsChangesEx]"
SOFT = 1
FILE: dict[str, Any] = {"files": {"data": 16 * PAGE}}


def pages(p: Any, base: int) -> Any:
    """(number of the page from `base` on, whether the fault was soft) of each change."""
    found = p.get_ws_changes()
    return [((one.faulting_va - base) // PAGE, bool(one.faulting_va & SOFT)) for one in found]


def test_get_ws_changes(rule: Rule) -> None:
    with rule("needs a watch", CHANGES) as p:
        p.fails(w.ERROR_GEN_FAILURE).get_ws_changes()
        p.fails(w.ERROR_GEN_FAILURE).get_ws_changes_ex()


def test_initialize_process_for_ws_watch(rule: Rule) -> None:
    with rule("refuses a handle that is no process's", WINE) as p:
        p.fails(w.ERROR_INVALID_HANDLE).initialize_process_for_ws_watch(0)
        p.fails(w.ERROR_INVALID_HANDLE).empty_working_set(0)
        works(p.initialize_process_for_ws_watch())


def test_which_faults_are_changes(rule: Rule) -> None:
    with rule("finds a page that was touched, and locked", WINE) as p:
        works(p.initialize_process_for_ws_watch())
        base = p.region(1)
        p.write(base)
        works(p.virtual_lock(base, 1))
        assert pages(p, base) == [(0, True)]
    with rule("has each fault once, in order, soft ones with the lowest bit set", CHANGES, **FILE) as p:
        base = p.mapped()
        private = p.region(4)
        works(p.initialize_process_for_ws_watch())
        p.read(base + 3 * PAGE)  # from the disk
        p.write(private + PAGE)  # demand-zero
        p.write(private)
        p.read(private)  # no fault
        found = p.get_ws_changes()
        expected = [base + 3 * PAGE, private + PAGE + SOFT, private + SOFT]
        assert [one.faulting_va for one in found] == expected
        assert p.get_ws_changes() == []
    with rule("a page that was trimmed and comes back is a change", CHANGES) as p:
        base = p.region(4)
        p.write(base, 4 * PAGE)
        works(p.initialize_process_for_ws_watch())
        works(p.empty_working_set())
        p.read(base + 2 * PAGE)
        assert pages(p, base) == [(2, True)]
    with rule("a page copied on write is a change", CHANGES, **FILE) as p:
        base = p.mapped(access=w.FILE_MAP_COPY)
        p.read(base)
        works(p.initialize_process_for_ws_watch())
        p.write(base)
        assert pages(p, base) == [(0, True)]
    with rule("the faulting instruction is known where its fetch faulted", "[PSAPI_WS_WATCH_INFORMATION]") as p:
        code = p.region(1, protect=w.PAGE_EXECUTE_READ)
        data = p.region(1)
        works(p.initialize_process_for_ws_watch())
        p.execute(code, 4)
        p.read(data)
        found = p.get_ws_changes()
        assert [(one.faulting_pc, one.faulting_va - SOFT) for one in found] == [(code, code), (0, data)]


def test_get_ws_changes_ex(rule: Rule) -> None:
    with rule("names the thread, and its records are twice as large", CHANGES_EX) as p:
        base = p.region(3)
        works(p.initialize_process_for_ws_watch())
        p.write(base, 3 * PAGE)
        p.fails(w.ERROR_INSUFFICIENT_BUFFER).get_ws_changes_ex(-1, 4 * 32 - 1)
        found = p.get_ws_changes_ex(-1, 4 * 32)
        assert [(one.faulting_thread_id, one.flags) for one in found] == [(p.thread, 0)] * 3


def test_buffers_for_changes(rule: Rule) -> None:
    with rule("too small a buffer: 122, and the changes stay; it must hold an end, too", CHANGES) as p:
        base = p.region(3)
        works(p.initialize_process_for_ws_watch())
        p.write(base, 3 * PAGE)
        p.fails(w.ERROR_INSUFFICIENT_BUFFER).get_ws_changes(-1, 4 * 16 - 1)
        assert len(p.get_ws_changes(-1, 4 * 16)) == 3
        p.fails(w.ERROR_INSUFFICIENT_BUFFER).get_ws_changes(-1, 15)
        assert p.get_ws_changes(-1, 16) == []
    with rule("records of a 32-bit process have 8 bytes", CHANGES, bits=32) as p:
        base = p.region(3)
        works(p.initialize_process_for_ws_watch())
        p.write(base, 3 * PAGE)
        p.fails(w.ERROR_INSUFFICIENT_BUFFER).get_ws_changes(-1, 31)
        assert len(p.get_ws_changes(-1, 32)) == 3
    with rule("when the buffer is full nothing is added until it is read", CHANGES, frames=4096) as p:
        base = p.region(1200)
        works(p.initialize_process_for_ws_watch())
        p.write(base, 1200 * PAGE)
        found = pages(p, base)
        assert found == [(i, True) for i in range(1024)]
        works(p.virtual_free(base, 0, RELEASE))
        base = p.region(1)
        p.write(base)
        assert pages(p, base) == [(0, True)]


def test_a_watch_begun_again(rule: Rule) -> None:
    with rule("again, forgets what was noted down", CHANGES) as p:
        base = p.region(3)
        works(p.initialize_process_for_ws_watch())
        p.write(base)
        works(p.initialize_process_for_ws_watch())
        p.write(base + PAGE)
        assert pages(p, base) == [(1, True)]
    with rule("watches another process, which needn't know", CHANGES) as p:

        def watched(p: Any) -> None:
            p.sleep(1)
            base = p.region(2)
            p.write(base, 2 * PAGE)
            p.sleep(2)

        handle = works(p.create_process("b", watched))
        works(p.initialize_process_for_ws_watch(handle))
        mine = p.region(1)
        p.write(mine)
        p.sleep(2)
        found = p.get_ws_changes(handle)
        assert len(found) == 2
        assert found[1].faulting_va - found[0].faulting_va == PAGE
        p.fails(w.ERROR_GEN_FAILURE).get_ws_changes()
        p.wait_for_single_object(handle)
        p.fails(w.ERROR_ACCESS_DENIED).get_ws_changes(handle)


def test_changes_by_other_processes(rule: Rule) -> None:
    with rule("a page that another process writes into this one's memory is a change of this one", CHANGES) as p:
        base = p.region(2)

        def writer(p: Any, place: int) -> None:
            handle = works(p.open_process("a"))
            buffer = p.region(1)
            works(p.write_process_memory(handle, place, buffer, 8))

        works(p.initialize_process_for_ws_watch())
        p.other(writer, place=base + PAGE)
        assert pages(p, base) == [(1, True)]
        assert p.state(base, 2)["stored"].tolist() == [False, True]
