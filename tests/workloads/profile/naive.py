"""What a profile says of a trace, counted the slow and plain way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from simulator.stream import Block


class Run(NamedTuple):
    """One run of a made-up trace."""

    page: int
    fetches: int
    loads: int
    stores: int

    @property
    def references(self) -> int:
        """References of any kind."""
        return self.fetches + self.loads + self.stores


def traces(pages: int = 12, runs: int = 150) -> st.SearchStrategy[list[Run]]:
    """Traces of a few pages: independent requests, and loops, whose stack distances are all alike."""
    page = st.integers(0, pages - 1)
    loop = st.tuples(st.integers(1, pages), st.integers(1, 5)).map(lambda given: list(range(given[0])) * given[1])
    some = st.lists(page, min_size=1, max_size=40)
    order = st.lists(st.one_of(some, loop), min_size=1, max_size=5).map(
        lambda parts: list(chain.from_iterable(parts))[:runs]
    )
    counts = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)).filter(any)
    return order.flatmap(
        lambda chosen: st.lists(counts, min_size=len(chosen), max_size=len(chosen)).map(
            lambda kinds: [Run(number, *kind) for number, kind in zip(chosen, kinds, strict=True)]
        )
    )


class Given:
    """A trace of plain runs as a ReferenceStream, in blocks of a few runs; page k has the number 3 k + 100."""

    def __init__(self, runs: Sequence[Run], block: int = 7, references: bool = True) -> None:
        self._runs, self._block = runs, block
        used = np.unique([run.page for run in runs])
        self._index = {int(page): index for index, page in enumerate(used)}
        self.pages = (used * 3 + 100).astype(np.uint64)
        self.references = sum(run.references for run in runs) if references else None

    def blocks(self) -> Iterator[Block]:
        for first in range(0, len(self._runs), self._block):
            page, fetches, loads, stores = zip(*self._runs[first : first + self._block], strict=True)
            yield Block(
                np.array([self._index[number] for number in page], np.uint32), np.array(fetches, np.uint16),
                np.array(loads, np.uint8), np.array(stores, np.uint8),
            )  # fmt: skip


def page_order(runs: Sequence[Run]) -> list[int]:
    """The pages as they are requested: one request a run."""
    return [run.page for run in runs]


def reference_order(runs: Sequence[Run]) -> list[int]:
    """The pages as they are referenced."""
    return [run.page for run in runs for _ in range(run.references)]


def stack_distances(order: Sequence[int]) -> list[int]:
    """Places down a list of the pages by last request, from 1; 0: not in the list yet."""
    stack: list[int] = []
    found = []
    for page in order:
        found.append(stack.index(page) + 1 if page in stack else 0)
        if page in stack:
            stack.remove(page)
        stack.insert(0, page)
    return found


def optimal_misses(order: Sequence[int], frames: int) -> int:
    """Belady's MIN, which looks for the page that is wanted latest each time; the missing page is always loaded."""
    memory: set[int] = set()
    misses = 0
    for time, page in enumerate(order):
        if page not in memory:
            misses += 1
            if len(memory) == frames:
                memory.remove(max(memory, key=lambda held: _next(order, held, time)))
            memory.add(page)
    return misses


def _next(order: Sequence[int], page: int, time: int) -> int:
    return next((later for later in range(time + 1, len(order)) if order[later] == page), len(order))


def least_misses(order: Sequence[int], frames: int) -> int:
    """The fewest misses of any way to replace that loads what it misses: all of them are tried."""
    reached = {frozenset[int](): 0}
    for page in order:
        after: dict[frozenset[int], int] = {}
        for memory, misses in reached.items():
            if page in memory:
                choices = [memory]
            elif len(memory) < frames:
                choices = [memory | {page}]
            else:
                choices = [memory - {victim} | {page} for victim in memory]
            for choice in choices:
                cost = misses + (page not in memory)
                after[choice] = min(cost, after.get(choice, cost))
        reached = after
    return min(reached.values())


def working_set(order: Sequence[int], window: int) -> tuple[int, float]:
    """Misses and mean size of the set of pages among the last `window` references, made anew at each."""
    misses, sizes = 0, 0
    for time in range(len(order)):
        misses += order[time] not in order[max(0, time - window) : time]
        sizes += len(set(order[max(0, time - window + 1) : time + 1]))
    return misses, sizes / len(order)
