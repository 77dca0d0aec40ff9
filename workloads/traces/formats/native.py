"""The native store as a format: what other formats are converted to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from workloads.base import plugin
from workloads.traces.compression import tell
from workloads.traces.regions import Regions
from workloads.traces.runs import Runs
from workloads.traces.store import NativeTrace


@plugin("format", "native")
class Native:
    """A native store, an Arrow IPC file made by pagesim; replayed as it is, without a copy in the cache."""

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".arrow",)
    page_size: ClassVar[int | None] = None

    def recognises(self, head: bytes) -> bool:
        """By Arrow's magic number."""
        return head.startswith(b"ARROW1")

    def runs(self, path: Path) -> Iterator[Runs]:
        """The runs, with page numbers instead of indices."""
        for runs in self._opened(path).numbered():
            tell(sum(column.nbytes for column in runs[1:4]) + 4 * len(runs.page))
            yield runs

    def metadata(self, path: Path) -> dict[str, str]:
        """Where the trace comes from."""
        return self._opened(path).about

    def regions(self, path: Path) -> Regions:
        """What pages were backed by."""
        return self._opened(path).facts.regions

    def _opened(self, path: Path) -> NativeTrace:
        with path.open("rb") as file:
            return NativeTrace(file, str(path))
