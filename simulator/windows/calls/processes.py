"""Processes, threads and time: calls that take a thread's time, or begin or end one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simulator.windows import constants as c
from simulator.windows import file
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.failure import Failure
from simulator.windows.objects import Waitable
from simulator.windows.process_state import ThreadObject, exit_code
from simulator.windows.requests import INFINITE, EndThread, Exit, Sleep, Wait, WaitForWrite

if TYPE_CHECKING:
    from simulator.windows.runner import Runner

_MILLISECOND = 1_000_000


class ProcessCalls(Calls):
    """What a program asks of its own process and of others."""

    runner: Runner
    thread_object: ThreadObject

    def sleep(self, milliseconds: float) -> Steps[None]:
        """Do nothing for a time [Sleep]."""
        yield from self._flush()
        yield Sleep(round(milliseconds * _MILLISECOND))

    def compute(self, nanoseconds: float) -> Steps[None]:
        """Take processor time, in whole nanoseconds, without touching memory; less than 0 is none, as for `sleep`."""
        yield from self._flush()
        yield max(0, round(nanoseconds))

    def query_performance_counter(self) -> Steps[int]:
        """The time since the machine started, in nanoseconds [QueryPerformanceCounter]."""
        yield from self._flush()
        return self.system.now

    def note(self, name: str, value: float) -> Steps[None]:
        """Write a value into the run's notes, under a name, at the present time; takes none."""
        yield from self._flush()
        self.system.note(self.own.name, name, value)

    def wait_for_single_object(self, handle: int, milliseconds: int = INFINITE) -> Steps[int]:
        """Wait until an object is signalled [WaitForSingleObject]: 0, or 258 if the time is over first; 0xFFFFFFFF with
        last error ERROR_INVALID_HANDLE if there's no such handle, or not of an object that can be waited for."""
        return (yield from self.wait_for_multiple_objects([handle], milliseconds=milliseconds))

    def wait_for_multiple_objects(
        self, handles: Sequence[int], wait_all: bool = False, milliseconds: int = INFINITE
    ) -> Steps[int]:
        """Wait until one, or all, of 1 to 64 objects are signalled [WaitForMultipleObjects]: the index of the one, 0
        for all, or 258 if the time is over first; 0xFFFFFFFF with last error ERROR_INVALID_PARAMETER for another number
        of handles or one that stands there twice, ERROR_INVALID_HANDLE for a bad one. A time of 0 only looks."""
        objects = yield from self._call(self._waitables, handles, failed=None)
        if objects is None:
            return c.WAIT_FAILED
        try:
            timeout = None if milliseconds == INFINITE else round(milliseconds * _MILLISECOND)
            index: int | None = yield Wait(objects, wait_all, timeout)
        finally:
            for item in objects:
                item.dereference()
        return c.WAIT_TIMEOUT if index is None else c.WAIT_OBJECT_0 + index

    def flush_file_buffers(self, handle: int) -> Steps[bool]:
        """Have all modified pages of an open file written, and wait until they are [FlushFileBuffers]. What only a
        view knows to be dirty is FlushViewOfFile's. False with last error ERROR_ACCESS_DENIED if it isn't open for
        writing, or ERROR_INVALID_HANDLE."""
        flushed = yield from self._call(file.start_flush, self.own, handle, failed=None)
        if flushed is None:
            return False
        contents = flushed.contents()
        while (request := self.system.pages.write_in_flight(contents)) >= 0:
            yield WaitForWrite(request)
        return True

    def create_thread(
        self, function: Callable[..., Any], stack_size: int = 0, creation_flags: int = 0, **parameters: Any
    ) -> Steps[int]:
        """Start a thread of this process that runs a generator function [CreateThread].

        `stack_size`: bytes of its stack that are committed at first, or, with STACK_SIZE_PARAM_IS_A_RESERVATION, those
        that are reserved; 0: the defaults of both. A handle, or, with nothing changed, 0 with last error
        ERROR_INVALID_PARAMETER for other flags, ERROR_NOT_ENOUGH_MEMORY, ERROR_NO_SYSTEM_RESOURCES to
        ERROR_PAGED_SYSTEM_RESOURCES, ERROR_COMMITMENT_LIMIT or ERROR_NOT_ENOUGH_QUOTA if it can't have a stack, an
        object or a handle.
        """
        sizes = (stack_size, creation_flags)
        return (yield from self._call(self._create_thread, function, parameters, *sizes))

    def get_current_thread_stack_limits(self) -> Steps[tuple[int, int]]:
        """(lowest address, end) of the thread's stack, reserved pages included [GetCurrentThreadStackLimits]."""
        return (yield from self._call(lambda: (self.thread_object.stack.base, self.thread_object.stack.top)))

    def set_thread_stack_guarantee(self, size: int) -> Steps[int | None]:
        """Have so many bytes of the thread's stack left when it overflows, for its handler; the bytes before, 0: none
        were guaranteed [SetThreadStackGuarantee]. A size of 0 only asks, a smaller one than before is ignored. None
        with last error ERROR_INVALID_PARAMETER if the stack isn't larger than that."""
        return (yield from self._call(self.thread_object.stack.set_guarantee, size, failed=None))

    def create_process(self, name: str, function: Callable[..., Any], **parameters: Any) -> Steps[int]:
        """Start a process that runs a generator function; a handle, or 0 with last error ERROR_NOT_ENOUGH_MEMORY,
        ERROR_NO_SYSTEM_RESOURCES to ERROR_PAGED_SYSTEM_RESOURCES, ERROR_COMMITMENT_LIMIT or ERROR_NOT_ENOUGH_QUOTA if
        it can't have what it needs: then it has ended before it ran [CreateProcess]. It inherits priority, privileges
        and kind of address space."""
        return (yield from self._call(self.runner.create_process, name, function, parameters, self.own))

    def open_process(self, name: str) -> Steps[int]:
        """A handle to a running process, by name; 0 if there is none [OpenProcess, which takes an identifier]."""
        return (yield from self._call(self._open_process, name))

    def get_current_process(self) -> int:
        """The handle that stands for the process itself [GetCurrentProcess]."""
        return c.CURRENT_PROCESS

    def exit_process(self, code: int = 0) -> Steps[None]:
        """End the process, with all its threads [ExitProcess]."""
        yield from self._flush()
        yield Exit(code)

    def exit_thread(self, code: int = 0) -> Steps[None]:
        """End the thread; with the last one the process ends [ExitThread]."""
        yield from self._flush()
        yield EndThread(code)

    def terminate_process(self, handle: int, code: int) -> Steps[bool]:
        """End a process from outside [TerminateProcess]."""
        if self._is_own(handle):
            yield from self.exit_process(code)
        return (yield from self._call(self._terminate, handle, code, failed=False))

    def get_exit_code_process(self, handle: int) -> Steps[int | None]:
        """A process's exit code, STILL_ACTIVE (259) while it runs [GetExitCodeProcess]."""
        return (yield from self._call(lambda: self.own.any_process(handle).exit_code, failed=None))

    def get_exit_code_thread(self, handle: int) -> Steps[int | None]:
        """A thread's exit code, STILL_ACTIVE (259) while it runs [GetExitCodeThread]."""
        return (yield from self._call(lambda: self.own.handles.get(handle, ThreadObject).exit_code, failed=None))

    def _create_thread(
        self, function: Callable[..., Any], parameters: dict[str, Any], stack_size: int, flags: int
    ) -> int:
        if flags & ~c.STACK_SIZE_PARAM_IS_A_RESERVATION or stack_size < 0:
            raise Failure(c.ERROR_INVALID_PARAMETER)
        sizes = (stack_size, 0) if flags else (0, stack_size)
        return self.runner.create_thread(self.own, function, parameters, *sizes)

    def _is_own(self, handle: int) -> bool:
        try:
            return self.own.any_process(handle) is self.own
        except Failure:
            return False

    def _open_process(self, name: str) -> int:
        for owner in self.system.processes:
            if owner.name == name:
                return self.own.handles.add(owner.object)
        raise Failure(c.ERROR_INVALID_PARAMETER)

    def _terminate(self, handle: int, code: int) -> bool:
        owner = self.own.any_process(handle)
        if owner.ended:
            raise Failure(c.ERROR_ACCESS_DENIED)
        self.runner.end_process(owner, exit_code(self.own, code))
        return True

    def _waitables(self, handles: Sequence[int]) -> list[Waitable]:
        """The objects behind handles, each with a reference for the time of the wait."""
        if not 1 <= len(handles) <= c.MAXIMUM_WAIT_OBJECTS or len(set(handles)) < len(handles):
            raise Failure(c.ERROR_INVALID_PARAMETER)
        objects = [self.own.handles.get(handle, Waitable) for handle in handles]
        for item in objects:
            item.reference()
        return objects
