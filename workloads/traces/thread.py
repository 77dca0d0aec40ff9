"""The references of one recorded thread, or of several as one, as a stream for the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.compile import compiled
from simulator.stream import Block, Waits
from workloads.traces.store import Batch, NativeTrace
from workloads.traces.window import Extent, drop_first, drop_last

ROOM = 1 << 16
"""Most runs in a block of a thread that is picked out of a file with others."""

_NO_TIME = np.empty(0, np.int64)


class Change(NamedTuple):
    """Pages that are other ones from a run on: their mapping went away, and they were mapped anew."""

    run: int
    """number of the run in the file"""
    keys: NDArray[np.int64]
    """which, counted from `Space.first`"""
    places: NDArray[np.uint32]
    """their places among `Space.pages` from then on"""


@dataclass(frozen=True)
class Space:
    """The address space that threads share."""

    pages: NDArray[np.uint64]
    """its distinct page numbers, ascending"""
    places: NDArray[np.uint32] | None
    """for each key from `first` on its place among `pages`; None: they are the same"""
    first: int = 0
    """the least key (place in `Facts.keys`) of the space"""
    changes: tuple[Change, ...] = ()
    """in the order of their runs"""


class Clock(NamedTuple):
    """When runs that have times may begin."""

    zero: int
    """time in the file that is the process's start"""
    scale: float
    """simulated nanoseconds for each recorded one; 0: runs begin as soon as they can"""
    period: int
    """simulated nanoseconds from one repetition to the next"""


@dataclass
class Thread:
    """A ReferenceStream: the references of chosen threads of a file, within an extent, in the file's order.

    Only a window of the file is in memory.
    """

    trace: NativeTrace
    extent: Extent
    chosen: NDArray[np.bool_]
    """a flag for each of `trace.origins`"""
    space: Space
    repeat: int = 1
    clock: Clock | None = None
    """None: there are no times, or they are ignored"""

    def __post_init__(self) -> None:
        """What the machine wants to know of a stream."""
        self.pages = self.space.pages
        self.references: int | None = self.repeat * int(self.extent.references[self.chosen].sum())

    def blocks(self) -> Iterator[Block]:
        """The runs from the start."""
        latest = 0
        for turn in range(self.repeat):
            for batch, places in self._placed():
                page = batch.page - np.uint32(self.space.first) if self.space.first else batch.page
                page = page if places is None else places[page]
                waits = None
                if self.clock is not None and batch.time is not None:
                    waits, latest = _waits(batch.time, self.clock, turn * self.clock.period, latest)
                yield Block(page, batch.fetches, batch.loads, batch.stores, waits)

    def _placed(self) -> Iterator[tuple[Batch, NDArray[np.uint32] | None]]:
        """The runs, each batch with the places of keys that hold for it."""
        first, places = self.extent.first, self.space.places
        for change in self.space.changes:
            for batch in self._batches(first, change.run):
                yield batch, places
            assert places is not None
            first, places = max(first, change.run), places.copy()
            places[change.keys] = change.places
        for batch in self._batches(first, self.extent.end):
            yield batch, places

    def _batches(self, first: int, end: int) -> Iterator[Batch]:
        if self.chosen.all():
            yield from self._cut(first, end)
            return
        timed = self.clock is not None
        room = _Room(timed)
        for batch in self._cut(first, end):
            origin = np.zeros(len(batch.page), np.uint16) if batch.origin is None else batch.origin
            time = batch.time if timed and batch.time is not None else _NO_TIME
            row = 0
            while row < len(batch.page):
                row, room.rows = _pick(row, room.rows, (*batch[1:5], time), origin, self.chosen, tuple(room.columns))
                if room.rows == ROOM:
                    yield room.batch()
                    room = _Room(timed)
        if room.rows:
            yield room.batch()

    def _cut(self, first: int, end: int) -> Iterator[Batch]:
        # Batches are views that may be written to without changing the file.
        extent = self.extent
        if first >= end:
            return
        for batch in self.trace.batches(first, end):
            if extent.dropped and batch.first == extent.first:
                drop_first(batch, 0, extent.dropped)
            if extent.cut and batch.first + len(batch.page) == extent.end:
                drop_last(batch, -1, extent.cut)
            yield batch


class _Room:
    # For the runs of one thread; each block has arrays of its own, since the machine holds on to them.
    def __init__(self, timed: bool) -> None:
        self.rows = 0
        kinds = (np.uint32, np.uint16, np.uint8, np.uint8)
        self.columns: list[NDArray[Any]] = [
            *(np.empty(ROOM, kind) for kind in kinds), np.empty(ROOM if timed else 0, np.int64),
        ]  # fmt: skip

    def batch(self) -> Batch:
        page, fetches, loads, stores, time = (column[: self.rows] for column in self.columns)
        return Batch(0, page, fetches, loads, stores, None, time if len(time) else None)


@compiled
def _pick(row: int, filled: int, columns: Any, origin: Any, chosen: Any, room: Any) -> Any:
    # Copies the chosen runs until there are no more, or no more room.
    page, fetches, loads, stores, time = columns
    to_page, to_fetches, to_loads, to_stores, to_time = room
    while row < len(page) and filled < len(to_page):
        if chosen[origin[row]]:
            to_page[filled], to_fetches[filled] = page[row], fetches[row]
            to_loads[filled], to_stores[filled] = loads[row], stores[row]
            if len(time):
                to_time[filled] = time[row]
            filled += 1
        row += 1
    return row, filled


def _waits(time: NDArray[np.int64], clock: Clock, shift: int, latest: int) -> tuple[Waits | None, int]:
    """The waits of runs with recorded times, and the latest time that one has to wait for.

    A run that is no later than one before it has nothing to wait for, and no entry.
    """
    since = time - clock.zero
    until = since + shift if clock.scale == 1 else np.rint(since * clock.scale).astype(np.int64) + shift
    reached = np.maximum.accumulate(np.concatenate([[latest], until]))
    row = np.flatnonzero(until > reached[:-1])
    waits = Waits(row, until[row], np.zeros(len(row), np.int64)) if len(row) else None
    return waits, int(reached[-1])
