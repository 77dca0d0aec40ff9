"""Sequential: the pages one after the other, over and over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.stream import ReferenceStream
from workloads.base import StreamContext, plugin
from workloads.generator import Visits


@plugin("workload", "sequential")
class Sequential(Visits):
    """A scan that visits every page once in each pass.

    With a stride s a pass visits pages 0, s, 2s, ..., then 1, s + 1, 2s + 1, ..., as a program does that walks down
    the columns of a matrix whose rows are s pages long.
    """

    passes: int = Field(default=1, ge=1, description="how many times over")
    stride: int = Field(default=1, ge=1, description="pages from one visit to the next")

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        order = self._order()

        def choose(first: int, rows: int, _numbers: np.random.Generator) -> NDArray[np.uint32]:
            return order[np.arange(first, first + rows) % self.pages]

        return self.generate(context, self.pages * self.passes * self.burst, choose)

    def _order(self) -> NDArray[np.uint32]:
        if self.stride >= self.pages:
            return np.arange(self.pages, dtype=np.uint32)
        rows = -(-self.pages // self.stride)
        columns = np.arange(rows * self.stride, dtype=np.uint32).reshape(rows, self.stride).T.ravel()
        return columns[columns < self.pages]
