"""B-tree: an index that is searched from its root, as databases and file systems do it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.compile import compiled
from simulator.rng import generator
from simulator.stream import ReferenceStream
from simulator.units import Fraction, KiB, Size
from workloads.base import StreamContext, plugin
from workloads.draws import scatter, skewed, zipf_table
from workloads.generator import RUNS
from workloads.program import Out, Program, load, step, store


@plugin("workload", "btree")
class BTree(Program):
    """Look-ups and updates in a B+-tree that was loaded in key order, so that all nodes but the last of a level are
    full (Comer, ACM Computing Surveys 11(2), 1979).

    The nodes lie level by level, the root first. Each operation draws a key and goes down from the root; in each node
    it searches by halves, one load for each entry that it looks at. A look-up then loads the leaf's entry, an update
    stores it. An insert first moves that entry and those behind it up by one, a load and a store each; the leaf's last
    entry falls out, as if it had been deleted, so the tree keeps its shape. A step is one visit to a node.
    """

    keys: int = Field(..., ge=1, le=1 << 31, description="how many keys the leaves hold")
    references: int = Field(..., ge=1, description="how many references; the last operation is cut short to fit")
    fanout: int = Field(default=128, ge=2, le=1 << 16, description="most entries in a node, inner or leaf")
    node: Size = Field(default=4 * KiB, ge=1, le=1 << 24, description="bytes of a node, shared by its entries")
    exponent: float = Field(
        default=0.0, ge=0.0, le=100.0, description="of the keys' Zipf distribution, hot keys scattered; 0: uniform"
    )
    updates: Fraction = Field(default=0.0, description="share of operations that store to the entry that they find")
    inserts: Fraction = Field(default=0.0, description="share of operations that insert into the leaf")

    @model_validator(mode="after")
    def _possible(self) -> BTree:
        if self.updates + self.inserts > 1:
            raise ValueError(
                f"updates: found {self.updates} beside {self.inserts} inserts, allowed is at most 1 in all"
            )
        if self.node < self.fanout:
            raise ValueError(
                f"node: found {self.node} bytes, allowed is at least one for each of {self.fanout} entries"
            )
        return self

    def levels(self) -> NDArray[np.int64]:
        """How many nodes there are on each level, from the root to the leaves."""
        widths = [-(-self.keys // self.fanout)]
        while widths[0] > 1:
            widths.insert(0, -(-widths[0] // self.fanout))
        return np.array(widths, np.int64)

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        widths = self.levels()
        pages = -(-int(widths.sum()) * self.node // context.page_size)
        sizes = (self.keys, self.fanout, self.node, context.page_size)
        draw = (self.exponent, self.updates, self.inserts)

        def run(out: Out) -> Iterator[int]:
            numbers = generator(context.seed, f"workload/{context.name}/keys")
            rows: Iterator[int] = _operate(out, self.code(), widths, sizes, draw, scatter(self.keys), numbers)
            return rows

        # A halving search looks at 17 entries at most; an insert moves all of them, in two rows each at worst.
        longest = len(widths) * 20 + 2 * self.fanout + 8
        return self.record(context, pages, run, self.references, longest)


@compiled
def _operate(out: Any, code: Any, widths: Any, sizes: Any, draw: Any, stride: int, numbers: Any) -> Any:
    keys, fanout, node, page_size = sizes
    exponent, updates, inserts = draw
    table = zipf_table(keys, exponent)
    entry = node // fanout
    row = visits = 0
    while True:
        key = (skewed(numbers, keys, exponent, table) * stride) % keys
        kind = numbers.random()
        row, place, behind = _descend(out, row, code, widths, sizes, key, visits)
        visits += len(widths)
        if kind < inserts:
            row = _move(out, row, place, behind, entry, page_size)
        if kind < inserts + updates:
            row = store(out, row, place // page_size, 1)
        else:
            row = load(out, row, place // page_size, 1)
        if row >= RUNS:
            yield row
            row = 0


@compiled
def _descend(out: Any, row: int, code: Any, widths: Any, sizes: Any, key: int, visits: int) -> Any:
    # Goes down to a key's leaf: to the byte address of its entry there, and how many entries lie behind it.
    keys, fanout, node, page_size = sizes
    entry = node // fanout
    first = code[0] * page_size
    span = fanout ** (len(widths) - 1)  # keys below an entry of this level
    place = behind = 0
    for level in range(len(widths)):
        entries = keys if level == len(widths) - 1 else widths[level + 1]
        number = key // (span * fanout)
        wanted = key // span - number * fanout
        last = min(fanout, entries - number * fanout) - 1
        start = first + number * node
        row = step(out, row, code, visits + level)
        row = _search(out, row, start, entry, wanted, last, page_size)
        place, behind = start + wanted * entry, last - wanted
        first += widths[level] * node
        span //= fanout
    return row, place, behind


@compiled
def _search(out: Any, row: int, start: int, entry: int, wanted: int, last: int, page_size: int) -> int:
    # Halves the entries 0 to `last` until one is left, the last whose key is at most the one sought.
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        row = load(out, row, (start + middle * entry) // page_size, 1)
        if middle <= wanted:
            low = middle
        else:
            high = middle - 1
    return row


@compiled
def _move(out: Any, row: int, place: int, behind: int, entry: int, page_size: int) -> int:
    # Moves an entry and all behind it but the last up by one, the hindmost first.
    for moved in range(behind - 1, -1, -1):
        row = load(out, row, (place + moved * entry) // page_size, 1)
        row = store(out, row, (place + (moved + 1) * entry) // page_size, 1)
    return row
