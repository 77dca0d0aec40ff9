"""SPC block traces: what a storage system was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from simulator.units import Size
from workloads.base import plugin
from workloads.traces.compression import expanded
from workloads.traces.format import PageSize
from workloads.traces.patterns import CLOCKS, LOAD, STORE, Table, references
from workloads.traces.runs import Runs, merged
from workloads.traces.scan import finished

ALLOWED = "SPC's ASU,LBA,size,R or W,timestamp, with at most 65536 pages in an I/O"

_LINE = re.compile(rb"[0-9]+,[ \t]*[0-9]+,[ \t]*[0-9]+,[ \t]*[RrWw],[ \t]*[0-9]+\.[0-9]+(,.*)?[ \t]*\r?")


@plugin("format", "spc")
class Spc:
    """The trace format of the Storage Performance Council (SPC Trace File Format Specification 1.0.1), in which the
    UMass storage traces come: on each line the application specific unit (ASU), the logical block, bytes, R (load) or
    W (store) and the time in seconds. An I/O touches each page of its range. Each ASU, which has its own blocks, is
    taken for a process. Further fields are left out, and so are I/Os of size 0."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".spc",)

    page_size: PageSize = Field(default=4096, description="bytes that addresses are divided by")
    block_size: Size = Field(default=512, ge=1, le=1 << 20, description="bytes of a logical block")

    def recognises(self, head: bytes) -> bool:
        """By the first line."""
        return _LINE.fullmatch(head.split(b"\n", 1)[0]) is not None

    def runs(self, path: Path) -> Iterator[Runs]:
        """A run for each page that an I/O touches; I/Os to one page, of one ASU at one time, are one run."""
        table = Table(
            ("~{process}~,~{place}~,~{size}~,~{kind:w}~,~{time:t}~[,{}]",),
            words=(("r", LOAD), ("w", STORE)),
            page_bits=self.page_size.bit_length() - 1,
            unit=self.block_size,
            clock=CLOCKS["s"],
            delimiter=",",
        )
        return merged(references(finished(expanded(path), str(path)), str(path), table, ALLOWED))
