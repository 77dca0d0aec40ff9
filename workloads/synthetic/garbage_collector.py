"""Garbage collector: a program that allocates, and a generational collector that copies and compacts behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.compile import compiled
from simulator.rng import generator
from simulator.stream import ReferenceStream
from simulator.units import Fraction, GiB, KiB, MiB, Size
from workloads.base import StreamContext, plugin
from workloads.generator import RUNS
from workloads.program import WORD, Out, Program, load, load_words, step, store, store_words

LARGEST = 32
"""Largest object, in mean sizes: one in 10^14 of an exponential distribution is larger, and is cut to it."""


class Heap(NamedTuple):
    """Both generations; places and sizes are in words. Objects lie without gaps, so `starts` tell their sizes too."""

    young: NDArray[np.uint32]
    """where each young object starts, and behind the last of them the first free word"""
    old: NDArray[np.uint32]
    order: NDArray[np.uint32]
    """scratch: the order in which a collection finds the survivors"""
    counts: NDArray[np.int64]
    """young objects, old objects, steps so far, and the size of the object that had no room (0: none)"""


@plugin("workload", "garbage-collector")
class GarbageCollector(Program):
    """A generational heap: new objects are bump-allocated in a young generation; when it is full, the survivors are
    copied to the end of the old one (Ungar 1984; Appel, Software: Practice and Experience 19(2), 1989). Before that, if
    the old one might overflow, it is marked and compacted by the LISP 2 algorithm (Jones, Hosking, Moss, "The Garbage
    Collection Handbook", section 3.2).

    An object is a header word, a reference and data, its size exponential, at least two words. To allocate is to store
    all its words; then the program loads a word of `accesses` old objects, or stores to it, drawn uniformly. A minor
    collection finds the survivors in random order, as tracing does; it loads their words, stores them to the old
    generation and stores a forwarding address into the old header. A major one marks the survivors in random order
    (loads header and reference, stores the header), then three times goes through the objects in order: loads every
    header and stores the new address into those marked; loads and stores the reference of those marked; copies them
    down. Survivors are drawn uniformly. Pages: code, young generation, old generation. A step is one object allocated,
    accessed or found by a collection.
    """

    references: int = Field(..., ge=1, description="how many references")
    young: Size = Field(default=1 * MiB, ge=1 * KiB, le=4 * GiB, description="bytes of the young generation")
    old: Size = Field(default=16 * MiB, ge=2 * KiB, le=16 * GiB, description="bytes of the old generation")
    object: Size = Field(default=64, ge=16, le=64 * KiB, description="mean bytes of an object")
    survival: Fraction = Field(default=0.1, description="share of young objects that a minor collection keeps")
    old_survival: float = Field(
        default=0.5, ge=0.0, le=0.95, description="share of old objects that a major collection keeps"
    )
    accesses: int = Field(default=4, ge=0, le=1000, description="old objects used between two allocations")
    writes: Fraction = Field(default=0.2, description="share of these accesses that store")

    @model_validator(mode="after")
    def _roomy(self) -> GarbageCollector:
        if self.young < LARGEST * self.object:
            raise ValueError(f"young: found {self.young}, allowed is at least {LARGEST} objects of mean size")
        if self.old < 2 * self.young:
            raise ValueError(f"old: found {self.old}, allowed is at least twice the young generation, {self.young}")
        return self

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        page = context.page_size
        young_pages, old_pages = -(-self.young // page), -(-self.old // page)
        layout = (self.code_pages * page, (self.code_pages + young_pages) * page, page, *self.code())

        def run(out: Out) -> Iterator[int]:
            return self._run(out, layout, generator(context.seed, f"workload/{context.name}/objects"))

        # A step is an object copied, or allocated and followed by accesses.
        longest = 2 * (LARGEST * self.object // WORD + 4) + 2 * self.accesses
        return self.record(context, young_pages + old_pages, run, self.references, longest)

    def _run(self, out: Out, layout: tuple[int, ...], numbers: np.random.Generator) -> Iterator[int]:
        young, old = self.young // WORD, self.old // WORD
        tables = [np.empty(words // 2 + 1, np.uint32) for words in (young, old, old)]
        heap = Heap(tables[0], tables[1], tables[2], np.zeros(4, np.int64))
        heap.young[0] = heap.old[0] = 0
        while True:
            yield from _allocate(out, layout, heap, young, self.object / WORD, self.accesses, self.writes, numbers)
            while old - int(heap.old[heap.counts[1]]) < young:
                live = int(self.old_survival * int(heap.counts[1]))
                _survivors(heap.order, int(heap.counts[1]), live, numbers)
                yield from _mark(out, layout, heap, live)
                yield from _forward(out, layout, heap, live)
                yield from _update(out, layout, heap, live)
                yield from _slide(out, layout, heap, live)
            live = int(self.survival * int(heap.counts[0]))
            _survivors(heap.order, int(heap.counts[0]), live, numbers)
            yield from _copy(out, layout, heap, live)


@compiled
def _allocate(
    out: Any, layout: Any, heap: Any, room: int, mean: float, accesses: int, writes: float, numbers: Any
) -> Any:
    # Runs the program until an object has no room in the young generation.
    first, first_old, page_size, pages, instructions = layout
    row = 0
    while True:
        size = heap.counts[3]
        if size == 0:
            size = max(2, math.ceil(min(-math.log1p(-numbers.random()), LARGEST * 1.0) * mean))
        count = heap.counts[0]
        start = np.int64(heap.young[count])
        heap.counts[3] = size
        if start + size > room:
            break
        heap.counts[3] = 0
        heap.counts[0] += 1
        heap.young[count + 1] = start + size
        row = step(out, row, (pages, instructions), heap.counts[2])
        row = store_words(out, row, first + start * WORD, size * WORD, page_size)
        heap.counts[2] += 1
        for _ in range(accesses if heap.counts[1] else 0):
            chosen = int(numbers.random() * heap.counts[1])
            size = np.int64(heap.old[chosen + 1]) - heap.old[chosen]
            word = heap.old[chosen] + min(int(numbers.random() * size), size - 1)
            row = step(out, row, (pages, instructions), heap.counts[2])
            heap.counts[2] += 1
            if numbers.random() < writes:
                row = store(out, row, (first_old + word * WORD) // page_size, 1)
            else:
                row = load(out, row, (first_old + word * WORD) // page_size, 1)
        if row >= RUNS:
            yield row
            row = 0
    yield row


@compiled
def _survivors(order: Any, count: int, live: int, numbers: Any) -> None:
    # `live` of `count` numbers in random order (Fisher and Yates).
    for i in range(count):
        order[i] = i
    for i in range(live):
        other = i + int(numbers.random() * (count - i))
        order[i], order[other] = order[other], order[i]


@compiled
def _copy(out: Any, layout: Any, heap: Any, live: int) -> Any:
    # Copies the survivors among the young objects behind the old ones, and empties the young generation.
    first, first_old, page_size, pages, instructions = layout
    row = 0
    for i in range(live):
        found = heap.order[i]
        start = np.int64(heap.young[found])
        size = np.int64(heap.young[found + 1]) - start
        target = np.int64(heap.old[heap.counts[1]])
        row = step(out, row, (pages, instructions), heap.counts[2])
        row = load_words(out, row, first + start * WORD, size * WORD, page_size)
        row = store_words(out, row, first_old + target * WORD, size * WORD, page_size)
        row = store(out, row, (first + start * WORD) // page_size, 1)
        heap.counts[1] += 1
        heap.counts[2] += 1
        heap.old[heap.counts[1]] = target + size
        if row >= RUNS:
            yield row
            row = 0
    heap.counts[0] = 0
    yield row


@compiled
def _mark(out: Any, layout: Any, heap: Any, live: int) -> Any:
    _, first_old, page_size, pages, instructions = layout
    row = 0
    for i in range(live):
        address = first_old + np.int64(heap.old[heap.order[i]]) * WORD
        row = step(out, row, (pages, instructions), heap.counts[2])
        row = load_words(out, row, address, 2 * WORD, page_size)
        row = store(out, row, address // page_size, 1)
        heap.counts[2] += 1
        if row >= RUNS:
            yield row
            row = 0
    heap.order[:live] = np.sort(heap.order[:live])  # from here on in order of address
    yield row


@compiled
def _forward(out: Any, layout: Any, heap: Any, live: int) -> Any:
    _, first_old, page_size, pages, instructions = layout
    row = done = 0
    for found in range(heap.counts[1]):
        page = (first_old + np.int64(heap.old[found]) * WORD) // page_size
        row = step(out, row, (pages, instructions), heap.counts[2])
        row = load(out, row, page, 1)
        if done < live and heap.order[done] == found:
            row = store(out, row, page, 1)
            done += 1
        heap.counts[2] += 1
        if row >= RUNS:
            yield row
            row = 0
    yield row


@compiled
def _update(out: Any, layout: Any, heap: Any, live: int) -> Any:
    _, first_old, page_size, pages, instructions = layout
    row = 0
    for i in range(live):
        page = (first_old + (np.int64(heap.old[heap.order[i]]) + 1) * WORD) // page_size
        row = step(out, row, (pages, instructions), heap.counts[2])
        row = load(out, row, page, 1)
        row = store(out, row, page, 1)
        heap.counts[2] += 1
        if row >= RUNS:
            yield row
            row = 0
    yield row


@compiled
def _slide(out: Any, layout: Any, heap: Any, live: int) -> Any:
    # Copies the survivors down, in order, where they have no gaps; in place, for the target is never ahead.
    _, first_old, page_size, pages, instructions = layout
    row, target = 0, np.int64(0)
    for i in range(live):
        start = np.int64(heap.old[heap.order[i]])
        size = np.int64(heap.old[heap.order[i] + 1]) - start
        row = step(out, row, (pages, instructions), heap.counts[2])
        if target != start:
            row = load_words(out, row, first_old + start * WORD, size * WORD, page_size)
            row = store_words(out, row, first_old + target * WORD, size * WORD, page_size)
        heap.counts[2] += 1
        heap.old[i] = target
        target += size
        if row >= RUNS:
            yield row
            row = 0
    heap.old[live] = target
    heap.counts[1] = live
    yield row
