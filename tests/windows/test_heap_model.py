"""Whatever a program does with a heap: blocks don't overlap, keep their data and their sizes, and every byte of the
heap's memory is accounted for, against a plain dict of what is allocated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator.windows import constants as c
from simulator.windows.heap.memory import HEADER
from simulator.windows.heap.walk import walk
from tests.windows.heap_check import check
from tests.windows.small_system import PAGE, heap_process

SIZES = st.one_of(
    st.integers(0, 40),
    st.sampled_from([64, 64, 64, 256, 257, 1000, 4000]),
    st.integers(0, 20_000),
    st.integers(0, 600_000),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["alloc", "alloc", "alloc", "many", "free", "free", "clear", "realloc", "compact", "optimize"]),
        SIZES,
        st.integers(0, 1 << 16),
        st.sampled_from([0, 0, c.HEAP_ZERO_MEMORY, c.HEAP_REALLOC_IN_PLACE_ONLY]),
    ),
    max_size=25,
)
KINDS: dict[str, tuple[Any, int, int, Any]] = {
    "growable": ({}, 0, 0, {}),
    "32-bit": ({}, 0, 0, {"bits": 32}),
    "back end alone": ({"low_fragmentation": "off"}, 0, 0, {}),
    "hardly ever decommitted": ({"decommit_total": 1 << 30}, 0, 0, {}),
    "front end at once": ({"activation": 1, "bucket_memory": 16_384}, 0, 0, {"bits": 32}),
    "fixed": ({}, 8192, 1 << 20, {}),
    "short of memory": ({"decommit_total": 0}, 0, 0, {"limit": 300_000, "room": 8 << 20}),
}


class Model:
    """A heap, and beside it what is allocated: address -> (size, what it contains)."""

    def __init__(self, kind: str) -> None:
        heap_settings, initial, maximum, options = KINDS[kind]
        self.process = heap_process(**options, **heap_settings)
        self.handle = self.process.run(self.process.heap_create(0, initial, maximum))
        self.heap = self.process.own.heaps[self.handle]
        self.blocks: dict[int, tuple[int, int]] = {}
        self.made = 0

    def chosen(self, number: int) -> int:
        return sorted(self.blocks)[number % len(self.blocks)] if self.blocks else 0

    def alloc(self, size: int, number: int, flags: int) -> None:
        address = self.process.run(self.process.heap_alloc(self.handle, flags, size))
        if address:
            assert address not in self.blocks
            self.made += 1
            self.blocks[address] = (size, self.made)

    def many(self, size: int, number: int, flags: int) -> None:
        for _ in range(20 if size < 5000 else 2):
            self.alloc(size, number, 0)

    def free(self, size: int, number: int, flags: int) -> None:
        address = self.chosen(number)
        if address:
            assert self.process.run(self.process.heap_free(self.handle, 0, address)) is True
            del self.blocks[address]
            assert self.process.run(self.process.heap_free(self.handle, 0, address)) is False
            assert self.process.run(self.process.heap_size(self.handle, 0, address)) == -1

    def clear(self, size: int, number: int, flags: int) -> None:
        for address in sorted(self.blocks)[number % 7 :: 1 + number % 2]:
            assert self.process.run(self.process.heap_free(self.handle, 0, address)) is True
            del self.blocks[address]

    def realloc(self, size: int, number: int, flags: int) -> None:
        address = self.chosen(number)
        if not address:
            return
        self.process.follow_up()
        self.process.loads.clear()
        self.process.stores.clear()
        old, content = self.blocks[address]
        moved = self.process.run(self.process.heap_realloc(self.handle, flags, address, size))
        self.process.follow_up()
        if not moved:
            return
        if moved != address:
            assert not flags & c.HEAP_REALLOC_IN_PLACE_ONLY
            kept = min(old, size)
            if kept:
                pages = range(address // PAGE, (address + kept - 1) // PAGE + 1)
                assert all(self.process.loads[page] for page in pages), "the old data are read"
                pages = range(moved // PAGE, (moved + kept - 1) // PAGE + 1)
                assert all(self.process.stores[page] for page in pages), "the new place is written"
        del self.blocks[address]
        assert moved not in self.blocks
        self.blocks[moved] = (size, content)

    def compact(self, size: int, number: int, flags: int) -> None:
        largest = self.process.run(self.process.heap_compact(self.handle))
        assert largest == max(self.heap.back.free.starts.values(), default=HEADER) - HEADER

    def optimize(self, size: int, number: int, flags: int) -> None:
        assert self.process.run(self.process.heap_set_information(self.handle, c.HEAP_OPTIMIZE_RESOURCES))

    def committed(self, page: int) -> bool:
        region = self.process.own.space.vads.at(page)
        return region is not None and region.state(page)[0] > 0

    def verify(self) -> None:
        check(self.heap)
        assert self.heap.memory.committed == self.process.committed * PAGE
        busy = {entry.data: entry.size for entry in walk(self.heap) if entry.flags & c.PROCESS_HEAP_ENTRY_BUSY}
        assert busy == {address: size for address, (size, _) in self.blocks.items()}
        end = 0
        for address, (size, _) in sorted(self.blocks.items()):
            assert address >= end
            end = address + size
            assert address % self.heap.sizes.granule == 0
            assert not size or all(self.committed(page) for page in (address // PAGE, (end - 1) // PAGE))


SHRUNK = [("alloc", 232_273, 0, 0), ("many", 2_849, 0, 0)]
"""With little left to commit a further segment shrinks, until it is smaller than a first commit."""


@pytest.mark.parametrize("kind", KINDS)
@given(steps=STEPS)
@example(steps=SHRUNK)
@settings(max_examples=20, deadline=None)
def test_a_heap_gives_what_a_dict_of_blocks_says(kind: str, steps: list[tuple[str, int, int, int]]) -> None:
    model = Model(kind)
    for name, size, number, flags in steps:
        getattr(model, name)(size, number, flags)
        model.verify()
    model.process.follow_up()
    for address in list(model.blocks):
        assert model.process.run(model.process.heap_free(model.handle, 0, address)) is True
    model.blocks.clear()
    model.verify()
    assert model.process.run(model.process.heap_destroy(model.handle)) is True
    assert not model.process.regions
