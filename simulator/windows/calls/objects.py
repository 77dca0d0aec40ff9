"""Handles, events, and waits for what handles refer to."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.windows import constants
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.event import Event
from simulator.windows.failure import Failure
from simulator.windows.objects import Waitable
from simulator.windows.requests import INFINITE, Wait

_MILLISECOND = 1_000_000


class ObjectCalls(Calls):
    """CloseHandle and its like, events, WaitForSingleObject and WaitForMultipleObjects."""

    def close_handle(self, handle: int) -> Steps[bool]:
        """Close a handle [CloseHandle]; False with last error 6 if there's no such handle."""
        return (yield from self._call(self.own.handles.close, handle, failed=False))

    def duplicate_handle(self, handle: int) -> Steps[int]:
        """Another handle to the same object, with the same rights [DuplicateHandle]; 0 with last error 6 if there's no
        such handle, 1450, 1452 or 1816 if no more can be had."""
        return (yield from self._call(self.own.handles.duplicate, handle))

    def get_process_handle_count(self) -> Steps[int]:
        """How many handles the process has open [GetProcessHandleCount]."""
        return (yield from self._call(lambda: len(self.own.handles)))

    def create_event(
        self, manual_reset: bool = False, initial_state: bool = False, name: str | None = None
    ) -> Steps[int]:
        """A handle to a new event, or to the one of that name, whose state stays as it is, with last error 183
        [CreateEvent]. 0 with last error 6 if the name is of another kind of object, 206 or 3 if it can't be a name,
        1450 to 1452 or 1816 if pool or quota are lacking."""
        return (yield from self._call(self._create_event, manual_reset, initial_state, name))

    def open_event(self, name: str) -> Steps[int]:
        """A handle to the event of that name [OpenEvent]; 0 with last error 2 if there's none, 6 if the name is of
        another kind of object."""
        return (yield from self._call(self._open_event, name))

    def set_event(self, handle: int) -> Steps[bool]:
        """Set an event: threads that wait for it go on, all if it is reset by hand, else one [SetEvent]."""
        return (yield from self._call(self._set_event, handle, True, failed=False))

    def reset_event(self, handle: int) -> Steps[bool]:
        """Reset an event [ResetEvent]."""
        return (yield from self._call(self._set_event, handle, False, failed=False))

    def wait_for_single_object(self, handle: int, milliseconds: int = INFINITE) -> Steps[int]:
        """Wait until an object is signalled [WaitForSingleObject]: 0, or 258 if the time is over first; 0xFFFFFFFF with
        last error 6 if there's no such handle, or not of an object that can be waited for."""
        return (yield from self.wait_for_multiple_objects([handle], milliseconds=milliseconds))

    def wait_for_multiple_objects(
        self, handles: Sequence[int], wait_all: bool = False, milliseconds: int = INFINITE
    ) -> Steps[int]:
        """Wait until one, or all, of 1 to 64 objects are signalled [WaitForMultipleObjects]: the index of the one, 0
        for all, or 258 if the time is over first; 0xFFFFFFFF with last error 87 for another number of handles or one
        that stands there twice, 6 for a bad one. A time of 0 only looks."""
        objects = yield from self._call(self._waitables, handles, failed=None)
        if objects is None:
            return constants.WAIT_FAILED
        try:
            timeout = None if milliseconds == INFINITE else round(milliseconds * _MILLISECOND)
            index: int | None = yield Wait(objects, wait_all, timeout)
        finally:
            for item in objects:
                item.dereference()
        return constants.WAIT_TIMEOUT if index is None else constants.WAIT_OBJECT_0 + index

    def create_memory_resource_notification(self, kind: int) -> Steps[int]:
        """A handle to the event that is set while memory is low (0) or high (1) [CreateMemoryResourceNotification];
        0 with last error 87 for another kind."""
        return (yield from self._call(lambda: self.own.handles.add(self.system.notifications.notification(kind))))

    def query_memory_resource_notification(self, handle: int) -> Steps[bool | None]:
        """Whether memory is low, or high, as the handle was made for [QueryMemoryResourceNotification]; whether it is
        set, if it is any other event's [k32/sync.c:719]. None with last error 87 for 0 and -1, 6 if it
        is no event's."""
        return (yield from self._call(self._query_notification, handle, failed=None))

    def _create_event(self, manual_reset: bool, initial_state: bool, name: str | None) -> int:
        found = self.system.namespace.find(name, Event)
        if found is not None:
            handle = self.own.handles.add(found)
            self.last_error = constants.ERROR_ALREADY_EXISTS
            return handle
        event = Event(self.system, manual_reset=manual_reset, initial_state=initial_state, name=name, owner=self.own)
        handle = self.own.handles.give(event)
        self.last_error = constants.ERROR_SUCCESS
        return handle

    def _open_event(self, name: str) -> int:
        found = self.system.namespace.find(name, Event)
        if found is None:
            raise Failure(constants.ERROR_FILE_NOT_FOUND)
        return self.own.handles.add(found)

    def _set_event(self, handle: int, on: bool) -> bool:
        event = self.own.handles.get(handle, Event)
        if on:
            event.set()
        else:
            event.reset()
        return True

    def _waitables(self, handles: Sequence[int]) -> list[Waitable]:
        """The objects behind handles, each with a reference for the time of the wait."""
        if not 1 <= len(handles) <= constants.MAXIMUM_WAIT_OBJECTS or len(set(handles)) < len(handles):
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        objects = [self.own.handles.get(handle, Waitable) for handle in handles]
        for item in objects:
            item.reference()
        return objects

    def _query_notification(self, handle: int) -> bool:
        if handle in (0, constants.INVALID_HANDLE_VALUE):
            raise Failure(constants.ERROR_INVALID_PARAMETER)
        return self.own.handles.get(handle, Event).signalled
