"""Stack and heap: calls that go down and up the stack, and objects that come and go."""

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
from simulator.units import Fraction, KiB, MiB, Size
from workloads.base import StreamContext, plugin
from workloads.generator import RUNS
from workloads.program import WORD, Out, Program, load, load_words, step, store, store_words


class Heap(NamedTuple):
    """Blocks by number, those of one size class together; and the objects that live in them."""

    first: NDArray[np.int64]
    """first block of each class, and behind the last class how many blocks there are"""
    address: NDArray[np.int64]
    """where the arena of each class begins, in bytes"""
    fresh: NDArray[np.int64]
    """blocks of each class that have been used yet"""
    free: NDArray[np.int64]
    """the block freed last of each class; -1: none"""
    link: NDArray[np.int32]
    """the block freed before a free one"""
    live: NDArray[np.int32]
    """blocks with a living object, in no order"""
    counts: NDArray[np.int64]
    """living objects, and the depth of the stack"""


@plugin("workload", "stack-and-heap")
class StackAndHeap(Program):
    """A program that calls, allocates and uses objects. Each step is drawn anew:

    - With probability `calls`, a call or a return, equally likely: the depth is a random walk between 0 and `depth`,
      reflected at both ends. A call stores the words of a new frame below the last; a return loads them.
    - With probability `allocations`, a new object, class c (of `smallest` x 2^c bytes) with a probability in proportion
      to 2^-c, so that all classes have the same bytes. It takes the block of its class that was freed last (loading
      the link in its first word), else the next unused one, and stores all its words. Then every living object dies
      with probability 1 / `lifetime`, so lifetimes are geometric; each free stores the link.
    - Otherwise an access: a load from the last frame, then a load or store of a random word of a living object.

    Each class has an arena of its own, with room for its mean of living objects and six standard deviations; if it is
    full all the same, some object of the class is freed first. Pages: code, stack, arenas from the smallest class up.
    """

    references: int = Field(..., ge=1, description="how many references; the last step is cut short to fit")
    calls: Fraction = Field(default=0.3, description="share of steps that call or return")
    allocations: Fraction = Field(default=0.1, description="share of steps that allocate")
    writes: Fraction = Field(default=0.3, description="share of accesses to objects that store")
    depth: int = Field(default=64, ge=1, le=1 << 24, description="deepest stack, in frames")
    frame: Size = Field(default=256, ge=1, le=1 * MiB, description="bytes of a frame")
    lifetime: int = Field(
        default=10_000, ge=1, le=1 << 28, description="mean allocations that an object lives; as many are alive"
    )
    smallest: Size = Field(default=16, ge=8, le=64 * KiB, description="bytes of the smallest class")
    classes: int = Field(default=8, ge=1, le=16, description="size classes, each twice the one before")

    @model_validator(mode="after")
    def _shares(self) -> StackAndHeap:
        if self.calls + self.allocations > 1:
            raise ValueError(
                f"calls: found {self.calls} beside {self.allocations} allocations, allowed is at most 1 in all"
            )
        if (largest := self.smallest << (self.classes - 1)) > MiB:
            raise ValueError(f"classes: found {self.classes}, the largest of {largest} bytes, allowed is at most {MiB}")
        return self

    def capacities(self) -> list[int]:
        """Blocks of each class."""
        shares = 0.5 ** np.arange(self.classes)
        means = self.lifetime * shares / shares.sum()
        return [math.ceil(mean + 6 * math.sqrt(mean)) + 1 for mean in means.tolist()]

    def stream(self, context: StreamContext) -> ReferenceStream:
        """The references; raises InputError if the footprint is larger than the address space."""
        page, capacities = context.page_size, self.capacities()
        stack = -(-self.depth * self.frame // page)
        arenas = [-(-blocks * (self.smallest << c) // page) for c, blocks in enumerate(capacities)]
        address = np.cumsum([self.code_pages + stack, *arenas])[:-1] * page
        sizes = (self.frame, self.depth, (self.code_pages + stack) * page, self.smallest, page)
        scale = 1 / math.log1p(-1 / self.lifetime) if self.lifetime > 1 else 0.0
        shares = (self.calls, self.allocations, self.writes, scale)

        def run(out: Out) -> Iterator[int]:
            blocks, none = sum(capacities), np.full(self.classes, -1)
            first = np.cumsum([0, *capacities])
            link, live = np.zeros((2, blocks), np.int32)
            heap = Heap(first, address, none + 1, none, link, live, np.zeros(2, np.int64))
            numbers = generator(context.seed, f"workload/{context.name}/steps")
            rows: Iterator[int] = _live(out, self.code(), sizes, shares, heap, numbers)
            return rows

        longest = max(self.frame, self.smallest << (self.classes - 1)) // WORD + 16
        return self.record(context, stack + sum(arenas), run, self.references, longest)


@compiled
def _live(out: Any, code: Any, sizes: Any, shares: Any, heap: Any, numbers: Any) -> Any:
    calls, allocations, writes, scale = shares
    row = steps = 0
    while True:
        row = step(out, row, code, steps)
        steps += 1
        drawn = numbers.random()
        if drawn < calls:
            row = _call(out, row, sizes, heap.counts, numbers)
        elif drawn < calls + allocations:
            row = _allocate(out, row, sizes, heap, numbers)
            place = _survivors(scale, numbers)
            while place < heap.counts[0]:
                row = _free(out, row, sizes, heap, place)
                place += _survivors(scale, numbers)  # the last object has taken the dead one's place
                if row >= RUNS:
                    yield row
                    row = 0
        else:
            row = _access(out, row, sizes, heap, writes, numbers)
        if row >= RUNS:
            yield row
            row = 0


@compiled
def _call(out: Any, row: int, sizes: Any, counts: Any, numbers: Any) -> int:
    frame, deepest, bottom, _, page_size = sizes
    deeper = numbers.random() < 0.5
    if counts[1] == 0 or (deeper and counts[1] < deepest):
        counts[1] += 1
        return store_words(out, row, bottom - counts[1] * frame, frame, page_size)
    row = load_words(out, row, bottom - counts[1] * frame, frame, page_size)
    counts[1] -= 1
    return row


@compiled
def _place(sizes: Any, heap: Any, block: int) -> tuple[int, int, int]:
    # The class of a block, its address and its size.
    kind = 0
    while heap.first[kind + 1] <= block:
        kind += 1
    size = sizes[3] << kind
    return kind, heap.address[kind] + (block - heap.first[kind]) * size, size


@compiled
def _survivors(scale: float, numbers: Any) -> int:
    # How many objects live on before the next one dies: geometric.
    return int(min(math.log1p(-numbers.random()) * scale, 1e18))


@compiled
def _allocate(out: Any, row: int, sizes: Any, heap: Any, numbers: Any) -> int:
    classes = len(heap.fresh)
    drawn = numbers.random() * (2.0 - 0.5 ** (classes - 1))
    kind = 0
    while kind < classes - 1 and drawn >= 0.5**kind:
        drawn -= 0.5**kind
        kind += 1
    if heap.free[kind] < 0 and heap.fresh[kind] == heap.first[kind + 1] - heap.first[kind]:
        place = int(numbers.random() * heap.counts[0])
        while _place(sizes, heap, heap.live[place])[0] != kind:
            place = int(numbers.random() * heap.counts[0])
        row = _free(out, row, sizes, heap, place)
    block = heap.free[kind]
    if block >= 0:
        row = load(out, row, _place(sizes, heap, block)[1] // sizes[4], 1)
        heap.free[kind] = heap.link[block]
    else:
        block = heap.first[kind] + heap.fresh[kind]
        heap.fresh[kind] += 1
    heap.live[heap.counts[0]] = block
    heap.counts[0] += 1
    _, address, size = _place(sizes, heap, block)
    return store_words(out, row, address, size, sizes[4])


@compiled
def _free(out: Any, row: int, sizes: Any, heap: Any, place: int) -> int:
    block = heap.live[place]
    heap.counts[0] -= 1
    heap.live[place] = heap.live[heap.counts[0]]
    kind, address, _ = _place(sizes, heap, block)
    heap.link[block] = heap.free[kind]
    heap.free[kind] = block
    return store(out, row, address // sizes[4], 1)


@compiled
def _access(out: Any, row: int, sizes: Any, heap: Any, writes: float, numbers: Any) -> int:
    frame, _, bottom, _, page_size = sizes
    row = load(out, row, (bottom - max(heap.counts[1], 1) * frame) // page_size, 1)
    if heap.counts[0] == 0:
        return row
    _, address, size = _place(sizes, heap, heap.live[int(numbers.random() * heap.counts[0])])
    page = (address + int(numbers.random() * size) // WORD * WORD) // page_size
    return store(out, row, page, 1) if numbers.random() < writes else load(out, row, page, 1)
