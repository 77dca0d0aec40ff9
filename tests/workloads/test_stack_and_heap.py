"""Stack and heap against one with lists."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.rng import generator
from tests.workloads.examples import columns, fits
from tests.workloads.naive import LOAD, STORE, WORD, Log
from workloads.base import StreamContext
from workloads.synthetic.stack_and_heap import StackAndHeap

CONTEXT = StreamContext(base=None, seed=1, name="a", page_size=4096, address_space=1 << 50)  # type: ignore[arg-type]


class Program:
    """The same program; a block is (class, number in its arena)."""

    def __init__(self, workload: StackAndHeap, page_size: int, references: int) -> None:
        """Runs until there are that many references."""
        self.w, self.log, self.numbers = workload, Log(page_size, workload.code()), generator(1, "workload/a/steps")
        self.depth, self.full = 0, 0
        self.live: list[tuple[int, int]] = []
        self.free: list[list[int]] = [[] for _ in range(workload.classes)]
        self.fresh = [0] * workload.classes
        self.depths: list[int] = []
        self.classes: list[int] = []
        self.population: list[int] = []
        self.bottom = page_size * (workload.code_pages + math.ceil(workload.depth * workload.frame / page_size))
        self.arenas, at = [], self.bottom
        for c, blocks in enumerate(workload.capacities()):
            self.arenas.append(at)
            at += math.ceil(blocks * (workload.smallest << c) / page_size) * page_size
        while self.log.references < references:
            self.step()

    def step(self) -> None:
        """One step."""
        self.log.step()
        drawn = self.numbers.random()
        if drawn < self.w.calls:
            deeper = self.numbers.random() < 0.5
            if self.depth == 0 or (deeper and self.depth < self.w.depth):
                self.depth += 1
                self.log.words(STORE, self.bottom - self.depth * self.w.frame, self.w.frame)
            else:
                self.log.words(LOAD, self.bottom - self.depth * self.w.frame, self.w.frame)
                self.depth -= 1
            self.depths.append(self.depth)
        elif drawn < self.w.calls + self.w.allocations:
            self.allocate()
            self.die()
            self.population.append(len(self.live))
        else:
            self.log.at(LOAD, self.bottom - max(self.depth, 1) * self.w.frame)
            if self.live:
                c, number = self.live[int(self.numbers.random() * len(self.live))]
                word = int(self.numbers.random() * (self.w.smallest << c)) // WORD
                kind = STORE if self.numbers.random() < self.w.writes else LOAD
                self.log.at(kind, self.address(c, number) + word * WORD)

    def address(self, c: int, number: int) -> int:
        """Where a block begins."""
        return self.arenas[c] + number * (self.w.smallest << c)

    def allocate(self) -> None:
        """A new object."""
        drawn, c = self.numbers.random() * sum(0.5**c for c in range(self.w.classes)), 0
        while c < self.w.classes - 1 and drawn >= 0.5**c:
            drawn -= 0.5**c
            c += 1
        self.classes.append(c)
        if not self.free[c] and self.fresh[c] == self.w.capacities()[c]:
            self.full += 1
            place = int(self.numbers.random() * len(self.live))
            while self.live[place][0] != c:
                place = int(self.numbers.random() * len(self.live))
            self.release(place)
        if self.free[c]:
            number = self.free[c].pop()
            self.log.at(LOAD, self.address(c, number))
        else:
            number = self.fresh[c]
            self.fresh[c] += 1
        self.live.append((c, number))
        self.log.words(STORE, self.address(c, number), self.w.smallest << c)

    def release(self, place: int) -> None:
        """An object dies, and the last takes its place."""
        c, number = self.live[place]
        self.live[place] = self.live[-1]
        self.live.pop()
        self.free[c].append(number)
        self.log.at(STORE, self.address(c, number))

    def die(self) -> None:
        """Each object with its probability, by gaps."""
        scale = 1 / math.log1p(-1 / self.w.lifetime) if self.w.lifetime > 1 else 0.0
        place = int(math.log1p(-self.numbers.random()) * scale)
        while place < len(self.live):
            self.release(place)
            place += int(math.log1p(-self.numbers.random()) * scale)


CASES: list[dict[str, Any]] = [
    {"lifetime": 30, "depth": 5, "allocations": 0.3, "code_pages": 3},
    {"lifetime": 1, "depth": 1, "frame": 100, "allocations": 0.5, "classes": 1, "smallest": 24},
    {"lifetime": 300, "depth": 40, "frame": 3000, "calls": 0.0, "allocations": 0.6, "writes": 1.0},
    {"lifetime": 3, "calls": 1.0, "allocations": 0.0},
]


@pytest.mark.parametrize("page_size", [64, 4096])
@pytest.mark.parametrize("case", CASES)
def test_references_are_those_of_a_program_with_lists(case: dict[str, Any], page_size: int) -> None:
    workload = StackAndHeap(references=40_000, instructions=2, **case)
    program = Program(workload, page_size, 40_000)
    assert program.log.equals(workload.stream(replace(CONTEXT, page_size=page_size)), 40_000)


def test_a_full_arena_frees_an_object_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StackAndHeap, "capacities", lambda _: [5, 2, 1])
    workload = StackAndHeap(references=20_000, lifetime=8, classes=3, allocations=0.5)
    program = Program(workload, 64, 20_000)
    assert program.full > 50
    assert program.log.equals(workload.stream(replace(CONTEXT, page_size=64)), 20_000)


@settings(deadline=None, max_examples=20)
@given(
    st.integers(1, 200_000), st.integers(1, 2000), st.integers(1, 500), st.integers(1, 9), st.integers(1, 300),
    st.integers(0, 2**31),
)  # fmt: skip
def test_no_reference_leaves_stack_and_arenas(
    references: int, lifetime: int, depth: int, classes: int, frame: int, seed: int
) -> None:
    workload = StackAndHeap(references=references, lifetime=lifetime, depth=depth, classes=classes, frame=frame)
    stream = workload.stream(replace(CONTEXT, seed=seed, page_size=256))
    page, _, loads, stores = columns(stream)
    assert page.max() < len(stream.pages)
    assert int(loads.sum()) + int(stores.sum()) == references


def test_depths_lifetimes_and_classes_are_distributed_as_stated() -> None:
    # The program with lists equals the workload (above), so it may speak for it.
    workload = StackAndHeap(references=1, lifetime=50, depth=4, classes=4, calls=0.5, allocations=0.5)
    program = Program(workload, 4096, 1)
    for _ in range(60_000):
        program.step()
    # A reflected walk over 0 to 4 is half as often at either end. Every 41st depth is close to independent, but for its
    # parity, which changes each time and makes the counts more even only.
    depths = np.bincount(program.depths[::41], minlength=5)
    assert fits(depths, np.array([1, 2, 2, 2, 1]) / 8)
    assert fits(np.bincount(program.classes), np.array([8, 4, 2, 1]) / 15)
    # An object is alive after k allocations with probability (1 - 1/50)^k: 49 are, on average, and the mean over 29,000
    # allocations, some 290 independent ones of a Poisson number, strays by less than 5 standard deviations of 0.41.
    assert abs(np.mean(program.population[1000:]) - 49) < 2.1


@pytest.mark.parametrize(
    "wrong", [{"calls": 0.6, "allocations": 0.6}, {"smallest": 1024, "classes": 16}, {"lifetime": 0}]
)
def test_impossible_programs_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StackAndHeap(references=1, **wrong)
