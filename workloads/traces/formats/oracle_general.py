"""The binary format of libCacheSim's traces, oracleGeneral."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.units import SECOND
from workloads.base import MAX_PAGE, InputError, plugin
from workloads.traces.compression import expanded
from workloads.traces.distinct import numbered
from workloads.traces.format import PageSize
from workloads.traces.runs import Runs

RECORD = np.dtype([("time", "<u4"), ("object", "<u8"), ("size", "<u4"), ("next", "<i8")])
"""A request; `next` is the number of the object's next request, -1 or 2^63 - 1 if there is none."""

FARTHEST = 1 << 40
"""Requests that no trace is longer than: text and other binary data have larger numbers in their place."""

_NEVER = np.iinfo(np.int64).max
_LARGEST_ID = (1 << 64) - 2


@plugin("format", "oracle-general")
class OracleGeneral:
    """Traces of libCacheSim in its oracleGeneral format, mostly with zstd: records of 24 bytes, little endian, of the
    time in seconds (4), the object's id (8), its size (4) and the number of the request that asks for it next (8).
    Each request is a load, and a run, of one page, whose number is the id, whatever the size; as libCacheSim does, the
    format leaves out requests of size 0."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".oraclegeneral", ".oraclegeneral.bin")

    page_size: PageSize | None = Field(default=None, description="of an object; none: the machine's page size")
    renumber: bool = Field(
        default=False, description="pages are numbered from 0 as they appear; for ids of 2^52 or more, such as hashes"
    )

    def recognises(self, head: bytes) -> bool:
        """By requests that follow each other in time, each before the next for the same object."""
        if len(head) < RECORD.itemsize or (len(head) < 1 << 16 and len(head) % RECORD.itemsize):
            return False
        found: NDArray[Any] = np.frombuffer(head, RECORD, len(head) // RECORD.itemsize)
        ordered = bool((found["time"][1:] >= found["time"][:-1]).all())
        return ordered and any(_agree(found, first) for first in (0, 1))

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each request."""
        rows = self._rows(path)
        return numbered(rows) if self.renumber else rows

    def _rows(self, path: Path) -> Iterator[Runs]:
        largest, why = (_LARGEST_ID, "") if self.renumber else (MAX_PAGE, ", or any with the option renumber")
        for first, found in _records(path):
            asked = found["object"]
            if asked.max() > largest:
                wrong = int(np.argmax(asked > largest))
                raise InputError(
                    f"{path}: record {first + wrong}: found object {asked[wrong]}, allowed is 0 to {largest}{why}"
                )
            found = found[found["size"] > 0]
            rows = len(found)
            if rows:
                yield Runs(
                    found["object"].astype(np.uint64),
                    np.zeros(rows, np.uint16),
                    np.ones(rows, np.uint8),
                    np.zeros(rows, np.uint8),
                    time=found["time"].astype(np.int64) * SECOND,
                )


def _agree(found: NDArray[Any], first: int) -> bool:
    # With requests numbered from `first` on: each comes before its object's next one, and where that is at hand, it is
    # for the same object.
    asked_again = (found["next"] != -1) & (found["next"] != _NEVER)
    following, place = found["next"][asked_again], np.flatnonzero(asked_again)
    if not ((following > place + first) & (following < FARTHEST)).all():
        return False
    near = following < len(found)
    return bool((found["object"][following[near] - first] == found["object"][place[near]]).all())


def _records(path: Path) -> Iterator[tuple[int, NDArray[Any]]]:
    # Whole records, and the number of the first of them.
    first, rest = 0, b""
    for piece in expanded(path):
        data = rest + piece
        whole = len(data) // RECORD.itemsize
        if whole:
            yield first, np.frombuffer(data, RECORD, whole)
        first, rest = first + whole, data[whole * RECORD.itemsize :]
    if rest:
        raise InputError(f"{path}: record {first}: found {len(rest)} bytes, allowed is a record of {RECORD.itemsize}")
