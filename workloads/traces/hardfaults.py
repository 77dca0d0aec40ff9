"""Tables of hard faults as Windows' tools write them: their header line and their cells."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from workloads.base import InputError
from workloads.traces.scan import at_end, decimal, hexadecimal, is_digit, line_end

NAMES: dict[str, tuple[str, ...]] = {
    "address": ("virtualaddress", "virtualaddr", "faultingaddress", "faultaddress", "address"),
    "process": ("pid", "processid", "process", "processnamepid", "processname"),
    "thread": ("threadid", "tid", "tthreadid"),
    "time": ("time", "timestamp", "faulttime", "starttime", "initialtime"),
    "io_time": ("iotime", "elapsedtime", "ioduration", "duration"),
    "size": ("bytecount", "iosize", "size", "bytes"),
    "offset": ("readoffset", "byteoffset", "fileoffset", "offset"),
}
"""What a column may be, and its names in lower case, without blanks, signs and unit; the first one found is taken."""

ROLES = tuple(NAMES)
DIGITS = {"s": 9, "ms": 6, "us": 3, "µs": 3, "μs": 3, "ns": 0}
"""Units of time, and how many digits they are above nanoseconds."""

EVENT = "HardFault"
"""What begins the lines of hard faults among others in the text of xperf's dumper."""

MOST_COLUMNS = 128
_UNIT = re.compile(r"\(\s*(s|ms|us|µs|μs|ns|b|bytes|hex)\s*\)", re.IGNORECASE)
_BYTE_ORDERS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be", codecs.BOM_UTF8: "utf-8"}
_ADDRESS, _PROCESS, _THREAD, _TIME, _IO_TIME, _SIZE, _OFFSET = range(len(ROLES))
_UNKNOWN_ID, _UNKNOWN = np.uint64(0xFFFF_FFFF), np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_MOST, _MOST_TICKS = np.uint64((1 << 63) - 1), 9_000_000_000_000_000_000
_LONGEST = 64


class Header(NamedTuple):
    """What the header line of a table says."""

    line: int
    """lines before the first row"""
    delimiter: int
    roles: NDArray[np.int64]
    """for each column the place in `ROLES` of what it is, -1: nothing of interest"""
    digits: NDArray[np.int64]
    """for each column, if it is a time, the digits of its unit above nanoseconds"""
    event: NDArray[np.uint8]
    """what the first cell of each row says that is a fault; empty: each row is"""
    certain: bool
    """whether the columns are those of hard faults rather than of any references"""


def utf8(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Text as UTF-8 without a byte order mark, from UTF-16 if its byte order mark says so; raises InputError."""
    decoder: codecs.IncrementalDecoder | None = None
    for count, piece in enumerate(pieces):
        if count == 0:
            mark = next((mark for mark in _BYTE_ORDERS if piece.startswith(mark)), b"")
            decoder = codecs.getincrementaldecoder(_BYTE_ORDERS[mark])() if mark else None
            piece = piece[len(mark) :]
        yield piece if decoder is None else _decoded(decoder, piece, where)
    if decoder is not None:
        _decoded(decoder, b"", where, last=True)


def _decoded(decoder: codecs.IncrementalDecoder, piece: bytes, where: str, last: bool = False) -> bytes:
    try:
        return decoder.decode(piece, last).encode()
    except UnicodeError as error:
        what = " ".join(str(error).split())[:100]
        raise InputError(
            f"{where}: found text that breaks its encoding ({what}), allowed is UTF-8 or UTF-16"
        ) from error


def header_of(head: bytes, columns: Mapping[str, str]) -> Header | None:
    """The header line in the start of a file; None if there is none. `columns` has names that go before the known."""
    mark = next((mark for mark in _BYTE_ORDERS if head.startswith(mark)), b"")
    text = head[len(mark) :].decode(_BYTE_ORDERS.get(mark, "utf-8"), errors="replace")
    if "irtual" not in text and not columns and "ault" not in text:
        return None
    seen = False
    for number, line in enumerate(text.split("\n")):
        event = line.lstrip().startswith((f"{EVENT},", f"{EVENT} ,"))
        if not event and (seen or not line.strip()):
            continue  # other tables have their header in the first line that isn't blank
        seen = True
        if (header := _header(line, number + 1, EVENT if event else "", columns)) is not None:
            return header
    return None


def is_hard_faults(head: bytes) -> bool:
    """Whether a file that starts with `head` is a table of hard faults rather than of any references."""
    header = header_of(head, {})
    return header is not None and header.certain


def _header(line: str, number: int, event: str, columns: Mapping[str, str]) -> Header | None:
    delimiter = next((mark for mark in "\t;," if mark in line), "")
    if not delimiter or line.count(delimiter) >= MOST_COLUMNS:
        return None
    try:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error:
        return None
    plain = [re.sub(r"[\W_]", "", _UNIT.sub("", cell).lower()) for cell in cells]
    found: dict[str, int] = {}
    for role, names in NAMES.items():
        places = [cells.index(columns[role])] if columns.get(role) in cells else []
        places += [plain.index(name) for name in names if name in plain and role not in columns]
        if places and places[0] not in found.values():
            found[role] = places[0]
    if "address" not in found:
        return None
    roles, digits = np.full(len(cells), -1, np.int64), np.full(len(cells), DIGITS["us"], np.int64)
    for role, place in found.items():
        roles[place] = ROLES.index(role)
        unit = _UNIT.search(cells[place])
        digits[place] = DIGITS.get(unit[1].lower(), DIGITS["us"]) if unit else DIGITS["us"]
    certain = plain[found["address"]] != "address" and (bool(event) or "io_time" in found or "size" in found)
    return Header(number, ord(delimiter), roles, digits, np.frombuffer(event.encode(), np.uint8), certain)


@compiled
def parse_cells(text: Any, delimiter: int, mark: int, event: Any, roles: Any, digits: Any, cells: Any) -> Any:
    """Fill `cells`, a row for each of `ROLES` and a column for each fault, from the text of whole lines, where `mark`
    stands before decimals. Gives the faults and the offset of the first line that can't be read, or -1."""
    row, start, buffer = 0, 0, np.empty(_LONGEST, np.uint8)
    wanted = np.count_nonzero(roles >= 0)
    while start < len(text):
        stop = line_end(text, start)
        if not at_end(text, start):
            found = _line(text, start, stop, delimiter, mark, event, roles, digits, cells[:, row], buffer)
            if 0 <= found < wanted:
                return row, start
            row += found == wanted
        start = stop + 1
    return row, -1


@compiled
def _line(
    text: Any, at: int, stop: int, delimiter: int, mark: int, event: Any, roles: Any, digits: Any, row: Any, buffer: Any
) -> int:
    # How many of the wanted cells were found and can be read; -1: the line is of another event.
    column, found = 0, 0
    while at >= 0 and column < len(roles):
        first, last, at = _field(text, at, stop, delimiter)
        if first < 0:
            return found
        if column == 0 and len(event):
            if last - first != len(event):
                return -1
            for i in range(len(event)):
                if text[first + i] != event[i]:
                    return -1
        if roles[column] >= 0:
            right, row[roles[column]] = _cell(text, first, last, roles[column], digits[column], mark, buffer)
            if not right:
                return found
            found += 1
        column += 1
    return found


@compiled
def _field(text: Any, at: int, stop: int, delimiter: int) -> Any:
    # Where a cell begins and ends, without blanks and quotes around it (-1: quotes aren't closed), and where the next
    # begins, -1 after the last.
    while text[at] == ord(" ") or (text[at] == ord("\t") and delimiter != ord("\t")):
        at += 1
    quoted = text[at] == ord('"')
    first = last = at + quoted
    if quoted:
        while last < stop and (text[last] != ord('"') or text[last + 1] == ord('"')):
            last += 1 if text[last] != ord('"') else 2
        at = last + 1
        if last >= stop:
            return -1, -1, -1
    while at < stop and text[at] != delimiter:
        at += 1
    if not quoted:
        last = at
        while last > first and (text[last - 1] == ord(" ") or text[last - 1] == ord("\r")):
            last -= 1
    return first, last, at + 1 if at < stop else -1


@compiled
def _cell(text: Any, first: int, last: int, role: int, digits: int, mark: int, buffer: Any) -> Any:
    if role in (_PROCESS, _THREAD):
        return _id(text, first, last, mark, buffer)
    unknown = last == first or (last - first == 3 and text[first] == ord("N") and text[first + 1] == ord("/"))
    if unknown and role not in (_ADDRESS, _TIME):
        return True, _UNKNOWN
    length = _plain(text, first, last, mark, buffer)
    if length < 1:
        return False, _UNKNOWN
    if role in (_TIME, _IO_TIME):
        right, ticks = _ticks(buffer, digits)
        return right and (role == _TIME or ticks >= 0), np.uint64(ticks)
    right, number = _number(buffer)
    if role == _ADDRESS:
        return right and length > 2 and (buffer[1] | 0x20) == ord("x"), number
    return right and number <= _MOST, number


@compiled
def _plain(text: Any, first: int, last: int, mark: int, buffer: Any) -> int:
    # A line with a number without what groups its digits, its decimals after a full stop; the number's length, -1 if it
    # is too long.
    length = 0
    for at in range(first, last):
        byte = text[at]
        digit = (ord("0") <= byte <= ord("9")) or (ord("a") <= (byte | 0x20) <= ord("z"))
        groups = byte == ord(",") or byte == ord(".") or byte == ord("`") or byte == ord("'") or byte == ord(" ")
        groups |= byte >= 0x80  # no-break spaces
        if byte == mark or digit or not groups:
            if length == len(buffer) - 2:
                return -1
            buffer[length] = ord(".") if byte == mark else byte
            length += 1
    buffer[length], buffer[length + 1] = ord("\n"), ord("\n")
    return length


@compiled
def _id(text: Any, first: int, last: int, mark: int, buffer: Any) -> Any:
    # "name (id)", an id, or what stands for none: nothing, Unknown, N/A, -1.
    if last > first and text[last - 1] == ord(")"):
        last -= 1
        begin = last
        while begin > first and text[begin - 1] != ord("("):
            begin -= 1
        if begin == first:
            return False, _UNKNOWN_ID
        first = begin
    length = _plain(text, first, last, mark, buffer)
    if length < 1:
        return length == 0, _UNKNOWN_ID
    if not ord("0") <= buffer[0] <= ord("9"):
        none = buffer[0] == ord("U") or buffer[0] == ord("N")
        return none or (length == 2 and buffer[0] == ord("-") and buffer[1] == ord("1")), _UNKNOWN_ID
    right, number = _number(buffer)
    return right and number <= _UNKNOWN_ID, number


@compiled
def _number(line: Any) -> Any:
    # Whether a line is a number, decimal or 0x hexadecimal, and which.
    if line[0] == ord("0") and (line[1] | 0x20) == ord("x"):
        at, number, digits = hexadecimal(line, 2)
        return line[at] == ord("\n") and 1 <= digits <= 16, number
    at, natural = decimal(line, 0)
    return line[at] == ord("\n") and natural >= 0, np.uint64(max(natural, 0))


@compiled
def _ticks(line: Any, digits: int) -> Any:
    # Whether a line is a number, and the number x 10^digits without its further decimals.
    at = 1 if line[0] == ord("-") else 0
    first, ticks, decimals, point = at, np.int64(0), np.int64(0), False
    while is_digit(line[at]) or (line[at] == ord(".") and not point):
        if line[at] == ord("."):
            point, first = True, first + 1
        elif not point or decimals < digits:
            if ticks > _MOST_TICKS // 10:
                return False, ticks
            ticks, decimals = ticks * 10 + np.int64(line[at] - ord("0")), decimals + point
        at += 1
    for _ in range(decimals, digits):
        if ticks > _MOST_TICKS // 10:
            return False, ticks
        ticks *= 10
    return line[at] == ord("\n") and at > first, -ticks if line[0] == ord("-") else ticks
