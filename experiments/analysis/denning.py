"""Denning's working-set curve of each process of a run, for every window: what its references alone say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from simulator.machine import ProcessSpec
from simulator.result import RunResult
from simulator.stream import Block, ReferenceStream
from workloads.profile.intervals import Intervals
from workloads.profile.working_set import grid, working_set

PER_DECADE = 12
"""windows between T and 10 T"""


def denning(result: RunResult, specs: Sequence[ProcessSpec]) -> pd.DataFrame:
    """Mean size and misses of the working set of each process of one thread, over the references that it made.

    A row for each process and window: `process`, `window` (T, in references), `size` (mean number of pages), `misses`
    (references to a page that the T before don't include, first ones among them), `references` (how many were looked
    at: as many as the run made, the last run of references to a page taken whole). Processes of several threads are
    left out: how their references interleave depends on the machine. Takes one more pass over the references, some 5 ns
    for each run of them, and 34 MiB.
    """
    frames = []
    for spec in sorted(specs, key=lambda one: str(one.config.name)):
        made = int(result.summary["processes"][spec.config.name]["references"])
        if len(spec.streams) == 1 and made:
            frames.append(_curve(spec.config.name, spec.streams[0], made))
    if not frames:
        return pd.DataFrame()
    found = pd.concat(frames, ignore_index=True)
    return found.assign(process=pd.Categorical(found["process"]))


def _curve(name: str, stream: ReferenceStream, made: int) -> pd.DataFrame:
    intervals = Intervals(len(stream.pages))
    for block in _first(stream, made):
        intervals.add(block)
    length = intervals.count
    curve = working_set(intervals.references, intervals.last[1], length, grid(length, PER_DECADE))
    return pd.DataFrame({
        "process": name, "window": curve.window, "size": curve.size, "misses": curve.misses, "references": length,
    })  # fmt: skip


def _first(stream: ReferenceStream, references: int) -> Iterator[Block]:
    """The blocks that hold the first `references`, cut after the row in which the last of them lies."""
    left = references
    for block in stream.blocks():
        upto = np.cumsum(block.fetches.astype(np.int64) + block.loads + block.stores)
        rows = int(np.searchsorted(upto, left)) + 1
        if rows < len(upto):
            yield Block(block.page[:rows], block.fetches[:rows], block.loads[:rows], block.stores[:rows])
            return
        yield block
        left -= int(upto[-1])
        if left <= 0:
            return
