"""Pools: blocks never overlap, pages come and go, limits, quotas, commit charge, and what PoolMon shows."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.windows.failure import Failure, WindowsException
from simulator.windows.pool_memory import FreeRuns, PoolBlocks
from tests.windows.small_system import PAGE, SmallSystem, done

NONPAGED, PAGED = 0, 1


def code(function: Any, *arguments: Any, **named: Any) -> int:
    """The error that a function fails with."""
    with pytest.raises(Failure) as caught:
        function(*arguments, **named)
    return caught.value.code


class Heapless:
    """Pages for a descriptor alone: numbered addresses, given out once."""

    def __init__(self) -> None:
        self.out: set[int] = set()
        self.taken = 0

    def take(self) -> int:
        self.taken += 1
        self.out.add(self.taken * PAGE)
        return self.taken * PAGE

    def give(self, address: int) -> None:
        self.out.remove(address)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4064)), max_size=120), st.sampled_from([8, 16]))
def test_blocks_never_overlap_cover_their_pages_and_are_joined_when_free(
    steps: list[tuple[bool, int]], unit: int
) -> None:
    pages = Heapless()
    pool = PoolBlocks(PAGE, unit, pages.take, pages.give)
    live: list[Any] = []
    for allocate, size in steps:
        if allocate or not live:
            block = pool.allocate(min(size, PAGE - 2 * unit))
            assert block.size * unit >= min(size, PAGE - 2 * unit) + unit
            live.append(block)
        else:
            pool.free(live.pop(size % len(live)))
        parts = sorted(live + pool.free_blocks(), key=lambda block: block.address)
        for page in pages.out:
            inside = [block for block in parts if page <= block.address < page + PAGE]
            assert [block.address for block in inside] == [
                page + sum(before.size for before in inside[:i]) * unit for i in range(len(inside))
            ]
            assert sum(block.size for block in inside) * unit == PAGE
            assert not any(not a.used and not b.used for a, b in itertools.pairwise(inside))
            assert any(block.used for block in inside)
        assert len(parts) == 0 or pages.out == {block.address // PAGE * PAGE for block in parts}
    for block in live:
        pool.free(block)
    assert pages.out == set()


def test_a_block_is_taken_from_the_smallest_free_one_that_is_enough() -> None:
    """Units of 16 bytes. 100 bytes take 8 (header + 7), 200 take 14, 40 take 4: the first lies at the page's beginning,
    the others at the end of what is left, at units 256 - 14 = 242 and 242 - 4 = 238. With the first two free there are
    238 units at 0 and 14 at 242; 150 bytes take 11, the last ones of the 14."""
    pages = Heapless()
    pool = PoolBlocks(PAGE, 16, pages.take, pages.give)
    first, second, third = (pool.allocate(size) for size in (100, 200, 40))
    places = [(block.address - PAGE, block.size) for block in (first, second, third)]
    assert places == [(0, 8), (242 * 16, 14), (238 * 16, 4)]
    pool.free(first)
    pool.free(second)
    assert [(block.address - PAGE, block.size) for block in pool.free_blocks()] == [(0, 238), (242 * 16, 14)]
    assert pool.allocate(150).address - PAGE == 245 * 16
    assert [(block.address - PAGE, block.size) for block in pool.free_blocks()] == [(0, 238), (242 * 16, 3)]


def test_what_is_left_of_a_block_that_is_not_its_pages_first_comes_before_the_new_one() -> None:
    pages = Heapless()
    pool = PoolBlocks(PAGE, 16, pages.take, pages.give)
    pool.allocate(16)
    assert pool.allocate(16).address == 2 * PAGE - 32


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=80))
def test_free_runs_give_each_index_once_and_join(steps: list[tuple[bool, int]]) -> None:
    runs = FreeRuns()
    live: list[tuple[int, int]] = []
    used: set[int] = set()
    runs.give(0, 40)
    for take, count in steps:
        if take or not live:
            start = runs.take(count)
            free = "".join("x" if i in used else "." for i in range(40))
            assert (start is None) == ("." * count not in free)
            if start is not None:
                assert used.isdisjoint(range(start, start + count))
                used |= set(range(start, start + count))
                live.append((start, count))
        else:
            start, length = live.pop(count % len(live))
            used -= set(range(start, start + length))
            runs.give(start, length)
    for start, length in live:
        runs.give(start, length)
    assert runs.take(40) == 0


def test_headers_are_16_bytes_on_64_bit_and_8_on_32_bit_systems() -> None:
    for bits, header in ((64, 16), (32, 8)):
        pool = SmallSystem(pools={"bits": bits}).pool
        assert pool.allocate(1, "a", paged=False) % PAGE == header
        assert pool.table()["bytes"].tolist() == [2 * header]


@pytest.mark.parametrize(("processors", "count"), [(1, 3), (2, 5)])
def test_paged_pools_take_turns_three_on_one_processor_five_on_several(processors: int, count: int) -> None:
    system = SmallSystem(processors=processors)
    pages = [system.pool.allocate(8, "Turn", paged=True) // PAGE for _ in range(2 * count)]
    assert len(set(pages)) == count
    assert pages[:count] == pages[count:]
    assert len({system.pool.allocate(8, "Turn", paged=False) // PAGE for _ in range(5)}) == 1


def test_what_fits_beside_a_header_shares_a_page_and_more_takes_whole_pages() -> None:
    system = SmallSystem()
    assert system.pool.allocate(PAGE - 32, "Smal", paged=False) % PAGE == 16
    assert system.pool.allocate(PAGE - 31, "Bigg", paged=False) % PAGE == 0
    assert system.pool.nonpaged.used == 2
    system.pool.allocate(2 * PAGE + 1, "Bigg", paged=False)
    assert system.pool.nonpaged.used == 5


def test_pool_is_charged_to_commit_and_a_page_given_back_when_all_in_it_is_free() -> None:
    system = SmallSystem()
    before = system.held()
    blocks = [system.pool.allocate(1000, "Leak", paged=paged) for paged in (False, True) for _ in range(8)]
    blocks.append(system.pool.allocate(3 * PAGE, "Big", paged=True))
    assert system.pool.nonpaged.used == 2
    assert system.pool.paged.used == 3 + 3
    assert system.pages.commit_total() == before[1] + 2 + 6
    assert system.pages.available() == before[0] - 2
    for block in blocks:
        system.pool.free(block)
    assert system.held() == before
    assert system.pages.commit_peak() == before[1] + 8


def test_nonpaged_pages_have_frames_for_good_and_paged_ones_when_touched() -> None:
    system = SmallSystem()
    nonpaged, paged = (system.pool.allocate(64, "Page", paged=kind) for kind in (False, True))
    fixed = system.pages.state_of([system.pool.nonpaged.entry(nonpaged)])[0]
    pageable = system.pages.state_of([system.pool.paged.entry(paged)])[0]
    assert (fixed["valid"], fixed["fixed"], pageable["valid"], pageable["fixed"]) == (True, True, False, False)
    assert pageable["accessible"]
    assert system.pool.paged.resident() == 0


def test_calls_touch_the_paged_blocks_they_use_and_no_page_that_is_gone() -> None:
    system = SmallSystem()
    first = system.pool.allocate(64, "Used", paged=True)
    assert system.pool.touched().tolist() == [system.pool.paged.entry(first)]
    assert system.pool.touched().tolist() == []
    system.pool.allocate(64, "Used", paged=False)
    assert system.pool.touched().tolist() == []
    system.pool.free(first)
    assert system.pool.touched().tolist() == []


@pytest.mark.parametrize(("paged", "error"), [(False, 1451), (True, 1452)])
def test_at_its_limit_a_pool_fails_and_nothing_changes(paged: bool, error: int) -> None:
    limits = {"nonpaged_limit": 4 * PAGE, "paged_limit": 4 * PAGE}
    system = SmallSystem(pools=limits)
    big = system.pool.allocate(3 * PAGE, "Big", paged=paged)
    before, table = system.held(), system.pool.table()
    assert code(system.pool.allocate, 2 * PAGE, "Big", paged=paged) == error
    assert system.held() == before
    assert system.pool.table().equals(table)
    system.pool.allocate(100, "Smal", paged=paged)
    system.pool.free(big)
    system.pool.allocate(3 * PAGE, "Big", paged=paged)


def test_without_commit_charge_or_frames_pool_is_refused_with_1450() -> None:
    system = SmallSystem(frames=64, paging_pages=64)
    assert system.pages.charge(120)
    assert code(system.pool.allocate, 9 * PAGE, "Big", paged=True) == 1450
    system.pages.refund(120)
    system = SmallSystem(frames=64, paging_pages=640, pools={"nonpaged_limit": 1 << 30})
    before = system.held()
    assert code(system.pool.allocate, 65 * PAGE, "Big", paged=False) == 1450
    assert system.held() == before
    entries = system.state.pte_count
    for _ in range(3):
        assert code(system.pool.allocate, 65 * PAGE, "Big", paged=False) == 1450
    assert system.state.pte_count == entries, "the same addresses are tried again"


def test_default_limits_are_those_of_windows_7_and_of_xp() -> None:
    """1,024 frames and 1,024 pages of paging file: 75 % of memory, and the commit limit; 32 GiB of 64-bit memory would
    make no difference to a 32-bit system's 256 and 490 MiB."""
    pool = SmallSystem(frames=1024, paging_pages=1024).pool
    assert (pool.limit(paged=False), pool.limit(paged=True)) == (768 * PAGE, 2048 * PAGE)
    small = SmallSystem(frames=1 << 18, paging_pages=1024, pools={"bits": 32}).pool
    assert (small.limit(paged=False), small.limit(paged=True)) == (256 << 20, 490 << 20)


def test_a_leak_ends_at_the_limit_and_the_table_shows_who_leaks() -> None:
    """100 pages of 4 blocks of 1,000 bytes (63 + 1 units of 16, 4 x 64 = 256 units) make 400 blocks."""
    system = SmallSystem(pools={"nonpaged_limit": 100 * PAGE})
    system.pool.free(system.pool.allocate(50, "Good", paged=False))
    leaked = 0

    def leak() -> None:
        nonlocal leaked
        while True:
            system.pool.allocate(1000, "Leak", paged=False)
            leaked += 1

    assert code(leak) == 1451
    table = system.pool.table().set_index("tag")
    assert leaked == 400
    assert table.loc["Leak"].tolist() == ["Nonp", 400, 0, 400, 400 * 1024, 1024]
    assert table.loc["Good"].tolist() == ["Nonp", 1, 1, 0, 0, 0]


def test_quotas_hold_for_each_process_and_kind_and_are_given_back() -> None:
    system = SmallSystem(pools={"paged_quota": 1000, "nonpaged_quota": 600})
    one, two = system.process().own, system.process().own
    block = system.pool.allocate(900, "Quot", paged=True, owner=one)
    assert code(system.pool.allocate, 100, "Quot", paged=True, owner=one) == 1816
    system.pool.allocate(100, "Quot", paged=True, owner=two)
    system.pool.allocate(500, "Quot", paged=False, owner=one)
    quota = system.pool.quota(one)
    assert (quota.paged, quota.nonpaged, quota.peak_paged, quota.peak_nonpaged) == (928, 528, 928, 528)
    system.pool.free(block)
    assert (quota.paged, quota.peak_paged) == (0, 928)
    system.pool.allocate(100, "Quot", paged=True, owner=one)


def test_what_is_not_a_block_or_has_another_tag_is_not_freed() -> None:
    pool = SmallSystem().pool
    block = pool.allocate(64, "Mine", paged=True)
    assert code(pool.free, block + 16) == 487
    assert code(pool.free, block, "Your") == 87
    pool.free(block, "Mine")
    assert code(pool.free, block) == 487


def test_a_driver_gets_an_address_or_an_error_or_an_exception() -> None:
    system = SmallSystem(pools={"nonpaged_limit": 4 * PAGE, "paged_quota": 300})
    driver = system.process()
    block = done(driver.ex_allocate_pool_with_tag(NONPAGED, 100, "Drvr"))
    assert block
    assert done(driver.ex_free_pool_with_tag(block, "Drvr"))
    assert done(driver.ex_allocate_pool_with_tag(NONPAGED, 5 * PAGE, "Drvr")) == 0
    assert driver.get_last_error() == 1451
    with pytest.raises(WindowsException) as raised:
        done(driver.ex_allocate_pool_with_tag(NONPAGED | 16, 5 * PAGE, "Drvr"))
    assert raised.value.status == 0xC000009A
    assert done(driver.ex_allocate_pool_with_quota_tag(PAGED | 8, 400, "Drvr")) == 0
    assert driver.get_last_error() == 1816
    with pytest.raises(WindowsException) as raised:
        done(driver.ex_allocate_pool_with_quota_tag(PAGED, 400, "Drvr"))
    assert raised.value.status == 0xC0000044
    assert done(driver.ex_allocate_pool_with_quota_tag(PAGED, PAGE, "Drvr")), "a page and more is not charged"


@pytest.mark.parametrize(("kind", "tag"), [(2, "Drvr"), (NONPAGED, ""), (NONPAGED, "Drive"), (PAGED, "a\n")])
def test_other_pool_types_and_tags_are_refused(kind: int, tag: str) -> None:
    driver = SmallSystem().process()
    assert done(driver.ex_allocate_pool_with_tag(kind, 100, tag)) == 0
    assert driver.get_last_error() == 87
