"""What a program is given: its process, as seen by one of its threads, with every call that there is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any

from simulator.windows.calls.base import Steps
from simulator.windows.calls.heap_wrappers import HeapWrapperCalls
from simulator.windows.calls.images import ImageCalls
from simulator.windows.calls.memory import MemoryCalls
from simulator.windows.calls.pools import PoolCalls
from simulator.windows.calls.processes import ProcessCalls
from simulator.windows.calls.system_calls import SystemCalls

if TYPE_CHECKING:
    from simulator.windows.process_state import ProcessState, ThreadObject
    from simulator.windows.runner import Runner


class Process(SystemCalls, MemoryCalls, ProcessCalls, ImageCalls, HeapWrapperCalls, PoolCalls):
    """A process as one of its threads sees it: `yield process.virtual_alloc(...)`.

    Calls have Windows' names in lower case, its arguments in its order, and its results: on failure 0, False or None,
    and `get_last_error()` says why; it, `set_last_error` and `get_current_process` are plain methods.
    """

    def __init__(self, runner: Runner, own: ProcessState, thread: ThreadObject) -> None:
        """For one thread of a process; made by the runner."""
        super().__init__()
        self.runner = runner
        self.system = own.system
        self.own = own
        self.thread_object = thread
        self.thread = thread.number
        self.last_error = 0

    def run(self, function: Callable[..., Generator[Any, Any, Any]], parameters: Mapping[str, Any]) -> Steps[Any]:
        """A thread's whole life: a program's function, and what its last calls have left to do."""
        result = yield from function(self, **parameters)
        yield from self._flush()
        return result

    @property
    def name(self) -> str:
        """The process's name."""
        return self.own.name


class EndedProcess(Process):
    """A process as a thread sees it that has ended: a call does nothing and never returns.

    A generator can't be kept from running its `finally` blocks when it is closed, or no longer referred to: so what it
    asks for there must be without effect.
    """

    def __getattribute__(self, name: str) -> Any:
        attribute = super().__getattribute__(name)
        return _nothing if not name.startswith("_") and isgeneratorfunction(attribute) else attribute


def _nothing(*_arguments: Any, **_named: Any) -> Steps[None]:
    """A call that nobody answers."""
    yield 0
