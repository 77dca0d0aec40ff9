"""Compiled steps that the parsers of text share.

All take the bytes of whole lines, the last ended by a line feed: no step but `line_end` goes past a line feed, so none
runs out of the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from workloads.base import InputError

NO_NUMBER = -1
"""What `decimal` gives for a number that isn't there or is too long."""


def word(text: str) -> NDArray[np.uint8]:
    """Text that `begins` looks for."""
    return np.frombuffer(text.encode(), np.uint8)


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
    while True:
        byte = text[at]
        if ord("0") <= byte <= ord("9"):
            digit = byte - ord("0")
        elif ord("a") <= (byte | 0x20) <= ord("f"):
            digit = (byte | 0x20) - ord("a") + 10
        else:
            return at, number, at - first
        number = (number << np.uint64(4)) | np.uint64(digit)
        at += 1
