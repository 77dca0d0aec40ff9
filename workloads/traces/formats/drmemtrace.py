"""What the view tool of DynamoRIO's drmemtrace prints."""

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
from workloads.traces.format import PageSize, start
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
    is_digit,
    line_end,
    token_end,
    word,
)

ALLOWED = (
    "a record of the view tool: 'RECORD INSTRUCTION: THREAD ifetch|read|write SIZE byte(s) @ 0xADDRESS ...' or a marker"
)

_RECORD = re.compile(
    rb" {0,20}\d{1,18}(?: {1,20}\d{1,18})?: {1,20}(W\d{1,9}\.)?T?\d{1,18} "
    rb"(?:<marker: |(?:ifetch|read|write|[id]flush|pref[-\w]{0,20}) +\d+ byte\(s\) @ 0x)"
)
_SKIPPED = re.compile(rb"\r?|-{10,80}\r?|Output format:\r?|<.{0,200}")

_FIRST, _KNOWN, _NOW = range(3)
"""Places in the state: first time stamp (us), whether there was one, the last one (ns since the first)."""

_IFETCH, _READ, _WRITE = word("ifetch "), word("read "), word("write ")
_OTHER = (word("pref"), word("iflush "), word("dflush "))
_BYTES, _STAMP, _TOTAL = word(" byte(s) @ 0x"), word("<marker: timestamp "), word("total instructions")
_MARK, _HEADINGS = word("<"), (word("Output format:"), word("-----"), word("View tool results:"))
_NOT_FETCHED = word(" non-fetched instruction")
_LARGEST = 4096
"""Most bytes that a record refers to."""
_SPAN = 9_000_000_000_000_000
"""Most microseconds between two time stamps, 285 years: in nanoseconds they fit into 64 bits."""


@register("format", "drmemtrace")
@dataclass(config=STRICT, kw_only=True)
class Drmemtrace:
    """The text of `drrun -t drmemtrace -tool view` (or the older `-t drcachesim -simulator_type view`): an instruction
    fetch, load or store on each line, by address and size. References to one page in a row, of one thread and time,
    become one run; one that crosses a page boundary is a reference to each page. Markers, flushes and prefetches are
    skipped, but time stamp markers give the time: that of a record is the last one's before it, since the first.

    Threads are as recorded. The number of the workload (`W0.T1234`) is taken for the process,
    since the tool prints no process ids; older layouts (`1234`, `T1234`) are one process. An instruction that the tool
    lists without its having been fetched, as in a `rep` loop, counts as fetched, unless it is marked as not fetched.

    Source: clients/drcachesim/tools/view.cpp and view.h (print_header, print_prefix) of DynamoRIO."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".view", ".drmemtrace")

    page_size: PageSize = Field(default=4096, description="bytes that addresses are divided by")

    def recognises(self, head: bytes) -> bool:
        """By the first line that is no heading."""
        return _first(head) is not None

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each longest sequence of references to one page by one thread at one time."""
        first = _first(start(path))
        tells_process = first is not None and first[1] is not None
        bits, state = self.page_size.bit_length() - 1, np.zeros(3, np.int64)

        def parse(text: Any, *room: Any) -> tuple[int, int]:
            rows, wrong = _parse(text, bits, tells_process, state, *room)
            return rows, wrong

        pieces = finished(expanded(path), str(path))
        rows = max(1, _LARGEST // self.page_size) + 1
        for runs in merged(parsed_pieces(pieces, str(path), parse, rows, ALLOWED, ("process", "thread", "time"))):
            yield runs if tells_process else runs._replace(process=None)


def _first(head: bytes) -> re.Match[bytes] | None:
    line = next((line for line in head.split(b"\n") if not _SKIPPED.fullmatch(line)), b"")
    return _RECORD.match(line[:200])


@compiled
def _parse(
    text: Any,
    bits: int,
    tells_process: int,
    state: Any,
    page: Any,
    fetches: Any,
    loads: Any,
    stores: Any,
    process: Any,
    thread: Any,
    time: Any,
) -> tuple[int, int]:
    row, start = 0, 0
    while start < len(text):
        at, workload, tid = _prefix(text, start, tells_process)
        if at < 0:
            return row, start
        if workload != NO_NUMBER:
            at, kind, address, last = _details(text, at, state)
            if at < 0:
                return row, start
            if kind:
                current = address >> np.uint64(bits)
                while current <= last >> np.uint64(bits):
                    page[row], process[row], thread[row], time[row] = current, workload, tid, state[_NOW]
                    fetches[row], loads[row], stores[row] = kind == 1, kind == 2, kind == 3
                    row += 1
                    current += np.uint64(1)
        start = line_end(text, at) + 1
    return row, -1


@compiled
def _prefix(text: Any, at: int, tells_process: int) -> Any:
    # The place of the details, the workload and the thread; the workload is NO_NUMBER if the line tells no reference,
    # the place -1 if it can't be read.
    wrong, skipped = (-1, np.int64(NO_NUMBER), np.int64(0)), np.int64(NO_NUMBER)
    at = blanks(text, at)
    if not is_digit(text[at]):
        known = at_end(text, at) or begins(text, at, _MARK)
        for heading in _HEADINGS:
            known |= begins(text, at, heading)
        return (at, skipped, np.int64(0)) if known else wrong
    at = blanks(text, decimal(text, at)[0])
    at = blanks(text, decimal(text, at)[0])
    if text[at] != ord(":"):
        return wrong
    at = blanks(text, at + 1)
    name = at
    workload = np.int64(0)
    if text[at] == ord("W"):
        at, workload = decimal(text, at + 1)
        if text[at] == ord("."):
            at += 1
    at, tid = decimal(text, at + 1 if text[at] == ord("T") else at)
    after = blanks(text, at)
    if text[name] == ord("t") and begins(text, name, _TOTAL):
        return name, skipped, np.int64(0)
    if begins(text, blanks(text, token_end(text, name)), _MARK):
        return blanks(text, token_end(text, name)), np.int64(0), np.int64(0)  # markers may be of no thread (-1)
    fits = 0 <= workload < 1 << 32 and 0 <= tid < 1 << 32 and after > at
    return (after, workload, tid) if fits and (text[name] == ord("W")) == tells_process else wrong


@compiled
def _details(text: Any, at: int, state: Any) -> Any:
    # The place after what was read (-1: can't be read), the kind (1 fetch, 2 load, 3 store, 0 none), the first and the
    # last byte that was referred to.
    nothing, wrong = (at, 0, np.uint64(0), np.uint64(0)), (-1, 0, np.uint64(0), np.uint64(0))
    if text[at] == ord("<"):
        return nothing if _marker(text, at, state) else wrong
    kind = 1 if begins(text, at, _IFETCH) else 2 if begins(text, at, _READ) else 3 if begins(text, at, _WRITE) else 0
    for other in _OTHER:
        if begins(text, at, other):
            return nothing
    if kind == 0:
        return nothing if _raw_bytes(text, at) else wrong
    at, size = decimal(text, blanks(text, token_end(text, at)))
    if size == NO_NUMBER or size > _LARGEST or not begins(text, at, _BYTES):
        return wrong
    at, address, digits = hexadecimal(text, at + len(_BYTES))
    last = address + np.uint64(max(size, 1) - 1)
    if digits < 1 or digits > 16 or last < address or not (text[at] == ord(" ") or at_end(text, at)):
        return wrong
    if kind == 1 and begins(text, at, _NOT_FETCHED):
        kind = 0
    return at, kind, address, last


@compiled
def _marker(text: Any, at: int, state: Any) -> bool:
    if not begins(text, at, _STAMP):
        return True
    at, stamp = decimal(text, at + len(_STAMP))
    if stamp == NO_NUMBER or text[at] != ord(">"):
        return False
    if not state[_KNOWN]:
        state[_KNOWN], state[_FIRST] = 1, stamp
    if abs(stamp - state[_FIRST]) > _SPAN:
        return False
    state[_NOW] = (stamp - state[_FIRST]) * 1000
    return True


@compiled
def _raw_bytes(text: Any, at: int) -> bool:
    # The bytes of a long instruction that had no room on its line.
    while not at_end(text, at):
        at, _number, digits = hexadecimal(text, at)
        if digits != 2:
            return False
        at = blanks(text, at)
    return True
