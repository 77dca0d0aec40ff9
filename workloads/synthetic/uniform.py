"""Uniform: every page is as likely as any other, at each visit anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.stream import ReferenceStream
from workloads.base import StreamContext, plugin
from workloads.generator import Visits


@plugin("workload", "uniform")
class Uniform(Visits):
    """Independent visits, each to any of the pages with the same probability: no locality at all."""

    references: int = Field(..., ge=1, description="how many references")

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""

        def choose(_first: int, rows: int, numbers: np.random.Generator) -> NDArray[np.uint32]:
            return numbers.integers(0, self.pages, rows, dtype=np.uint32)

        return self.generate(context, self.references, choose)
