"""Running the steps of a script as a program."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from simulator.result import SimulationError
from simulator.windows.failure import WindowsException
from workloads.base import InputError, StreamContext
from workloads.scripting.steps import Step

Steps = Generator[Any, Any, Any]
_INVALID = -1
"""What calls give that fail and would otherwise give a handle or a size: INVALID_HANDLE_VALUE, (SIZE_T)-1."""


def run(process: Any, steps: Sequence[Step], results: dict[str, Any], context: StreamContext) -> Steps:
    """Make the steps in order. A call that fails unexpectedly ends the process with its error as exit code; what was
    expected and didn't come is a SimulationError."""
    for step in steps:
        if step.call == "repeat":
            for time in range(step.arguments["times"](results)):
                if step.result:
                    results[step.result] = time
                yield from run(process, step.steps, results, context)
        elif step.call == "check":
            if not step.arguments["holds"](results):
                raise SimulationError(f"{step.where}: what it checks doesn't hold")
        else:
            yield from _make(process, step, results, context)


def _make(process: Any, step: Step, results: dict[str, Any], context: StreamContext) -> Steps:
    arguments = {name: value(results) for name, value in step.arguments.items()}
    if step.workload is not None:
        arguments["stream"] = _stream(step, context)
    if step.steps:
        arguments["function"] = _function(step, results, context)
    process.set_last_error(0)
    try:
        result = getattr(process, step.call)(**arguments)
        if isinstance(result, Generator):
            result = yield from result
    except WindowsException as exception:
        if exception.status != step.raises:
            raise
        return
    if step.raises is not None:
        raise SimulationError(f"{step.where}: found no exception, expected {step.raises:#x}")
    error = process.get_last_error() if not result or result == _INVALID else 0
    if step.fails is not None and error != step.fails:
        raise SimulationError(f"{step.where}: found {f'error {error}' if error else 'success'}, expected {step.fails}")
    if error and step.fails is None and not step.may_fail:
        yield process.exit_process(error)
    if step.result:
        results[step.result] = result


def _stream(step: Step, context: StreamContext) -> Any:
    assert step.workload is not None
    if not hasattr(step.workload.workload, "stream"):
        raise SimulationError(f"{step.where}: found the workload {step.workload.kind}, allowed is one of one thread")
    try:
        return step.workload.workload.stream(context)
    except InputError as error:
        raise SimulationError(f"{step.where}: {error}") from None


def _function(step: Step, results: dict[str, Any], context: StreamContext) -> Any:
    """What the new thread or process does: a thread shares its process's results, a process has a copy of them."""
    shared = results if step.call == "create_thread" else dict(results)

    def function(process: Any) -> Steps:
        yield from run(process, step.steps, shared, context)

    return function
