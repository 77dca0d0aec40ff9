"""Tables of references: CSV, TSV and their like, with any columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from simulator.units import Size
from workloads.base import InputError, plugin
from workloads.traces.compression import expanded
from workloads.traces.format import HEAD, PageSize, start
from workloads.traces.hardfaults import is_hard_faults
from workloads.traces.header import (
    DELIMITERS,
    MOST_COLUMNS,
    NAMES,
    SECTORS,
    First,
    columns,
    first_line,
    is_header,
    meanings,
    unit_of,
)
from workloads.traces.patterns import CLOCKS, FETCH, LOAD, MODIFY, MOST_PAGES, STORE, Table, references
from workloads.traces.runs import Runs, merged
from workloads.traces.scan import LONGEST_WORD, SLOTS

PAGE_SIZE = 4096
"""Bytes that addresses are divided by unless an option says otherwise."""

Column = int | str | None

_READ = {
    "page": "{place}",
    "address": "{place}",
    "size": "{size}",
    "kind": "{kind:w}",
    "process": "{process}",
    "thread": "{thread}",
    "time": "{time:t}",
}
"""How what a column may be is read."""


@plugin("format", "csv")
class Csv:
    """A table with a reference on each line: comma, tab, semicolon or blank separated, fields optionally in quotes.
    Lines that begin with # are skipped. Where a first line names the columns, those named page, vpn, block, address,
    addr, offset, lba, size, type, op, rw, pid, tid, time, timestamp and the like are found; the options say what else
    there is, by a column's name or its number, from 1.

    Numbers are decimal or 0x hexadecimal. A reference touches each page from its first byte to its last, and nothing
    if its size is 0. Without a kind it is a load; without a process, thread or time the trace has none. By address,
    references in a row to one page, of one process and thread at one time, are one run; by page each line is a run.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")

    page_size: PageSize | None = Field(
        default=None,
        description="bytes that addresses are divided by, none: 4096; of numbered pages, none: the machine's",
    )
    delimiter: str = Field(default="auto", description="comma, tab, semicolon, blank, or another character")
    header: bool | Literal["auto"] = Field(default="auto", description="whether the first line names the columns")
    page: Column = Field(default=None, description="the column of page numbers")
    address: Column = Field(default=None, description="or of addresses")
    size: Column = Field(default=None, description="the column of sizes, beside addresses")
    kind: Column = Field(default=None, description="the column of kinds")
    process: Column = Field(default=None, description="the column of process ids, below 2^32")
    thread: Column = Field(default=None, description="the column of thread ids, below 2^32")
    time: Column = Field(default=None, description="the column of time stamps")
    hexadecimal: bool = Field(default=False, description="pages or addresses are hexadecimal without 0x, too")
    address_unit: Size | None = Field(
        default=None,
        ge=1,
        le=1 << 30,
        description="bytes that an address counts; none: 512 if it's called lba or sector",
    )
    size_unit: Size = Field(default=1, ge=1, le=1 << 16, description="bytes that a size counts")
    time_unit: Literal["auto", "ns", "us", "ms", "s", "filetime"] = Field(
        default="auto", description="filetime: 100 ns since 1601; auto: as the column's name says (time_us), else ns"
    )
    loads: str = Field(default="r read l load ld rd 0", description="words for a load, of at most 16 bytes")
    stores: str = Field(default="w write s store st wr 1", description="words for a store")
    fetches: str = Field(default="x f i fetch ifetch inst exec execute 2", description="words for a fetch")
    modifies: str = Field(default="m modify rw", description="words for a load and a store")

    @field_validator("delimiter")
    @classmethod
    def _one_byte(cls, delimiter: str) -> str:
        if delimiter not in ("auto", *DELIMITERS) and not (len(delimiter) == 1 and delimiter.isascii()):
            raise ValueError(f"allowed is auto, {', '.join(DELIMITERS)} or one ASCII character")
        return delimiter

    @field_validator("loads", "stores", "fetches", "modifies")
    @classmethod
    def _words(cls, words: str) -> str:
        if any(len(word.encode()) > LONGEST_WORD for word in words.split()) or len(words.split()) > SLOTS * 3 // 16:
            raise ValueError(f"allowed are at most {SLOTS * 3 // 16} words of at most {LONGEST_WORD} bytes")
        return words.lower()

    def recognises(self, head: bytes) -> bool:
        """By a first line that names a page or an address and, of its columns, at least half."""
        first = first_line(head, self.delimiter)
        if first is None or not is_header(first.fields) or is_hard_faults(head):
            return False
        found = meanings(first.fields)
        return ("page" in found or "address" in found) and 2 * sum(map(len, found.values())) >= len(first.fields)

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each page that a reference touches."""
        first, names, found = self._layout(path)
        skip = first.end if names else first.start
        rows = references(expanded(path), str(path), self._table(first, found, names), self._allowed(found), skip)
        return rows if "page" in found else merged(rows)

    def metadata(self, path: Path) -> dict[str, str]:
        """The page size, if it isn't an option: that which addresses are divided by."""
        return {"page_size": str(PAGE_SIZE)} if self.page_size is None and "address" in self._layout(path)[2] else {}

    def _layout(self, path: Path) -> tuple[First, bool, dict[str, int]]:
        # The first line, whether it names the columns, and for each thing that is in the table its column, from 0.
        head = start(path)
        first = first_line(head, self.delimiter)
        if first is None or (first.end == len(head) == HEAD and not head.endswith(b"\n")):
            raise InputError(f"{path}: found no line of columns in the first {HEAD} bytes, allowed is a text table")
        names = self.header if isinstance(self.header, bool) else is_header(first.fields)
        return first, names, self._found(path, first, names)

    def _found(self, path: Path, first: First, names: bool) -> dict[str, int]:
        known = meanings(first.fields) if names else {}
        if self.page is not None or self.address is not None:
            known = {what: places for what, places in known.items() if what not in ("page", "address")}
        found = {}
        for what in NAMES:
            given = getattr(self, what)
            if given is not None:
                found[what] = _place(path, what, given, first.fields if names else None)
            elif len(places := known.get(what, [])) > 1:
                called = ", ".join(first.fields[place] for place in places)
                raise InputError(f"{path}: found several columns for the {what}: {called}; option {what} says which")
            elif places:
                found[what] = places[0]
        if ("page" in found) == ("address" in found):
            raise InputError(
                f"{path}: found {'columns for both page and address' if 'page' in found else 'no column of pages'} in "
                f"{', '.join(first.fields)[:80]!r}, allowed is one: option page or address names or numbers it"
            )
        if "size" in found and "page" in found:
            del found["size"]
        if len(set(found.values())) < len(found):
            taken = ", ".join(f"{what} {place + 1}" for what, place in found.items())
            raise InputError(f"{path}: found columns {taken}, allowed is one thing in each")
        return found

    def _table(self, first: First, found: dict[str, int], names: bool) -> Table:
        place = "{place:x}" if self.hexadecimal else "{place}"
        read = {**_READ, "page": place, "address": place}
        address = _called(first, found, "address") if names else ""
        words = {STORE: self.stores, FETCH: self.fetches, MODIFY: self.modifies, LOAD: self.loads}
        return Table(
            (columns({column: read[what] for what, column in found.items()}, first.delimiter),),
            delimiter=first.delimiter,
            page_bits=0 if "page" in found else (self.page_size or PAGE_SIZE).bit_length() - 1,
            unit=1 if "page" in found else self.address_unit or (512 if unit_of(address)[0] in SECTORS else 1),
            size_unit=self.size_unit if "size" in found else 1,
            clock=CLOCKS[self._unit(first, found, names)],
            words=tuple((word, kind) for kind, listed in words.items() for word in listed.split()),
        )

    def _unit(self, first: First, found: dict[str, int], names: bool) -> str:
        if self.time_unit != "auto":
            return self.time_unit
        return (unit_of(_called(first, found, "time"))[1] if names else None) or "ns"

    def _allowed(self, found: dict[str, int]) -> str:
        rules = {
            "page": "a page number (0 to 2^52 - 1)",
            "address": "an address below 2^64",
            "size": f"a size of at most {MOST_PAGES} pages",
            "kind": f"a kind ({', '.join(f'{self.loads} {self.stores} {self.fetches} {self.modifies}'.split())})",
            "process": "a process id below 2^32",
            "thread": "a thread id below 2^32",
            "time": "a time stamp",
        }
        return "; ".join(f"{rules[what]} in column {place + 1}" for what, place in found.items())


def _called(first: First, found: dict[str, int], what: str) -> str:
    # What the first line calls a column; an option may say that there is one further to the right.
    return "".join(first.fields[found[what] : found[what] + 1]) if what in found else ""


def _place(path: Path, what: str, given: int | str, names: list[str] | None) -> int:
    if isinstance(given, str) and not given.isdecimal():
        if names is None:
            raise InputError(
                f"{path}: option {what}: found {given!r}, but the table doesn't name its columns, allowed is a number"
            )
        plain = [name.lower() for name in names]
        if plain.count(given.lower()) != 1:
            raise InputError(f"{path}: option {what}: found {given!r}, allowed is one of {', '.join(names)[:200]}")
        return plain.index(given.lower())
    place = int(given)
    if not 1 <= place <= MOST_COLUMNS:
        raise InputError(f"{path}: option {what}: found {given}, allowed is 1 to {MOST_COLUMNS}")
    return place - 1
