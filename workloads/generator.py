"""What synthetic workloads have in common: visits to pages, drawn a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from simulator.config import STRICT
from simulator.rng import generator
from simulator.stream import Block, ReferenceStream
from simulator.units import Fraction
from workloads.base import MAX_PAGE, StreamContext, check_footprint

RUNS = 1 << 16
"""Runs in a block."""

MAX_FOOTPRINT = 1 << 28
"""Most pages that a generator takes: 1 TiB of 4 KiB pages. Chosen: the tables of larger ones don't fit into memory."""

FIRST_PAGE = 16
"""First page unless given: 64 KiB, the lowest address that a program gets [SYSTEM_INFO]."""

Choose = Callable[[int, int, np.random.Generator], NDArray[np.uint32]]
"""(number of the first visit, how many visits, random numbers) -> index of the page of each visit"""

Begin = Callable[[], Choose]
"""makes the Choose of one reading of a stream: where the next visit depends on those before, it holds their state"""


@dataclass(config=STRICT, kw_only=True)
class Visits:
    """The parameters of every synthetic workload: where its pages lie, and what it does at each visit to one.

    A visit is one run: `burst` references to the page, all of one kind, which is a store with probability `writes`, a
    fetch with probability `fetches`, else a load.
    """

    pages: int = Field(..., ge=1, le=MAX_FOOTPRINT, description="footprint: how many pages there are")
    first_page: int = Field(
        default=FIRST_PAGE, ge=0, le=MAX_PAGE - MAX_FOOTPRINT, description="first virtual page number"
    )
    writes: Fraction = Field(default=0.0, description="share of visits that store")
    fetches: Fraction = Field(default=0.0, description="share of visits that fetch instructions")
    burst: int = Field(default=1, ge=1, le=255, description="references in a visit")

    @model_validator(mode="after")
    def _shares(self) -> Visits:
        if self.writes + self.fetches > 1:
            raise ValueError(f"writes + fetches: found {self.writes} + {self.fetches}, allowed is at most 1")
        return self

    def generate(self, context: StreamContext, references: int, choose: Choose) -> ReferenceStream:
        """A stream of `references` references to the pages that `choose` gives, the last visit cut short to fit.

        Raises InputError if the footprint is larger than the address space.
        """
        return self.evolve(context, references, lambda: choose)

    def evolve(self, context: StreamContext, references: int, begin: Begin) -> ReferenceStream:
        """As `generate`, for visits that depend on those before: each reading of the stream begins anew."""
        check_footprint(self.pages, context, "pages")
        return Generated(self, context, references, begin)


class Generated:
    """A stream that is drawn anew, from the same random numbers, each time it is read; a ReferenceStream."""

    def __init__(self, visits: Visits, context: StreamContext, references: int, begin: Begin) -> None:
        """Two streams of random numbers, for pages and for kinds: the pages don't depend on the share of writes."""
        self.pages = np.arange(visits.first_page, visits.first_page + visits.pages, dtype=np.uint64)
        self.references: int | None = references
        self._total = references
        self._visits, self._context, self._begin = visits, context, begin

    def blocks(self) -> Iterator[Block]:
        """The runs from the start, in blocks of `RUNS`."""
        seed, name, burst = self._context.seed, self._context.name, self._visits.burst
        page_numbers = generator(seed, f"workload/{name}/pages")
        kind_numbers = generator(seed, f"workload/{name}/kinds")
        visits, choose = -(-self._total // burst), self._begin()
        for first in range(0, visits, RUNS):
            rows = min(RUNS, visits - first)
            page = choose(first, rows, page_numbers)
            counts = self._counts(rows, kind_numbers)
            if first + rows == visits and self._total % burst:
                for column in counts:
                    column[-1] = min(int(column[-1]), self._total % burst)
            yield Block(page, *counts)

    def _counts(self, rows: int, numbers: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        writes, fetches, burst = self._visits.writes, self._visits.fetches, self._visits.burst
        if writes == fetches == 0:
            return np.zeros(rows, np.uint16), np.full(rows, burst, np.uint8), np.zeros(rows, np.uint8)
        drawn = numbers.random(rows)
        store = drawn < writes
        fetch = ~store & (drawn < writes + fetches)
        load = ~(store | fetch)
        fetched = np.where(fetch, np.uint16(burst), np.uint16(0))
        return fetched, np.where(load, np.uint8(burst), np.uint8(0)), np.where(store, np.uint8(burst), np.uint8(0))
