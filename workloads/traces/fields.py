"""Fields of a line of text and what they say: compiled, for parsers of tables.

Every function is given a text that ends with a line end and the offset of a field's first byte, and gives the offset
after what it read, -1 if it isn't what it should be. A `delimiter` is a byte; 0: any number of blanks and tabs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled

LONGEST_WORD = 8
"""Bytes of the longest word: it is looked up as one integer."""

MOST = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""The largest number that a field may hold."""

MOST_TICKS = 9_200_000_000_000_000_000
"""What a time stamp may be, either way from 0."""

SLOTS = 256
"""Of the hash table of words, at most three quarters are taken."""

_E19 = np.uint64(10**19)


def _digits() -> NDArray[np.uint8]:
    values = np.full(256, 16, np.uint8)
    for value, both in enumerate("0123456789abcdef"):
        values[[ord(both), ord(both.upper())]] = value
    return values


_DIGIT = _digits()
"""What each byte is worth as a digit; 16: it is none."""


def hashed(words: tuple[tuple[str, int], ...]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Words of at most `LONGEST_WORD` bytes, in lower case, and their values, none of them 0, for `word_at`: the slots
    of a hash table with open addressing."""
    keys, values = np.zeros(SLOTS, np.uint64), np.zeros(SLOTS, np.int64)
    for word, value in words:
        key = np.uint64(int.from_bytes(word.encode(), "big"))
        slot = _slot(key)
        while keys[slot] not in (0, key):
            slot = (slot + 1) % SLOTS
        keys[slot], values[slot] = key, value
    return keys, values


@compiled
def after_blanks(text: Any, at: int, delimiter: int) -> int:
    """The first byte that is no blank; a tab is one unless it is the delimiter."""
    while text[at] == ord(" ") or (text[at] == ord("\t") and delimiter != ord("\t")):
        at += 1
    return at


@compiled
def ends(text: Any, at: int) -> bool:
    """Whether the line ends here."""
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
def number_at(text: Any, at: int, hexadecimal: int) -> Any:
    """A number below 2^64, decimal or 0x hexadecimal."""
    number = np.uint64(0)
    if text[at] == ord("0") and (text[at + 1] | 0x20) == ord("x"):
        hexadecimal, at = 1, at + 2
    first = at
    if hexadecimal:
        while _DIGIT[text[at]] < 16:
            if number >> np.uint64(60):
                return -1, number
            number = (number << np.uint64(4)) | np.uint64(_DIGIT[text[at]])
            at += 1
        return at if at > first else -1, number
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
    """The value of a word, in any case, in a table that `hashed` made; 0: not in it."""
    key, first = np.uint64(0), at
    while True:
        byte = np.int64(text[at])
        if byte == delimiter or byte <= ord(" ") or byte == ord('"') or at > first + LONGEST_WORD:
            break
        lower = byte | 0x20 if ord("A") <= byte <= ord("Z") else byte
        key = (key << np.uint64(8)) | np.uint64(lower)
        at += 1
    if not 1 <= at - first <= LONGEST_WORD:
        return -1, np.int64(0)
    slot = _slot(key)
    while keys[slot] != key and keys[slot]:
        slot = (slot + 1) % SLOTS
    return at, values[slot]


@compiled
def _slot(key: Any) -> Any:
    return np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(56))


@compiled
def hash_of(text: Any, at: int, stop: int) -> Any:
    """A 64-bit hash of the bytes before `stop`, without blanks at their end: FNV-1a, its bits mixed as MurmurHash3 does
    in the end; neither 0 nor all ones."""
    while stop > at and text[stop - 1] <= ord(" "):
        stop -= 1
    number = np.uint64(0xCBF29CE484222325)
    for place in range(at, stop):
        number = (number ^ np.uint64(text[place])) * np.uint64(0x100000001B3)
    number = (number ^ (number >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    number ^= number >> np.uint64(33)
    return max(np.uint64(1), min(number, MOST - np.uint64(1)))
