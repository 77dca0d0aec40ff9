"""What all calls have in common: the thread that makes them, its last error, what they cost, and what they touch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from simulator.windows.failure import Failure
from simulator.windows.heap.memory import CALL, ENTRY, LOAD
from simulator.windows.requests import References, Request

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState
    from simulator.windows.system import System

T = TypeVar("T")
P = ParamSpec("P")
Steps = Generator[Request, Any, T]
"""A call: a generator that asks things of the machine and returns what Windows returns."""

MOST_PENDING = 4096
"""Rows after which a heap call has them executed."""
_ITSELF = object()
"""What a call gives on failure whose result is the error."""


class Calls:
    """The base of all mixins of `windows.process.Process`, whose constructor calls this one.

    Calls of user mode (heaps) needn't enter the kernel: what they touch and take is kept as rows of the thread, in the
    form of `windows.heap.memory.Touch`, which are executed before whatever else the thread asks of the machine.
    """

    system: System
    own: ProcessState
    thread: int

    def __init__(self) -> None:
        self.last_error = 0
        self._rows: list[int] = []
        self._touch = self._rows.append
        """adds a row"""

    def __init_subclass__(cls) -> None:
        """Methods that `system_call` and its like have made bear the names that the class gives them."""
        for name, made in vars(cls).items():
            if hasattr(made, "makes"):
                made.__name__, made.__qualname__ = name, f"{cls.__qualname__}.{name}"

    def get_last_error(self) -> int:
        """The code of the thread's last call that failed [GetLastError]."""
        return self.last_error

    def set_last_error(self, code: int) -> None:
        """Set what `get_last_error` gives [SetLastError]."""
        self.last_error = code

    def _call(self, function: Callable[..., T], *arguments: Any, failed: Any = 0, **named: Any) -> Steps[Any]:
        """A system call: do it at once, charge its processor time, give its result or, on Failure, `failed`."""
        if self._rows:
            yield from self._flush()
        try:
            result = function(*arguments, **named)
        except Failure as failure:
            self.last_error = failure.code
            result = failed
        yield self.system.costs.system_call + self.system.pages.spent()
        if self.system.pool.any_touched:
            yield from self._touch_pool()
        return result

    def _touch_pool(self) -> Steps[None]:
        """Reference the paged pool that a call has read and changed."""
        entries = self.system.pool.touched()
        ones = np.ones(len(entries), np.uint8)
        yield References(entries, np.zeros(len(entries), np.uint16), ones, ones)

    def _flush(self) -> Steps[None]:
        """Execute what user-mode calls have left: their processor time, then their references, whose faults may raise
        WindowsException here; those after the one that did are lost, as nobody makes them."""
        if not self._rows:
            return
        rows = np.fromiter(self._rows, np.int64, len(self._rows))
        self._rows.clear()
        charges = rows < 0
        time = 0
        if charges.any():
            time = -int(rows[charges].sum())
            rows = rows[~charges]
        time += self.system.costs.heap_call * int((rows // CALL & 0xF).sum())
        if time:
            yield time
        if len(rows):
            fetches = np.zeros(len(rows), np.uint16)
            yield References(rows >> ENTRY, fetches, (rows // LOAD & 0xFF).astype(np.uint8), rows.astype(np.uint8))


# How a call is made of the function that does it


def system_call(function: Callable[Concatenate[Any, P], T], failed: Any = 0) -> Callable[Concatenate[Any, P], Steps[T]]:
    """A call that does something for the calling process: its result or, with a last error, `failed`."""

    def method(self: Calls, *arguments: P.args, **named: P.kwargs) -> Steps[T]:
        return (yield from self._call(function, self.own, *arguments, failed=failed, **named))

    return _made(method, function, failed)


def space_call(function: Callable[Concatenate[Any, P], T], failed: Any = 0) -> Callable[Concatenate[Any, P], Steps[T]]:
    """The same for the process's address space."""

    def method(self: Calls, *arguments: P.args, **named: P.kwargs) -> Steps[T]:
        return (yield from self._call(function, self.own.space, *arguments, failed=failed, **named))

    return _made(method, function, failed)


def opening_call(
    function: Callable[Concatenate[Any, P], tuple[int, int]], failed: int = 0
) -> Callable[Concatenate[Any, P], Steps[int]]:
    """A call whose function gives a handle and the last error that goes with success."""

    def method(self: Calls, *arguments: P.args, **named: P.kwargs) -> Steps[int]:
        result = yield from self._call(function, self.own, *arguments, failed=None, **named)
        if result is None:
            return failed
        handle: int
        handle, self.last_error = result
        return handle

    made: Any = _made(method, function, failed)
    made.__signature__ = inspect.signature(made).replace(return_annotation="Steps[int]")
    return made


def coded_call(function: Callable[Concatenate[Any, P], int]) -> Callable[Concatenate[Any, P], Steps[int]]:
    """A call that gives its error as its result; the last error stays."""

    def method(self: Calls, *arguments: P.args, **named: P.kwargs) -> Steps[int]:
        before = self.last_error
        result = yield from self._call(function, self.own.space, *arguments, failed=None, **named)
        if result is None:
            result, self.last_error = self.last_error, before
        return int(result)

    return _made(method, function, _ITSELF)


def call_elsewhere(function: Callable[..., T], page: str, failed: Any = 0) -> Callable[..., Steps[T]]:
    """The same for the process whose handle is the first argument; `page`: of the documentation."""

    def method(self: Calls, process_handle: int, *arguments: Any, **named: Any) -> Steps[T]:
        def elsewhere() -> T:
            return function(self.own.process(process_handle).space, *arguments, **named)

        return (yield from self._call(elsewhere, failed=failed))

    handle = inspect.Parameter("process_handle", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="int")
    _made(method, function, failed, [handle])
    method.__doc__ = f"`{function.__name__}` in another process [{page}]."
    return method


def _made(method: Any, function: Callable[..., Any], failed: Any, more: Sequence[inspect.Parameter] = ()) -> Any:
    """A method with the documentation and the parameters of the function that it calls, and perhaps some before."""
    signature = inspect.signature(function)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    result = f"Steps[{signature.return_annotation}{' | None' if failed is None else ''}]"
    parameters = [own, *more, *list(signature.parameters.values())[1:]]
    method.__signature__ = signature.replace(parameters=parameters, return_annotation=result)
    method.__doc__ = inspect.getdoc(function)
    if "ERROR_" in method.__doc__ and failed is not _ITSELF:
        method.__doc__ += f"\n\n{failed} on failure, with the error as the last error."
    method.makes = function
    return method
