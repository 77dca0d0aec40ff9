"""A program written as steps in a config."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from pydantic import Field, model_validator

from workloads.base import StreamContext, plugin
from workloads.scripting.run import run
from workloads.scripting.steps import read


@plugin("workload", "script")
class Script:
    """Steps that are made in order, each a call of Windows, a reference to memory, or `repeat`.

    `- virtual_alloc: {address: 0, size: 1 MiB, allocation_type: [MEM_RESERVE, MEM_COMMIT], protect: PAGE_READWRITE}`
    with `as: buffer` beside it makes a call and names its result; `- write: {address: buffer + 64 KiB, size: 4 KiB}`
    uses it. `- repeat: 10` has `steps` of its own, and `as` names the number of the turn. `create_thread` and
    `create_process` have the `steps` of what they start, `touch` has a `workload`. A call that fails ends the process
    with its error as exit code, unless beside it stands `may_fail: true` or `fails: ERROR_...`; `raises: STATUS_...`
    says that it must raise that exception. `- check: info.state == MEM_COMMIT` fails the run unless it holds.
    """

    steps: list[Any] = Field(..., min_length=1, description="the steps")

    @model_validator(mode="after")
    def _possible(self) -> Script:
        read(self.steps)
        return self

    def program(self, context: StreamContext) -> Callable[[Any], Generator[Any, Any, Any]]:
        """The program that makes the steps."""
        steps = read(self.steps)

        def main(process: Any) -> Generator[Any, Any, Any]:
            yield from run(process, steps, {}, context)

        return main
