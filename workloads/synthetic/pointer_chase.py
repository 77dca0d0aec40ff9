"""Pointer chase: a linked list through all of memory, in an order that nothing foretells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.rng import generator
from simulator.stream import ReferenceStream
from simulator.units import Size
from workloads.base import InputError, StreamContext, plugin
from workloads.generator import MAX_FOOTPRINT, Visits


@plugin("workload", "pointer-chase")
class PointerChase(Visits):
    """Visits to objects, each of which points to the next: one cycle through all of them, drawn from all possible
    cycles with equal probability.

    Each round visits every object once, in the same order. With objects smaller than a page, a round comes to each
    page as often as objects fit into it.
    """

    references: int = Field(..., ge=1, description="how many references")
    object_size: Size | None = Field(default=None, ge=1, description="bytes of an object; none: a page")

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space, an object is larger
        than a page, or there are too many objects."""
        each = context.page_size // (self.object_size or context.page_size)
        if not each:
            raise InputError(f"object_size: found {self.object_size}, allowed is at most a page, {context.page_size}")
        if self.pages * each > MAX_FOOTPRINT:
            objects = f"{self.pages * each} objects, {each} in each page"
            raise InputError(f"object_size: found {objects}, allowed is at most {MAX_FOOTPRINT}")
        page = np.repeat(np.arange(self.pages, dtype=np.uint32), each)
        # Any order of all objects, gone through again and again, is a cycle; each cycle has as many orders as objects.
        generator(context.seed, f"workload/{context.name}/order").shuffle(page)

        def choose(first: int, rows: int, _numbers: np.random.Generator) -> NDArray[np.uint32]:
            return page[np.arange(first % len(page), first % len(page) + rows) % len(page)]

        return self.generate(context, self.references, choose)
