"""Tables: the first line (its delimiter, whether it names the columns, which name means what) and the others."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import NamedTuple

from workloads.traces.patterns import CLOCKS, plain

MOST_COLUMNS = 256
"""Most columns up to the last one that is used."""

NAMES: dict[str, tuple[str, ...]] = {
    "page": ("page", "vpn", "pageno", "page_no", "page_number", "page_id", "block", "block_no", "block_number"),
    "address": ("address", "addr", "vaddr", "va", "offset", "byte_offset", "lba", "sector"),
    "size": ("size", "length", "len", "bytes"),
    "kind": ("kind", "type", "op", "opcode", "operation", "access", "access_type", "rw", "mode", "io_type", "iotype"),
    "process": ("process", "pid", "process_id"),
    "thread": ("thread", "tid", "thread_id"),
    "time": ("time", "timestamp", "ts"),
}
"""What a column is, and the names that say so, whatever their case; a hyphen or blank in a name is an underscore. A
name for a time may end in its unit: time_us."""

SECTORS = ("lba", "sector")
"""Names of columns that count blocks of 512 bytes."""

DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "blank": ""}
"""Delimiters with names; `blank` is any number of blanks and tabs."""


class First(NamedTuple):
    """The first line of a table that is neither blank nor a comment."""

    fields: list[str]
    delimiter: str
    """one character; empty: blanks and tabs"""
    start: int
    """bytes before the line"""
    end: int
    """bytes before the line after it"""


def first_line(head: bytes, delimiter: str = "auto") -> First | None:
    """The first line in `head` and its fields; None if there is none, or it isn't closed or no text."""
    start = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    while start < len(head):
        end = head.find(b"\n", start) + 1 or len(head)
        line = head[start:end].strip(b" \t\r\n")
        if line and not line.startswith(b"#"):
            return _split(line, delimiter, start, end)
        start = end
    return None


def _split(line: bytes, delimiter: str, start: int, end: int) -> First | None:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    found = DELIMITERS.get(delimiter, delimiter).strip(" ")
    if delimiter == "auto":
        found = next((byte for byte in ("\t", ";", ",") if byte in text), "")
    if not found:
        return First([field.strip('"') for field in text.split()], found, start, end)
    try:
        fields = next(csv.reader([text], delimiter=found, skipinitialspace=True, strict=True))
    except csv.Error:
        return None
    return First([field.strip() for field in fields], found, start, end)


def is_header(fields: list[str]) -> bool:
    """Whether the fields are names: none begins as a number does."""
    return all(field and not (field[0].isdigit() or field[0] in "+-.") for field in fields)


def meanings(fields: list[str]) -> dict[str, list[int]]:
    """For each thing that a column can be, the columns whose names say so."""
    found: dict[str, list[int]] = {}
    for column, field in enumerate(fields[:MOST_COLUMNS]):
        name, _ = unit_of(field)
        for what, known in NAMES.items():
            if name in known:
                found.setdefault(what, []).append(column)
    return found


def unit_of(field: str) -> tuple[str, str | None]:
    """A column's name in its plain form, without the unit of time at its end, and the unit."""
    name = field.strip().lower().replace(" ", "_").replace("-", "_")
    stem, _, unit = name.rpartition("_")
    return (stem, unit) if stem in NAMES["time"] and unit in CLOCKS else (name, None)


def columns(meant: Mapping[int, str], delimiter: str) -> str:
    """The pattern of a line, of which some columns, from 0, are read and those after the last of them left out.

    `delimiter` is one character; empty: blanks and tabs.
    """
    mark = plain(delimiter) if delimiter else " "
    between = f"~{mark}~" if delimiter else mark
    fields = (f'"{meant.get(column, "{:f}")}"' for column in range(max(meant) + 1))
    return f"~{between.join(fields)}{'~' if delimiter else ''}[{mark}{{}}]"
