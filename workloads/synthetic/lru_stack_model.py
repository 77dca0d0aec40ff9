"""LRU stack model: visits whose stack distances follow a given distribution, so that the miss-ratio curve is given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.compile import compiled
from simulator.rng import generator
from simulator.stream import ReferenceStream
from simulator.units import Fraction
from workloads.base import StreamContext, plugin
from workloads.distribution import Distribution, Sampler
from workloads.generator import Visits

TOP = 32
"""Pages at the top of the stack that are kept in a ring, a power of two. Chosen: as many as
where distances are measured."""

WORD = 64
"""Places that share a word of bits."""


@plugin("workload", "lru-stack-model")
class LruStackModel(Visits):
    """Independent stack distances: each visit goes to the page that was visited d-th last, d drawn from `distances`,
    or, with probability `new`, to a page not visited before (Spirn and Denning, "Experiments with program locality",
    AFIPS FJCC 1972).

    A distance beyond the pages visited so far is a new page as well. When no new page is left, a visit to one goes to
    the page unvisited for longest instead, which no memory smaller than the footprint would hold.
    """

    references: int = Field(..., ge=1, description="how many references")
    distances: Distribution = Field(
        ..., description="of stack distances: 1 is the page visited last, at most `pages`; a family and its parameters"
    )
    new: Fraction = Field(default=0.0, description="share of visits to pages not visited before")
    scattered: bool = Field(default=False, description="new pages come in random order; false: ascending")

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        order = np.arange(self.pages, dtype=np.uint32)
        if self.scattered:
            generator(context.seed, f"workload/{context.name}/order").shuffle(order)
        draw = self.distances.sampler(1, self.pages)
        return self.evolve(context, self.references, lambda: _Stack(order, draw, self.new).visit)


class _Stack:
    """The stack of one reading: its top is a ring, below which pages lie in places, in the order of last visits.

    A bit tells whether a page is still in its place. A Fenwick tree counts the places of each word of bits that were
    left, so places are appended without touching it; when they run out, the pages close up.
    """

    def __init__(self, order: NDArray[np.uint32], draw: Sampler, new: float) -> None:
        """`order` is that in which new pages come. Memory: 12 bytes for each page."""
        self._order, self._draw, self._new = order, draw, new
        words = -(-(2 * len(order) + TOP) // WORD)
        self._top = np.zeros(TOP, np.uint32)
        self._owner = np.zeros(words * WORD, np.uint32)
        self._held = np.zeros(words, np.int64)
        self._left = np.zeros(1 << words.bit_length(), np.int32)
        self._state = np.zeros(3, np.int64)  # pages visited, next place, places that were left

    def visit(self, _first: int, rows: int, numbers: np.random.Generator) -> NDArray[np.uint32]:
        """The pages of further visits; a Choose."""
        distance = self._draw(rows, numbers)
        if self._new:
            distance[numbers.random(rows) < self._new] = len(self._order) + 1
        page = np.empty(rows, np.uint32)
        _visit(distance, self._order, self._top, self._owner, self._held, self._left, self._state, page)
        return page


@compiled
def _visit(distances: Any, order: Any, top: Any, owner: Any, held: Any, left: Any, state: Any, page: Any) -> None:
    visited, places, gone, first, last = state[0], state[1], state[2], 0, TOP - 1
    for row in range(len(page)):
        distance = distances[row] if distances[row] <= visited or visited < len(order) else visited
        inside = min(visited, TOP)
        if distance <= inside:
            page[row] = _lift(top, first, distance - 1)
            continue
        if distance > visited:
            wanted = order[visited]
            visited += 1
        else:
            place = _find(left, held, places - gone - (distance - inside))
            wanted = owner[place]
            _leave(left, held, place)
            gone += 1
        first = (first - 1) & last
        if inside == TOP:
            if places == len(owner):
                places = _close_up(owner, held, left)
                gone = 0
            owner[places] = top[first]
            held[places // WORD] |= 1 << places % WORD
            places += 1
        top[first] = page[row] = wanted
    state[0], state[1], state[2] = visited, places, gone
    _turn(top, first)


@compiled
def _lift(top: Any, first: int, depth: int) -> Any:
    """Take the page at a depth of the ring to its front."""
    wanted = top[(first + depth) & (TOP - 1)]
    for at in range(first + depth, first, -1):
        top[at & (TOP - 1)] = top[(at - 1) & (TOP - 1)]
    top[first] = wanted
    return wanted


@compiled
def _turn(top: Any, first: int) -> None:
    """Turn the ring so that its front is at 0."""
    turned = np.empty_like(top)
    for at in range(TOP):
        turned[at] = top[(first + at) & (TOP - 1)]
    top[:] = turned


@compiled
def _find(left: Any, held: Any, rank: int) -> int:
    """The place that holds a page and before which `rank` others do."""
    word, step = 0, len(left) // 2
    while step:
        before = step * WORD - left[word + step]
        go_on = before <= rank
        word += step * go_on
        rank -= before * go_on
        step //= 2
    bits, place, width = held[word], word * WORD, WORD // 2
    while width:
        before = _ones(bits & ((1 << width) - 1))
        go_on = before <= rank
        bits >>= width * go_on
        place += width * go_on
        rank -= before * go_on
        width //= 2
    return place


@compiled
def _ones(bits: int) -> int:
    """How many of the lower 32 bits, which are all there are, are set."""
    bits -= (bits >> 1) & 0x55555555
    bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F
    return (bits * 0x01010101 & 0xFFFFFFFF) >> 24


@compiled
def _leave(left: Any, held: Any, place: int) -> None:
    held[place // WORD] &= ~(1 << place % WORD)
    node = place // WORD + 1
    while node < len(left):
        left[node] += 1
        node += node & -node


@compiled
def _close_up(owner: Any, held: Any, left: Any) -> int:
    """Move the pages to the first places, in their order; returns how many there are."""
    places = 0
    for place in range(len(owner)):
        if held[place // WORD] >> place % WORD & 1:
            owner[places] = owner[place]
            places += 1
    left[:] = 0
    held[:] = 0
    held[: places // WORD] = -1
    held[places // WORD] = (1 << places % WORD) - 1
    return places
