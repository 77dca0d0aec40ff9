"""What is in a trace, in one pass over it, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workloads.base import InputError
from workloads.traces.cache import check_readable
from workloads.traces.compression import watched
from workloads.traces.convert import Progress, Written
from workloads.traces.format import Format, about, chosen, regions_in
from workloads.traces.formats.native import Native
from workloads.traces.regions import TraceRegion
from workloads.traces.runs import optional_columns
from workloads.traces.store import NativeTrace
from workloads.traces.tally import PAGE_BITS, Facts, Tally


class Info(NamedTuple):
    """A trace as `pagesim trace info` shows it."""

    format: str
    about: dict[str, str]
    """what the file tells of the trace, such as the command that was recorded, and `page_size` in bytes if known"""
    facts: Facts

    @property
    def pages(self) -> int:
        """Distinct pages; those of two processes are two."""
        return len(self.facts.keys)

    def pages_of(self, process: int | None) -> int:
        """Distinct pages of one process."""
        first, end = self.facts.spans()[self.facts.processes.index(process)]
        return end - first

    def pages_in(self, region: TraceRegion) -> int:
        """Distinct pages of a region that are referenced, in whichever of their lives."""
        start = np.uint64(self.facts.processes.index(region.process) << PAGE_BITS)
        ends = np.array([region.first, region.first + region.pages], np.uint64) + start
        first, end = np.searchsorted(self.facts.keys, ends).tolist()
        return int(end - first)

    def share(self, kind: str) -> float:
        """The part of the references that are `fetches`, `loads` or `stores`."""
        return sum(getattr(origin, kind) for origin in self.facts.origins) / self.facts.references


def info(
    path: Path,
    format: str = "auto",  # noqa: A002
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Info:
    """What is in a trace file; raises InputError where it can't be used.

    Memory doesn't depend on the length: 32 to 64 bytes for each distinct page. A native store has been counted when it
    was made, so it isn't read.
    """
    check_readable(path)
    try:
        known = chosen(path, format, options)
        if isinstance(known, Native):
            with path.open("rb") as file:
                trace = NativeTrace(file, str(path))
            return Info(known.name, trace.about, trace.facts)
        facts = _counted(path, known, progress)._replace(regions=regions_in(known, path))
        return Info(known.name, about(known, path), facts)
    except OSError as error:
        raise InputError(f"{path}: can't be read: {error.strerror or error}") from error


def _counted(path: Path, known: Format, progress: Progress | None) -> Facts:
    written = Written(path.stat().st_size, progress)
    tally: Tally | None = None
    with watched(written.read):
        for runs in written.counted(known.runs(path)):
            tally = tally or Tally(optional_columns(runs), str(path))
            rows = len(runs.page)
            origin = np.empty(rows if tally.told_apart else 0, np.uint16)
            time = np.empty(rows if runs.time is not None else 0, np.int64)
            tally.add(runs, np.empty(rows, np.uint32), origin, time)
    facts = tally.facts()[0] if tally else None
    if facts is None or not facts.runs:
        raise InputError(f"{path}: found no references, allowed is a trace with at least one")
    return facts
