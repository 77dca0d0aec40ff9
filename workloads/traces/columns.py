"""Text tables of references, a line each: the compiled parser that formats with columns share.

A line touches every page from its first byte to its last; what its columns mean is told by a `Table`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from workloads.base import MAX_PAGE
from workloads.traces.compression import expanded
from workloads.traces.fields import (
    MOST,
    MOST_TICKS,
    SLOTS,
    after_blanks,
    after_field,
    after_quoted,
    ends,
    hash_of,
    hashed,
    number_at,
    ticks_at,
    word_at,
)
from workloads.traces.lines import whole_lines, wrong_line
from workloads.traces.runs import Runs, empty, select
from workloads.traces.scan import finished

SKIP, PLACE, OBJECT, SIZE, KIND, PROCESS, THREAD, TIME = range(8)
"""What a column is: left out; the address or page; an object's id, any text, which becomes a 64-bit hash; the size;
whether it is a load, store or fetch; the process's id; the thread's id; the time stamp."""

LOAD, STORE, FETCH = 1, 2, 4
MODIFY = LOAD | STORE

MOST_COLUMNS = 256
"""Most columns up to the last one that is used."""

MOST_PAGES = 1 << 16
"""Most pages that one line may touch, so that a damaged size can't fill a disk."""

_MOST_ID = np.uint64(0xFFFF_FFFF)
_ROOM = 2 * MOST_PAGES
_OPTIONAL = {"process": PROCESS, "thread": THREAD, "time": TIME}
_NONE = {"process": np.empty(0, np.uint32), "thread": np.empty(0, np.uint32), "time": np.empty(0, np.int64)}
_EPOCH_1601 = 116_444_736_000_000_000
"""1970 in Windows file time: ticks of 100 ns since 1601."""


class Clock(NamedTuple):
    """How a time stamp becomes nanoseconds: (the number x 10^digits, rounded, - origin) x factor."""

    digits: int
    origin: int = 0
    factor: int = 1


CLOCKS = {
    "ns": Clock(0),
    "us": Clock(3),
    "ms": Clock(6),
    "s": Clock(9),
    "filetime": Clock(0, _EPOCH_1601, 100),
}
"""Units of time stamps; `filetime`, Windows' ticks since 1601, is counted from 1970, since 1601 in ns needs 64 bits."""


class Table(NamedTuple):
    """What stands where in the lines of a table."""

    roles: tuple[int, ...]
    """for each column what it is; columns after the last of these are left out"""
    delimiter: int = 0
    """the byte between columns; 0: blanks and tabs, any number of them"""
    page_bits: int = 0
    """log2 of what the place is divided by: 0 for pages"""
    unit: int = 1
    """what a place is multiplied by to give bytes"""
    size_unit: int = 1
    hexadecimal: bool = False
    """places are hexadecimal without 0x too"""
    clock: Clock = CLOCKS["ns"]
    words: tuple[tuple[str, int], ...] = ()
    """words of the column of kinds, in lower case, at most 8 bytes each"""
    skip: int = 0
    """bytes before the first line of the table"""


_STATE = np.dtype(
    [
        ("roles", np.uint8, MOST_COLUMNS),
        *(
            (name, np.int64)
            for name in ("columns", "delimiter", "page_bits", "hexadecimal", "digits", "origin", "factor")
        ),
        ("unit", np.uint64),
        ("size_unit", np.uint64),
        ("words", np.uint64, SLOTS),
        ("kinds", np.int64, SLOTS),
        ("place", np.uint64),
        ("object", np.uint64),
        ("size", np.uint64),
        ("kind", np.int64),
        ("process", np.uint64),
        ("thread", np.uint64),
        ("time", np.int64),
    ]
)
"""What the compiled code needs of a Table, and what the line says that it is at."""


def _state(table: Table) -> NDArray[Any]:
    state: NDArray[Any] = np.zeros(1, _STATE)
    state["roles"][0, : len(table.roles)] = table.roles
    state["columns"] = len(table.roles)
    for name in ("delimiter", "page_bits", "hexadecimal", "unit", "size_unit"):
        state[name] = getattr(table, name)
    for name, value in table.clock._asdict().items():
        state[name] = value
    state["words"][0], state["kinds"][0] = hashed(table.words)
    state["size"], state["kind"] = 1, LOAD
    return state


def references(path: Path, table: Table, allowed: str, ended: bool = True) -> Iterator[Runs]:
    """One run for each page that a line touches, in pieces of bounded size; blank lines and those that start with #
    are skipped, and those of size 0.

    Raises InputError, which names file and line, at a line that isn't what is `allowed`, and if `ended`, if the last
    line has no end: programs write one, so the file was cut off, perhaps inside a number.
    """
    state = _state(table)
    optional = tuple(name for name, role in _OPTIONAL.items() if role in table.roles)
    lines_before, skip = 0, table.skip
    pieces = finished(expanded(path), str(path)) if ended else expanded(path)
    for text in whole_lines(pieces, str(path)):
        data: NDArray[np.uint8] = np.frombuffer(text, np.uint8)
        at = min(skip, len(data))
        skip -= at
        while at < len(data):
            room = empty(_ROOM, optional)
            columns = [getattr(room, name) if name in optional else none for name, none in _NONE.items()]
            rows, at, wrong = _parse(data, at, *room[:4], *columns, state)
            if rows:
                yield select(room, slice(0, rows))
            if wrong:
                raise wrong_line(text, at, str(path), lines_before, allowed)
        lines_before += text.count(b"\n")


@compiled
def _parse(
    text: Any,
    at: int,
    page: Any,
    fetches: Any,
    loads: Any,
    stores: Any,
    process: Any,
    thread: Any,
    time: Any,
    states: Any,
) -> Any:
    # Gives the rows filled, the line that the next call begins with, and whether it is one that can't be read. The
    # text ends with a line end, at which every loop stops.
    row, line = 0, states[0]
    processes, threads, times = len(process) > 0, len(thread) > 0, len(time) > 0
    while at < len(text):
        start, first = at, after_blanks(text, at, 0)
        skipped = ends(text, first) or text[first] == ord("#")
        at = first if skipped else _fields(text, start, line)
        if at < 0:
            return row, start, True
        while text[at] != ord("\n"):
            at += 1
        at += 1
        page_first, count = (np.uint64(0), np.int64(0)) if skipped else _pages(line)
        if count < 0:
            return row, start, True
        if row + count > len(page):
            return row, start, False
        for step in range(count):
            page[row] = page_first + np.uint64(step)
            fetches[row], loads[row], stores[row] = line.kind >> 2, line.kind & 1, (line.kind >> 1) & 1
            if processes:
                process[row] = line.process
            if threads:
                thread[row] = line.thread
            if times:
                time[row] = line.time
            row += 1
    return row, at, False


@compiled
def _pages(line: Any) -> Any:
    # The first page that the line touches, and how many, -1 if no machine has such a place.
    wrong = line.place, np.int64(-1)
    if line.object:
        return line.object, np.int64(1)
    if line.size == np.uint64(0):
        return line.place, np.int64(0)
    bits = np.uint64(line.page_bits)
    if line.size > np.uint64(MOST_PAGES) << bits or (line.unit > np.uint64(1) and line.place > MOST // line.unit):
        return wrong
    place = line.place * line.unit
    end = place + (line.size * line.size_unit - np.uint64(1))
    first, last = place >> bits, end >> bits
    if last > np.uint64(MAX_PAGE) or last - first >= np.uint64(MOST_PAGES):  # huge if `end` went beyond 2^64
        return wrong
    return first, np.int64(last - first) + 1


@compiled
def _fields(text: Any, at: int, line: Any) -> int:
    # Read the line at `at` up to the last column that has a role; -1 if it isn't as the roles say.
    for column in range(line.columns):
        at = after_blanks(text, at, line.delimiter)
        quoted = text[at] == ord('"')
        if ends(text, at):
            return -1
        at = _value(text, at + quoted, quoted, line.roles[column], line)
        if at < 0 or (quoted and text[at] != ord('"')):
            return -1
        after = after_blanks(text, at + quoted, line.delimiter)
        if ends(text, after):
            return after if column == line.columns - 1 else -1
        if line.delimiter == 0 and after == at + quoted:
            return -1
        if line.delimiter and text[after] != line.delimiter:
            return -1
        at = after + (line.delimiter > 0)
    return at


@compiled
def _value(text: Any, at: int, quoted: int, role: int, line: Any) -> int:
    if role == KIND:
        at, line.kind = word_at(text, at, line.delimiter, line.words, line.kinds)
        return at if line.kind else -1
    if role == TIME:
        at, ticks = ticks_at(text, at, line.digits)
        line.time = (ticks - line.origin) * line.factor
        return at if abs(ticks * 1.0 - line.origin) * line.factor <= MOST_TICKS else -1
    if role in (SKIP, OBJECT):
        end = after_quoted(text, at) if quoted else after_field(text, at, line.delimiter)
        if role == OBJECT:
            line.object = hash_of(text, at, end)
        return end if role == SKIP or end > at else -1
    at, number = number_at(text, at, role == PLACE and line.hexadecimal)
    if role == PLACE:
        line.place = number
    elif role == SIZE:
        line.size = number
    else:
        if number > _MOST_ID:
            return -1
        if role == PROCESS:
            line.process = number
        else:
            line.thread = number
    return at
