"""Loop: the same pages in the same order, again and again: what LRU does worst."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.compile import compiled
from simulator.stream import ReferenceStream
from workloads.base import StreamContext, plugin
from workloads.generator import Visits


@plugin("workload", "loop")
class Loop(Visits):
    """Passes over a window of `length` pages, always in the same order; every `turns` passes the window moves on by
    `drift` pages, from the last page to the first.

    Without drift, LRU misses at every visit until the whole window fits into memory. With a drift as long as the
    window it is two nested loops: the outer one over the windows, the inner one over a window's pages.
    """

    length: int | None = Field(default=None, ge=1, description="pages of the window; none: all")
    passes: int = Field(default=1, ge=1, description="how many times over the window, in all")
    turns: int = Field(default=1, ge=1, description="passes before the window moves on")
    drift: int = Field(default=0, ge=0, description="pages that it moves on by")

    @model_validator(mode="after")
    def _fits(self) -> Loop:
        if self.length is not None and self.length > self.pages:
            raise ValueError(f"length: found {self.length}, allowed is at most `pages`, {self.pages}")
        return self

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        length = self.length or self.pages

        def choose(first: int, rows: int, _numbers: np.random.Generator) -> NDArray[np.uint32]:
            page = np.empty(rows, np.uint32)
            turn, step = divmod(first, length * self.turns)
            _loop(turn * self.drift % self.pages, step, length, self.turns, self.drift % self.pages, self.pages, page)
            return page

        return self.generate(context, length * self.passes * self.burst, choose)


@compiled
def _loop(start: int, step: int, length: int, turns: int, drift: int, pages: int, page: Any) -> None:
    offset, turn = step % length, step // length
    for row in range(len(page)):
        at = start + offset
        page[row] = at if at < pages else at - pages
        offset += 1
        if offset == length:
            offset = 0
            turn += 1
            if turn == turns:
                turn = 0
                start = (start + drift) % pages
