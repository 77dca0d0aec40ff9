"""What the view tool of DynamoRIO's drmemtrace prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from workloads.base import plugin
from workloads.traces.compression import expanded
from workloads.traces.format import PageSize, start
from workloads.traces.patterns import FETCH, LARGEST, LOAD, NOTHING, STORE, Clock, Table, references
from workloads.traces.runs import Runs, merged
from workloads.traces.scan import finished

ALLOWED = (
    "a record of the view tool: 'RECORD INSTRUCTION: THREAD ifetch|read|write SIZE byte(s) @ 0xADDRESS ...' or a marker"
)

_RECORD = re.compile(
    rb" {0,20}\d{1,18}(?: {1,20}\d{1,18})?: {1,20}(W\d{1,9}\.)?T?\d{1,18} "
    rb"(?:<marker: |(?:ifetch|read|write|[id]flush|pref[-\w]{0,20}) +\d+ byte\(s\) @ 0x)"
)
_SKIPPED = re.compile(rb"\r?|-{10,80}\r?|Output format:\r?|<.{0,200}")


@plugin("format", "drmemtrace")
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
        workload = "W{process}[.][T]{thread}" if first is not None and first[1] is not None else "[T]{thread}"
        record = "~{:}[ {:}]~:~"
        table = Table(
            (f"{record}{workload} {{kind:w}} {{size}} byte(s) @ {{place:p}}[ {{kind:w}}{{}}][ {{}}]",),
            (
                f"{record}{{:f}} <marker: timestamp !{{time:t}}>{{}}",
                *(f"{record}{{:f}} {start}{{}}" for start in ("<", "pref", "iflush ", "dflush ")),
                f"{record}{workload} {{:b}}",
                f"{record}total instructions{{}}",
                *(f"~{heading}{{}}" for heading in ("<", "Output format:", "-----", "View tool results:")),
            ),
            (("ifetch", FETCH), ("read", LOAD), ("write", STORE), ("non-fetched", NOTHING)),
            page_bits=self.page_size.bit_length() - 1,
            clock=Clock(0, factor=1000, relative=True),
            most_size=LARGEST,
            size_of_none=1,
        )
        return merged(references(finished(expanded(path), str(path)), str(path), table, ALLOWED))


def _first(head: bytes) -> re.Match[bytes] | None:
    line = next((line for line in head.split(b"\n") if not _SKIPPED.fullmatch(line)), b"")
    return _RECORD.match(line[:200])
