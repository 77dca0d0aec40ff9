"""Gaussian: visits lie around a centre, which may move."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.compile import compiled
from simulator.stream import ReferenceStream
from workloads.base import StreamContext, plugin
from workloads.generator import MAX_FOOTPRINT, Visits


@plugin("workload", "gaussian")
class Gaussian(Visits):
    """Independent visits, normally distributed around a centre that moves at a constant speed.

    The pages lie on a circle: what falls beyond the last page goes on at the first. Page i holds the points from i to
    i + 1.
    """

    references: int = Field(..., ge=1, description="how many references")
    deviation: float = Field(
        ..., gt=0, le=MAX_FOOTPRINT, allow_inf_nan=False, description="standard deviation, in pages"
    )
    centre: float | None = Field(
        default=None, ge=0, le=MAX_FOOTPRINT, allow_inf_nan=False, description="at the start; none: pages / 2"
    )
    drift: float = Field(
        default=0.0, ge=-1e6, le=1e6, allow_inf_nan=False, description="pages that the centre moves at each visit"
    )

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        start = self.pages / 2 if self.centre is None else self.centre

        def choose(first: int, rows: int, numbers: np.random.Generator) -> NDArray[np.uint32]:
            page = np.empty(rows, np.uint32)
            centre = start + first * self.drift
            _around(centre, self.drift, self.deviation, numbers.standard_normal(rows), self.pages, page)
            return page

        return self.generate(context, self.references, choose)


@compiled
def _around(centre: float, drift: float, deviation: float, drawn: Any, pages: int, page: Any) -> None:
    for row in range(len(page)):
        point = centre + row * drift + deviation * drawn[row]
        page[row] = min(int(point - np.floor(point / pages) * pages), pages - 1)
