"""Text traces: one reference on each line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from simulator.compile import compiled
from simulator.config import STRICT
from simulator.registry import register
from workloads.base import MAX_PAGE, InputError
from workloads.traces.format import PageSize, start
from workloads.traces.lines import parsed
from workloads.traces.runs import Runs, count, optional_columns, select

ALLOWED = "a page number (0 to 2^52 - 1, decimal or 0x hexadecimal), optionally followed by R, W or X"

_LONGEST = 19
"""Bytes of the longest line that is written: 16 digits, a blank, a letter and a line end."""

_ROWS = 1 << 10

_COMMENT = re.compile(r"# (\w+): (.+)")
_LINE = re.compile(rb"[ \t]*(0[xX][0-9a-fA-F]+|[0-9]+)([ \t]+[RWXrwx])?[ \t]*(#.*)?\r?")
_SKIPPED = re.compile(rb"[ \t]*\*?[ \t]*(#.*)?\r?")


@register("format", "text")
@dataclass(config=STRICT, kw_only=True)
class Text:
    """A virtual page number on each line, decimal or 0x hexadecimal, optionally followed by R (load, the default), W
    (store) or X (fetch). `#` begins a comment; blank lines are skipped, and lines of one `*`, the marks in the traces
    of the LIRS paper (Jiang and Zhang, SIGMETRICS 2002). Each line is a run of its own. The file may be compressed with
    gzip, bzip2, xz or Zstandard."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".text", ".trace", ".trc")

    page_size: PageSize | None = Field(
        default=None, description="of the numbered pages; none: as a comment at the start says, else the machine's"
    )

    def recognises(self, head: bytes) -> bool:
        """By the first line that is neither blank nor a comment."""
        lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        first = next((line for line in lines if not _SKIPPED.fullmatch(line)), None)
        return first is not None and _LINE.fullmatch(first) is not None

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each line that holds a page number."""
        return parsed(path, _parse, 1, ALLOWED)

    def metadata(self, path: Path) -> dict[str, str]:
        """The comments `# key: text` that the file starts with; pagesim writes what it knows of a trace so."""
        found = {}
        for line in start(path).decode(errors="replace").splitlines():
            comment = _COMMENT.fullmatch(line)
            if comment is None:
                break
            found[comment[1]] = comment[2]
        return found


def write(path: Path, chunks: Iterable[Runs], comments: Iterable[str]) -> None:
    """Write runs as text, a line for each reference, after comments of one line each; raises OSError, and InputError
    for runs of several processes or threads, or with times, which text can't hold."""
    with path.open("wb") as file:
        file.writelines(f"# {' '.join(comment.split())}\n".encode() for comment in comments)
        for chunk in chunks:
            if found := optional_columns(chunk):
                raise InputError(f"{path}: found runs with {', '.join(found)}, allowed in text are plain ones")
            for at in range(0, len(chunk.page), _ROWS):
                rows = select(chunk, slice(at, at + _ROWS))
                room = np.empty(count(rows) * _LONGEST, np.uint8)
                file.write(room[: _spell(*rows[:4], room)].data)


@compiled
def _spell(page: Any, fetches: Any, loads: Any, stores: Any, room: Any) -> int:
    at = 0
    for row in range(len(page)):
        digits, rest = 1, page[row]
        while rest >= np.uint64(10):
            rest //= np.uint64(10)
            digits += 1
        at = _spell_run(page[row], digits, fetches[row], ord("X"), room, at)
        at = _spell_run(page[row], digits, loads[row], 0, room, at)
        at = _spell_run(page[row], digits, stores[row], ord("W"), room, at)
    return at


@compiled
def _spell_run(page: Any, digits: int, references: int, kind: int, room: Any, at: int) -> int:
    for _ in range(references):
        rest = page
        for place in range(digits):
            room[at + digits - 1 - place] = np.uint64(ord("0")) + rest % np.uint64(10)
            rest //= np.uint64(10)
        at += digits
        if kind:
            room[at], room[at + 1] = ord(" "), kind
            at += 2
        room[at] = ord("\n")
        at += 1
    return at


@compiled
def _parse(text: Any, page: Any, fetches: Any, loads: Any, stores: Any) -> tuple[int, int]:
    row, at = 0, 0
    if len(text) >= 3 and text[0] == 0xEF and text[1] == 0xBB and text[2] == 0xBF:
        at = 3  # byte order mark
    while at < len(text):
        start = at
        at = _after_mark(text, _blanks(text, at))
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
def _after_mark(text: Any, at: int) -> int:
    # After a * that stands alone on its line.
    after = _blanks(text, at + (text[at] == ord("*")))
    return after if _ends(text[after]) else at


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
