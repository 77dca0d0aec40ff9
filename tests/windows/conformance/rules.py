"""The words in which a documented rule is written: `with rule("what holds", "[source]") as p:`, and calls in a row.

`p` is a process of a machine of its own. Its calls are plain function calls, each made at once: the machine runs in a
thread of its own, and it and the program take turns, one at rest while the other is at work. So do the programs of
other processes and threads, which are functions of their process, too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest

from simulator.windows import constants as w
from simulator.windows.failure import WindowsException
from tests.windows import harness
from tests.windows.harness import (
    ADDRESS,
    ALL_PRIVILEGES,
    AV,
    BOTH,
    COMMIT,
    DECOMMIT,
    GUARD,
    GUARDED,
    NOACCESS,
    PAGE,
    PARAMETER,
    PRESSURE,
    RELEASE,
    RESERVE,
    RO,
    RW,
    UNIT,
    MiB,
)

Rule = Any
"""The fixture `rule`: a context manager of (what holds, source, **options of `harness.build`)."""
HELPERS = (
    "charge", "hard_faults", "locked", "mapped", "other", "query", "region", "section", "stack", "state", "valid",
    "view",
)  # fmt: skip
"""Words of the harness that are said of a process."""


class Stop(BaseException):
    """The machine has ended, or has no use for a program any more."""


class Turns:
    """A program and the machine take turns: the one hands over a call, the other its result."""

    def __init__(self, every: list[Turns]) -> None:
        self.calls: SimpleQueue[Any] = SimpleQueue()
        self.results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self.every = every
        every.append(self)

    def make(self, call: Any) -> Any:
        """Have a call made; its result, or what it raises."""
        self.calls.put(call)
        return self.result()

    def result(self) -> Any:
        """What the machine hands over."""
        found, error = self.results.get()
        if error is not None:
            raise error
        return found

    def program(self, begin: Callable[[Any], None]) -> Callable[[Any], Generator[Any, Any, Any]]:
        """What the machine runs: call after call, until the program hands over how it ended."""

        def run(process: Any) -> Generator[Any, Any, Any]:
            begin(process)
            while not isinstance(call := self.calls.get(), tuple):
                try:
                    found = yield from call
                except Exception as error:  # noqa: BLE001 - it is the program's
                    self.results.put((None, error))
                else:
                    self.results.put((found, None))
            code, raised = call
            if raised is not None:
                raise raised
            return code

        return run


class Caller:
    """A process or a thread, as its program sees it."""

    def __init__(self, process: Any, turns: Turns, prefix: str = "") -> None:
        self.process, self.turns, self.prefix = process, turns, prefix

    def __getattr__(self, name: str) -> Any:
        if name in HELPERS:
            return partial(self._make, partial(getattr(harness, name), self.process))
        found = getattr(self.process, self.prefix + name)
        return partial(self._make, found) if inspect.ismethod(found) else found

    def _make(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        given = [self._program(one) if inspect.isfunction(one) else one for one in arguments]
        found = function(*given, **named)
        return self.turns.make(found) if inspect.isgenerator(found) else found

    def _program(self, body: Callable[..., Any]) -> Callable[[Any], Generator[Any, Any, Any]]:
        """A program of another process or thread: it has turns of its own with the machine."""

        def run(process: Any, *arguments: Any, **named: Any) -> Generator[Any, Any, Any]:
            turns = Turns(self.turns.every)

            def work() -> None:
                with suppress(Stop):
                    try:
                        turns.calls.put((body(Caller(process, turns), *arguments, **named), None))
                    except Exception as error:  # noqa: BLE001 - it is the process's end
                        turns.calls.put((None, error))

            return turns.program(lambda _: Thread(target=work, daemon=True).start())(process)

        return run

    def each(self, name: str, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        """The results of a call with each of these arguments, all made in one turn, where they are very many."""

        def calls() -> Generator[Any, Any, Any]:
            found = []
            for row in rows:
                found.append((yield from getattr(self.process, self.prefix + name)(*row)))  # noqa: PERF401
            return found

        return list(self.turns.make(calls()))

    def fails(self, code: int) -> Any:
        """`p.fails(code).call(...)`: the call fails, with this last error; 0: any."""

        def check(call: Callable[[], Any]) -> None:
            self.process.set_last_error(0)
            found = call()
            assert not found, f"the call gave {found!r}, documented is a failure"
            assert not code or self.process.get_last_error() == code

        return _Expecting(self, check)

    def gives(self, expected: Any, code: int = 0xDEADBEEF) -> Any:
        """`p.gives(found, code).call(...)`: its result, and the last error that it sets (not given: it stays)."""

        def check(call: Callable[[], Any]) -> None:
            self.process.set_last_error(0xDEADBEEF)
            assert call() == expected
            assert self.process.get_last_error() == code

        return _Expecting(self, check)

    def raises(self, status: int, *information: int) -> Any:
        """`p.raises(status).call(...)`: an exception with this status and this beginning of its information."""

        def check(call: Callable[[], Any]) -> None:
            with pytest.raises(WindowsException) as raised:
                call()
            assert hex(raised.value.status) == hex(status)
            assert raised.value.information[: len(information)] == information

        return _Expecting(self, check)


class _Expecting:
    """Whatever call is made of it is checked."""

    def __init__(self, caller: Caller, check: Callable[[Callable[[], Any]], None]) -> None:
        self._caller, self._check = caller, check

    def __getattr__(self, name: str) -> Any:
        return partial(self.do, getattr(self._caller, name))

    def do(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        """Check what a function does that makes calls."""
        self._check(partial(call, *arguments, **named))


def works(found: Any) -> Any:
    """The result of a call, which must be a success."""
    assert found, f"the call gave {found!r}"
    return found


@contextmanager
def program(**options: Any) -> Iterator[Caller]:
    """A process of a new machine, to make calls of; see `harness.build` for the options. In the end the machine runs
    to its end, and the process must have ended well."""
    every: list[Turns] = []
    turns = Turns(every)
    main = turns.program(lambda process: turns.results.put((process, None)))

    def settled(process: Any) -> Generator[Any, Any, Any]:
        yield from harness._settle(process)
        return (yield from main(process))

    results: list[Any] = []
    machine = harness.build(settled, **options)

    def run() -> None:
        try:
            results.append(machine.run())
            error: BaseException = Stop()
        except BaseException as raised:  # noqa: BLE001 - it is raised again
            error = raised
            results.append(raised)
        turns.results.put((None, error))

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        with suppress(Stop):
            yield Caller(turns.result(), turns)
    finally:
        turns.calls.put((0, None))
        thread.join()
        for one in every:
            one.results.put((None, Stop()))
    if isinstance(results[0], BaseException):
        raise results[0]
    status = results[0].summary["processes"][options.get("name", "a")]["exit_status"]
    assert status == 0, f"the program ended with status {status:#x}"


__all__ = [
    "ADDRESS", "ALL_PRIVILEGES", "AV", "BOTH", "COMMIT", "DECOMMIT", "GUARD", "GUARDED", "NOACCESS", "PAGE",
    "PARAMETER", "PRESSURE", "RELEASE", "RESERVE", "RO", "RW", "UNIT", "Caller", "MiB", "Rule", "WindowsException", "w",
    "works",
]  # fmt: skip
