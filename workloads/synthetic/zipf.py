"""Zipf: a few pages are visited often, most of them seldom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.rng import generator
from simulator.stream import ReferenceStream
from workloads.base import StreamContext, plugin
from workloads.draws import Alias
from workloads.generator import Visits


@plugin("workload", "zipf")
class Zipf(Visits):
    """Independent visits, each to the page of rank r (1 is the most popular) with probability r^-exponent / H, where H
    is the sum of k^-exponent over all ranks k. Exponent 0 is uniform. Ranks are dealt to the pages at random, so
    popular pages don't lie together.

    Drawn exactly, with Walker's alias method.
    """

    references: int = Field(..., ge=1, description="how many references")
    exponent: float = Field(
        default=1.0, ge=0.0, allow_inf_nan=False, description="0: uniform; the larger, the more skewed"
    )

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        page_of_rank = generator(context.seed, f"workload/{context.name}/ranks").permutation(self.pages)
        pages, ranks = page_of_rank.astype(np.uint32), Alias(self.probabilities())

        def choose(_first: int, rows: int, numbers: np.random.Generator) -> NDArray[np.uint32]:
            return pages[ranks.draw(rows, numbers)]

        return self.generate(context, self.references, choose)

    def probabilities(self) -> NDArray[np.float64]:
        """The probability of each rank, from rank 1."""
        weights = np.arange(1, self.pages + 1, dtype=np.float64) ** -self.exponent
        result: NDArray[np.float64] = weights / weights.sum()
        return result
