"""Text files: cut into pieces of whole lines, and the compiled steps that read numbers, times and words in them.

Every compiled step is given the bytes of whole lines, the last ended by a line feed, and where it begins; it gives the
place after what it read, -1 if that isn't what it should be. None but `line_end` goes past a line feed, so none runs
out of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from workloads.base import InputError
from workloads.traces.runs import Runs, empty, select

LONGEST = 1 << 16
"""Most bytes in a line; a file without line ends must not fill memory."""

LONGEST_WORD = 16
"""Bytes of the longest word that is looked up."""

MOST_TICKS = 9_200_000_000_000_000_000
"""What a time stamp may be, either way from 0."""

NO_NUMBER = -1
"""What `decimal` gives for a number that isn't there or is too long."""

SLOTS = 256
"""Of the hash table of words, at most three quarters are taken."""

_MOST = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_E19 = np.uint64(10**19)

Parser = Callable[..., tuple[int, int]]
"""(bytes of whole lines, page, fetches, loads, stores, and the optional columns in the order of Runs: arrays to fill)
-> (rows filled, offset of the first line that can't be read, or -1)"""


def parsed(
    pieces: Iterator[bytes],
    where: str,
    parse: Parser,
    rows_per_line: int,
    allowed: str,
    optional: Collection[str] = (),
) -> Iterator[Runs]:
    """The runs in a stream of text that comes from `where`; raises InputError that names it and the line.

    `optional` names the columns of `runs.OPTIONAL` that the parser fills beside the four that each trace has.
    """
    lines_before = 0
    for text in whole_lines(pieces, where):
        room = empty((text.count(b"\n") + 1) * rows_per_line, optional)
        data: NDArray[np.uint8] = np.frombuffer(text, np.uint8)
        rows, wrong = parse(data, *(column for column in room if column is not None))
        if rows:
            yield select(room, slice(0, rows))
        if wrong >= 0:
            raise wrong_line(text, wrong, where, lines_before, allowed)
        lines_before += text.count(b"\n")


def whole_lines(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    """The same bytes cut after line ends; a line end is added to a last line without one."""
    rest = b""
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
        if len(rest) > LONGEST:
            raise InputError(f"{where}: found a line of more than {LONGEST} bytes, allowed is a text file of lines")
    if rest:
        yield rest + b"\n"


def wrong_line(text: bytes, wrong: int, where: str, lines_before: int, allowed: str) -> InputError:
    """The error for the line that begins at offset `wrong` of a text with `lines_before` lines before it."""
    line = lines_before + text.count(b"\n", 0, wrong) + 1
    found = text[wrong : text.find(b"\n", wrong)].decode(errors="replace")
    short = repr(found if len(found) <= 60 else found[:60] + "...")
    return InputError(f"{where}:{line}: found {short}, allowed is {allowed}")


def finished(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    """The same pieces; raises InputError at their end if they end inside a line.

    For formats that only programs write: these end each line, so a file that doesn't was cut off, and its last line
    might be read as another number than was written.
    """
    last = b"\n"
    for piece in pieces:
        yield piece
        last = piece[-1:]
    if last != b"\n":
        raise InputError(
            f"{where}: found a last line without an end, allowed is a whole file, not one that was cut off"
        )


def word(text: str) -> NDArray[np.uint8]:
    """Text that `begins` looks for."""
    return np.frombuffer(text.encode(), np.uint8)


def _digits() -> NDArray[np.uint8]:
    values = np.full(256, 16, np.uint8)
    for value, both in enumerate("0123456789abcdef"):
        values[[ord(both), ord(both.upper())]] = value
    return values


_DIGIT = _digits()
"""What each byte is worth as a digit; 16: it is none."""


def words_table(words: tuple[tuple[str, int], ...]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Words in lower case and their values, none of them 0, for `word_at`: a hash table with open addressing."""
    keys, values = np.zeros(SLOTS, np.uint64), np.zeros(SLOTS, np.int64)
    for text, value in words:
        data = word(text)
        key = hash_of(data, 0, len(data))
        slot = int(key) % SLOTS
        while keys[slot] not in (0, key):
            slot = (slot + 1) % SLOTS
        keys[slot], values[slot] = key, value
    return keys, values


@compiled
def blanks(text: Any, at: int) -> int:
    """The first place from `at` that is no space and no tabulator."""
    while text[at] == ord(" ") or text[at] == ord("\t"):
        at += 1
    return at


@compiled
def token_end(text: Any, at: int) -> int:
    """The first place from `at` that is white space."""
    while text[at] != ord(" ") and text[at] != ord("\t") and text[at] != ord("\n") and text[at] != ord("\r"):
        at += 1
    return at


@compiled
def line_end(text: Any, at: int) -> int:
    """The place of the first line feed from `at`."""
    while text[at] != ord("\n"):
        at += 1
    return at


@compiled
def at_end(text: Any, at: int) -> bool:
    """Whether a line ends at `at`: at a line feed, which a carriage return may precede."""
    return text[at] == ord("\n") or (text[at] == ord("\r") and text[at + 1] == ord("\n"))


@compiled
def after_field(text: Any, at: int, delimiter: int) -> int:
    """The delimiter, blank or line end after a field that isn't in quotes."""
    while text[at] != ord("\n") and text[at] != delimiter:
        if delimiter == 0 and (text[at] == ord(" ") or text[at] == ord("\t")):
            break
        at += 1
    return at


@compiled
def after_quoted(text: Any, at: int) -> int:
    """The quote after a field in quotes, of which the first was read; a doubled quote is part of it."""
    while text[at] != ord('"') or text[at + 1] == ord('"'):
        if text[at] == ord("\n"):
            return -1
        at += 1 if text[at] != ord('"') else 2
    return at


@compiled
def begins(text: Any, at: int, expected: Any) -> bool:
    """Whether the `word` stands at `at`."""
    for i in range(len(expected)):  # noqa: SIM110 - compiled code has no generators
        if text[at + i] != expected[i]:
            return False
    return True


@compiled
def is_digit(byte: int) -> bool:
    """Whether a byte is a decimal digit."""
    return ord("0") <= byte <= ord("9")


@compiled
def decimal(text: Any, at: int) -> Any:
    """The place after the decimal digits at `at`, and the number, `NO_NUMBER` if there are none or more than 18."""
    first, number = at, np.int64(0)
    while is_digit(text[at]):
        if at - first < 18:
            number = number * 10 + np.int64(text[at] - ord("0"))
        at += 1
    return at, number if 0 < at - first <= 18 else np.int64(NO_NUMBER)


@compiled
def hexadecimal(text: Any, at: int) -> Any:
    """The place after the hexadecimal digits at `at`, the number, and how many digits there are: right are 1 to 16."""
    first, number = at, np.uint64(0)
    while _DIGIT[text[at]] < 16:
        number = (number << np.uint64(4)) | np.uint64(_DIGIT[text[at]])
        at += 1
    return at, number, at - first


@compiled
def number_at(text: Any, at: int, is_hexadecimal: int) -> Any:
    """A number below 2^64, decimal or 0x hexadecimal."""
    if text[at] == ord("0") and (text[at + 1] | 0x20) == ord("x"):
        is_hexadecimal, at = 1, at + 2
    if is_hexadecimal:
        at, number, digits = hexadecimal(text, at)
        return at if 1 <= digits <= 16 else -1, number
    first, number = at, np.uint64(0)
    while _DIGIT[text[at]] < 10:
        number = number * np.uint64(10) + np.uint64(_DIGIT[text[at]])
        at += 1
    if not 1 <= at - first <= 19 and not (at - first == 20 and text[first] == ord("1") and number >= _E19):
        return -1, number
    return at, number


@compiled
def ticks_at(text: Any, at: int, digits: int) -> Any:
    """A number, with a fraction and an exponent if need be: round(number x 10^digits), at most `MOST_TICKS`.

    In integers: a double would lose the last digits of a time.
    """
    negative = text[at] == ord("-")
    at += text[at] == ord("-") or text[at] == ord("+")
    number, scale, seen, dropped = np.int64(0), np.int64(digits), False, np.int64(-1)
    while _DIGIT[text[at]] < 10:
        if number > MOST_TICKS // 10 - 1:
            return -1, number
        number, seen, at = number * 10 + _DIGIT[text[at]], True, at + 1
    if text[at] == ord("."):
        at += 1
        while _DIGIT[text[at]] < 10:
            if number <= MOST_TICKS // 10 - 1:
                number, scale = number * 10 + _DIGIT[text[at]], scale - 1
            elif dropped < 0:
                dropped = np.int64(_DIGIT[text[at]])
            seen, at = True, at + 1
    if not seen:
        return -1, number
    if (text[at] | 0x20) == ord("e"):
        at, exponent = _exponent(text, at + 1)
        scale += exponent
    right, number = _scaled(number + (scale == 0 and dropped >= 5), scale)
    return at if right else -1, -number if negative else number


@compiled
def _exponent(text: Any, at: int) -> Any:
    negative = text[at] == ord("-")
    at += text[at] == ord("-") or text[at] == ord("+")
    exponent, first = np.int64(0), at
    while _DIGIT[text[at]] < 10 and at < first + 4:
        exponent, at = exponent * 10 + _DIGIT[text[at]], at + 1
    return at if at > first else -1, -exponent if negative else exponent


@compiled
def _scaled(number: int, scale: int) -> Any:
    # number x 10^scale, rounded, and whether it is in range.
    while scale > 0 and number:
        if number > MOST_TICKS // 10:
            return False, number
        number, scale = number * 10, scale - 1
    while scale < -1 and number:
        number, scale = number // 10, scale + 1
    if scale == -1:
        number = (number + 5) // 10
    return True, number


@compiled
def word_at(text: Any, at: int, delimiter: int, keys: Any, values: Any) -> Any:
    """The value of a word, in any case, in a table that `words_table` made; 0: not in it."""
    number, first = np.uint64(0xCBF29CE484222325), at
    while text[at] != delimiter and text[at] > ord(" ") and text[at] != ord('"') and at <= first + LONGEST_WORD:
        byte = np.uint64(text[at])
        lower = byte | np.uint64(0x20) if np.uint64(65) <= byte <= np.uint64(90) else byte
        number = (number ^ lower) * np.uint64(0x100000001B3)
        at += 1
    if not 1 <= at - first <= LONGEST_WORD:
        return -1, np.int64(0)
    key = _mixed(number)
    slot = np.int64(key % np.uint64(SLOTS))
    while keys[slot] != key and keys[slot]:
        slot = (slot + 1) % SLOTS
    return at, values[slot]


@compiled
def hash_of(text: Any, at: int, stop: int) -> Any:
    """A 64-bit hash of the bytes before `stop`, without blanks at their end, neither 0 nor all ones: FNV-1a."""
    while stop > at and text[stop - 1] <= ord(" "):
        stop -= 1
    number = np.uint64(0xCBF29CE484222325)
    for place in range(at, stop):
        number = (number ^ np.uint64(text[place])) * np.uint64(0x100000001B3)
    return _mixed(number)


@compiled
def _mixed(number: Any) -> Any:
    # As MurmurHash3 mixes its bits in the end.
    number = (number ^ (number >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    number ^= number >> np.uint64(33)
    return max(np.uint64(1), min(number, _MOST - np.uint64(1)))
