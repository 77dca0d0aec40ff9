"""What Pin's example tool pinatrace writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from simulator.compile import compiled
from simulator.config import STRICT
from simulator.registry import register
from workloads.traces.compression import expanded
from workloads.traces.format import PageSize
from workloads.traces.lines import parsed_pieces
from workloads.traces.runs import Runs, merged
from workloads.traces.scan import (
    NO_NUMBER,
    at_end,
    begins,
    blanks,
    decimal,
    finished,
    hexadecimal,
    line_end,
    word,
)

ALLOWED = (
    "pinatrace's '0xINSTRUCTION: R 0xADDRESS' or '... W ...', optionally followed by a size and a value, or a # line"
)

_LINE = re.compile(rb"(?:0x[0-9a-f]{1,16}|\(nil\)): [RW] {1,20}(?:0x[0-9a-f]{1,16}|\(nil\))[ \r\n]")
_SKIPPED = re.compile(rb"(#.*)?\r?")
_NIL, _HEX, _LARGEST = word("(nil)"), word("0x"), 4096


@register("format", "pinatrace")
@dataclass(config=STRICT, kw_only=True)
class Pinatrace:
    """The file pinatrace.out: each load (R) and store (W) of a program, by address, with its instruction's address.
    Both variants of the tool that Pin comes with are read: that of ManualExamples, and that of SimpleExamples, which
    adds the size in bytes (a reference that crosses a page boundary is one to each page) and, with `-values 1`, the
    value. References to one page in a row become one run. Lines that begin with # are skipped.

    The tool lists only instructions that refer to memory. Each of these counts as one fetch, from the page of its
    address, however many lines it has in a row; others' fetches are missing.

    Source: source/tools/ManualExamples/pinatrace.cpp and source/tools/SimpleExamples/pinatrace.cpp (RecordMem) of the
    Pin kit."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ("pinatrace.out", ".pinatrace")

    page_size: PageSize = Field(default=4096, description="bytes that addresses are divided by")
    fetches: bool = Field(default=True, description="count the instructions that loaded and stored as fetched")

    def recognises(self, head: bytes) -> bool:
        """By the first line that is no comment."""
        first = next((line for line in head.split(b"\n") if not _SKIPPED.fullmatch(line)), b"")
        return _LINE.match(first + b"\n") is not None

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each longest sequence of references to one page."""
        bits, state = self.page_size.bit_length() - 1, np.zeros(1, np.uint64)

        def parse(text: Any, *room: Any) -> tuple[int, int]:
            rows, wrong = _parse(text, bits, self.fetches, state, *room)
            return rows, wrong

        pieces = finished(expanded(path), str(path))
        return merged(parsed_pieces(pieces, str(path), parse, max(1, _LARGEST // self.page_size) + 2, ALLOWED))


@compiled
def _parse(
    text: Any, bits: int, with_fetches: int, state: Any, page: Any, fetches: Any, loads: Any, stores: Any
) -> tuple[int, int]:
    # The state is the instruction of the line before; there is none at address 0.
    row, start = 0, 0
    while start < len(text):
        if text[start] == ord("#") or at_end(text, start):
            start = line_end(text, start) + 1
            continue
        at, instruction, store, address, last = _fields(text, start)
        if at < 0:
            return row, start
        if with_fetches and instruction != state[0]:
            page[row], fetches[row], loads[row], stores[row] = instruction >> np.uint64(bits), 1, 0, 0
            row += 1
        state[0] = instruction
        current = address >> np.uint64(bits)
        while current <= last >> np.uint64(bits):
            page[row], fetches[row], loads[row], stores[row] = current, 0, not store, store
            row += 1
            current += np.uint64(1)
        start = line_end(text, at) + 1
    return row, -1


@compiled
def _fields(text: Any, at: int) -> Any:
    # The place after what was read (-1: can't be read), the instruction, whether it stored, its first and last byte.
    wrong = -1, np.uint64(0), False, np.uint64(0), np.uint64(0)
    at, instruction = _pointer(text, at)
    if at < 0 or text[at] != ord(":") or text[at + 1] != ord(" "):
        return wrong
    kind = text[at + 2]
    if (kind != ord("R") and kind != ord("W")) or text[at + 3] != ord(" "):
        return wrong
    at, address = _pointer(text, blanks(text, at + 3))
    if at < 0:
        return wrong
    size, after = np.int64(1), blanks(text, at)
    if not at_end(text, after):
        if after == at:
            return wrong
        at, size = decimal(text, after)
        if size == NO_NUMBER or size > _LARGEST or not (text[at] == ord(" ") or at_end(text, at)):
            return wrong
        after = blanks(text, at)
        if begins(text, after, _HEX):
            after = hexadecimal(text, after + 2)[0]
        elif text[after] == ord("0"):  # what showbase makes of 0
            after += 1
        if not at_end(text, blanks(text, after)):
            return wrong
    last = address + np.uint64(size - 1 if size > 0 else 0)
    return (at, instruction, kind == ord("W"), address, last) if last >= address else wrong


@compiled
def _pointer(text: Any, at: int) -> Any:
    if begins(text, at, _NIL):
        return at + len(_NIL), np.uint64(0)
    if not begins(text, at, _HEX):
        return -1, np.uint64(0)
    at, address, digits = hexadecimal(text, at + len(_HEX))
    return at if 1 <= digits <= 16 else -1, address
