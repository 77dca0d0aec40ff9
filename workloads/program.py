"""What workloads that run an algorithm have in common: a compiled generator that writes down each of its references.

The generator is the algorithm itself. It tells each reference to `fetch`, `load` or `store`, which join those to one
page into runs, and yields when its block is full. So what is in memory is one block and the algorithm's own tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from simulator.compile import compiled
from simulator.config import STRICT
from simulator.stream import Block, ReferenceStream
from workloads.base import MAX_PAGE, InputError, StreamContext, check_footprint
from workloads.generator import FIRST_PAGE, MAX_FOOTPRINT, RUNS

WORD = 8
"""Bytes that one load or store moves: a 64-bit register."""

NO_PAGE = 0xFFFF_FFFF
"""Index of no page: what stands before the first run."""

MOST_FETCHES, MOST = 0xFFFF, 0xFF
"""Most fetches, and most loads or stores, in one run."""


class Out(NamedTuple):
    """The block that is being written; row 0 is the last run of the block before, which may still grow."""

    page: NDArray[np.uint32]
    fetches: NDArray[np.uint16]
    loads: NDArray[np.uint8]
    stores: NDArray[np.uint8]


Run = Callable[[Out], Iterator[int]]
"""Begins the algorithm anew; each number yielded is the last row written, after which the next begins at row 0."""


@dataclass(config=STRICT, kw_only=True)
class Program:
    """The parameters of every workload that runs an algorithm: where its pages lie, and its code.

    The code comes first, then the data. At each step, which every workload defines for itself, the processor fetches
    `instructions` instructions from the next page of the code, round and round.
    """

    first_page: int = Field(
        default=FIRST_PAGE, ge=0, le=MAX_PAGE - MAX_FOOTPRINT, description="first virtual page number"
    )
    code_pages: int = Field(default=0, ge=0, le=1 << 16, description="pages of code; 0: instructions aren't shown")
    instructions: int = Field(default=16, ge=1, le=MOST_FETCHES, description="fetches in a step, if there is code")

    def code(self) -> tuple[int, int]:
        """Pages and instructions in a step, as `step` takes them."""
        return self.code_pages, self.instructions

    def record(
        self, context: StreamContext, data_pages: int, run: Run, references: int | None = None, longest: int = 1024
    ) -> ReferenceStream:
        """What `run` writes down, up to `references` references if given; indices begin with the code's pages.

        `longest` is the most rows that it writes between two looks at whether its block is full.

        Raises InputError if the footprint is larger than the address space, or than any generator's.
        """
        pages = self.code_pages + data_pages
        if pages > MAX_FOOTPRINT:
            raise InputError(f"{context.name}: found a footprint of {pages} pages, allowed is at most {MAX_FOOTPRINT}")
        check_footprint(pages, context, context.name)
        numbers = np.arange(self.first_page, self.first_page + pages, dtype=np.uint64)
        return Recorded(numbers, references, run, longest)


class Recorded:
    """A stream that an algorithm writes, run anew each time it is read; a ReferenceStream."""

    def __init__(self, pages: NDArray[np.uint64], references: int | None, run: Run, longest: int) -> None:
        """`run` ends by itself, or is stopped after `references` references."""
        self.pages = pages
        self.references = references
        self._run, self._rows = run, RUNS + 1 + longest

    def blocks(self) -> Iterator[Block]:
        """The runs from the start, in blocks of at most `RUNS`."""
        left = self.references
        for block in self._pieces():
            if left is None:
                yield block
                continue
            rows, left = _limit(left, *block[1:4])
            if rows:
                yield _block(block, 0, rows)
            if left == 0:
                return

    def _pieces(self) -> Iterator[Block]:
        rows = self._rows
        out = Out(np.zeros(rows, np.uint32), np.zeros(rows, np.uint16), *np.zeros((2, rows), np.uint8))
        out.page[0] = NO_PAGE
        for last in self._run(out):
            begin = 1 if out.page[0] == NO_PAGE else 0
            for first in range(begin, last, RUNS):
                yield _block(out, first, min(first + RUNS, last))
            for column in out:
                column[0] = column[last]
        if out.page[0] != NO_PAGE:
            yield _block(out, 0, 1)


def _block(rows: Any, first: int, last: int) -> Block:
    return Block(*(column[first:last].copy() for column in rows[:4]))


@compiled
def _limit(left: int, fetches: Any, loads: Any, stores: Any) -> tuple[int, int]:
    # How many rows are within the limit, the last of them cut to fit, and what is left of the limit after them.
    for row in range(len(loads)):
        fetched: Any = min(np.int64(fetches[row]), left)
        left -= fetched
        loaded: Any = min(np.int64(loads[row]), left)
        left -= loaded
        stored: Any = min(np.int64(stores[row]), left)
        left -= stored
        fetches[row], loads[row], stores[row] = fetched, loaded, stored
        if left == 0:
            return row + 1, left
    return len(loads), left


@compiled
def _begin(out: Any, row: int, page: int) -> int:
    row += 1
    out.page[row] = page
    out.fetches[row] = 0
    out.loads[row] = 0
    out.stores[row] = 0
    return row


@compiled
def _put(out: Any, counts: Any, most: int, row: int, page: int, count: int) -> int:
    # A run grows while the page is the same, as far as its count can hold.
    if out.page[row] != page or counts[row] == most:
        row = _begin(out, row, page)
    while count > most - counts[row]:
        count -= most - counts[row]
        counts[row] = most
        row = _begin(out, row, page)
    counts[row] += count
    return row


@compiled
def fetch(out: Any, row: int, page: int, count: int) -> int:
    """Write down `count` fetches from a page, `row` being the last row so far; returns the last row now."""
    return _put(out, out.fetches, MOST_FETCHES, row, page, count)


@compiled
def load(out: Any, row: int, page: int, count: int) -> int:
    """Write down `count` loads from a page; see `fetch`."""
    return _put(out, out.loads, MOST, row, page, count)


@compiled
def store(out: Any, row: int, page: int, count: int) -> int:
    """Write down `count` stores to a page; see `fetch`."""
    return _put(out, out.stores, MOST, row, page, count)


@compiled
def step(out: Any, row: int, code: Any, number: int) -> int:
    """Write down the fetches of step `number` of a program with such code (see `Program.code`)."""
    pages, instructions = code
    return fetch(out, row, number % pages, instructions) if pages else row


@compiled
def _put_words(out: Any, counts: Any, row: int, address: int, size: int, page_size: int) -> int:
    # A word belongs to the page that it begins on.
    words = (size + WORD - 1) // WORD
    while words > 0:
        page = address // page_size
        here = min(words, ((page + 1) * page_size - address + WORD - 1) // WORD)
        row = _put(out, counts, MOST, row, page, here)
        address += here * WORD
        words -= here
    return row


@compiled
def load_words(out: Any, row: int, address: int, size: int, page_size: int) -> int:
    """Write down the loads of the words of `size` bytes from a byte address (page index x page size + offset)."""
    return _put_words(out, out.loads, row, address, size, page_size)


@compiled
def store_words(out: Any, row: int, address: int, size: int, page_size: int) -> int:
    """Write down the stores of the words of `size` bytes; see `load_words`."""
    return _put_words(out, out.stores, row, address, size, page_size)
