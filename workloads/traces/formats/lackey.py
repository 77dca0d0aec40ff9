"""What valgrind's lackey prints with --trace-mem=yes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simulator.compile import compiled
from simulator.registry import register
from workloads.traces.lines import parsed, parsed_pieces
from workloads.traces.runs import Runs, merged

PAGE_BITS = 12
"""log2 of the 4 KiB that addresses are divided by."""

ALLOWED = (
    "lackey's 'I  address,size', ' L address,size', ' S address,size' or ' M address,size', or a line with == or --"
)

_LINE = re.compile(rb"(I  | [LSM] )[0-9a-f]{1,16},[0-9]{1,4}\r?")
_SKIPPED = re.compile(rb"((==|--|\*\*).*)?\r?")


@register("format", "lackey")
class Lackey:
    """The output of `valgrind --tool=lackey --trace-mem=yes`: an instruction fetch (I), load (L), store (S) or modify
    (M: a load and a store) on each line, by address. References to one 4 KiB page in a row become one run; one that
    crosses a page boundary is a reference to both pages. Valgrind's messages (== and --) are skipped."""

    name: str
    suffixes = (".lackey",)

    def recognises(self, head: bytes) -> bool:
        """By the first line that is no message."""
        first = next((line for line in head.split(b"\n") if not _SKIPPED.fullmatch(line)), None)
        return first is not None and _LINE.fullmatch(first) is not None

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each longest sequence of references to one page."""
        return merged(parsed(path, _parse, 2, ALLOWED))


def live(pieces: Iterator[bytes], where: str) -> Iterator[Runs]:
    """The runs in the output of a lackey that is running."""
    return merged(parsed_pieces(pieces, where, _parse, 2, ALLOWED))


@compiled
def _parse(text: Any, page: Any, fetches: Any, loads: Any, stores: Any) -> tuple[int, int]:
    row, at = 0, 0
    while at < len(text):
        start, first = at, text[at]
        while text[at] != ord("\n"):
            at += 1
        end = at
        at += 1
        if end > start and text[end - 1] == ord("\r"):
            end -= 1
        if end == start or (end - start > 1 and first == text[start + 1] and first in (ord("="), ord("-"), ord("*"))):
            continue
        address, size = _fields(text, start, end)
        if size == 0:
            return row, start
        kind = first if first == ord("I") else text[start + 1]
        last = (address + np.uint64(size - 1)) >> np.uint64(PAGE_BITS)
        current = address >> np.uint64(PAGE_BITS)
        while True:
            page[row] = current
            fetches[row] = kind == ord("I")
            loads[row] = kind == ord("L") or kind == ord("M")
            stores[row] = kind == ord("S") or kind == ord("M")
            row += 1
            if current >= last:
                break
            current = last
    return row, -1


@compiled
def _fields(text: Any, start: int, end: int) -> Any:
    # Size 0 stands for a line that can't be read; no reference is as large as a page.
    wrong = np.uint64(0), np.int64(0)
    if end - start < 6 or text[start + 2] != ord(" "):
        return wrong
    instruction = text[start] == ord("I") and text[start + 1] == ord(" ")
    if not instruction and not (text[start] == ord(" ") and text[start + 1] in (ord("L"), ord("S"), ord("M"))):
        return wrong
    at = start + 3
    address, size = np.uint64(0), np.int64(0)
    while at < end and text[at] != ord(","):
        byte = text[at]
        if ord("0") <= byte <= ord("9"):
            digit = byte - ord("0")
        elif ord("a") <= byte <= ord("f"):
            digit = byte - ord("a") + 10
        else:
            return wrong
        address = (address << np.uint64(4)) | np.uint64(digit)
        at += 1
    if at == start + 3 or at > start + 19 or end - at < 2 or end - at > 5:
        return wrong
    for digit_at in range(at + 1, end):
        byte = text[digit_at]
        if byte < ord("0") or byte > ord("9"):
            return wrong
        size = size * 10 + np.int64(byte - ord("0"))
    if size > 1 << PAGE_BITS or address + np.uint64(size - 1) < address:
        return wrong
    return address, size
