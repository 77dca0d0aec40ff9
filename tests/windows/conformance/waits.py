"""What Wine's tests of events and waits assert."""

from __future__ import annotations

from typing import Any

from simulator.windows import constants as w
from tests.windows.harness import PARAMETER, Steps, Table, equal, fails, several, works

case = Table()
SINGLE = "[k32/sync.c: test_WaitForSingleObject]"
MULTIPLE = "[k32/sync.c: test_WaitForMultipleObjects]"
EVENT = "[k32/sync.c: test_event]"
MARK = 0xDEADBEEF
NAME = "sync.c: Test Event"


@case("WaitForSingleObject", "the two lowest bits of a bad handle don't make it better", SINGLE)
def _(process: Any) -> Steps:
    for bits in range(4):
        process.set_last_error(MARK)
        equal((yield from process.wait_for_single_object(0xDEADBEE0 | bits, 0)), w.WAIT_FAILED)
        equal(process.get_last_error(), w.ERROR_INVALID_HANDLE)


@case("WaitForSingleObject", "... nor a good one worse; neither result touches the last error", SINGLE)
def _(process: Any) -> Steps:
    for signalled, expected in ((False, w.WAIT_TIMEOUT), (True, w.WAIT_OBJECT_0)):
        handle = yield from works(process.create_event(True, signalled))
        for bits in range(4):
            process.set_last_error(MARK)
            equal((yield from process.wait_for_single_object(handle | bits, 0)), expected)
            equal(process.get_last_error(), MARK)


@case("WaitForMultipleObjects", "64 events: the lowest first, a manual-reset one stays, others are cleared", MULTIPLE)
def _(process: Any) -> Steps:
    events = yield from several(
        works(process.create_event(manual_reset=i == 0, initial_state=True)) for i in range(64)
    )  # fmt: skip
    for _ in range(2):
        equal((yield from process.wait_for_multiple_objects(events, False, 0)), w.WAIT_OBJECT_0)
    yield from works(process.reset_event(events[0]))
    for i in range(1, 64):
        equal((yield from process.wait_for_multiple_objects(events, False, 0)), w.WAIT_OBJECT_0 + i)
    equal((yield from process.wait_for_multiple_objects(events, False, 0)), w.WAIT_TIMEOUT)


@case("CreateEvent", "of a name that is there: a handle, and 183; of a new one: 0", EVENT)
def _(process: Any) -> Steps:
    for name, error in ((NAME, 0), (NAME, w.ERROR_ALREADY_EXISTS), (NAME.upper(), 0)):
        process.set_last_error(MARK)
        yield from works(process.create_event(False, False, name))
        equal(process.get_last_error(), error)


@case("OpenEvent", "case counts in a name", EVENT)
def _(process: Any) -> Steps:
    yield from works(process.create_event(False, False, NAME))
    yield from works(process.open_event(NAME))
    yield from fails(process, w.ERROR_FILE_NOT_FOUND, process.open_event(NAME.upper()))


@case("CreateMemoryResourceNotification", "there are two kinds", EVENT)
def _(process: Any) -> Steps:
    for kind in (w.HIGH_MEMORY_RESOURCE_NOTIFICATION + 1, -1):
        yield from fails(process, PARAMETER, process.create_memory_resource_notification(kind))


@case("CreateMemoryResourceNotification", "can be waited for, queried and closed like an event", EVENT)
def _(process: Any) -> Steps:
    for kind in (w.LOW_MEMORY_RESOURCE_NOTIFICATION, w.HIGH_MEMORY_RESOURCE_NOTIFICATION):
        handle = yield from works(process.create_memory_resource_notification(kind))
        waited = yield from process.wait_for_single_object(handle, 10)
        equal(waited in (w.WAIT_OBJECT_0, w.WAIT_TIMEOUT), True)
        state = yield from process.query_memory_resource_notification(handle)
        equal(state, waited == w.WAIT_OBJECT_0)
        yield from works(process.close_handle(handle))
        equal((yield from process.wait_for_single_object(handle, 0)), w.WAIT_FAILED)
