"""Matrix multiplication: the loops that every course on caches begins with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from simulator.compile import compiled
from simulator.stream import ReferenceStream
from workloads.base import StreamContext, plugin
from workloads.generator import RUNS
from workloads.program import Out, Program, load, step, store

_STRETCH = 4096
"""Iterations of the innermost loop between two looks at whether the block is full."""


@plugin("workload", "matrix-multiply")
class MatrixMultiply(Program):
    """C = A B for square matrices in rows, as the loops over i, j, k do it: naive, or in blocks that fit into memory.

    Each iteration of k loads an element of A and one of B; the sum is in a register, loaded from C before the loop over
    k, except where the sum begins, and stored to C after it. With blocks, the loops over i, j and k go over a block
    each, inside loops over the blocks in the same order (Lam, Rothberg, Wolf, ASPLOS 1991). Each matrix begins on a
    page of its own; an element belongs to the page that it begins on. A step is a loop over k.
    """

    n: int = Field(..., ge=1, le=1 << 20, description="rows and columns of each matrix")
    element: int = Field(default=8, ge=1, le=4096, description="bytes of an element")
    block: int = Field(default=0, ge=0, description="rows and columns of a block; 0: no blocks")

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        matrix = -(-self.n * self.n * self.element // context.page_size)
        bases = tuple((self.code_pages + i * matrix) * context.page_size for i in range(3))
        edge = min(self.block or self.n, self.n)

        def run(out: Out) -> Iterator[int]:
            rows: Iterator[int] = _multiply(out, self.code(), bases, self.n, edge, self.element, context.page_size)
            return rows

        return self.record(context, 3 * matrix, run, self._references(edge), 2 * _STRETCH + 3)

    def _references(self, edge: int) -> int:
        loops = self.n**2 * -(-self.n // edge)
        fetches = self.instructions if self.code_pages else 0
        return 2 * self.n**3 + (2 + fetches) * loops - self.n**2


@compiled
def _multiply(out: Any, code: Any, bases: Any, n: int, edge: int, element: int, page_size: int) -> Any:
    row = loops = 0
    for block_i in range(0, n, edge):
        for block_j in range(0, n, edge):
            for block_k in range(0, n, edge):
                for i in range(block_i, min(block_i + edge, n)):
                    for j in range(block_j, min(block_j + edge, n)):
                        place = (bases[2] + (i * n + j) * element) // page_size
                        row = step(out, row, code, loops)
                        loops += 1
                        if block_k:
                            row = load(out, row, place, 1)
                        end = min(block_k + edge, n)
                        for first in range(block_k, end, _STRETCH):
                            last = min(first + _STRETCH, end)
                            row = _add(out, row, bases, i, j, first, last, n, element, page_size)
                            if row >= RUNS:
                                yield row
                                row = 0
                        row = store(out, row, place, 1)
    yield row


@compiled
def _add(
    out: Any, row: int, bases: Any, i: int, j: int, first: int, last: int, n: int, element: int, page_size: int
) -> int:
    # Adds the products for k from `first` to `last` to an element of C; division is slow, so addresses are stepped.
    a, b = bases[0] + (i * n + first) * element, bases[1] + (first * n + j) * element
    page_a, page_b = a // page_size, b // page_size
    rest_a, rest_b = a % page_size, b % page_size
    pages, rest = n * element // page_size, n * element % page_size
    for _ in range(first, last):
        row = load(out, row, page_a, 1)
        row = load(out, row, page_b, 1)
        rest_a += element
        while rest_a >= page_size:
            rest_a -= page_size
            page_a += 1
        page_b += pages
        rest_b += rest
        if rest_b >= page_size:
            rest_b -= page_size
            page_b += 1
    return row
