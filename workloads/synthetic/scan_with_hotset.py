"""Scan with hot set: a hot set that scans disturb, over and over, as a backup disturbs a database."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.compile import compiled
from simulator.rng import generator
from simulator.stream import ReferenceStream
from workloads.base import StreamContext, plugin
from workloads.draws import Alias
from workloads.generator import Visits


@plugin("workload", "scan-with-hotset")
class ScanWithHotset(Visits):
    """Visits to the hot set, the first `hot` pages, and after every `quiet` of them a scan: `scan` visits to cold
    pages, one after the other, each followed by `between` visits to the hot set.

    A hot visit goes to the page of rank r with probability in proportion to r^-exponent, ranks being dealt to the hot
    pages at random. A scan goes on where the last one ended, and from the last page to the first cold one.
    """

    references: int = Field(..., ge=1, description="how many references")
    hot: int = Field(..., ge=1, description="pages of the hot set")
    quiet: int = Field(..., ge=0, description="hot visits before each scan")
    scan: int = Field(..., ge=1, description="cold pages visited in a scan")
    between: int = Field(default=0, ge=0, description="hot visits after each visit of a scan")
    exponent: float = Field(default=0.0, ge=0.0, allow_inf_nan=False, description="0: hot pages are equally likely")
    restart: bool = Field(default=False, description="each scan starts at the first cold page")

    @model_validator(mode="after")
    def _both(self) -> ScanWithHotset:
        if self.hot >= self.pages:
            raise ValueError(f"hot: found {self.hot}, allowed is less than `pages`, {self.pages}")
        return self

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        weights = np.arange(1, self.hot + 1, dtype=np.float64) ** -self.exponent
        ranks = Alias(weights / weights.sum())
        page_of_rank = generator(context.seed, f"workload/{context.name}/ranks").permutation(self.hot).astype(np.uint32)
        cold = self.pages - self.hot

        def choose(first: int, rows: int, numbers: np.random.Generator) -> NDArray[np.uint32]:
            page = page_of_rank[ranks.draw(rows, numbers)]
            cycle, since = divmod(first, self.quiet + self.scan * (self.between + 1))
            scanned = 0 if self.restart else cycle * self.scan % cold
            _scan(since, scanned, self.quiet, self.scan, self.between + 1, self.hot, self.pages, self.restart, page)
            return page

        return self.generate(context, self.references, choose)


@compiled
def _scan(
    since: int, scanned: int, quiet: int, scan: int, apart: int, hot: int, pages: int, restart: bool, page: Any
) -> None:
    # `since`: visits since the cycle's start; `scanned`: cold pages that earlier cycles have visited.
    cold = pages - hot
    for row in range(len(page)):
        inside = since - quiet
        if inside >= 0 and inside % apart == 0:
            page[row] = hot + (scanned + inside // apart) % cold
        since += 1
        if since == quiet + scan * apart:
            since = 0
            scanned = 0 if restart else (scanned + scan) % cold
