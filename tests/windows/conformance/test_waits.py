"""What Wine's tests of events and waits assert."""

from __future__ import annotations

from tests.windows.conformance.rules import *

SINGLE = "[k32/sync.c: test_WaitForSingleObject]"
MULTIPLE = "[k32/sync.c: test_WaitForMultipleObjects]"
EVENT = "[k32/sync.c: test_event]"
MARK = 0xDEADBEEF
NAME = "sync.c: Test Event"


def test_wait_for_single_object(rule: Rule) -> None:
    with rule("the two lowest bits of a bad handle don't make it better", SINGLE) as p:
        for bits in range(4):
            p.set_last_error(MARK)
            assert p.wait_for_single_object(0xDEADBEE0 | bits, 0) == w.WAIT_FAILED
            assert p.get_last_error() == w.ERROR_INVALID_HANDLE
    with rule("... nor a good one worse; neither result touches the last error", SINGLE) as p:
        for signalled, expected in ((False, w.WAIT_TIMEOUT), (True, w.WAIT_OBJECT_0)):
            handle = works(p.create_event(True, signalled))
            for bits in range(4):
                p.set_last_error(MARK)
                assert p.wait_for_single_object(handle | bits, 0) == expected
                assert p.get_last_error() == MARK


def test_wait_for_multiple_objects(rule: Rule) -> None:
    with rule("64 events: the lowest first, a manual-reset one stays, others are cleared", MULTIPLE) as p:
        events = [
            works(p.create_event(manual_reset=i == 0, initial_state=True)) for i in range(64)
        ]  # fmt: skip
        for _ in range(2):
            assert p.wait_for_multiple_objects(events, False, 0) == w.WAIT_OBJECT_0
        works(p.reset_event(events[0]))
        for i in range(1, 64):
            assert p.wait_for_multiple_objects(events, False, 0) == w.WAIT_OBJECT_0 + i
        assert p.wait_for_multiple_objects(events, False, 0) == w.WAIT_TIMEOUT


def test_create_event(rule: Rule) -> None:
    with rule("of a name that is there: a handle, and 183; of a new one: 0", EVENT) as p:
        for name, error in ((NAME, 0), (NAME, w.ERROR_ALREADY_EXISTS), (NAME.upper(), 0)):
            p.set_last_error(MARK)
            works(p.create_event(False, False, name))
            assert p.get_last_error() == error


def test_open_event(rule: Rule) -> None:
    with rule("case counts in a name", EVENT) as p:
        works(p.create_event(False, False, NAME))
        works(p.open_event(NAME))
        p.fails(w.ERROR_FILE_NOT_FOUND).open_event(NAME.upper())


def test_create_memory_resource_notification(rule: Rule) -> None:
    with rule("there are two kinds", EVENT) as p:
        for kind in (w.HIGH_MEMORY_RESOURCE_NOTIFICATION + 1, -1):
            p.fails(PARAMETER).create_memory_resource_notification(kind)
    with rule("can be waited for, queried and closed like an event", EVENT) as p:
        for kind in (w.LOW_MEMORY_RESOURCE_NOTIFICATION, w.HIGH_MEMORY_RESOURCE_NOTIFICATION):
            handle = works(p.create_memory_resource_notification(kind))
            waited = p.wait_for_single_object(handle, 10)
            assert waited in (w.WAIT_OBJECT_0, w.WAIT_TIMEOUT)
            state = p.query_memory_resource_notification(handle)
            assert state == (waited == w.WAIT_OBJECT_0)
            works(p.close_handle(handle))
            assert p.wait_for_single_object(handle, 0) == w.WAIT_FAILED
