"""Text files cut into pieces of whole lines, for compiled parsers that stop at the first line they can't read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workloads.base import InputError
from workloads.traces.compression import expanded
from workloads.traces.runs import Runs, empty, select

LONGEST = 1 << 16
"""Most bytes in a line; a file without line ends must not fill memory."""

Parser = Callable[..., tuple[int, int]]
"""(bytes of whole lines, page, fetches, loads, stores, and the optional columns in the order of Runs: arrays to fill)
-> (rows filled, offset of the first line that can't be read, or -1); options come in front, bound by
`functools.partial`"""


def parsed(
    path: Path, parse: Parser, rows_per_line: int, allowed: str, optional: Collection[str] = ()
) -> Iterator[Runs]:
    """The runs in a text file that may be compressed; raises InputError that names the file and the line.

    `optional` names the columns of `runs.OPTIONAL` that the parser fills beside the four that each trace has.
    """
    yield from parsed_pieces(expanded(path), str(path), parse, rows_per_line, allowed, optional)


def parsed_pieces(
    pieces: Iterator[bytes],
    where: str,
    parse: Parser,
    rows_per_line: int,
    allowed: str,
    optional: Collection[str] = (),
) -> Iterator[Runs]:
    """The runs in a stream of text that comes from `where`."""
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
