"""The garbage collector against one with objects in lists."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.rng import generator
from tests.workloads.examples import columns
from tests.workloads.naive import LOAD, STORE, WORD, Log
from workloads.base import StreamContext
from workloads.synthetic.garbage_collector import GarbageCollector

CONTEXT = StreamContext(base=None, seed=1, name="a", page_size=4096, address_space=1 << 50)  # type: ignore[arg-type]


@dataclass
class Thing:
    """An object: where it is and how long, in words."""

    start: int
    size: int


class Heap:
    """The same heap; each generation is a list of its objects."""

    def __init__(self, workload: GarbageCollector, page_size: int, references: int) -> None:
        """Runs until there are that many references."""
        self.w, self.log, self.numbers = workload, Log(page_size, workload.code()), generator(1, "workload/a/objects")
        self.young: list[Thing] = []
        self.old: list[Thing] = []
        self.collections = [0, 0]
        young_pages = math.ceil(workload.young / page_size)
        self.bases = [page_size * workload.code_pages, page_size * (workload.code_pages + young_pages)]
        while self.log.references < references:
            self.allocate()

    def draw(self, below: int) -> int:
        """A number below a bound."""
        return int(self.numbers.random() * below)

    def words(self, kind: int, old: bool, start: int, size: int) -> None:
        """References to words of a generation."""
        self.log.words(kind, self.bases[old] + start * WORD, size * WORD)

    def allocate(self) -> None:
        """One object, and the accesses after it."""
        drawn = min(-math.log1p(-self.numbers.random()), 32.0)
        size = max(2, math.ceil(drawn * (self.w.object / WORD)))
        start = sum(one.size for one in self.young[-1:]) + (self.young[-1].start if self.young else 0)
        if start + size > self.w.young // WORD:
            while self.w.old // WORD - self.end() < self.w.young // WORD:
                self.major()
            self.minor()
            start = 0
        self.log.step()
        self.words(STORE, False, start, size)
        self.young.append(Thing(start, size))
        for _ in range(self.w.accesses if self.old else 0):
            one = self.old[self.draw(len(self.old))]
            word = one.start + self.draw(one.size)
            self.log.step()
            self.words(STORE if self.numbers.random() < self.w.writes else LOAD, True, word, 1)

    def end(self) -> int:
        """First free word of the old generation."""
        return self.old[-1].start + self.old[-1].size if self.old else 0

    def survivors(self, objects: list[Thing], share: float) -> list[Thing]:
        """Some of the objects, in random order."""
        order = list(objects)
        live = int(share * len(order))
        for i in range(live):
            other = i + self.draw(len(order) - i)
            order[i], order[other] = order[other], order[i]
        return order[:live]

    def minor(self) -> None:
        """Copies survivors."""
        self.collections[0] += 1
        for one in self.survivors(self.young, self.w.survival):
            self.log.step()
            target = Thing(self.end(), one.size)
            self.words(LOAD, False, one.start, one.size)
            self.words(STORE, True, target.start, one.size)
            self.words(STORE, False, one.start, 1)
            self.old.append(target)
        self.young = []

    def major(self) -> None:
        """Marks, and compacts in three passes."""
        self.collections[1] += 1
        marked = self.survivors(self.old, self.w.old_survival)
        for one in marked:
            self.log.step()
            self.words(LOAD, True, one.start, 2)
            self.words(STORE, True, one.start, 1)
        live = {id(one) for one in marked}
        for one in self.old:
            self.log.step()
            self.words(LOAD, True, one.start, 1)
            if id(one) in live:
                self.words(STORE, True, one.start, 1)
        self.old = [one for one in self.old if id(one) in live]
        for one in self.old:
            self.log.step()
            self.words(LOAD, True, one.start + 1, 1)
            self.words(STORE, True, one.start + 1, 1)
        end = 0
        for one in self.old:
            self.log.step()
            if one.start != end:
                self.words(LOAD, True, one.start, one.size)
                self.words(STORE, True, end, one.size)
            one.start = end
            end += one.size


CASES: list[dict[str, Any]] = [
    {"young": 4096, "old": 8192, "object": 100, "survival": 0.4, "old_survival": 0.3},
    {"young": 3000, "old": 20_000, "object": 16, "survival": 1.0, "old_survival": 0.95, "accesses": 0, "code_pages": 3},
    {"young": 1024, "old": 9000, "object": 31, "survival": 0.7, "old_survival": 0.0, "accesses": 2, "writes": 1.0},
]


@pytest.mark.parametrize("page_size", [64, 1000, 4096])
@pytest.mark.parametrize("case", CASES)
def test_references_are_those_of_a_heap_of_lists(case: dict[str, Any], page_size: int) -> None:
    workload = GarbageCollector(references=60_000, instructions=2, **case)
    heap = Heap(workload, page_size, 60_000)
    assert min(heap.collections) >= 2
    assert heap.log.equals(workload.stream(replace(CONTEXT, page_size=page_size)), 60_000)


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 300_000), st.floats(0, 1), st.floats(0, 0.95), st.integers(16, 200), st.integers(0, 2**31))
def test_no_reference_leaves_the_heap(
    references: int, survival: float, old_survival: float, size: int, seed: int
) -> None:
    young = 32 * size + 1000
    workload = GarbageCollector(
        references=references, young=young, old=2 * young, object=size, survival=survival, old_survival=old_survival
    )
    page, _, loads, stores = columns(workload.stream(replace(CONTEXT, seed=seed, page_size=64)))
    assert page.max() < math.ceil(young / 64) + math.ceil(2 * young / 64)
    assert int(loads.sum()) + int(stores.sum()) == references


def test_sizes_are_exponential() -> None:
    # Nothing survives and nothing is accessed, so all stores between two steps are those of one allocation.
    workload = GarbageCollector(references=400_000, young=8 << 20, old=16 << 20, object=800, code_pages=1, survival=0)
    page, fetches, _, _ = columns(workload.stream(replace(CONTEXT, page_size=1 << 24)))
    starts = np.flatnonzero(fetches)
    stores = columns(workload.stream(replace(CONTEXT, page_size=1 << 24)))[3].astype(np.int64)
    sizes = np.add.reduceat(stores, starts)[:-1]
    assert page.max() == 1
    # Kolmogorov and Smirnov: sqrt(n) x distance exceeds 2.72 with a probability of less than 10^-6.
    exact = 1 - np.exp(-np.arange(1, sizes.max() + 1) / 100)
    exact[0] = 0.0  # two words at least
    counted = np.searchsorted(np.sort(sizes), np.arange(1, sizes.max() + 1), side="right") / len(sizes)
    assert len(sizes) > 3000
    assert np.abs(counted - exact).max() * math.sqrt(len(sizes)) < 2.72


@pytest.mark.parametrize("wrong", [{"young": 2000, "object": 64}, {"young": "1 MiB", "old": "1 MiB"}, {"survival": 2}])
def test_impossible_heaps_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GarbageCollector(references=1, **wrong)
