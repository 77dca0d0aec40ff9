"""Rows of several streams made into one: runs are cut where a thread turns from one to another, or sleeps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import Block, Waits


class Rows(NamedTuple):
    """Room for runs, each with its wait: arrays of one length."""

    page: NDArray[np.uint32]
    fetches: NDArray[np.uint16]
    loads: NDArray[np.uint8]
    stores: NDArray[np.uint8]
    until: NDArray[np.int64]
    """as in `Waits`, but for every row; 0: none"""
    pause: NDArray[np.int64]


def room(rows: int) -> Rows:
    """Room for so many runs, all zero."""
    until, pause = np.zeros((2, rows), np.int64)
    counts = np.zeros(rows, np.uint8), np.zeros(rows, np.uint8)
    return Rows(np.zeros(rows, np.uint32), np.zeros(rows, np.uint16), *counts, until, pause)


def spread(block: Block) -> Rows:
    """A block, copied, with the waits of every row."""
    until, pause = np.zeros((2, len(block.page)), np.int64)
    if block.waits is not None:
        until[block.waits.row], pause[block.waits.row] = block.waits.until, block.waits.pause
    return Rows(block.page.copy(), block.fetches.copy(), block.loads.copy(), block.stores.copy(), until, pause)


def gathered(rows: Rows, count: int) -> Block:
    """The first `count` rows as a block, copied."""
    columns: list[Any] = [column[:count].copy() for column in rows[:4]]
    waiting = np.flatnonzero(rows.until[:count] | rows.pause[:count])
    waits = Waits(waiting, rows.until[waiting], rows.pause[waiting]) if len(waiting) else None
    return Block(columns[0], columns[1], columns[2], columns[3], waits)


@compiled
def take(source: Any, at: int, limit: int, target: Any, row: int) -> tuple[int, int]:
    """Move the run at row `at` of `source`, or as much of it as `limit` references allow, to `row` of `target`.

    What remains stays at its place in `source`, without the wait, which is over by then. Returns the number of
    references moved and of those that remain.
    """
    fetches: Any = min(np.int64(source.fetches[at]), limit)
    loads: Any = min(np.int64(source.loads[at]), limit - fetches)
    stores: Any = min(np.int64(source.stores[at]), limit - fetches - loads)
    target.page[row] = source.page[at]
    target.fetches[row], target.loads[row], target.stores[row] = fetches, loads, stores
    target.until[row], target.pause[row] = source.until[at], source.pause[at]
    source.fetches[at] -= fetches
    source.loads[at] -= loads
    source.stores[at] -= stores
    source.until[at] = source.pause[at] = 0
    left: Any = np.int64(source.fetches[at]) + source.loads[at] + source.stores[at]
    return fetches + loads + stores, left
