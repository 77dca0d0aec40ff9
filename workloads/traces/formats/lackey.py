"""What valgrind's lackey prints with --trace-mem=yes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from simulator.compile import compiled
from simulator.config import STRICT
from simulator.registry import register
from workloads.traces.format import PageSize
from workloads.traces.lines import Parser, parsed, parsed_pieces
from workloads.traces.runs import Runs, merged

LARGEST = 4096
"""Most bytes of a reference: the largest that a processor makes, in saving its own state, is smaller."""

ALLOWED = (
    "lackey's 'I  address,size', ' L address,size', ' S address,size' or ' M address,size', or a line with == or --"
)

_LINE = re.compile(rb"(I  | [LSM] )[0-9a-f]{1,16},[0-9]{1,4}\r?")
_SKIPPED = re.compile(rb"((==|--|\*\*).*)?\r?")


@register("format", "lackey")
@dataclass(config=STRICT, kw_only=True)
class Lackey:
    """The output of `valgrind --tool=lackey --trace-mem=yes`: an instruction fetch (I), load (L), store (S) or modify
    (M: a load and a store) on each line, by address. References to one page in a row become one run; one that
    crosses a page boundary is a reference to each page. Valgrind's messages (== and --) are skipped."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".lackey",)

    page_size: PageSize = Field(default=4096, description="bytes that addresses are divided by")

    def recognises(self, head: bytes) -> bool:
        """By the first line that is no message."""
        first = next((line for line in head.split(b"\n") if not _SKIPPED.fullmatch(line)), None)
        return first is not None and _LINE.fullmatch(first) is not None

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each longest sequence of references to one page."""
        return merged(parsed(path, *_parser(self.page_size), ALLOWED))


def live(pieces: Iterator[bytes], where: str, page_size: int = 4096) -> Iterator[Runs]:
    """A run for each reference in the output of a lackey that is running."""
    return parsed_pieces(pieces, where, *_parser(page_size), ALLOWED)


def _parser(page_size: int) -> tuple[Parser, int]:
    """A parser, and the most pages that a line refers to."""
    return partial(_parse, page_size.bit_length() - 1), max(1, LARGEST // page_size) + 1


def _digits() -> NDArray[np.uint8]:
    values = np.full(256, 16, np.uint8)
    for value, digit in enumerate(b"0123456789abcdef"):
        values[digit] = value
    return values


_DIGIT = _digits()
"""What each byte is worth as a digit that valgrind prints; 16: it is none."""


@compiled
def _parse(bits: int, text: Any, page: Any, fetches: Any, loads: Any, stores: Any) -> tuple[int, int]:
    row, at = 0, 0
    while at < len(text):
        start, first, second = at, text[at], text[min(at + 1, len(text) - 1)]
        if first == ord("\n") or (first == ord("\r") and second == ord("\n")) or _message(first, second):
            while text[at] != ord("\n"):
                at += 1
            at += 1
            continue
        address, size, at = _fields(text, start, first, second)
        if size == 0:
            return row, start
        kind = first if first == ord("I") else second
        last = (address + np.uint64(size - 1)) >> np.uint64(bits)
        current = address >> np.uint64(bits)
        while current <= last:
            page[row] = current
            fetches[row] = kind == ord("I")
            loads[row] = kind == ord("L") or kind == ord("M")
            stores[row] = kind == ord("S") or kind == ord("M")
            row += 1
            current += np.uint64(1)
    return row, -1


@compiled
def _message(first: int, second: int) -> bool:
    return first == second and (first == ord("=") or first == ord("-") or first == ord("*"))


@compiled
def _fields(text: Any, start: int, first: int, second: int) -> Any:
    # Address, size, and where the next line starts. Size 0 stands for a line that can't be read. The text ends with a
    # line end, at which every loop stops.
    wrong = np.uint64(0), np.int64(0), np.int64(start)
    data = first == ord(" ") and (second == ord("L") or second == ord("S") or second == ord("M"))
    if not (data or (first == ord("I") and second == ord(" "))) or text[start + 2] != ord(" "):
        return wrong
    at, address = start + 3, np.uint64(0)
    while _DIGIT[text[at]] < 16:
        address = (address << np.uint64(4)) | np.uint64(_DIGIT[text[at]])
        at += 1
    if text[at] != ord(",") or not 1 <= at - (start + 3) <= 16:
        return wrong
    comma, size = at, np.int64(0)
    at += 1
    while _DIGIT[text[at]] < 10:
        size = min(size * 10 + np.int64(_DIGIT[text[at]]), np.int64(LARGEST + 1))
        at += 1
    digits = at - comma - 1
    if text[at] == ord("\r"):
        at += 1
    if text[at] != ord("\n") or not 1 <= digits <= 4:
        return wrong
    if size > LARGEST or address + np.uint64(size - 1) < address:
        return wrong
    return address, size, at + 1
