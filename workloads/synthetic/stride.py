"""Stride: a walk of steps of one length through an array, and round to its start."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.compile import compiled
from simulator.stream import ReferenceStream
from simulator.units import Size
from workloads.base import StreamContext, plugin
from workloads.generator import Visits


@plugin("workload", "stride")
class Stride(Visits):
    """A walk through an array of `pages` pages: visit k goes to its byte (k x stride) modulo its size.

    A stride below the page size visits each page several times on the way, as a loop over an array's elements does; a
    longer one leaves pages out. Where the stride is a whole number of pages, the walk comes to pages / gcd(stride in
    pages, pages) of them. `sequential` has a stride, too: it goes on with the pages that it left out.
    """

    references: int = Field(..., ge=1, description="how many references")
    stride: Size = Field(..., ge=1, description="bytes from one visit to the next")

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        size = self.pages * context.page_size

        def choose(first: int, rows: int, _numbers: np.random.Generator) -> NDArray[np.uint32]:
            page = np.empty(rows, np.uint32)
            _walk(first * self.stride % size, self.stride % size, size, context.page_size, page)
            return page

        return self.generate(context, self.references, choose)


@compiled
def _walk(byte: int, stride: int, size: int, page_size: int, page: Any) -> None:
    for row in range(len(page)):
        page[row] = byte // page_size
        byte += stride
        if byte >= size:
            byte -= size
