"""A process's reference stream: what a workload gives to the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Waits(NamedTuple):
    """Where a thread does nothing before a run: three arrays of one length.

    A thread that comes to such a row at time t sleeps until t + pause, or until the process has existed for `until`
    nanoseconds, whichever is later.
    """

    row: NDArray[np.int64]
    """rows of the block, strictly ascending"""
    until: NDArray[np.int64]
    """nanoseconds since the process's start before which the row doesn't begin; 0: none"""
    pause: NDArray[np.int64]
    """nanoseconds of sleep in any case; 0: none"""


class Block(NamedTuple):
    """Consecutive runs of a stream; a run is a maximal stretch of references to one page, executed as its fetches,
    then its loads, then its stores. Four C-contiguous arrays of one length, at least 1; each run has at least one
    reference."""

    page: NDArray[np.uint32]
    """index into `ReferenceStream.pages`"""
    fetches: NDArray[np.uint16]
    loads: NDArray[np.uint8]
    stores: NDArray[np.uint8]
    waits: Waits | None = None
    """None: the thread never waits"""


class ReferenceStream(Protocol):
    """The references that one thread makes, in order, in blocks of any size."""

    pages: NDArray[np.uint64]
    """the distinct virtual page numbers, ascending"""
    references: int | None
    """how many references there are, if known"""

    def blocks(self) -> Iterator[Block]:
        """The runs from the start; each call begins anew and gives the same."""
        ...
