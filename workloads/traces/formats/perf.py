"""What Linux's `perf script` prints of page faults and memory samples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from simulator.compile import compiled
from workloads.base import plugin
from workloads.traces.compression import expanded
from workloads.traces.format import PageSize, start
from workloads.traces.runs import OPTIONAL, Runs, merged
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
    parsed,
    token_end,
    word,
)

ALLOWED = "a sample with an address, as `perf script -F comm,pid,tid,time,event,addr` prints it"

_SAMPLE = re.compile(
    rb"(?:^|[ \t])(?:(-?\d{1,10})(/-?\d{1,10})? +(?:\[\d{1,5}\] +)?)?\d{1,9}\.\d{6}(?:\d{3})?: +"
    rb"(?:\d{1,18}[ \t]+)?\S{1,200}: +(?:address=|[0-9a-f]{1,16}(?:[ \r]|$))"
)
_SKIPPED = re.compile(rb"([#\t].*)?\r?")

_ADDRESS, _HEX, _ERROR = word("address="), word("0x"), word("error_code=0x")
_STORE, _OP_STORE, _OP_EXEC, _OP = word("store"), word("|OP STORE"), word("|OP EXEC"), word("|OP ")
_NO_IDS, _ONE_ID, _BOTH_IDS = range(3)


@plugin("format", "perf-script")
class PerfScript:
    """Samples with addresses, recorded with `perf record -d -c 1 -e page-faults` (or minor-faults, major-faults), with
    `perf record -c 1 -e exceptions:page_fault_user`, or with `perf mem record`, and printed by `perf script -F
    comm,pid,tid,time,event,addr` (the tracepoint: `-F comm,pid,tid,time,event,trace`; further fields do no harm). Each
    sample is a reference: a store if the event, the data source or the error code says so; a fetch if the error code or
    the data source does, or the address is the instruction's; else a load. A sample at address 0 has no address that
    perf knows, and is skipped, as are call chains and lines that begin with #.

    perf's default output has no addresses of page faults, but looks alike: it is refused. Of page faults only the
    first references to pages are in the trace, and of memory samples a share, so counts mean little.

    Source: tools/perf/builtin-script.c of Linux (perf_sample__fprintf_start, process_event), and output of perf 6.1;
    error codes: enum x86_pf_error_code (2: write, 16: instruction)."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".perf", ".perf-script")

    page_size: PageSize = Field(default=4096, description="bytes that addresses are divided by")
    single_id: Literal["thread", "process"] = Field(
        default="thread", description="what a number without a slash before the time is: perf prints the thread's"
    )

    def recognises(self, head: bytes) -> bool:
        """By the first line that is no comment and no call chain."""
        return _first(head) is not None

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each sample; samples of one thread on one page at one time are one."""
        head = start(path)
        first, chains = _first(head), b"\n\t" in head
        ids = _NO_IDS if first is None or first[1] is None else _ONE_ID if first[2] is None else _BOTH_IDS
        bits = self.page_size.bit_length() - 1

        def parse(text: Any, *room: Any) -> tuple[int, int]:
            rows, wrong = _parse(text, bits, ids, chains, *room)
            return rows, wrong

        pieces = finished(expanded(path), str(path))
        for runs in merged(parsed(pieces, str(path), parse, 1, ALLOWED, tuple(OPTIONAL))):
            process = runs.process if ids == _BOTH_IDS or (ids == _ONE_ID and self.single_id == "process") else None
            thread = runs.thread if ids == _BOTH_IDS or (ids == _ONE_ID and self.single_id == "thread") else None
            yield runs._replace(process=process, thread=thread)


def _first(head: bytes) -> re.Match[bytes] | None:
    line = next((line for line in head.split(b"\n") if not _SKIPPED.fullmatch(line)), b"")
    return _SAMPLE.search(line[:1000])


@compiled
def _parse(
    text: Any,
    bits: int,
    ids: int,
    chains: int,
    page: Any,
    fetches: Any,
    loads: Any,
    stores: Any,
    process: Any,
    thread: Any,
    time: Any,
) -> tuple[int, int]:
    row, begin = 0, 0
    while begin < len(text):
        if text[begin] == ord("#") or text[begin] == ord("\t") or at_end(text, begin):
            begin = line_end(text, begin) + 1
            continue
        at, found, first_id, second_id, now = _origin(text, begin)
        if at < 0 or found != ids:
            return row, begin
        at, kind, address = _reference(text, at, chains)
        if at < 0:
            return row, begin
        begin = line_end(text, at) + 1
        if address:
            page[row], process[row], thread[row], time[row] = address >> np.uint64(bits), first_id, second_id, now
            fetches[row], loads[row], stores[row] = kind == 1, kind == 2, kind == 3
            row += 1
    return row, -1


@compiled
def _origin(text: Any, begin: int) -> Any:
    # The place after the time (-1: there is none), which ids stand before it, the two ids, the time in ns.
    at, last, before = blanks(text, begin), begin, begin
    while not at_end(text, at):
        end, now = _time(text, at)
        if end >= 0:
            found, process, thread = _ids(text, before if text[last] == ord("[") else last)
            return end, found, process, thread, now
        before, last = last, at
        at = blanks(text, token_end(text, at))
        if at == last:
            break
    return -1, _NO_IDS, np.int64(0), np.int64(0), np.int64(0)


@compiled
def _time(text: Any, at: int) -> Any:
    point, seconds = decimal(text, at)
    if seconds == NO_NUMBER or point - at > 9 or text[point] != ord("."):
        return -1, np.int64(0)
    end, fraction = decimal(text, point + 1)
    digits = end - point - 1
    if digits not in (6, 9) or text[end] != ord(":"):
        return -1, np.int64(0)
    return end + 1, seconds * 1_000_000_000 + (fraction if digits == 9 else fraction * 1000)


@compiled
def _ids(text: Any, at: int) -> Any:
    # The kernel's -1, which is no thread of the user's, is 2^32 - 1, as it is in a u4.
    after, first = _id(text, at)
    if after < 0:
        return _NO_IDS, np.int64(0), np.int64(0)
    if text[after] != ord("/"):
        return _ONE_ID if text[after] == ord(" ") else _NO_IDS, first, first
    after, second = _id(text, after + 1)
    return _BOTH_IDS if after >= 0 and text[after] == ord(" ") else _NO_IDS, first, second


@compiled
def _id(text: Any, at: int) -> Any:
    if text[at] == ord("-") and text[at + 1] == ord("1"):
        return at + 2, np.int64(0xFFFFFFFF)
    after, number = decimal(text, at)
    return after if 0 <= number <= 0xFFFFFFFF else -1, number


@compiled
def _reference(text: Any, at: int, chains: int) -> Any:
    # The place after what was read (-1: there is no address), the kind (1 fetch, 2 load, 3 store), the address.
    wrong = -1, 0, np.uint64(0)
    at = blanks(text, at)
    period, _number = decimal(text, at)
    event = blanks(text, period) if text[period] == ord(" ") or text[period] == ord("\t") else at
    at = token_end(text, event)
    if at == event or text[at - 1] != ord(":"):
        return wrong
    store = False
    for i in range(event, at):
        store |= begins(text, i, _STORE)
    at = blanks(text, at)
    if begins(text, at, _ADDRESS):
        return _tracepoint(text, at + len(_ADDRESS))
    at, address, digits = hexadecimal(text, at)
    if digits < 1 or digits > 16 or not (text[at] == ord(" ") or at_end(text, at)):
        return wrong
    at, is_address, fetch, stored = _rest(text, at, address, chains)
    return (at, 3 if store or stored else 1 if fetch else 2, address) if is_address else wrong


@compiled
def _tracepoint(text: Any, at: int) -> Any:
    wrong = -1, 0, np.uint64(0)
    if not begins(text, at, _HEX):
        return wrong
    at, address, digits = hexadecimal(text, at + len(_HEX))
    if digits < 1 or digits > 16 or text[at] != ord(" "):
        return wrong
    while not begins(text, at, _ERROR):
        if text[at] == ord("\n"):
            return wrong
        at += 1
    at, code, digits = hexadecimal(text, at + len(_ERROR))
    if digits < 1 or digits > 16 or not (text[at] == ord(" ") or at_end(text, at)):
        return wrong
    return at, 1 if code & np.uint64(16) else 3 if code & np.uint64(2) else 2, address


@compiled
def _rest(text: Any, at: int, address: Any, chains: int) -> Any:
    # The line's end; whether the first number is an address rather than an instruction pointer, which stands alone with
    # its symbol; whether an instruction pointer equals it; whether the data source is a store.
    # After an address follow nothing, its symbol and object, a data source, an instruction pointer or a call chain.
    is_address, fetch, store, place = at_end(text, blanks(text, at)), False, False, at
    while text[at] != ord("\n"):
        if text[at] == ord("|") and begins(text, at, _OP):
            is_address = True
            store |= begins(text, at, _OP_STORE)
            fetch |= begins(text, at, _OP_EXEC)
        elif text[at] == ord(" ") and (at == place or text[at - 1] == ord(")")):
            other = blanks(text, at)
            after, number, digits = hexadecimal(text, other)
            decimals = False
            for i in range(other, after):
                decimals |= is_digit(text[i])
            if decimals and digits <= 16 and (text[after] == ord(" ") or at_end(text, after)):
                is_address = True
                fetch |= number == address
        at += 1
    chained = chains and (at + 1 == len(text) or text[at + 1] == ord("\t"))
    return at, is_address or chained, fetch, store
