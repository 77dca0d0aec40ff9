"""Hash join: one table is read in order and put into a hash table, the other is read in order and looked up there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.compile import compiled
from simulator.rng import generator
from simulator.stream import ReferenceStream
from simulator.units import Fraction
from workloads.base import StreamContext, plugin
from workloads.draws import skewed, zipf_table
from workloads.generator import RUNS
from workloads.program import WORD, Out, Program, load, load_words, step, store_words

Layout = tuple[int, int, int, int]
"""Bytes of a tuple, bytes of a page, pages of code, instructions in a step."""

_PROBES = 1024
"""Slots looked at between two looks at whether the block is full."""


@plugin("workload", "hash-join")
class HashJoin(Program):
    """An equi-join of a build and a probe table, in memory: simple, or partitioned first (GRACE: Kitsuregawa, Tanaka,
    Moto-oka, New Generation Computing 1, 1983; Shatdal, Kant, Naughton, VLDB 1994).

    Every build tuple has a key of its own; a probe tuple has one of those, or, with probability 1 - `matches`, one that
    no build tuple has. The hash table has open addressing with linear probing and holds whole tuples. Building loads a
    tuple's words in order, one word of each slot that it looks at, and stores the tuple into the first empty one;
    probing loads a tuple's words, one word of each slot up to the key or an empty slot, and the other words of the
    tuple that it finds. With `partitions`, each table is read twice before: once to count each partition's tuples, a
    word of each, and once to copy each tuple to its partition; then partition after partition is joined, in a hash
    table for the largest of them that is cleared each time. A word has 8 bytes. Pages: code, build table, probe table,
    hash table, partitioned build table, partitioned probe table, each from a page of its own. A step is one tuple.
    """

    build: int = Field(..., ge=1, le=1 << 30, description="tuples of the table that is put into the hash table")
    probe: int = Field(..., ge=0, le=1 << 30, description="tuples of the table that is looked up")
    width: int = Field(default=32, ge=1, le=1 << 16, description="bytes of a tuple")
    load_factor: float = Field(default=0.5, gt=0.0, le=0.95, description="tuples for each slot of the hash table")
    partitions: int = Field(default=1, ge=1, le=1 << 16, description="1: not partitioned")
    matches: Fraction = Field(default=1.0, description="share of probe tuples whose key some build tuple has")
    exponent: float = Field(
        default=0.0, ge=0.0, le=100.0, description="of the Zipf distribution of the probe tuples' keys; 0: uniform"
    )

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; how many isn't known before. Raises InputError if the footprint is larger than the address
        space."""
        largest = self.build if self.partitions == 1 else int(_counts(self.build, self.partitions).max())
        slots = int(largest / self.load_factor) + 1
        lengths = [self.build, self.probe, slots, *([self.build, self.probe] if self.partitions > 1 else [])]
        pages = [-(-length * self.width // context.page_size) for length in lengths]
        starts = np.cumsum([self.code_pages, *pages]) * context.page_size

        def run(out: Out) -> Iterator[int]:
            numbers = generator(context.seed, f"workload/{context.name}/keys")
            layout = (self.width, context.page_size, *self.code())
            return self._join(out, layout, [int(start) for start in starts], slots, numbers)

        return self.record(context, sum(pages), run, None, 3 * (self.width // WORD + 3) + _PROBES)

    def _join(
        self, out: Out, layout: Layout, starts: list[int], slots: int, numbers: np.random.Generator
    ) -> Iterator[int]:
        table = np.zeros(slots, np.uint32)
        if self.partitions == 1:
            for first, keys in self._chunks(self.build, None):
                yield from _build(out, layout, starts[0] + first * self.width, starts[2], keys, table)
            for first, keys in self._chunks(self.probe, numbers):
                yield from _probe(out, layout, starts[1] + first * self.width, starts[2], keys, table)
            return
        ordered = []
        for which, length, source in ((0, self.build, None), (1, self.probe, numbers)):
            keys = np.concatenate([chunk for _, chunk in self._chunks(length, source)] or [np.empty(0, np.uint32)])
            dealt, ends = np.empty_like(keys), np.zeros(self.partitions + 1, np.int64)
            yield from _count(out, layout, starts[which], keys, ends)
            yield from _deal(out, layout, starts[which], starts[3 + which], keys, ends.copy(), dealt)
            ordered.append((dealt, ends))
        for part in range(self.partitions):
            if part:
                table[:] = 0
                yield from _clear(out, layout, starts[2], slots)
            for which, join in ((0, _build), (1, _probe)):
                dealt, ends = ordered[which]
                tuples = starts[3 + which] + int(ends[part]) * self.width
                yield from join(out, layout, tuples, starts[2], dealt[ends[part] : ends[part + 1]], table)

    def _chunks(self, length: int, numbers: np.random.Generator | None) -> Iterator[tuple[int, NDArray[np.uint32]]]:
        """The keys of a table, some at a time, each time with the number of the first; without `numbers` they are 0, 1,
        2, ..."""
        for first in range(0, length, RUNS):
            keys = np.arange(first, min(first + RUNS, length), dtype=np.uint32)
            if numbers is not None:
                _draw(numbers, self.build, self.matches, self.exponent, keys)
            yield first, keys


@compiled
def _draw(numbers: Any, build: int, matches: float, exponent: float, keys: Any) -> None:
    table = zipf_table(build, exponent)
    for i in range(len(keys)):
        if matches < 1.0 and numbers.random() >= matches:
            keys[i] = build + int(numbers.random() * build)
        else:
            keys[i] = skewed(numbers, build, exponent, table)


@compiled
def _hash(key: int) -> int:
    # The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014); 62 bits.
    mixed: Any = np.uint64(key) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashed: Any = np.int64((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(2))
    return hashed


@compiled
def _counts(build: int, partitions: int) -> Any:
    counts = np.zeros(partitions, np.int64)
    for key in range(build):
        counts[_partition(key, partitions)] += 1
    return counts


@compiled
def _partition(key: int, partitions: int) -> int:
    return (_hash(key) >> 32) % partitions


@compiled
def _count(out: Any, layout: Any, tuples: int, keys: Any, ends: Any) -> Any:
    # The first pass of partitioning: loads each key; leaves in `ends` where each partition begins.
    width, page_size, pages, instructions = layout
    row, partitions = 0, len(ends) - 1
    for i in range(len(keys)):
        row = step(out, row, (pages, instructions), i)
        row = load(out, row, (tuples + i * width) // page_size, 1)
        ends[_partition(keys[i], partitions) + 1] += 1
        if row >= RUNS:
            yield row
            row = 0
    for part in range(partitions):
        ends[part + 1] += ends[part]
    yield row


@compiled
def _deal(out: Any, layout: Any, tuples: int, target: int, keys: Any, next_place: Any, dealt: Any) -> Any:
    # The second pass: copies each tuple to its partition.
    width, page_size, pages, instructions = layout
    row, partitions = 0, len(next_place) - 1
    for i in range(len(keys)):
        row = step(out, row, (pages, instructions), i)
        row = load_words(out, row, tuples + i * width, width, page_size)
        part = _partition(keys[i], partitions)
        place = next_place[part]
        next_place[part] += 1
        dealt[place] = keys[i]
        row = store_words(out, row, target + place * width, width, page_size)
        if row >= RUNS:
            yield row
            row = 0
    yield row


@compiled
def _clear(out: Any, layout: Any, target: int, slots: int) -> Any:
    width, page_size, _, _ = layout
    row = 0
    for slot in range(slots):
        row = store_words(out, row, target + slot * width, width, page_size)
        if row >= RUNS:
            yield row
            row = 0
    yield row


@compiled
def _build(out: Any, layout: Any, tuples: int, target: int, keys: Any, table: Any) -> Any:
    width, page_size, pages, instructions = layout
    row = 0
    for i in range(len(keys)):
        row = step(out, row, (pages, instructions), i)
        row = load_words(out, row, tuples + i * width, width, page_size)
        slot, sought = _hash(keys[i]) % len(table), True
        while sought:
            row, slot, sought = _look(out, row, layout, target, table, slot, 0)
            if row >= RUNS:
                yield row
                row = 0
        table[slot] = np.int64(keys[i]) + 1
        row = store_words(out, row, target + slot * width, width, page_size)
    yield row


@compiled
def _probe(out: Any, layout: Any, tuples: int, target: int, keys: Any, table: Any) -> Any:
    width, page_size, pages, instructions = layout
    row = 0
    for i in range(len(keys)):
        row = step(out, row, (pages, instructions), i)
        row = load_words(out, row, tuples + i * width, width, page_size)
        slot, sought = _hash(keys[i]) % len(table), True
        while sought:
            row, slot, sought = _look(out, row, layout, target, table, slot, np.int64(keys[i]) + 1)
            if row >= RUNS:
                yield row
                row = 0
        if table[slot] and width > WORD:
            row = load_words(out, row, target + slot * width + WORD, width - WORD, page_size)
    yield row


@compiled
def _look(out: Any, row: int, layout: Any, target: int, table: Any, slot: int, key: int) -> tuple[int, int, bool]:
    # Looks from a slot on for an empty one or the key, at `_PROBES` slots at most: the slot, and whether to go on.
    width, page_size, _, _ = layout
    for _ in range(_PROBES):
        row = load(out, row, (target + slot * width) // page_size, 1)
        if table[slot] == 0 or table[slot] == key:
            return row, slot, False
        slot = slot + 1 if slot + 1 < len(table) else 0
    return row, slot, True
