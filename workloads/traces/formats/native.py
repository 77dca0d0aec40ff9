"""The native store as a format: what other formats are converted to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from simulator.registry import register
from workloads.traces.native import NativeTrace
from workloads.traces.runs import Runs


@register("format", "native")
class Native:
    """A native store, an Arrow IPC file made by pagesim; replayed as it is, without a copy in the cache."""

    name: str
    suffixes = (".arrow",)

    def recognises(self, head: bytes) -> bool:
        """By Arrow's magic number."""
        return head.startswith(b"ARROW1")

    def runs(self, path: Path) -> Iterator[Runs]:
        """The runs, with page numbers instead of indices."""
        with path.open("rb") as file:
            trace = NativeTrace(file, str(path))
        yield from trace.numbered()
