"""What the tests of formats share: reading a file in a format, keeping it natively, and damaging it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from workloads.base import InputError
from workloads.traces.cache import open_trace
from workloads.traces.format import Format, guess, named, options_of
from workloads.traces.runs import Runs, concatenated

LOAD, STORE, FETCH, MODIFY = (0, 1, 0), (0, 0, 1), (1, 0, 0), (0, 1, 1)


class Seen(NamedTuple):
    """What a trace holds, as lists."""

    rows: list[tuple[int, ...]]
    """page, fetches, loads, stores"""
    process: list[int] | None = None
    thread: list[int] | None = None
    time: list[int] | None = None


def seen(pieces: list[Runs]) -> Seen:
    """Runs as lists."""
    runs = concatenated(pieces)
    rows = list(zip(*(column.tolist() for column in runs[:4]), strict=True))
    return Seen(rows, *(None if column is None else column.tolist() for column in runs[4:]))


def read(path: Path, content: str | bytes, known: Format | None = None) -> Seen:
    """What a file with this content holds, in a format, else in the one that it is guessed to be."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return seen(list((known or guess(path)).runs(path)))


def refused(path: Path, content: str | bytes, *fragments: str, known: Format | None = None) -> None:
    """A file with this content is refused with one line that names it and holds the fragments."""
    with pytest.raises(InputError) as raised:
        read(path, content, known)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


def kept(path: Path, known: Format) -> Seen:
    """What the native store that a file is converted to holds."""
    return seen(list(open_trace(path, known.name, options=options_of(known)).numbered()))


def with_options(name: str, **options: object) -> Format:
    """A format by its name."""
    return named(name, options)
