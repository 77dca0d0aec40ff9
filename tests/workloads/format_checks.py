"""What the tests of single formats share: reading all rows, and damage at every place of a small file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from workloads.base import InputError
from workloads.traces.format import guess, named
from workloads.traces.runs import Runs, concatenated

IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where thousands of small files are written: opening a file on a disk takes longer than reading it."""

Rows = list[tuple[Any, ...]]


def rows_in(path: Path, name: str, **options: Any) -> Rows:
    """All runs: page, fetches, loads, stores, and process, thread and time where the trace has them."""
    pieces: list[Runs] = list(named(name, options).runs(path))
    if not pieces:
        return []
    columns = [column.tolist() for column in concatenated(pieces) if column is not None]
    return list(zip(*columns, strict=True))


def rows_of(tmp_path: Path, data: bytes, name: str, **options: Any) -> Rows:
    """All runs in a file of some bytes."""
    path = tmp_path / "a"
    path.write_bytes(data)
    return rows_in(path, name, **options)


def refused(tmp_path: Path, data: bytes, name: str, *fragments: str, **options: Any) -> None:
    """Reading fails with one line that names the file and holds the fragments."""
    with pytest.raises(InputError) as raised:
        rows_of(tmp_path, data, name, **options)
    message = str(raised.value)
    assert message.startswith(str(tmp_path / "a"))
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


def told(tmp_path: Path, data: bytes, name: str) -> None:
    """The format is told by content alone."""
    path = tmp_path / "unnamed"
    path.write_bytes(data)
    assert guess(path).name == name


def cuts(data: bytes, name: str, **options: Any) -> None:
    """A file that was cut at any byte is refused, or is what was written before the cut.

    Where lines or records end nothing tells that others followed; at the last of the runs references may miss.
    """
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as directory:
        whole, read = rows_of(Path(directory), data, name, **options), 0
        for kept in range(1, len(data)):
            rows = _rows_or_none(Path(directory), data[:kept], name, **options)
            if rows is None:
                continue
            read += 1
            assert rows[:-1] == whole[: max(0, len(rows) - 1)]
            for found, expected in zip(rows[-1:], whole[len(rows) - 1 :], strict=False):
                assert found[0] == expected[0]
                assert all(few <= many for few, many in zip(found[1:4], expected[1:4], strict=True))
                assert found[4:] == expected[4:]
        assert read


def _rows_or_none(directory: Path, data: bytes, name: str, **options: Any) -> Rows | None:
    try:
        return rows_of(directory, data, name, **options)
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    return None
