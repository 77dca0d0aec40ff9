"""A process's reference stream: what a workload gives to the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Block(NamedTuple):
    """Consecutive runs of a stream; a run is a maximal stretch of references to one page, executed as its fetches,
    then its loads, then its stores. Four C-contiguous arrays of one length, at least 1; each run has at least one
    reference."""

    page: NDArray[np.uint32]
    """index into `ReferenceStream.pages`"""
    fetches: NDArray[np.uint16]
    loads: NDArray[np.uint8]
    stores: NDArray[np.uint8]


class ReferenceStream(Protocol):
    """The references that one thread makes, in order, in blocks of any size."""

    pages: NDArray[np.uint64]
    """the distinct virtual page numbers, ascending"""
    references: int | None
    """how many references there are, if known"""

    def blocks(self) -> Iterator[Block]:
        """The runs from the start; each call begins anew and gives the same."""
        ...
