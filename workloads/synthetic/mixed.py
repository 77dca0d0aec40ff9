"""Mixed: several workloads in one process, by turns in one thread, or each in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from simulator.compile import compiled
from simulator.config import STRICT
from simulator.rng import generator
from simulator.stream import Block, ReferenceStream
from workloads.base import MAX_PAGE, InputError, Part, StreamContext, check_footprint, parts, plugin
from workloads.cut import Rows, gathered, room, spread, take
from workloads.generator import RUNS
from workloads.nested import Nested


@dataclass(config=STRICT, kw_only=True)
class Ingredient:
    """One of the workloads that are mixed."""

    workload: Nested = Field(..., description="a kind and its parameters")
    weight: float = Field(default=1.0, gt=0.0, le=1e6, description="its turns, in proportion to those of the others")


@plugin("workload", "mixed")
class Mixed:
    """Several workloads, each in an address range of its own.

    In one thread they take turns of `turn` references; whose turn is next is drawn each time, with a probability in
    proportion to the weights of those that haven't ended, so until the first ends each has its weight's share of the
    references. With `threads` each is a thread of its own, and the scheduler mixes them; weights then mean nothing. A
    workload keeps its page numbers if they lie behind those of the workloads before it, else it is moved up to right
    behind them.
    """

    parts: list[Ingredient] = Field(..., min_length=1, max_length=64, description="the workloads and their weights")
    turn: int = Field(default=1000, ge=1, le=1 << 40, description="references of a turn; a turn may end inside a run")
    threads: bool = Field(default=False, description="each workload in a thread of its own")

    def processes(self, context: StreamContext) -> list[Part]:
        """One process; raises InputError where a workload inside does, makes several threads or processes, or where
        all together have too many pages."""
        streams = [self._inside(index, part.workload, context) for index, part in enumerate(self.parts)]
        pages = _apart([stream.pages for stream in streams])
        check_footprint(len(pages), context, context.name)
        firsts = [int(first) for first in np.cumsum([0, *(len(stream.pages) for stream in streams)])[:-1]]
        if self.threads:
            return [Part(tuple(Moved(stream, pages, first) for stream, first in zip(streams, firsts, strict=True)))]
        weights = np.array([part.weight for part in self.parts])
        source = (context.seed, f"workload/{context.name}/turns")
        return [Part((Turns(streams, pages, firsts, weights, self.turn, source),))]

    def _inside(self, index: int, nested: Nested, context: StreamContext) -> ReferenceStream:
        made = parts(nested.workload, replace(context, name=f"{context.name}/{index}", private=True))
        if len(made) > 1 or len(made[0].streams) > 1 or made[0].regions or made[0].files:
            raise InputError(
                f"{context.name}: found parts.{index} of kind {nested.kind} with several processes, threads or "
                "regions, allowed is one thread of private memory"
            )
        return made[0].streams[0]


def _apart(ranges: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Ascending page numbers of several workloads one behind the other; raises InputError beyond the last page."""
    placed: list[NDArray[np.uint64]] = []
    end = 0
    for pages in ranges:
        moved = max(0, end - int(pages[0]))
        end = int(pages[-1]) + moved + 1
        if end > MAX_PAGE:
            raise InputError(f"mixed: found page {end - 1} once the parts lie apart, allowed is at most {MAX_PAGE}")
        placed.append(pages + np.uint64(moved))
    return np.concatenate(placed)


class Moved:
    """A stream whose pages are some of more; a ReferenceStream."""

    def __init__(self, stream: ReferenceStream, pages: NDArray[np.uint64], first: int) -> None:
        """The stream's pages are those of `pages` from index `first` on."""
        self.pages, self.references = pages, stream.references
        self._stream, self._first = stream, np.uint32(first)

    def blocks(self) -> Iterator[Block]:
        """The runs from the start."""
        for block in self._stream.blocks():
            yield block._replace(page=block.page + self._first)


class Turns:
    """Several streams by turns; a ReferenceStream."""

    def __init__(
        self,
        streams: Sequence[ReferenceStream],
        pages: NDArray[np.uint64],
        firsts: Sequence[int],
        weights: NDArray[np.float64],
        turn: int,
        source: tuple[int, str],
    ) -> None:
        """`firsts`: index of each stream's first page; `source`: seed and name of the random numbers."""
        known = [stream.references for stream in streams]
        self.pages = pages
        self.references = None if None in known else sum(count for count in known if count is not None)
        self._streams = [Moved(stream, pages, first) for stream, first in zip(streams, firsts, strict=True)]
        self._weights, self._turn, self._source = weights, turn, source

    def blocks(self) -> Iterator[Block]:
        """The runs from the start, in blocks of at most `RUNS`."""
        numbers, out, source = generator(*self._source), room(RUNS), room(RUNS * len(self._streams))
        readers = [_pieces(stream) for stream in self._streams]
        at, end = np.zeros((2, len(readers)), np.int64)
        weights, state = self._weights.copy(), np.zeros(3, np.int64)
        while weights.any():
            _mix(source, at, end, weights, state, self._turn, numbers, out)
            if state[2] == RUNS:
                yield gathered(out, RUNS)
                state[2] = 0
            elif (piece := next(readers[state[0]], None)) is None:
                weights[state[0]], state[1] = 0, 0
            else:
                _refill(source, int(state[0]), piece, at, end)
        if state[2]:
            yield gathered(out, int(state[2]))


def _pieces(stream: ReferenceStream) -> Iterator[Rows]:
    for block in stream.blocks():
        rows = spread(block)
        for first in range(0, len(rows.page), RUNS):
            columns: list[Any] = [column[first : first + RUNS] for column in rows]
            yield Rows(*columns)


def _refill(source: Rows, index: int, piece: Rows, at: NDArray[np.int64], end: NDArray[np.int64]) -> None:
    at[index] = index * RUNS
    end[index] = at[index] + len(piece.page)
    pairs: Any = zip(source, piece, strict=True)
    for column, new in pairs:
        column[at[index] : end[index]] = new


@compiled
def _mix(source: Any, at: Any, end: Any, weights: Any, state: Any, turn: int, numbers: Any, out: Any) -> None:
    # Goes on until `out` is full or the stream whose turn it is has no rows in `source` left. State: whose turn it is,
    # references left of it, rows in `out`.
    now, left, row = state[0], state[1], state[2]
    while row < len(out.page):
        if left == 0:
            now, left = _draw(weights, numbers), turn
        if at[now] == end[now]:
            break
        moved, remaining = take(source, at[now], left, out, row)
        left -= moved
        row += 1
        if remaining == 0:
            at[now] += 1
    state[0], state[1], state[2] = now, left, row


@compiled
def _draw(weights: Any, numbers: Any) -> int:
    place = numbers.random() * weights.sum()
    chosen = 0
    for index in range(len(weights)):
        if weights[index] > 0.0:
            chosen = index
            if place < weights[index]:
                break
            place -= weights[index]
    return chosen
