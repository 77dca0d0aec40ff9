"""Hotspot: a share of the visits goes to a share of the pages, and the hot pages may change."""

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
from workloads.generator import Visits


@plugin("workload", "hotspot")
class Hotspot(Visits):
    """Independent visits: with probability `hot_visits` to one of the hot pages, else to one of the others, any of
    them with the same probability.

    The hot pages are a window on a circle of all pages, which moves on every `move_every` visits; so the pages that
    were hot first are the first to cool down.
    """

    references: int = Field(..., ge=1, description="how many references")
    hot_pages: Fraction = Field(default=0.2, description="share of the pages that are hot; at least one page is")
    hot_visits: Fraction = Field(default=0.8, description="share of the visits that go to them")
    move_every: int | None = Field(default=None, ge=1, description="visits between two moves; none: never moves")
    move_by: Fraction = Field(default=1.0, description="share of the hot pages that a move replaces; at least one page")
    scattered: bool = Field(default=True, description="hot pages lie anywhere; false: side by side")

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        order = np.arange(self.pages, dtype=np.uint32)
        if self.scattered:
            generator(context.seed, f"workload/{context.name}/order").shuffle(order)
        step = max(round(self.move_by * self.hot), 1)
        every = self.move_every or -(-self.references // self.burst)

        def choose(first: int, rows: int, numbers: np.random.Generator) -> NDArray[np.uint32]:
            page = np.empty(rows, np.uint32)
            start = first // every * step % self.pages
            _draw(numbers.random(rows), self.hot, self.hot_visits, start, step, first % every, every, order, page)
            return page

        return self.generate(context, self.references, choose)

    @property
    def hot(self) -> int:
        """How many pages are hot."""
        return max(round(self.hot_pages * self.pages), 1)


@compiled
def _draw(
    drawn: Any, hot: int, share: float, start: int, step: int, since: int, every: int, order: Any, page: Any
) -> None:
    pages = len(order)
    for row in range(len(page)):
        if since == every:
            since = 0
            start = (start + step) % pages
        since += 1
        if drawn[row] < share or hot == pages:
            at = min(int(drawn[row] / share * hot), hot - 1) if hot < pages else int(drawn[row] * pages)
        else:
            at = hot + min(int((drawn[row] - share) / (1.0 - share) * (pages - hot)), pages - hot - 1)
        at += start
        page[row] = order[at if at < pages else at - pages]
