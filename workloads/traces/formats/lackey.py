"""What valgrind's lackey prints with --trace-mem=yes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from workloads.base import plugin
from workloads.traces.compression import expanded
from workloads.traces.format import PageSize
from workloads.traces.patterns import FETCH, LARGEST, LOAD, MODIFY, STORE, Table, references
from workloads.traces.runs import Runs, merged

ALLOWED = (
    "lackey's 'I  address,size', ' L address,size', ' S address,size' or ' M address,size', or a line with == or --"
)

_LINE = re.compile(rb"(I  | [LSM] )[0-9a-f]{1,16},[0-9]{1,4}\r?")
_SKIPPED = re.compile(rb"((==|--|\*\*).*)?\r?")


@plugin("format", "lackey")
class Lackey:
    """The output of `valgrind --tool=lackey --trace-mem=yes`: an instruction fetch (I), load (L), store (S) or modify
    (M: a load and a store) on each line, by address. References to one page in a row become one run; one that
    crosses a page boundary is a reference to each page. Valgrind's messages (== and --) are skipped."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".lackey",)

    page_size: PageSize = Field(default=4096, description="bytes that addresses are divided by")

    def recognises(self, head: bytes) -> bool:
        """By the first line that is no message."""
        first = next((line for line in head.split(b"\n") if not _SKIPPED.fullmatch(line)), None)
        return first is not None and _LINE.fullmatch(first) is not None

    def runs(self, path: Path) -> Iterator[Runs]:
        """One run for each longest sequence of references to one page."""
        return merged(live(expanded(path), str(path), self.page_size))


def live(pieces: Iterator[bytes], where: str, page_size: int = 4096) -> Iterator[Runs]:
    """A run for each reference in the output of a lackey, which may be running."""
    table = Table(
        ("~{kind:w} {place:x},{size}",),
        ("=={}", "--{}", "**{}"),
        (("i", FETCH), ("l", LOAD), ("s", STORE), ("m", MODIFY)),
        page_bits=page_size.bit_length() - 1,
        most_size=LARGEST,
        size_of_none=-1,
    )
    return references(pieces, where, table, ALLOWED)
