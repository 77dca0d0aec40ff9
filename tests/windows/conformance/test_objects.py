"""Handles, names and events, and waiting for them."""

from __future__ import annotations

from typing import Any

from tests.windows.conformance.rules import *

CLOSE, EVENT, WAIT = "[CloseHandle]", "[CreateEvent]", "[WaitForSingleObject]"
NO_HANDLE = w.ERROR_INVALID_HANDLE


def event(p: Any, manual: bool = False, state: bool = False, name: str | None = None) -> Any:
    """A handle of an event."""
    return works(p.create_event(manual, state, name))


def test_close_handle(rule: Rule) -> None:
    with rule("a closed handle is no handle", CLOSE) as p:
        handle = event(p)
        works(p.close_handle(handle))
        p.fails(NO_HANDLE).close_handle(handle)
        p.fails(NO_HANDLE).set_event(handle)
    with rule("what never was a handle is refused", CLOSE) as p:
        for handle in (0, 0x7777770, 3):
            p.fails(NO_HANDLE).close_handle(handle)


def test_handles(rule: Rule) -> None:
    with rule("are multiples of 4, and used again", "[Kernel Objects]") as p:
        first, second = event(p), event(p)
        assert (first % 4, second % 4, first != second, first > 0) == (0, 0, True, True)
        works(p.close_handle(first))
        assert event(p) == first


def test_get_process_handle_count(rule: Rule) -> None:
    with rule("counts the open handles", "[GetProcessHandleCount]") as p:
        before = p.get_process_handle_count()
        handles = [event(p) for _ in range(5)]
        assert p.get_process_handle_count() == before + 5
        works(p.close_handle(handles[0]))
        assert p.get_process_handle_count() == before + 4


def test_duplicate_handle(rule: Rule) -> None:
    with rule("gives another handle of the same object", "[DuplicateHandle]") as p:
        handle = event(p, True)
        second = works(p.duplicate_handle(handle))
        works(p.close_handle(handle))
        works(p.set_event(second))
        assert p.wait_for_single_object(second, 0) == 0


def test_handles_of_processes(rule: Rule) -> None:
    with rule("each process has its own", "[Kernel Objects]") as p:
        handle = event(p)

        def stranger(child: Any) -> None:
            child.fails(NO_HANDLE).set_event(handle + 400)

        assert p.other(stranger) == 0
    with rule(
        "a process has no more than its table holds", "[Kernel Objects]", settings={"pools": {"handles": 20}}
    ) as p:
        count = 0
        while p.create_event():
            count += 1
            assert count < 30
        assert p.get_last_error() in {w.ERROR_NO_SYSTEM_RESOURCES, w.ERROR_TOO_MANY_OPEN_FILES}
        assert count <= 20
    with rule("lie in paged pool", "[Memory Pools]") as p:
        before = p.get_performance_info()
        for _ in range(2000):
            event(p)
        after = p.get_performance_info()
        assert after.kernel_paged > before.kernel_paged
        assert after.handle_count == before.handle_count + 2000
    with rule("those of a process that ended are closed", "[ExitProcess]") as p:

        def leaker(child: Any) -> None:
            for _ in range(1000):
                event(child)
            event(child, False, False, "leaked")

        p.other(leaker)
        before = p.get_performance_info()
        p.other(leaker)
        after = p.get_performance_info()
        assert (after.kernel_paged, after.kernel_nonpaged) == (before.kernel_paged, before.kernel_nonpaged)
        p.fails(w.ERROR_FILE_NOT_FOUND).open_event("leaked")


def test_create_event(rule: Rule) -> None:
    with rule("an existing name gives its event, with last error 183", EVENT) as p:
        first = event(p, True, False, "named")
        p.set_last_error(0)
        second = event(p, False, True, "named")
        assert p.get_last_error() == w.ERROR_ALREADY_EXISTS
        assert p.wait_for_single_object(second, 0) == w.WAIT_TIMEOUT
        works(p.set_event(first))
        assert p.wait_for_single_object(second, 0) == 0
    with rule("the name of another kind of object is refused", EVENT) as p:
        p.section(1, RW, "taken")
        p.fails(NO_HANDLE).create_event(False, False, "taken")


def test_open_event(rule: Rule) -> None:
    with rule("fails if no event has the name", "[OpenEvent]") as p:
        p.fails(w.ERROR_FILE_NOT_FOUND).open_event("none")
    with rule("a name ends with the last handle", "[OpenEvent]") as p:
        first = event(p, name="named")
        second = works(p.open_event("named"))
        works(p.close_handle(first))
        works(p.close_handle(works(p.open_event("named"))))
        works(p.close_handle(second))
        p.fails(w.ERROR_FILE_NOT_FOUND).open_event("named")


def test_set_event(rule: Rule) -> None:
    with rule("takes events only", "[SetEvent]") as p:
        handle = works(p.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, PAGE))
        p.fails(NO_HANDLE).set_event(handle)


def test_wait_for_single_object(rule: Rule) -> None:
    with rule("an event that is set is there at once", WAIT) as p:
        handle = event(p, True, True)
        assert p.wait_for_single_object(handle) == w.WAIT_OBJECT_0
    with rule("an event that isn't set lets the time run out", WAIT) as p:
        handle = event(p)
        begun = p.query_performance_counter()
        assert p.wait_for_single_object(handle, 5) == w.WAIT_TIMEOUT
        passed = p.query_performance_counter() - begun
        assert 5_000_000 <= passed < 6_000_000, f"{passed} ns"
    with rule("a time of 0 only looks", WAIT) as p:
        handle = event(p)
        begun = p.query_performance_counter()
        assert p.wait_for_single_object(handle, 0) == w.WAIT_TIMEOUT
        assert p.query_performance_counter() - begun < 1_000_000
    with rule("a bad handle is refused", WAIT) as p:
        assert p.wait_for_single_object(0x7777770) == w.WAIT_FAILED
        assert p.get_last_error() == NO_HANDLE
    with rule("an auto-reset event lets one wait through", EVENT) as p:
        handle = event(p, False, True)
        assert p.wait_for_single_object(handle, 0) == 0
        assert p.wait_for_single_object(handle, 0) == w.WAIT_TIMEOUT
    with rule("a manual-reset event lets all through until it is reset", EVENT) as p:
        handle = event(p, True, True)
        for _ in range(3):
            assert p.wait_for_single_object(handle, 0) == 0
        works(p.reset_event(handle))
        assert p.wait_for_single_object(handle, 0) == w.WAIT_TIMEOUT
    with rule("an event set by another thread ends the wait", WAIT) as p:
        handle = event(p)

        def setter(thread: Any) -> None:
            thread.sleep(5)
            thread.set_event(handle)

        works(p.create_thread(setter))
        begun = p.query_performance_counter()
        assert p.wait_for_single_object(handle) == 0
        assert p.query_performance_counter() - begun >= 5_000_000


def test_who_goes_on_when_an_event_is_set(rule: Rule) -> None:
    for manual, through in ((False, 1), (True, 3)):
        with rule(
            f"{through} of 3 threads that wait go on if it is reset by {'hand' if manual else 'itself'}", EVENT
        ) as p:
            handle = event(p, manual)
            passed: list[int] = []

            def waiter(thread: Any) -> None:
                if thread.wait_for_single_object(handle, 50) == 0:
                    passed.append(1)

            for _ in range(3):
                works(p.create_thread(waiter))
            p.sleep(10)
            works(p.set_event(handle))
            p.sleep(100)
            assert len(passed) == through


def test_wait_for_multiple_objects(rule: Rule) -> None:
    with rule("waiting for any gives the index of the one", "[WaitForMultipleObjects]") as p:
        handles = [event(p), event(p, True, True)]
        assert p.wait_for_multiple_objects(handles, False) == 1
    with rule("waiting for all takes none until all are there", "[WaitForMultipleObjects]") as p:
        first, second = event(p, False, True), event(p)
        assert p.wait_for_multiple_objects([first, second], True, 5) == w.WAIT_TIMEOUT
        assert p.wait_for_single_object(first, 0) == 0
    with rule("no more than 64 objects", "[WaitForMultipleObjects]") as p:
        handles = [event(p, True, True) for _ in range(65)]
        assert p.wait_for_multiple_objects(handles, True, 0) == w.WAIT_FAILED
        assert p.get_last_error() == PARAMETER
        assert p.wait_for_multiple_objects(handles[:64], True, 0) == 0


def test_waiting_for_threads_and_processes(rule: Rule) -> None:
    with rule("a thread's handle is signalled when it ends", "[CreateThread]") as p:

        def short(thread: Any) -> None:
            thread.sleep(5)

        handle = works(p.create_thread(short))
        assert p.wait_for_single_object(handle, 0) == w.WAIT_TIMEOUT
        assert p.wait_for_single_object(handle) == 0
        assert p.wait_for_single_object(handle) == 0
    with rule("an event named in two processes is one", EVENT) as p:
        handle = event(p, name="bell")

        def ringer(child: Any) -> None:
            mine = works(child.open_event("bell"))
            works(child.set_event(mine))

        works(p.create_process("b", ringer))
        assert p.wait_for_single_object(handle) == 0
