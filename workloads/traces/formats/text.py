"""Text traces: one reference on each line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from simulator.compile import compiled
from workloads.base import InputError, plugin
from workloads.traces.compression import expanded
from workloads.traces.format import PageSize, start
from workloads.traces.patterns import FETCH, LOAD, STORE, Table, references
from workloads.traces.runs import Runs, count, optional_columns, select

ALLOWED = "a page number (0 to 2^52 - 1, decimal or 0x hexadecimal), optionally followed by R, W or X"

_TABLE = Table(("~{place}[ {kind:w}]~[#{}]",), ("~*~[#{}]",), (("r", LOAD), ("w", STORE), ("x", FETCH)))

_LONGEST = 19
"""Bytes of the longest line that is written: 16 digits, a blank, a letter and a line end."""

_ROWS = 1 << 10

_COMMENT = re.compile(r"# (\w+): (.+)")
_LINE = re.compile(rb"[ \t]*(0[xX][0-9a-fA-F]+|[0-9]+)([ \t]+[RWXrwx])?[ \t]*(#.*)?\r?")
_SKIPPED = re.compile(rb"[ \t]*\*?[ \t]*(#.*)?\r?")


@plugin("format", "text")
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
        mark = 3 if start(path).startswith(b"\xef\xbb\xbf") else 0  # of the byte order
        return references(expanded(path), str(path), _TABLE, ALLOWED, mark)

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
