"""Latencies from a CSV: a table with a header, or fio's log of latencies (`--write_lat_log`), which has none.

Columns of a table, in any order; others are left out:

- `latency_ns`, `latency_us`, `latency_ms` or `latency_s`: how long a request took
- `kind`, optional: `read` or `write` (or `r`, `w`); without it all are reads
- `bytes` or `pages`, optional: how large the request was, a page being 4 KiB; without it one page

fio's log: milliseconds, latency in nanoseconds, direction (0 read, 1 write, 2 trim, which is left out), bytes, ...
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.calibrate.fio import PAGE
from experiments.calibrate.latencies import FEWEST, KINDS, Latencies, of_sizes
from experiments.errors import BadInput
from simulator.units import MICROSECOND, MILLISECOND, SECOND

UNITS = {"latency_ns": 1, "latency_us": MICROSECOND, "latency_ms": MILLISECOND, "latency_s": SECOND}
WORDS = {"read": "read", "r": "read", "write": "write", "w": "write"}
LOG_WORDS = {"0": "read", "1": "write", "2": ""}
LOG_COLUMNS = 4


class Columns(NamedTuple):
    """Where things stand in a row."""

    latency: int
    unit: int
    kind: int | None
    size: int | None
    page: int
    """what a size is divided by"""
    words: dict[str, str]
    width: int


def read_table(path: Path, text: str) -> dict[str, Latencies]:
    """The latencies of each kind of request in a CSV; raises BadInput."""
    lines = text.splitlines()
    reader = csv.reader(lines, skipinitialspace=True)
    rows = ((reader.line_num, row) for row in reader if row and not row[0].startswith("#"))
    try:
        first = next(rows, None)
        if first is None:
            raise BadInput(f"{path}: found no rows, allowed is a CSV with a column latency_ns, or fio's JSON")
        columns, held = _columns(path, *first)
        gathered: dict[str, list[tuple[float, int]]] = {kind: [] for kind in KINDS}
        for line, row in [first] if held else []:
            _take(path, line, row, columns, gathered)
        for line, row in rows:
            _take(path, line, row, columns, gathered)
    except csv.Error as error:
        raise BadInput(f"{path}:{reader.line_num}: {error}, allowed is CSV") from None
    found = dict(_measured(path, gathered))
    if not found:
        raise BadInput(f"{path}: found no latency, allowed are at least {FEWEST} of a kind")
    return found


def _columns(path: Path, line: int, row: list[str]) -> tuple[Columns, bool]:
    """Where the columns are, and whether this row, the first, holds data."""
    names = [cell.strip().casefold() for cell in row]
    if len(names) >= LOG_COLUMNS and all(name.isdecimal() for name in names[:LOG_COLUMNS]):
        return Columns(1, 1, 2, 3, PAGE, LOG_WORDS, LOG_COLUMNS), True
    latency = [name for name in names if name in UNITS]
    if len(latency) != 1:
        found = "no column" if not latency else " and ".join(latency)
        raise BadInput(f"{path}:{line}: found {found} of latencies in the header, allowed is one of {', '.join(UNITS)}")
    size = next((name for name in ("pages", "bytes") if name in names), None)
    columns = Columns(
        names.index(latency[0]), UNITS[latency[0]], names.index("kind") if "kind" in names else None,
        None if size is None else names.index(size), PAGE if size == "bytes" else 1, WORDS, len(names),
    )  # fmt: skip
    return columns, False


def _take(
    path: Path, line: int, row: list[str], columns: Columns, gathered: dict[str, list[tuple[float, int]]]
) -> None:  # fmt: skip
    if len(row) < columns.width:
        raise BadInput(f"{path}:{line}: found {len(row)} cells, allowed are {columns.width}")
    word = "read" if columns.kind is None else row[columns.kind].strip().casefold()
    if columns.kind is not None and word not in columns.words:
        raise BadInput(f"{path}:{line}: found the kind {word[:40]!r}, allowed is one of {', '.join(columns.words)}")
    latency = _number(row[columns.latency])
    if latency is None or not 0 <= latency * columns.unit < 1e15:
        raise BadInput(f"{path}:{line}: found {row[columns.latency][:40]!r}, allowed is a latency from 0 up")
    size = None if columns.size is None else _number(row[columns.size])
    if columns.size is not None and (size is None or not 0 < size < 1e12 or size != int(size)):
        raise BadInput(f"{path}:{line}: found the size {row[columns.size][:40]!r}, allowed is a whole number from 1 up")
    if kind := columns.words.get(word, word):
        gathered[kind].append((latency * columns.unit, 1 if size is None else -int(-size // columns.page)))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _measured(path: Path, gathered: dict[str, list[tuple[float, int]]]) -> Iterator[tuple[str, Latencies]]:
    for kind, rows in gathered.items():
        if rows and len(rows) < FEWEST:
            raise BadInput(f"{path}: found {len(rows)} latencies of a {kind}, allowed are at least {FEWEST}")
        if rows:
            values, pages = np.array(rows, np.float64).T
            yield kind, of_sizes(values, pages.astype(np.int64), None)
