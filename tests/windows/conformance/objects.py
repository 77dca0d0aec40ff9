"""Handles, names and events, and waiting for them."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import PAGE, PARAMETER, RW, Steps, Table, equal, fails, other, section, several, works

case = Table()
CLOSE, EVENT, WAIT = "[CloseHandle]", "[CreateEvent]", "[WaitForSingleObject]"
NO_HANDLE = w.ERROR_INVALID_HANDLE


def event(process: Any, manual: bool = False, state: bool = False, name: str | None = None) -> Steps:
    """A handle of an event."""
    return (yield from works(process.create_event(manual, state, name)))


@case("CloseHandle", "a closed handle is no handle", CLOSE)
def _(process: Any) -> Steps:
    handle = yield from event(process)
    yield from works(process.close_handle(handle))
    yield from fails(process, NO_HANDLE, process.close_handle(handle))
    yield from fails(process, NO_HANDLE, process.set_event(handle))


@case("CloseHandle", "what never was a handle is refused", CLOSE)
def _(process: Any) -> Steps:
    for handle in (0, 0x7777770, 3):
        yield from fails(process, NO_HANDLE, process.close_handle(handle))


@case("Handles", "are multiples of 4, and used again", "[Kernel Objects]")
def _(process: Any) -> Steps:
    first, second = (yield from event(process)), (yield from event(process))
    equal((first % 4, second % 4, first != second, first > 0), (0, 0, True, True))
    yield from works(process.close_handle(first))
    equal((yield from event(process)), first)


@case("GetProcessHandleCount", "counts the open handles", "[GetProcessHandleCount]")
def _(process: Any) -> Steps:
    before = yield from process.get_process_handle_count()
    handles = yield from several(event(process) for _ in range(5))
    equal((yield from process.get_process_handle_count()), before + 5)
    yield from works(process.close_handle(handles[0]))
    equal((yield from process.get_process_handle_count()), before + 4)


@case("DuplicateHandle", "gives another handle of the same object", "[DuplicateHandle]")
def _(process: Any) -> Steps:
    handle = yield from event(process, True)
    second = yield from works(process.duplicate_handle(handle))
    yield from works(process.close_handle(handle))
    yield from works(process.set_event(second))
    equal((yield from process.wait_for_single_object(second, 0)), 0)


@case("Handles", "each process has its own", "[Kernel Objects]")
def _(process: Any) -> Steps:
    handle = yield from event(process)

    def stranger(child: Any) -> Steps:
        yield from fails(child, NO_HANDLE, child.set_event(handle + 400))

    equal((yield from other(process, stranger)), 0)


@case("Handles", "a process has no more than its table holds", "[Kernel Objects]", settings={"pools": {"handles": 20}})
def _(process: Any) -> Steps:
    count = 0
    while (yield from process.create_event()):
        count += 1
        assert count < 30
    equal(process.get_last_error() in {w.ERROR_NO_SYSTEM_RESOURCES, w.ERROR_TOO_MANY_OPEN_FILES}, True)
    equal(count <= 20, True)


@case("Handles", "lie in paged pool", "[Memory Pools]")
def _(process: Any) -> Steps:
    before = yield from process.get_performance_info()
    for _ in range(2000):
        yield from event(process)
    after = yield from process.get_performance_info()
    equal(after.kernel_paged > before.kernel_paged, True)
    equal(after.handle_count, before.handle_count + 2000)


@case("Handles", "those of a process that ended are closed", "[ExitProcess]")
def _(process: Any) -> Steps:
    def leaker(child: Any) -> Steps:
        for _ in range(1000):
            yield from event(child)
        yield from event(child, False, False, "leaked")

    yield from other(process, leaker)
    before = yield from process.get_performance_info()
    yield from other(process, leaker)
    after = yield from process.get_performance_info()
    equal((after.kernel_paged, after.kernel_nonpaged), (before.kernel_paged, before.kernel_nonpaged))
    yield from fails(process, w.ERROR_FILE_NOT_FOUND, process.open_event("leaked"))


@case("CreateEvent", "an existing name gives its event, with last error 183", EVENT)
def _(process: Any) -> Steps:
    first = yield from event(process, True, False, "named")
    process.set_last_error(0)
    second = yield from event(process, False, True, "named")
    equal(process.get_last_error(), w.ERROR_ALREADY_EXISTS)
    equal((yield from process.wait_for_single_object(second, 0)), w.WAIT_TIMEOUT)
    yield from works(process.set_event(first))
    equal((yield from process.wait_for_single_object(second, 0)), 0)


@case("CreateEvent", "the name of another kind of object is refused", EVENT)
def _(process: Any) -> Steps:
    yield from section(process, 1, RW, "taken")
    yield from fails(process, NO_HANDLE, process.create_event(False, False, "taken"))


@case("OpenEvent", "fails if no event has the name", "[OpenEvent]")
def _(process: Any) -> Steps:
    yield from fails(process, w.ERROR_FILE_NOT_FOUND, process.open_event("none"))


@case("OpenEvent", "a name ends with the last handle", "[OpenEvent]")
def _(process: Any) -> Steps:
    first = yield from event(process, name="named")
    second = yield from works(process.open_event("named"))
    yield from works(process.close_handle(first))
    yield from works(process.close_handle((yield from works(process.open_event("named")))))
    yield from works(process.close_handle(second))
    yield from fails(process, w.ERROR_FILE_NOT_FOUND, process.open_event("named"))


@case("SetEvent", "takes events only", "[SetEvent]")
def _(process: Any) -> Steps:
    handle = yield from works(process.create_file_mapping(w.INVALID_HANDLE_VALUE, RW, PAGE))
    yield from fails(process, NO_HANDLE, process.set_event(handle))


@case("WaitForSingleObject", "an event that is set is there at once", WAIT)
def _(process: Any) -> Steps:
    handle = yield from event(process, True, True)
    equal((yield from process.wait_for_single_object(handle)), w.WAIT_OBJECT_0)


@case("WaitForSingleObject", "an event that isn't set lets the time run out", WAIT)
def _(process: Any) -> Steps:
    handle = yield from event(process)
    begun = yield from process.query_performance_counter()
    equal((yield from process.wait_for_single_object(handle, 5)), w.WAIT_TIMEOUT)
    passed = (yield from process.query_performance_counter()) - begun
    equal(5_000_000 <= passed < 6_000_000, True, f"{passed} ns")


@case("WaitForSingleObject", "a time of 0 only looks", WAIT)
def _(process: Any) -> Steps:
    handle = yield from event(process)
    begun = yield from process.query_performance_counter()
    equal((yield from process.wait_for_single_object(handle, 0)), w.WAIT_TIMEOUT)
    equal((yield from process.query_performance_counter()) - begun < 1_000_000, True)


@case("WaitForSingleObject", "a bad handle is refused", WAIT)
def _(process: Any) -> Steps:
    equal((yield from process.wait_for_single_object(0x7777770)), w.WAIT_FAILED)
    equal(process.get_last_error(), NO_HANDLE)


@case("WaitForSingleObject", "an auto-reset event lets one wait through", EVENT)
def _(process: Any) -> Steps:
    handle = yield from event(process, False, True)
    equal((yield from process.wait_for_single_object(handle, 0)), 0)
    equal((yield from process.wait_for_single_object(handle, 0)), w.WAIT_TIMEOUT)


@case("WaitForSingleObject", "a manual-reset event lets all through until it is reset", EVENT)
def _(process: Any) -> Steps:
    handle = yield from event(process, True, True)
    for _ in range(3):
        equal((yield from process.wait_for_single_object(handle, 0)), 0)
    yield from works(process.reset_event(handle))
    equal((yield from process.wait_for_single_object(handle, 0)), w.WAIT_TIMEOUT)


@case("WaitForSingleObject", "an event set by another thread ends the wait", WAIT)
def _(process: Any) -> Steps:
    handle = yield from event(process)

    def setter(thread: Any) -> Steps:
        yield from thread.sleep(5)
        yield from thread.set_event(handle)

    yield from works(process.create_thread(setter))
    begun = yield from process.query_performance_counter()
    equal((yield from process.wait_for_single_object(handle)), 0)
    equal((yield from process.query_performance_counter()) - begun >= 5_000_000, True)


for _manual, _through in ((False, 1), (True, 3)):

    @case(
        "SetEvent",
        f"{_through} of 3 threads that wait go on if it is reset by {'hand' if _manual else 'itself'}",
        EVENT,
    )
    def _(process: Any, manual: bool = _manual, through: int = _through) -> Steps:
        handle = yield from event(process, manual)
        passed: list[int] = []

        def waiter(thread: Any) -> Steps:
            if (yield from thread.wait_for_single_object(handle, 50)) == 0:
                passed.append(1)

        for _ in range(3):
            yield from works(process.create_thread(waiter))
        yield from process.sleep(10)
        yield from works(process.set_event(handle))
        yield from process.sleep(100)
        equal(len(passed), through)


@case("WaitForMultipleObjects", "waiting for any gives the index of the one", "[WaitForMultipleObjects]")
def _(process: Any) -> Steps:
    handles = [(yield from event(process)), (yield from event(process, True, True))]
    equal((yield from process.wait_for_multiple_objects(handles, False)), 1)


@case("WaitForMultipleObjects", "waiting for all takes none until all are there", "[WaitForMultipleObjects]")
def _(process: Any) -> Steps:
    first, second = (yield from event(process, False, True)), (yield from event(process))
    equal((yield from process.wait_for_multiple_objects([first, second], True, 5)), w.WAIT_TIMEOUT)
    equal((yield from process.wait_for_single_object(first, 0)), 0, "the first is still set")


@case("WaitForMultipleObjects", "no more than 64 objects", "[WaitForMultipleObjects]")
def _(process: Any) -> Steps:
    handles = yield from several(event(process, True, True) for _ in range(65))
    equal((yield from process.wait_for_multiple_objects(handles, True, 0)), w.WAIT_FAILED)
    equal(process.get_last_error(), PARAMETER)
    equal((yield from process.wait_for_multiple_objects(handles[:64], True, 0)), 0)


@case("WaitForSingleObject", "a thread's handle is signalled when it ends", "[CreateThread]")
def _(process: Any) -> Steps:
    def short(thread: Any) -> Steps:
        yield from thread.sleep(5)

    handle = yield from works(process.create_thread(short))
    equal((yield from process.wait_for_single_object(handle, 0)), w.WAIT_TIMEOUT)
    equal((yield from process.wait_for_single_object(handle)), 0)
    equal((yield from process.wait_for_single_object(handle)), 0)


@case("WaitForSingleObject", "an event named in two processes is one", EVENT)
def _(process: Any) -> Steps:
    handle = yield from event(process, name="bell")

    def ringer(child: Any) -> Steps:
        mine = yield from works(child.open_event("bell"))
        yield from works(child.set_event(mine))

    yield from works(process.create_process("b", ringer))
    equal((yield from process.wait_for_single_object(handle)), 0)
