"""A trace, or a part of it, as one stream, in which a page of one process is no page of another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.stream import Block
from workloads.traces.store import NativeTrace
from workloads.traces.window import drop_first, drop_last, extent


class Source:
    """References of a trace in its order, whoever made them; a ReferenceStream.

    The pages of a trace's nth process, counted from 0, have n times 2^52 added to their numbers. Only pages that are
    referenced count. Memory: 4 bytes for each page of the trace.
    """

    def __init__(self, trace: NativeTrace, skip: int = 0, limit: int | None = None) -> None:
        """All references after the first `skip`, at most `limit`; raises InputError if nothing is left."""
        self._trace = trace
        self._extent = extent(trace, np.ones(len(trace.origins), np.bool_), skip, limit)
        used = self._extent.used
        self.pages: NDArray[np.uint64] = trace.facts.keys[used]
        self.references: int | None = int(self._extent.references.sum())
        self._index = None if used.all() else (np.cumsum(used) - 1).astype(np.uint32)

    def blocks(self) -> Iterator[Block]:
        """The runs from the start."""
        found = self._extent
        for batch in self._trace.batches(found.first, found.end):
            page = batch.page if self._index is None else self._index[batch.page]
            block = Block(page, batch.fetches, batch.loads, batch.stores)
            begins, ends = batch.first == found.first, batch.first + len(page) == found.end
            if (begins and found.dropped) or (ends and found.cut):
                block = Block(page.copy(), batch.fetches.copy(), batch.loads.copy(), batch.stores.copy())
                drop_first(block, 0, found.dropped if begins else 0)
                drop_last(block, -1, found.cut if ends else 0)
            yield block
