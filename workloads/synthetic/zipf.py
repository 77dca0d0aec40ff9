"""Zipf: a few pages are visited often, most of them seldom."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from simulator.compile import compiled
from simulator.config import STRICT
from simulator.registry import register
from simulator.rng import generator
from simulator.stream import ReferenceStream
from workloads.base import StreamContext
from workloads.generator import Visits


@register("workload", "zipf")
@dataclass(config=STRICT, kw_only=True)
class Zipf(Visits):
    """Independent visits, each to the page of rank r (1 is the most popular) with probability r^-exponent / H, where H
    is the sum of k^-exponent over all ranks k. Exponent 0 is uniform. Ranks are dealt to the pages at random, so
    popular pages don't lie together.

    Drawn exactly, with Walker's alias method (A. J. Walker, ACM TOMS 3(3), 1977) in the form of Vose (IEEE TSE 17(9),
    1991): one random number and two look-ups a visit, whatever the footprint.
    """

    references: int = Field(..., ge=1, description="how many references")
    exponent: float = Field(
        default=1.0, ge=0.0, allow_inf_nan=False, description="0: uniform; the larger, the more skewed"
    )

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        page_of_rank = generator(context.seed, f"workload/{context.name}/ranks").permutation(self.pages)
        share, other = _alias(self.probabilities() * self.pages)
        pages = page_of_rank.astype(np.uint32)

        def choose(_first: int, rows: int, numbers: np.random.Generator) -> NDArray[np.uint32]:
            chosen = np.empty(rows, np.uint32)
            _draw(numbers.random(rows), share, other, pages, chosen)
            return chosen

        return self.generate(context, self.references, choose)

    def probabilities(self) -> NDArray[np.float64]:
        """The probability of each rank, from rank 1."""
        weights = np.arange(1, self.pages + 1, dtype=np.float64) ** -self.exponent
        result: NDArray[np.float64] = weights / weights.sum()
        return result


@compiled
def _alias(scaled: Any) -> tuple[Any, Any]:
    # Each column of height 1 holds `share` of its own rank and, above that, of one `other` rank.
    ranks = len(scaled)
    share, other = scaled.copy(), np.arange(ranks).astype(np.uint32)
    small, large = np.empty(ranks, np.uint32), np.empty(ranks, np.uint32)
    smalls = larges = 0
    for rank in range(ranks):
        if scaled[rank] < 1.0:
            small[smalls] = rank
            smalls += 1
        else:
            large[larges] = rank
            larges += 1
    while smalls and larges:
        smalls -= 1
        low, high = small[smalls], large[larges - 1]
        other[low] = high
        share[high] -= 1.0 - share[low]
        if share[high] < 1.0:
            larges -= 1
            small[smalls] = high
            smalls += 1
    share[small[:smalls]] = 1.0  # what rounding left over
    share[large[:larges]] = 1.0
    return share, other


@compiled
def _draw(drawn: Any, share: Any, other: Any, pages: Any, chosen: Any) -> None:
    for row in range(len(drawn)):
        place = drawn[row] * len(share)
        rank = min(int(place), len(share) - 1)
        chosen[row] = pages[rank if place - rank < share[rank] else other[rank]]
