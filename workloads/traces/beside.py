"""Files that appear when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workloads.base import InputError


@contextmanager
def beside(out: Path) -> Iterator[Path]:
    """A path in the directory of `out` to write to; what is there takes the place of `out` when all went well.

    Whatever goes wrong inside, an interrupt too, it is removed. Raises InputError, before anything is written, if `out`
    is a directory or has none.
    """
    check_place(out)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def check_place(out: Path) -> None:
    """Raise InputError if a file can't be written to `out`."""
    if not out.parent.is_dir():
        raise InputError(f"{out}: found no directory {out.parent}, allowed is a file in a directory that exists")
    if out.is_dir():
        raise InputError(f"{out}: found a directory, allowed is a file, new or to be replaced")
