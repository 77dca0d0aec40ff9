"""What Pin's example tool pinatrace writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from workloads.base import plugin
from workloads.traces.compression import expanded
from workloads.traces.format import PageSize
from workloads.traces.patterns import LARGEST, LOAD, STORE, Table, references
from workloads.traces.runs import Runs, merged
from workloads.traces.scan import finished

ALLOWED = (
    "pinatrace's '0xINSTRUCTION: R 0xADDRESS' or '... W ...', optionally followed by a size and a value, or a # line"
)

_LINE = re.compile(rb"(?:0x[0-9a-f]{1,16}|\(nil\)): [RW] {1,20}(?:0x[0-9a-f]{1,16}|\(nil\))[ \r\n]")
_SKIPPED = re.compile(rb"(#.*)?\r?")


@plugin("format", "pinatrace")
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
        addresses = "{place:p}[ {size}][ {:f}]"
        table = Table(
            (f"{{{'code' if self.fetches else ''}:p}}: {{kind:w}} {addresses}",),
            words=(("r", LOAD), ("w", STORE)),
            page_bits=self.page_size.bit_length() - 1,
            most_size=LARGEST,
            size_of_none=1,
        )
        return merged(references(finished(expanded(path), str(path)), str(path), table, ALLOWED))
