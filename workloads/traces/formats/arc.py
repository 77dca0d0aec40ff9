"""Lists of ranges of blocks, as the traces of the ARC paper are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from workloads.base import plugin
from workloads.traces.compression import expanded
from workloads.traces.format import PageSize
from workloads.traces.patterns import Table, references
from workloads.traces.runs import Runs
from workloads.traces.scan import finished

ALLOWED = "the first block and the number of blocks (at most 65536), and anything after them"

_LINE = re.compile(rb"[0-9]{1,16}[ \t]+([1-9][0-9]{0,4})[ \t]+[0-9]+[ \t]+([0-9]{1,18})[ \t]*\r?")


@plugin("format", "arc")
class Arc:
    """Traces of Megiddo and Modha (ARC: A Self-Tuning, Low Overhead Replacement Cache, FAST 2003): on each line the
    first block, the number of blocks, a number that is ignored and the number of the request. Each block is a page,
    and a load. Lines of the first two numbers alone are read as well, but not told by their content."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".lis", ".arc")

    page_size: PageSize | None = Field(default=None, description="of a block; none: the machine's page size")

    def recognises(self, head: bytes) -> bool:
        """By lines of four numbers, the last of which, the number of the request, never falls."""
        lines = head.split(b"\n")
        whole = lines[: max(1, len(lines) - 1)][:64]
        found = [_LINE.fullmatch(line) for line in whole]
        requests = [int(line[2]) for line in found if line]
        return len(requests) == len(found) and requests == sorted(requests)

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each block."""
        pieces = finished(expanded(path), str(path))
        return references(pieces, str(path), Table(("~{place} {size}[ {}]",)), ALLOWED)
