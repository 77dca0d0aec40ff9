"""The option `--wide` of every command that prints tables; see `terminal`."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Annotated

import typer

WIDE: ContextVar[bool] = ContextVar("wide", default=False)
"""Whether tables are printed whole, however narrow the terminal is."""


def _set(value: bool) -> bool:
    WIDE.set(value)
    return value


Wide = Annotated[
    bool, typer.Option("--wide", callback=_set, help="Show all columns, whatever the terminal's width.")
]  # fmt: skip
