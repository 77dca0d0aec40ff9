"""Traces of objects, such as a cache's keys: their ids as pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from workloads.traces.distinct import Distinct
from workloads.traces.runs import Runs


def numbered(chunks: Iterable[Runs]) -> Iterator[Runs]:
    """The same runs with pages numbered from 0 in the order of their first appearance.

    Pages may be any numbers below 2^64 - 1. Memory: 32 to 64 bytes for each distinct one. Raises InputError beyond
    2^32 - 1 of them.
    """
    distinct = Distinct()
    for chunk in chunks:
        index = np.empty(len(chunk.page), np.uint32)
        distinct.encode(chunk.page, index)
        yield chunk._replace(page=index.astype(np.uint64))
