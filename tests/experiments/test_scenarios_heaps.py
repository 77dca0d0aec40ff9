"""The committed configs about heaps show what they are named after, in numbers derived from the requests alone."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import pytest

from experiments.spec.experiment import load
from experiments.study.run import run
from simulator.result import RunResult
from simulator.windows.heap.low_fragmentation import BUCKET_OF, CAPACITIES, LARGEST
from tests.experiments.test_windows_configs import CONFIGS
from workloads.programs.allocators import Allocators, Request
from workloads.programs.heap_churn import HeapChurn

PAGE, UNIT, KiB = 4096, 65536, 1024
SEED = 1
"""what an experiment has unless it says otherwise"""
DIRECT = 0xFE000 - 8
"""bytes of a block that lies in a segment of a 64-bit process, at most: 0xFE00 granules with its header"""


@cache
def result_of(name: str, *changes: str) -> RunResult:
    return run(load(CONFIGS / f"{name}.yaml", changes), CONFIGS, check=True)


def notes_of(*changes: str) -> dict[str, dict[str, Any]]:
    notes: dict[str, dict[str, Any]] = result_of("allocators", *changes).summary["notes"]
    return notes


def up(size: int, unit: int) -> int:
    return -(-size // unit) * unit


@cache
def requests() -> list[Request]:
    return Allocators(allocator="heap").mix(SEED)


def alive(at: int) -> list[int]:
    """The sizes of the blocks that are alive when `at` have been allocated: block i goes before number i + its lifetime
    + 1."""
    return [size for i, (size, lifetime) in enumerate(requests()[:at]) if i + lifetime + 1 >= at]


def test_the_mix_has_small_blocks_and_some_that_even_a_heap_takes_from_virtual_alloc() -> None:
    sizes = [size for size, _ in requests()]
    assert len(sizes) == 1000
    assert 8 <= min(sizes) < 16
    assert all(size <= 1024 or 16 * KiB <= size <= 4096 * KiB for size in sizes)
    assert sum(size > 1024 for size in sizes) >= 10
    assert sum(size > DIRECT for size in sizes) >= 1


def test_virtual_alloc_takes_whole_pages_and_64_kib_of_address_space_for_each_block() -> None:
    sizes, notes = alive(1000), notes_of()["VirtualAlloc"]
    small = [size for size in sizes if size <= 1024]
    assert notes["small blocks alive"] + notes["large blocks alive"] == len(sizes)
    assert notes["small blocks, asked for (KiB)"] == sum(small) / KiB
    assert notes["small blocks, taken (KiB)"] == 4 * len(small)
    pages = sum(up(size, PAGE) for size in sizes) / KiB
    assert notes["small blocks, taken (KiB)"] + notes["large blocks, taken (KiB)"] == pages
    assert notes["touched (KiB)"] == notes["reserved (KiB)"] == pages
    assert notes["... or lost to 64 KiB (KiB)"] == sum(up(size, UNIT) for size in sizes) / KiB
    # beside pages, page tables are committed, one for 2 MiB of address space that has something committed in it
    tables = notes["committed (KiB)"] - pages
    assert tables % 4 == 0
    assert tables / 4 >= sum(up(size, UNIT) for size in sizes) / (2 << 20)
    assert notes["committed when all is freed (KiB)"] == 0


def test_virtual_alloc_costs_a_system_call_and_freeing_each_page_besides() -> None:
    notes = notes_of()["VirtualAlloc"]
    large = [size for size, _ in requests() if size > 1024]
    assert notes["small allocation (ns)"] == notes["large allocation (ns)"] == 300  # costs.system_call
    assert notes["small free (ns)"] == 300 + 200  # and costs.trim for a page
    assert notes["large free (ns)"] == pytest.approx(300 + 200 * sum(-(-size // PAGE) for size in large) / len(large))


def test_only_pages_of_virtual_alloc_fault_when_small_blocks_are_first_used() -> None:
    small = [size for size, _ in requests() if size <= 1024]
    stores = sum(-(-size // 8) for size in small) / len(small)  # a store of 8 bytes takes 1 ns
    # a heap has touched a block's page before: for the block's header, or that of what it was cut from
    for name, fault in {"VirtualAlloc": 1000, "HeapAlloc": 0, "malloc": 0, "GlobalAlloc": 0}.items():
        assert notes_of()[name]["small first use (ns)"] == pytest.approx(stores + fault, rel=1e-12)


@pytest.mark.parametrize(("allocator", "behind"), [("HeapAlloc", 0), ("GlobalAlloc", 16)])
def test_a_heap_puts_a_header_before_a_block_and_rounds_it(allocator: str, behind: int) -> None:
    """... and GlobalAlloc's moveable memory its handle behind it."""
    notes = notes_of()[allocator]
    for kind, sizes in (
        ("small", [s for s in alive(1000) if s <= 1024]),
        ("large", [s for s in alive(1000) if s > 1024]),
    ):
        least, most = zip(*(_from_a_heap(size, behind) for size in sizes), strict=True)
        assert sum(least) <= notes[f"{kind} blocks, taken (KiB)"] * KiB <= sum(most)


def _from_a_heap(size: int, behind: int) -> tuple[int, int]:
    """What a block with something behind its data takes at least and at most: 8 bytes more, rounded up to 16, and 16
    more if only they would be left; as a block of the front end, what its bucket has; from VirtualAlloc, a header of 64
    bytes, which has room for what lies behind, and whole pages."""
    if size + behind > DIRECT:
        return up(size + 64, PAGE), up(size + 64, PAGE)
    size += behind
    plain = max(up(size + 8, 16), 32)
    bucket = max(up(CAPACITIES[BUCKET_OF[size]] + 8, 16), 32) if size <= LARGEST else 0
    return plain, max(plain + 16, bucket)


def test_malloc_is_heap_alloc_and_global_alloc_has_a_table_of_handles_besides() -> None:
    notes = notes_of()
    heap, moveable = notes["HeapAlloc"], notes["GlobalAlloc"]
    assert notes["malloc"] == heap
    for name in heap:
        assert not name.endswith(("alive", "asked for (KiB)")) or moveable[name] == heap[name]
    # 65,536 entries of 16 bytes, committed page by page, 256 entries on each
    pages = -(-max(len(alive(at)) for at in range(1, 1001)) // 256)
    assert moveable["reserved (KiB)"] - heap["reserved (KiB)"] == 1024
    for name in ("committed (KiB)", "committed when all is freed (KiB)", "touched (KiB)"):
        assert moveable[name] - heap[name] >= 4 * pages


@pytest.mark.parametrize(
    ("cost", "name", "allocation", "free"),
    [
        ("heap_call=140", "VirtualAlloc", 0, 0),
        ("heap_call=140", "HeapAlloc", 1, 1),
        ("heap_call=140", "malloc", 1, 1),
        # GlobalAlloc, the block, GlobalLock; GlobalUnlock, GlobalFree, the block
        ("heap_call=140", "GlobalAlloc", 3, 3),
        ("system_call=400", "VirtualAlloc", 1, 1),
    ],
)
def test_a_block_takes_so_many_calls(cost: str, name: str, allocation: int, free: int) -> None:
    # the front end makes calls of its own when it takes a unit from the back end; every call is 100 ns dearer
    plain = "machine.windows.heap.low_fragmentation=off"
    before, after = notes_of(plain)[name], notes_of(plain, f"machine.costs.{cost}")[name]
    grown = {what: after[f"small {what} (ns)"] - before[f"small {what} (ns)"] for what in ("allocation", "free")}
    assert grown == pytest.approx({"allocation": 100 * allocation, "free": 100 * free}, abs=1e-6)


def test_heaps_spare_small_blocks_system_calls() -> None:
    before, after = notes_of()["HeapAlloc"], notes_of("machine.costs.system_call=400")["HeapAlloc"]
    for what in ("allocation", "free"):
        calls = (after[f"small {what} (ns)"] - before[f"small {what} (ns)"]) / 100
        assert 0 < calls < 0.1  # to grow or to shrink the heap; VirtualAlloc makes one for each


def fragmentation(*changes: str) -> dict[str, dict[str, list[float]]]:
    """What each process noted, by name, in order."""
    notes = result_of("heap-fragmentation", *changes).notes
    return {
        str(process): {str(name): rows["value"].tolist() for name, rows in mine.groupby("name")}
        for process, mine in notes.groupby("process")
    }


class _Stretch:
    """Committed memory of a segment, by hand: where its next block's header lies, and where it ends. Of 64 bytes at the
    end, or, if all of the segment is committed, of 16 bytes, the first 8 belong to the last block."""

    def __init__(self, own: int, committed: int, reserved: int) -> None:
        self.next, self.committed, self.reserved = own + 8, committed, reserved
        self.pages: set[int] = set()
        """those with the header of a block that stays"""

    def room(self) -> int:
        return self.committed - (8 if self.committed == self.reserved else 56) - self.next

    def cut(self, block: int) -> int:
        """Where the header of a block lies, and the 16 bytes that would be left over with it."""
        start = self.next
        self.next += block + 16 * (self.room() - block == 16)
        return start


def _first_round() -> tuple[int, list[_Stretch], list[int]]:
    """The back end's first round, by hand: how many blocks go, its segments, and the free blocks once every other of
    them has gone.

    Nothing is freed until all are there, so that every block is cut from the free block at the end of a segment, the
    smaller one if it is large enough: 8 bytes more than was asked for, rounded up to 16. If none is, as many pages are
    committed as hold the new block, in the first segment that has them. The heap's own data take 0xA00 bytes; two pages
    of 64 KiB are committed at first; a further segment has 1 MiB, and 0x80 bytes of its own.
    """
    churn = HeapChurn()
    segments = [_Stretch(0xA00, 2 * PAGE, UNIT)]
    goes: list[int] = []
    for size in itertools.chain.from_iterable((size, churn.kept) for size in churn.sizes(SEED)[0].tolist()):
        block = up(size + 8, 16)
        able = [segment for segment in segments if segment.room() >= block]
        if not able:
            able = [segment for segment in segments if segment.reserved - segment.committed >= up(block, PAGE)]
            if not able:
                able = [_Stretch(0x80, 0, 1 << 20)]
                segments += able
            able[0].committed += max(up(block, PAGE), 2 * PAGE * (able[0].committed == 0))
        segment = min(able[:1] if able[0].room() < block else able, key=_Stretch.room)
        start = segment.cut(block)
        if size == churn.kept:
            segment.pages.add(start // PAGE)
        else:
            goes.append(block)
    return len(goes), segments, [*goes[::2], *(segment.room() for segment in segments if segment.room())]


def test_without_the_front_end_holes_between_small_blocks_are_neither_joined_nor_given_back() -> None:
    goes, segments, free = _first_round()
    noted = fragmentation()["back end alone"]
    kib = [value * KiB for value in noted["committed (KiB)"]]
    committed = sum(segment.committed for segment in segments)
    assert kib[:2] == [committed, committed]
    assert goes == 800
    assert noted["free blocks"][1] == len(free)
    assert noted["largest free block (KiB)"][1] * KiB == max(free) - 32  # its header and links, counted twice
    # there's a small block on every page, up to the last one: the heap can't give a page of them back, ever; but not on
    # the second segment's first two, as the first's end had room for small ones only
    assert [set(range(max(segment.pages) + 1)) - segment.pages for segment in segments] == [set(), {0, 1}]
    assert min(kib[3::4]) >= PAGE * _pinned(segments)


def _pinned(segments: list[_Stretch]) -> int:
    return sum(len(segment.pages) for segment in segments)


def test_the_front_end_keeps_small_blocks_together_so_that_the_others_can_be_given_back() -> None:
    pinned = PAGE * _pinned(_first_round()[1]) / KiB
    front, alone = fragmentation()["low-fragmentation"], fragmentation()["back end alone"]
    assert front["in use (KiB)"] == alone["in use (KiB)"]
    after_rounds = slice(3, None, 4)
    assert max(front["committed (KiB)"][after_rounds]) < pinned <= min(alone["committed (KiB)"][after_rounds])
    # 800 blocks of 48 bytes are kept in each of 5 rounds
    assert front["in use (KiB)"][after_rounds] == [800 * 48 * n / KiB for n in range(1, 6)]


def test_the_front_end_is_paid_for_with_room_in_its_units_and_page_faults() -> None:
    front, alone = fragmentation()["low-fragmentation"], fragmentation()["back end alone"]
    assert max(front["committed (KiB)"]) > max(alone["committed (KiB)"])
    assert front["page faults"][-1] > alone["page faults"][-1]


def test_with_many_sizes_the_front_end_takes_more_than_it_saves() -> None:
    both = [f"processes.{n}.workload.smallest=256" for n in range(2)]
    noted = fragmentation(*both)
    # every size used keeps a unit of its own: 256 to 2048 bytes are 1 + 16 + 16 + 16 buckets, and so is the small one
    assert noted["low-fragmentation"]["committed (KiB)"][-1] > noted["back end alone"]["committed (KiB)"][-1]
