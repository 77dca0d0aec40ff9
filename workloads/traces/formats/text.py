"""Text traces: one reference on each line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simulator.compile import compiled
from simulator.registry import register
from workloads.base import MAX_PAGE
from workloads.traces.lines import parsed
from workloads.traces.runs import Runs

ALLOWED = "a page number (0 to 2^52 - 1, decimal or 0x hexadecimal), optionally followed by R, W or X"

_LINE = re.compile(rb"[ \t]*(0[xX][0-9a-fA-F]+|[0-9]+)([ \t]+[RWXrwx])?[ \t]*(#.*)?\r?")
_SKIPPED = re.compile(rb"[ \t]*(#.*)?\r?")


@register("format", "text")
class Text:
    """A virtual page number on each line, decimal or 0x hexadecimal, optionally followed by R (load, the default), W
    (store) or X (fetch). `#` begins a comment; blank lines are skipped. Each line is a run of its own. The file may be
    compressed with gzip, bzip2, xz or Zstandard."""

    name: str
    suffixes = (".txt", ".text", ".trace")

    def recognises(self, head: bytes) -> bool:
        """By the first line that is neither blank nor a comment."""
        lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        first = next((line for line in lines if not _SKIPPED.fullmatch(line)), None)
        return first is not None and _LINE.fullmatch(first) is not None

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each line that holds a page number."""
        return parsed(path, _parse, 1, ALLOWED)


@compiled
def _parse(text: Any, page: Any, fetches: Any, loads: Any, stores: Any) -> tuple[int, int]:
    row, at = 0, 0
    if len(text) >= 3 and text[0] == 0xEF and text[1] == 0xBB and text[2] == 0xBF:
        at = 3  # byte order mark
    while at < len(text):
        start = at
        at = _blanks(text, at)
        if not _ends(text[at]):
            at, number = _number(text, at)
            if number < 0:
                return row, start
            kind = ord("r")
            after = _blanks(text, at)
            if after > at and not _ends(text[after]):
                kind = text[after] | 0x20
                if kind not in (ord("r"), ord("w"), ord("x")):
                    return row, start
                after = _blanks(text, after + 1)
            at = after
            if not _ends(text[at]):
                return row, start
            page[row] = number
            fetches[row], loads[row], stores[row] = kind == ord("x"), kind == ord("r"), kind == ord("w")
            row += 1
        if text[at] == ord("\r") and text[at + 1] != ord("\n"):
            return row, start
        while text[at] != ord("\n"):
            at += 1
        at += 1
    return row, -1


@compiled
def _blanks(text: Any, at: int) -> int:
    while text[at] == ord(" ") or text[at] == ord("\t"):
        at += 1
    return at


@compiled
def _ends(byte: int) -> bool:
    return byte == ord("\n") or byte == ord("\r") or byte == ord("#")


@compiled
def _number(text: Any, at: int) -> Any:
    # Gives -1 for what is no number or too large a one.
    base, first = np.int64(10), at
    if text[at] == ord("0") and (text[at + 1] | 0x20) == ord("x"):
        base, at, first = np.int64(16), at + 2, at + 2
    number = np.int64(0)
    while True:
        byte = np.int64(text[at])
        if ord("0") <= byte <= ord("9"):
            digit = byte - ord("0")
        elif base == 16 and ord("a") <= (byte | 0x20) <= ord("f"):
            digit = (byte | 0x20) - ord("a") + 10
        else:
            break
        number = number * base + digit
        if number > MAX_PAGE:
            return at, np.int64(-1)
        at += 1
    return at, number if at > first else np.int64(-1)
