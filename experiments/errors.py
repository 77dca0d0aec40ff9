"""What may go wrong for reasons outside the program, each told in one line for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.result import RunResult


def single_line(text: str) -> str:
    """The text with every run of white space, line ends among them, made one space."""
    return " ".join(text.split())


class BadInput(Exception):
    """Bad usage or bad input: exit status 2. The text is one line that names the file, the key or line, what was found
    and what is allowed."""

    def __init__(self, text: str) -> None:
        super().__init__(single_line(text))


class RunFailed(Exception):
    """The input was good and the run failed: exit status 1. The text is one line."""

    def __init__(self, text: str, result: RunResult | None = None) -> None:
        super().__init__(single_line(text))
        self.result = result
        """what the run did until then, its summary marked with `status: failed` and the `reason`; None: nothing"""


class ProgramFault(RunFailed):
    """The run failed by a fault of the program or of a plug-in, which is the cause: a traceback is due."""


class Interrupted(Exception):
    """Somebody stopped a batch: exit status 130. The text is one line that says what was kept."""
