"""The future of a stream: when each page is used next. Only bounds may look at it."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.state.constants import NEVER
from simulator.stream import ReferenceStream

_IN_MEMORY = 1 << 20
"""Runs up to which the future is kept in memory; a longer one goes to a temporary file."""


class Future:
    """For each run of a stream the next run on the same page, told by its number and by that of its first reference.

    16 bytes for each run, in a temporary file if there are many, found by reading the stream twice.
    """

    def __init__(self, stream: ReferenceStream) -> None:
        """Read the stream."""
        runs = sum(len(block.page) for block in stream.blocks())
        self._next = self._room(runs)
        self._position = 0
        last = np.full(len(stream.pages), -1, np.int64)
        run = reference = 0
        for block in stream.blocks():
            reference = _link(*block[:4], run, reference, last, self._next)
            run += len(block.page)

    @staticmethod
    def _room(runs: int) -> NDArray[np.int64]:
        if runs <= _IN_MEMORY:
            return np.full((2, runs), NEVER)
        with tempfile.TemporaryFile() as file:
            room: NDArray[np.int64] = np.memmap(file, np.int64, "w+", shape=(2, runs))
        room[:] = NEVER
        return room

    def of(self, runs: int) -> tuple[int, int]:
        """Addresses of the next runs and next references for the next `runs` runs of the stream."""
        at = self._position
        self._position += runs
        return self._next[0, at:].ctypes.data, self._next[1, at:].ctypes.data


@compiled
def _link(page: Any, fetches: Any, loads: Any, stores: Any, run: int, reference: int, last: Any, following: Any) -> int:
    for i in range(len(page)):
        before = last[page[i]]
        if before >= 0:
            following[0, before] = run + i
            following[1, before] = reference
        last[page[i]] = run + i
        reference += np.int64(fetches[i]) + np.int64(loads[i]) + np.int64(stores[i])
    return reference
