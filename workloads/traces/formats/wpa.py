"""Hard faults that Windows recorded (ETW), as tables of text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workloads.base import InputError, plugin
from workloads.traces.compression import expanded
from workloads.traces.format import PageSize, start
from workloads.traces.hardfaults import ROLES, Header, header_of, parse_cells, utf8
from workloads.traces.runs import Runs, merged
from workloads.traces.scan import finished, whole_lines, wrong_line

ALLOWED = (
    "a row with the columns of the header: addresses as 0x..., processes as 'name (id)' or an id, times as numbers"
)


class Faults(NamedTuple):
    """Hard faults in the order of the file: arrays of one length; None where the table has no such column."""

    address: NDArray[np.uint64]
    """the faulting address (VirtualAddress)"""
    process: NDArray[np.uint32] | None
    """process id; 2^32 - 1: unknown"""
    thread: NDArray[np.uint32] | None
    """id of the thread that faulted (TThreadId); 2^32 - 1: unknown"""
    time: NDArray[np.int64] | None
    """ns, as recorded: xperf's dumper prints when the event was logged, which is when the read was complete"""
    io_time: NDArray[np.int64] | None
    """ns from the fault (InitialTime) until the read was complete; -1: unknown"""
    size: NDArray[np.int64] | None
    """bytes read (ByteCount); -1: unknown"""
    offset: NDArray[np.int64] | None
    """where in the file was read (ReadOffset), bytes; -1: unknown"""


@plugin("format", "wpa-hard-faults")
class WpaHardFaults:
    """The hard faults of a Windows trace: Windows Performance Analyzer's table of hard faults exported as CSV (by the
    user interface or wpaexporter), or the HardFault lines of what `xperf -i TRACE -o FILE -a dumper` prints. Columns
    are found by their names in the header line; commas, semicolons or tabs part them; cells may be quoted; the text is
    UTF-8 or, with a byte order mark, UTF-16. Units are taken from names like `IO Time (ms)`; without them times are
    microseconds, as xperf prints them. Each fault is a load: the event doesn't tell reads, writes and fetches apart.

    Only references that hard faulted are in such a trace: it is meant to calibrate a disk and to compare faults with,
    not to be replayed; `faults` gives what else the table has (the times and sizes of the reads). The report of `xperf
    -a hardfault` has sums without addresses and can't be read.

    Source: the class PageFault_HardFault (event type 32) on Microsoft Learn for what an event carries; the columns of
    xperf's dumper from its header line. WPA's names of columns depend on version and language: where none of the known
    names is found, the option `columns` gives them."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".hardfaults.csv", ".hardfaults.txt")

    page_size: PageSize = Field(default=4096, description="bytes that addresses are divided by")
    columns: dict[str, str] = Field(
        default_factory=dict, description=f"names of columns that differ from the known ones, for: {', '.join(ROLES)}"
    )
    decimal: Literal[".", ","] = Field(
        default=".", description="what stands before decimals; the other groups thousands"
    )

    def recognises(self, head: bytes) -> bool:
        """By a header line with a virtual address and the time or size of a read, or with the event's name."""
        header = header_of(head, self.columns)
        return header is not None and header.certain

    def runs(self, path: Path) -> Iterator[Runs]:
        """One load for each fault."""
        return merged(self._loads(path))

    def _loads(self, path: Path) -> Iterator[Runs]:
        shift = np.uint64(self.page_size.bit_length() - 1)
        for faults in self.faults(path):
            none = np.zeros(len(faults.address), np.uint8)
            yield Runs(
                faults.address >> shift,
                none.astype(np.uint16),
                none + np.uint8(1),
                none,
                faults.process,
                faults.thread,
                faults.time,
            )

    def faults(self, path: Path) -> Iterator[Faults]:
        """The faults with all that the table has of them, in pieces of bounded size; raises InputError."""
        header = header_of(start(path), self.columns)
        if header is None:
            raise InputError(f"{path}: found no header line with a virtual address, allowed is a table of hard faults")
        pieces, line = finished(utf8(expanded(path), str(path)), str(path)), 0
        for text in whole_lines(pieces, str(path)):
            lines = text.count(b"\n")
            begin = 0
            for _ in range(min(max(header.line - line, 0), lines)):
                begin = text.index(b"\n", begin) + 1
            faults, wrong = self._piece(text[begin:], header)
            if len(faults.address):
                yield faults
            if wrong >= 0:
                raise wrong_line(text, begin + wrong, str(path), line, ALLOWED)
            line += lines

    def _piece(self, text: bytes, header: Header) -> tuple[Faults, int]:
        count = text.count(b"\n")
        cells = np.empty((len(ROLES), count), np.uint64)
        rows, wrong = parse_cells(
            np.frombuffer(text, np.uint8),
            header.delimiter,
            ord(self.decimal),
            header.event,
            header.roles,
            header.digits,
            cells,
        )
        kinds = (np.uint64, np.uint32, np.uint32, np.int64, np.int64, np.int64, np.int64)
        columns = (cells[role, :rows].astype(kind) if role in header.roles else None for role, kind in enumerate(kinds))
        return Faults._make(columns), wrong
