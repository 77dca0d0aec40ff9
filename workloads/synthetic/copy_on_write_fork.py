"""Copy-on-write fork: a process fills its memory, then children share it and copy only the pages that they write to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from simulator.compile import compiled
from simulator.config import File, Region
from simulator.rng import generator
from simulator.stream import Block, ReferenceStream, Waits
from simulator.units import Fraction, Time
from workloads.base import Part, StreamContext, plugin
from workloads.draws import scatter, skewed, zipf_table
from workloads.generator import MAX_FOOTPRINT, RUNS
from workloads.program import Out, Program, load, step, store


@plugin("workload", "copy-on-write-fork")
class CopyOnWriteFork(Program):
    """A parent and children that share a section, as after fork(), or MapViewOfFile with FILE_MAP_COPY.

    The section is a file on the machine's first disk, called NAME-section. The process NAME-parent maps it for writing
    and stores `stores` words to each page in order. The processes NAME-child-0, NAME-child-1, ... map it copy-on-write;
    child i begins to use it `fork` + i x `spacing` after its start, when the parent should have filled it: nothing
    waits for the parent. A visit is to a page drawn uniformly, or Zipf with the popular pages scattered in the same way
    for all. It is `visit` loads, or, if the page is among the round(`written` x `pages`) that were drawn for this
    process to write to, with probability `writes` as many stores. So a process copies at most that many pages, and all
    of them if it runs long enough. From `fork` on the parent may do as the children do, in a copy-on-write view of its
    own behind the first. A step is one page filled or visited. Pages: code, which is private, then the views.
    """

    pages: int = Field(..., ge=1, le=MAX_FOOTPRINT // 4, description="pages of the section")
    children: int = Field(default=4, ge=1, le=1000, description="how many processes beside the parent")
    references: int = Field(..., ge=1, description="references of each child")
    parent_references: int = Field(default=0, ge=0, description="references of the parent as one more child, after it")
    stores: int = Field(default=64, ge=1, le=1 << 16, description="words that the parent stores to each page")
    visit: int = Field(default=8, ge=1, le=1 << 16, description="words of a visit")
    written: Fraction = Field(default=0.1, description="share of the pages that a process writes to at all")
    writes: Fraction = Field(default=0.5, description="share of the visits to those pages that store")
    exponent: float = Field(default=0.0, ge=0.0, le=100.0, description="of the visits' Zipf distribution; 0: uniform")
    fork: Time = Field(default=1_000_000_000, le=1 << 60, description="from a child's start to its first reference")
    spacing: Time = Field(default=0, le=1 << 40, description="between the first references of two children")

    def processes(self, context: StreamContext) -> list[Part]:
        """The parent, then the children; raises InputError if the footprint is larger than the address space."""
        file = f"{context.name}-section"
        files = {file: File(size=self.pages * context.page_size)}
        views = [Region(first=self.first_page + self.code_pages, pages=self.pages, file=file)]
        footprint = self.pages * (2 if self.parent_references else 1)
        stages: list[tuple[ReferenceStream, int]] = [(self._fill(context, footprint), 0)]
        if self.parent_references:
            views.append(replace(views[0], first=views[0].first + self.pages, protection="copy-on-write"))
            own = self._visit(context, "parent", self.pages, footprint, self.parent_references)
            stages.append((own, self.fork))
        parts = [Part((Stages(stages),), "parent", tuple(views), files)]
        view = replace(views[0], protection="copy-on-write")
        for number in range(self.children):
            stream = self._visit(context, f"child/{number}", 0, self.pages, self.references)
            stages = [(stream, self.fork + number * self.spacing)]
            parts.append(Part((Stages(stages),), f"child-{number}", (view,), files))
        return parts

    def _fill(self, context: StreamContext, footprint: int) -> ReferenceStream:
        def run(out: Out) -> Iterator[int]:
            rows: Iterator[int] = _fill(out, self.code(), self.pages, self.stores)
            return rows

        fetches = self.instructions if self.code_pages else 0
        return self.record(context, footprint, run, self.pages * (self.stores + fetches))

    def _visit(self, context: StreamContext, who: str, view: int, footprint: int, references: int) -> ReferenceStream:
        def run(out: Out) -> Iterator[int]:
            numbers = generator(context.seed, f"workload/{context.name}/{who}")
            own = np.zeros(self.pages, np.bool_)
            own[numbers.permutation(self.pages)[: round(self.written * self.pages)]] = True
            draw = (self.exponent, self.writes, scatter(self.pages), self.visit)
            rows: Iterator[int] = _visit(out, self.code(), self.code_pages + view, own, draw, numbers)
            return rows

        return self.record(context, footprint, run, references)


class Stages:
    """Streams one after the other, each from a time on; a ReferenceStream."""

    def __init__(self, stages: list[tuple[ReferenceStream, int]]) -> None:
        """Streams with the same pages, and nanoseconds since the process's start before which each doesn't begin."""
        self.pages = stages[0][0].pages
        self.references: int | None = sum(stream.references or 0 for stream, _ in stages)
        self._stages = stages

    def blocks(self) -> Iterator[Block]:
        """The runs from the start."""
        for stream, until in self._stages:
            for number, block in enumerate(stream.blocks()):
                zero = np.zeros(1, np.int64)
                yield block if number or not until else block._replace(waits=Waits(zero, zero + until, zero))


@compiled
def _fill(out: Any, code: Any, pages: int, stores: int) -> Any:
    row = 0
    for page in range(pages):
        row = step(out, row, code, page)
        row = store(out, row, code[0] + page, stores)
        if row >= RUNS:
            yield row
            row = 0
    yield row


@compiled
def _visit(out: Any, code: Any, first: int, own: Any, draw: Any, numbers: Any) -> Any:
    exponent, writes, stride, words = draw
    table = zipf_table(len(own), exponent)
    row = steps = 0
    while True:
        page = skewed(numbers, len(own), exponent, table) * stride % len(own)
        row = step(out, row, code, steps)
        steps += 1
        if own[page] and numbers.random() < writes:
            row = store(out, row, first + page, words)
        else:
            row = load(out, row, first + page, words)
        if row >= RUNS:
            yield row
            row = 0
