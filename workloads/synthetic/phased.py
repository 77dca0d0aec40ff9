"""Phased: a program that works on one locality set for a while, then on another; Denning and Kahn's model."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.compile import compiled
from simulator.rng import generator
from simulator.stream import ReferenceStream
from workloads.base import InputError, StreamContext, plugin
from workloads.distribution import Distribution, Sampler
from workloads.generator import Visits

MICROMODELS = {"cyclic": 0, "sawtooth": 1, "random": 2, "lru": 3}
"""What the compiled code calls each micromodel."""

PLANNED = 1024
"""Phases that are drawn at a time."""

LONGEST = 1 << 62
"""Most visits of a phase."""


@plugin("workload", "phased")
class Phased(Visits):
    """Phases, in each of which all visits go to one locality set, one after the other.

    After Denning and Kahn, "A study of program locality and lifetime functions", SOSP 1975.
    The macromodel is a semi-Markov chain: a phase lasts for a holding time, then another set is drawn. With `sets`,
    there are so many of them, made at the start, which have `overlap` pages in common and no others; the next one is
    any other with equal probability, or drawn from the row of `transitions`. Without, each phase has a new set:
    `overlap` pages of the one before, drawn from it, and others drawn from all pages outside it, of any number that
    there are.

    The micromodel is the order of visits inside a phase: `cyclic` goes round the set; `sawtooth` goes up and down in it
    (0, 1, 2, 1, 0, 1, ...); `random` visits any page with equal probability; `lru` draws a stack distance from
    `distances`, at most the set's size.
    """

    references: int = Field(..., ge=1, description="how many references")
    sizes: Distribution = Field(..., description="of the pages of a locality set, at least 1 and at least `overlap`")
    holding: Distribution = Field(..., description="of the visits of a phase, at least 1")
    micromodel: Literal["cyclic", "sawtooth", "random", "lru"] = Field(
        default="random", description="the order of visits inside a phase"
    )
    distances: Distribution | None = Field(default=None, description="of stack distances, for the micromodel lru")
    overlap: int = Field(default=0, ge=0, description="pages that a set has in common with the next (the paper's R)")
    sets: int | None = Field(
        default=None, ge=1, le=4096, description="how many locality sets there are; none: a new one each time"
    )
    transitions: list[list[float]] | None = Field(
        default=None, description="for each set, the weights of the sets that may follow it; none: all others alike"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Phased:
        if (self.distances is None) == (self.micromodel == "lru"):
            found, allowed = ("nothing", "a distribution") if self.distances is None else ("some", "none")
            raise ValueError(f"distances: found {found}, allowed is {allowed} with micromodel {self.micromodel!r}")
        if self.overlap > self.pages:
            raise ValueError(f"overlap: found {self.overlap}, allowed is at most `pages`, {self.pages}")
        if self.transitions is not None:
            sets = self.sets or 0
            if len(self.transitions) != sets or any(len(row) != sets for row in self.transitions):
                raise ValueError(f"transitions: found another number of rows or columns, allowed is `sets`, {sets}")
            if not all(0 < sum(row) < float("inf") and min(row) >= 0 for row in self.transitions):
                raise ValueError(
                    "transitions: found a wrong row, allowed are finite weights from 0, one of them over 0"
                )
        return self

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space, or the locality sets
        don't fit into the footprint."""
        numbers = generator(context.seed, f"workload/{context.name}/sets")
        size = self.sizes.sampler(max(self.overlap, 1), self.pages)
        if self.sets is None:
            members, first, chances = numbers.permutation(self.pages), np.zeros(0, np.int64), np.zeros((0, 0))
        else:
            members, first = self._sets(size(self.sets, numbers), numbers)
            chances = self._chances(self.sets)
        hold = self.holding.sampler(1, LONGEST)
        distance = self.distances.sampler(1, self.pages) if self.distances else None
        micromodel = MICROMODELS[self.micromodel]

        def begin() -> Any:
            own = members.astype(np.uint32)
            return _Phases(own, first, chances, size, hold, distance, micromodel, self.overlap).visit

        return self.evolve(context, self.references, begin)

    def _sets(self, sizes: NDArray[np.int64], numbers: np.random.Generator) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The pages of all sets, one set after the other, and where each begins and the last one ends."""
        own = sizes - self.overlap
        if (wanted := self.overlap + int(own.sum())) > self.pages:
            raise InputError(
                f"sets: found {len(sizes)} sets of {wanted} pages, allowed is at most `pages`, {self.pages}"
            )
        common, *others = np.split(numbers.permutation(self.pages), self.overlap + np.append(0, np.cumsum(own)))
        members = [np.concatenate((common, other)) for other in others[: len(sizes)]]
        return np.concatenate([numbers.permutation(each) for each in members]), np.append(0, np.cumsum(sizes))

    def _chances(self, sets: int) -> NDArray[np.float64]:
        """For each set, the cumulative probabilities of those that may follow."""
        weights = (
            np.array(self.transitions) if self.transitions else 1.0 - np.eye(sets) if sets > 1 else np.ones((1, 1))
        )
        cumulative: NDArray[np.float64] = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
        last = sets - 1 - np.argmax(weights[:, ::-1] > 0, axis=1)
        cumulative[np.arange(sets) >= last[:, None]] = 1.0  # where rounding would leave a gap
        return cumulative


class _Phases:
    """The phases of one reading."""

    def __init__(
        self, members: NDArray[np.uint32], first: NDArray[np.int64], chances: NDArray[np.float64], size: Sampler,
        hold: Sampler, distance: Sampler | None, micromodel: int, overlap: int,
    ) -> None:  # fmt: skip
        """`members` is changed. Memory: 4 bytes for each page."""
        self._members, self._first, self._chances = members, first, chances
        self._size, self._hold, self._distance = size, hold, distance
        self._micromodel, self._overlap = micromodel, overlap
        self._plan = np.zeros((2, PLANNED), np.int64)  # holding times, sizes
        # Current set's number, its first member, its size, visits left, visits done, next phase of the plan.
        self._state = np.array([-1, 0, 0, 0, 0, PLANNED], np.int64)

    def visit(self, _first: int, rows: int, numbers: np.random.Generator) -> NDArray[np.uint32]:
        """The pages of further visits; a Choose."""
        page, done = np.empty(rows, np.uint32), 0
        distances = np.zeros(0, np.int64) if self._distance is None else self._distance(rows, numbers)
        while done < rows:
            if self._state[5] == PLANNED:
                self._plan[0], self._plan[1] = self._hold(PLANNED, numbers), self._size(PLANNED, numbers)
                self._state[5] = 0
            done = _visit(
                self._members, self._first, self._chances, self._plan, self._state, self._micromodel, self._overlap,
                distances, numbers, done, page,
            )  # fmt: skip
        return page


@compiled
def _visit(
    members: Any, first: Any, chances: Any, plan: Any, state: Any, micromodel: int, overlap: int, distances: Any,
    numbers: Any, done: int, page: Any,
) -> int:  # fmt: skip
    while done < len(page):
        if state[3] == 0:
            if state[5] == plan.shape[1]:
                return done
            _enter(members, first, chances, plan[1, state[5]], state, overlap, numbers)
            state[3], state[4] = plan[0, state[5]], 0
            state[5] += 1
        visits = min(state[3], len(page) - done)
        locality = members[state[1] : state[1] + state[2]]
        _inside(locality, micromodel, state[4], distances, numbers, page, done, done + visits)
        state[3] -= visits
        state[4] += visits
        done += visits
    return done


@compiled
def _enter(members: Any, first: Any, chances: Any, size: int, state: Any, overlap: int, numbers: Any) -> None:
    if len(first) == 0:
        _renew(members, state[2], size, min(overlap, state[2]), numbers)
        state[2] = size
        return
    if state[0] < 0:
        chosen = int(numbers.random() * len(chances))
    else:
        drawn, chosen = numbers.random(), 0
        while chances[state[0], chosen] <= drawn:
            chosen += 1
    state[0], state[1], state[2] = chosen, first[chosen], first[chosen + 1] - first[chosen]


@compiled
def _renew(members: Any, old: int, size: int, overlap: int, numbers: Any) -> None:
    """Make the first `size` of all pages a new set, `overlap` of which are drawn from the first `old`, the rest from
    the others as far as there are enough."""
    entering = min(size - overlap, len(members) - old)
    staying = size - entering
    for at in range(staying):
        _swap(members, at, at + int(numbers.random() * (old - at)))
    for at in range(old, old + entering):
        _swap(members, at, at + int(numbers.random() * (len(members) - at)))
    for at in range(entering):
        _swap(members, staying + at, old + at)
    for at in range(size - 1, 0, -1):  # who stayed is no longer first
        _swap(members, at, int(numbers.random() * (at + 1)))


@compiled
def _swap(members: Any, one: int, other: int) -> None:
    members[one], members[other] = members[other], members[one]


@compiled
def _inside(
    locality: Any, micromodel: int, since: int, distances: Any, numbers: Any, page: Any, start: int, end: int
) -> None:
    """Visits of one phase, `since` of which were made already."""
    size = len(locality)
    if micromodel == 0 or size == 1:
        at = since % size
        for row in range(start, end):
            page[row] = locality[at]
            at = at + 1 if at + 1 < size else 0
    elif micromodel == 1:
        at = since % (2 * size - 2)
        for row in range(start, end):
            page[row] = locality[at if at < size else 2 * size - 2 - at]
            at = at + 1 if at + 1 < 2 * size - 2 else 0
    elif micromodel == 2:
        for row in range(start, end):
            page[row] = locality[int(numbers.random() * size)]
    else:
        for row in range(start, end):
            depth = min(distances[row], size) - 1
            wanted = locality[depth]
            for at in range(depth, 0, -1):
                locality[at] = locality[at - 1]
            locality[0] = page[row] = wanted
