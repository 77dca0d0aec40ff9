"""Text with a reference on each line, read by patterns: a format says what its lines look like, and has no code.

A pattern is a line as it is printed, with `{what:how}` for what differs: `{kind:w} {place:x},{size}`. What: `place` (an
address or a page), `object` (an object's id, any text, which becomes a 64-bit hash), `size`, `kind`, `process`,
`thread`, `time`, `code` (the instruction's address), or nothing for what is left out. How: a number, decimal or 0x
hexadecimal; `x` hexadecimal with 0x or without; `p` with 0x, or (nil); `t` a time; `w` a word of the table; `b` pairs
of hexadecimal digits; `f` a field of any text. `{}` is the rest of the line. A blank stands for blanks and tabs, `~`
for some or none, `"` for a quote or none, `[...]` for what may be missing; after `!` no other pattern is tried. A
backslash makes any of these itself.

Blank lines and those that begin with # are skipped. A reference touches every page from its first byte to its last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from workloads.base import MAX_PAGE
from workloads.traces.runs import OPTIONAL, Runs, empty, present, select
from workloads.traces.scan import (
    MOST_TICKS,
    SLOTS,
    after_field,
    after_quoted,
    at_end,
    begins,
    blanks,
    hash_of,
    hexadecimal,
    line_end,
    number_at,
    ticks_at,
    whole_lines,
    word,
    word_at,
    words_table,
    wrong_line,
)

NOTHING, LOAD, STORE, MODIFY, FETCH = 8, 1, 2, 3, 4
"""Kinds: bits, and NOTHING for a line that is no reference."""

MOST_PAGES = 1 << 16
"""Most pages that one line may touch, so that a damaged size can't fill a disk."""

LARGEST = 4096
"""Most bytes of a processor's reference: the largest, in saving its own state, is smaller."""

_ROOM = 2 * MOST_PAGES
_SLOTS = ("place", "object", "size", "kind", "process", "thread", "time", "code", "", "_quoted", "_last", "_origin")
_PLACE, _OBJECT, _SIZE, _KIND, _PROCESS, _THREAD, _TIME, _CODE, _LEFT, _QUOTED, _LAST, _ORIGIN = range(len(_SLOTS))
_NUMBER, _HEX, _POINTER, _TICKS, _WORD, _PAIRS, _FIELD, _QUOTE, _REST, _LITERAL, _BLANKS, _OPTIONAL, _CLOSE, _CUT = (
    range(14)
)
_READERS = {"": _NUMBER, "x": _HEX, "p": _POINTER, "t": _TICKS, "w": _WORD, "b": _PAIRS, "f": _FIELD}
_NIL, _HEX_MARK, _REFUSED = word("(nil)"), word("0x"), -2
_TOKEN = re.compile(r"\{(?P<what>\w*)(?::(?P<how>\w?))?\}|\\?(?P<letter>.)", re.DOTALL)


class Clock(NamedTuple):
    """How a time stamp becomes nanoseconds: (the number x 10^digits, rounded, - origin) x factor."""

    digits: int
    origin: int = 0
    factor: int = 1
    relative: bool = False
    """the origin is the first time stamp"""


CLOCKS = {
    "ns": Clock(0),
    "us": Clock(3),
    "ms": Clock(6),
    "s": Clock(9),
    "filetime": Clock(0, 116_444_736_000_000_000, 100),
}
"""Units of time stamps; `filetime`, Windows' ticks since 1601, is counted from 1970, since 1601 in ns needs 64 bits."""


class Table(NamedTuple):
    """What the lines of a text are."""

    lines: tuple[str, ...]
    """patterns of lines that are references; the first that fits is taken"""
    skipped: tuple[str, ...] = ()
    """patterns of lines that aren't; they may tell the time of those that follow"""
    words: tuple[tuple[str, int], ...] = ()
    """words for kinds, in lower case; each is found in any case"""
    page_bits: int = 0
    """log2 of what the place is divided by: 0 for pages"""
    unit: int = 1
    """what a place is multiplied by to give bytes"""
    size_unit: int = 1
    clock: Clock = CLOCKS["ns"]
    delimiter: str = ""
    """what ends a field of any text; empty: blanks"""
    most_size: int = 1 << 62
    size_of_none: int = 0
    """bytes that a reference of size 0 has; 0: it is no reference, -1: it isn't allowed"""


_STATE = np.dtype(
    [
        ("lines", np.int64, (32, 3)),
        ("patterns", np.int64),
        ("steps", np.int64, (2048, 3)),
        ("words", np.uint64, SLOTS),
        ("kinds", np.int64, SLOTS),
        *((name, np.int64) for name in ("page_bits", "unit", "size_unit", "most_size", "size_of_none")),
        *((name, np.int64) for name in ("delimiter", "digits", "factor", "relative", "code")),
        ("values", np.int64, len(_SLOTS)),
    ]
)
"""What compiled code needs of a Table, in one record: `lines` has for each pattern where its steps begin and end, and
whether its lines are references; `steps` what to take, the slot that it fills and an argument (a literal's byte);
`values` what the line that it is at says."""


def references(pieces: Iterator[bytes], where: str, table: Table, allowed: str, skip: int = 0) -> Iterator[Runs]:
    """One run for each page that a line of a text touches, in pieces of bounded size; `skip` bytes are left out first.

    Raises InputError, which names file (`where`) and line, at a line that isn't what is `allowed`.
    """
    state, optional = _state(table)
    lines_before = 0
    for text in whole_lines(pieces, where):
        data: NDArray[np.uint8] = np.frombuffer(text, np.uint8)
        at = min(skip, len(data))
        skip -= at
        while at < len(data):
            room = empty(_ROOM, optional)
            columns = (*room[:4], *present(room))
            rows, at, wrong = _parse(data, at, columns, state)
            if rows:
                yield select(room, slice(0, rows))
            if wrong:
                raise wrong_line(text, at, where, lines_before, allowed)
        lines_before += text.count(b"\n")


def plain(text: str) -> str:
    """Text as a pattern that stands for itself."""
    return re.sub(r"(.)", r"\\\1", text, flags=re.DOTALL)


def _state(table: Table) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The state before the first line, and the optional columns that lines tell."""
    state: NDArray[Any] = np.zeros(1, _STATE)
    steps: list[tuple[int, int, int]] = []
    for number, pattern in enumerate((*table.lines, *table.skipped)):
        begin = len(steps)
        _translate(pattern, steps)
        state["lines"][0, number] = begin, len(steps), number < len(table.lines)
    state["patterns"] = len(table.lines) + len(table.skipped)
    state["steps"][0, : len(steps)] = steps
    state["words"][0], state["kinds"][0] = words_table(table.words)
    for name in ("page_bits", "unit", "size_unit", "most_size", "size_of_none"):
        state[name] = getattr(table, name)
    state["delimiter"] = ord(table.delimiter or "\0")
    for name in ("digits", "factor", "relative"):
        state[name] = getattr(table.clock, name)
    state["values"][0, _ORIGIN] = table.clock.origin
    slots = {_SLOTS[slot] for code, slot, _ in steps if code < _LITERAL}
    state["code"] = "code" in slots
    return state, tuple(name for name in OPTIONAL if name in slots)


def _translate(pattern: str, steps: list[tuple[int, int, int]]) -> None:
    opened = 0
    for token in _TOKEN.finditer(pattern):
        what, how, letter = token.groups()
        if token[0] == "{}":
            steps.append((_REST, _LEFT, 0))
        elif what is not None:
            steps.append((_READERS[how or ""], _SLOTS.index(what), 0))
        elif token[0] in (" ", "~"):
            steps.append((_BLANKS, _LEFT, letter == " "))
        elif token[0] == '"':
            steps.append((_QUOTE, _LEFT, 0))
        elif token[0] == "[":
            opened = len(steps)
            steps.append((_OPTIONAL, 0, 0))
        elif token[0] == "!":
            steps.append((_CUT, _LEFT, 0))
        elif token[0] == "]":
            steps.append((_CLOSE, _LEFT, 0))
            steps[opened] = (_OPTIONAL, 0, len(steps))
        else:
            steps.append((_LITERAL, _LEFT, ord(letter)))
    steps.append((_BLANKS, _LEFT, 0))


@compiled
def _parse(text: Any, at: int, room: Any, states: Any) -> Any:
    # Gives the rows filled, the line that the next call begins with, and whether it is one that can't be read. The
    # text ends with a line end, at which every loop stops.
    page, fetches, loads, stores, process, thread, time = room
    row, s = 0, states[0]
    while at < len(text):
        first = blanks(text, at)
        if text[first] == ord("#") or at_end(text, first):
            at = line_end(text, first) + 1
            continue
        end, referring = _line(text, at, s)
        place, count = _pages(s) if end >= 0 and referring else (np.uint64(0), np.int64(0))
        if end < 0 or count < 0:
            return row, at, True
        if row + count + 1 > len(page):
            return row, at, False
        kind = s.values[_KIND]
        fetched = s.code and s.values[_CODE] != s.values[_LAST]
        s.values[_LAST] = s.values[_CODE]
        for step in range(-1 if fetched else 0, count):
            page[row] = place + np.uint64(step)
            if step < 0:
                page[row], kind = np.uint64(s.values[_CODE]) >> np.uint64(s.page_bits), FETCH
            fetches[row], loads[row], stores[row] = kind >> 2, kind & 1, (kind >> 1) & 1
            kind = s.values[_KIND]
            if len(process):
                process[row] = s.values[_PROCESS]
            if len(thread):
                thread[row] = s.values[_THREAD]
            if len(time):
                time[row] = s.values[_TIME]
            row += 1
        at = line_end(text, end) + 1
    return row, at, False


@compiled
def _pages(s: Any) -> Any:
    # The first page that the line touches, and how many, -1 if no machine has such a place.
    place, size = np.uint64(s.values[_PLACE]), np.uint64(s.values[_SIZE])
    wrong = place, np.int64(-1)
    if s.values[_OBJECT]:
        return np.uint64(s.values[_OBJECT]), np.int64(1)
    if (s.values[_PROCESS] | s.values[_THREAD]) >> 32:
        return wrong
    if s.values[_KIND] == NOTHING:
        return place, np.int64(0)
    if size == np.uint64(0):
        if s.size_of_none <= 0:
            return place, np.int64(s.size_of_none)
        size = np.uint64(s.size_of_none)
    bits, unit = np.uint64(s.page_bits), np.uint64(s.unit)
    if size > np.uint64(MOST_PAGES) << bits or size > np.uint64(s.most_size) or place * unit // unit != place:
        return wrong
    place *= unit
    end = place + (size * np.uint64(s.size_unit) - np.uint64(1))
    first, last = place >> bits, end >> bits
    if end < place or last > np.uint64(MAX_PAGE) or last - first >= np.uint64(MOST_PAGES):
        return wrong
    return first, np.int64(last - first) + 1


@compiled
def _line(text: Any, at: int, s: Any) -> Any:
    # The end of the line by the first pattern that it fits, -1: none, and whether it is a reference.
    s.values[_SIZE], s.values[_KIND], s.values[_OBJECT] = 1, LOAD, 0
    for number in range(s.patterns):
        end = _match(text, at, number, s)
        if end >= 0 or end == _REFUSED:
            return end, s.lines[number, 2]
    return -1, 0


@compiled
def _match(text: Any, at: int, number: int, s: Any) -> int:
    # What may be missing is tried first; where it doesn't fit, the steps after it are taken from where it began.
    step, last, after, before = s.lines[number, 0], s.lines[number, 1], -1, -1
    cut = False
    s.values[_QUOTED] = 0
    while step < last:
        code, slot, argument = s.steps[step, 0], s.steps[step, 1], s.steps[step, 2]
        step += 1
        if code == _BLANKS:
            end = _blanks(text, at, s.delimiter)
            at, fits = end, end > at or argument == 0
        elif code == _LITERAL:
            fits = text[at] == argument
            at += 1
        elif code == _QUOTE:
            here = text[at] == ord('"')
            fits = here or s.values[_QUOTED] == 0
            s.values[_QUOTED] = here and s.values[_QUOTED] == 0
            at += here
        elif code == _OPTIONAL:
            after, before, fits = argument, at, True
        elif code == _CLOSE:
            after, fits = -1, True
        elif code == _CUT:
            cut, fits = True, True
        else:
            at = _take(text, at, code, slot, s)
            fits = at >= 0
        if not fits:
            if after < 0:
                return _REFUSED if cut else -1
            at, step, after = before, after, -1
    return at if at_end(text, at) else -1


@compiled
def _blanks(text: Any, at: int, delimiter: int) -> int:
    while text[at] == ord(" ") or (text[at] == ord("\t") and delimiter != ord("\t")):
        at += 1
    return at


@compiled
def _take(text: Any, at: int, code: int, slot: int, s: Any) -> int:
    # The place after a value, -1 if it isn't as a step says.
    if code <= _HEX:
        at, number = number_at(text, at, code)
        s.values[slot] = np.int64(number)
        return at
    if code == _WORD:
        at, kind = word_at(text, at, s.delimiter, s.words, s.kinds)
        s.values[slot] = kind if kind else s.values[slot]
        return at if kind else -1
    if code == _TICKS:
        return _time(text, at, slot, s)
    if code == _REST:
        at = line_end(text, at)
        return at - 1 if text[at - 1] == ord("\r") else at
    return _text(text, at, code, slot, s)


@compiled
def _time(text: Any, at: int, slot: int, s: Any) -> int:
    at, ticks = ticks_at(text, at, s.digits)
    if s.relative and s.values[_ORIGIN] == 0:
        s.values[_ORIGIN] = ticks
    s.values[slot] = (ticks - s.values[_ORIGIN]) * s.factor
    return at if abs(ticks * 1.0 - s.values[_ORIGIN]) * s.factor <= MOST_TICKS else -1


@compiled
def _text(text: Any, at: int, code: int, slot: int, s: Any) -> int:
    if code == _POINTER:
        if begins(text, at, _NIL):
            s.values[slot] = 0
            return at + len(_NIL)
        if not begins(text, at, _HEX_MARK):
            return -1
        at, number = number_at(text, at, 1)
        s.values[slot] = np.int64(number)
        return at
    if code == _PAIRS:
        while not at_end(text, at):
            at, _number, digits = hexadecimal(text, at)
            if digits != 2:
                return -1
            at = blanks(text, at)
        return at
    end = after_quoted(text, at) if s.values[_QUOTED] else after_field(text, at, s.delimiter)
    if slot == _OBJECT and end > at:
        s.values[_OBJECT] = np.int64(hash_of(text, at, end))
    return end if slot != _OBJECT or end > at else -1
