"""Tables as libCacheSim's csv reader takes them, with its parameters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from workloads.base import InputError, plugin
from workloads.traces.compression import expanded
from workloads.traces.distinct import numbered
from workloads.traces.format import HEAD, PageSize, start
from workloads.traces.header import MOST_COLUMNS, columns
from workloads.traces.patterns import CLOCKS, Table, references
from workloads.traces.runs import Runs
from workloads.traces.scan import finished

DELIMITERS = "\t,|:"
"""What libCacheSim looks for, the likelier the earlier."""


@plugin("format", "libcachesim-csv")
class LibCacheSimCsv:
    """A table that libCacheSim's csv reader takes, told what is where by the parameters that it takes, with an
    underscore for a hyphen: `-t time-col=1,obj-id-col=2,delimiter=;` is time_col 1, obj_id_col 2, delimiter ";". Each
    request is a load, and a run, of one page, which stands for the object whatever its size.

    As an object's id may be any text, pages are numbered from 0 as objects appear, which takes 32 to 64 bytes of memory
    for each; objects are told apart by a 64-bit hash, so that two of ten million are taken for one in 3 of a million
    such traces. With obj_id_is_num the id is the page. The format isn't told by content: a `csv` names its columns.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".libcachesim",)

    page_size: PageSize | None = Field(default=None, description="of an object; none: the machine's page size")
    time_col: int | None = Field(
        default=None, ge=1, le=MOST_COLUMNS, description="the column of times in seconds, from 1"
    )
    obj_id_col: int = Field(default=2, ge=1, le=MOST_COLUMNS, description="the column of ids")
    obj_size_col: int | None = Field(
        default=None, ge=1, le=MOST_COLUMNS, description="the column of sizes, which isn't used"
    )
    has_header: bool | None = Field(default=None, description="none: a first line with more letters than digits is one")
    delimiter: str | None = Field(default=None, description="none: a tab, comma, | or :, the most frequent")
    obj_id_is_num: bool = Field(default=False, description="ids are numbers, decimal or 0x hexadecimal, below 2^52")

    @field_validator("delimiter")
    @classmethod
    def _one_byte(cls, delimiter: str | None) -> str | None:
        if delimiter == "\\t":
            return "\t"
        if delimiter is not None and not (len(delimiter) == 1 and delimiter.isascii()):
            raise ValueError("allowed is one ASCII character")
        return delimiter

    def recognises(self, head: bytes) -> bool:
        """Never: nothing tells what its columns are."""
        return False

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each request."""
        head = start(path)
        line = head[: head.find(b"\n") + 1 or len(head)]
        if len(line) == HEAD and not line.endswith(b"\n"):
            raise InputError(f"{path}: found no line end in the first {HEAD} bytes, allowed is a text table")
        mark = _delimiter(line) if self.delimiter is None else self.delimiter.strip(" ")
        what = "{place}" if self.obj_id_is_num else "{object:f}"
        table = Table(
            (columns({(self.time_col or 0) - 1: "{time:t}", self.obj_id_col - 1: what}, mark),),
            clock=CLOCKS["s"],
            delimiter=mark,
        )
        skip = len(line) if _names(line, self.has_header) else 0
        id_is = "a number below 2^52" if self.obj_id_is_num else "an id"
        times = f" and a time in column {self.time_col}" if self.time_col else ""
        allowed = f"{id_is} in column {self.obj_id_col}{times}"
        rows = references(finished(expanded(path), str(path)), str(path), table, allowed, skip)
        return rows if self.obj_id_is_num else numbered(rows)


def _delimiter(line: bytes) -> str:
    # As libCacheSim weighs them: a tab counts four times, a comma three times, | twice.
    return max(DELIMITERS, key=lambda mark: line.count(mark.encode()) * (len(DELIMITERS) - DELIMITERS.index(mark)))


def _names(line: bytes, given: bool | None) -> bool:
    # As libCacheSim tells a header: by whether there are more digits than letters.
    if given is not None:
        return given
    text = line.decode("latin-1")
    return sum(map(str.isdigit, text)) <= sum(byte.isascii() and byte.isalpha() for byte in text)
