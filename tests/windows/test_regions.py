"""Regions: runs of equal pages, free address space, page tables."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.windows.regions.region import Region, Runs
from simulator.windows.regions.vads import FULL, FreeSpace, Vads

RANGES = st.tuples(st.integers(10, 49), st.integers(1, 40)).map(lambda pair: (pair[0], min(50, pair[0] + pair[1])))


@given(st.lists(st.tuples(RANGES, st.integers(0, 3)), max_size=30))
def test_runs_are_what_a_page_by_page_map_is_and_as_few_as_can_be(changes: list[tuple[tuple[int, int], int]]) -> None:
    runs, plain = Runs(10, 50, 0), dict.fromkeys(range(10, 50), 0)
    for (first, end), value in changes:
        runs.set(first, end, value)
        plain.update(dict.fromkeys(range(first, end), value))
        assert {page: runs.at(page) for page in plain} == plain
        assert len(runs) == 1 + sum(plain[page] != plain[page - 1] for page in range(11, 50))
        for start, stop, found in runs.within(first, end):
            assert {plain[page] for page in range(start, stop)} == {found}
        start, stop, found = runs.run(first)
        assert all(plain[page] == found for page in range(start, stop))
        assert start == 10 or plain[start - 1] != found
        assert stop == 50 or plain[stop] != found


@given(st.data())
@settings(max_examples=50)
def test_free_space_gives_the_lowest_and_the_highest_place_that_is_large_enough(data: st.DataObject) -> None:
    space, free = FreeSpace(1, 40), set(range(1, 40))
    taken: list[tuple[int, int]] = []
    for _ in range(data.draw(st.integers(1, 30))):
        count = data.draw(st.integers(1, 12))
        places = [unit for unit in range(1, 40) if free.issuperset(range(unit, unit + count))]
        assert space.lowest(count) == min(places, default=-1)
        assert space.highest(count) == max(places, default=-1)
        anywhere = data.draw(st.integers(0, 45))
        assert space.holds(anywhere, count) == free.issuperset(range(anywhere, anywhere + count))
        if taken and (not places or data.draw(st.booleans())):
            start, size = taken.pop(data.draw(st.integers(0, len(taken) - 1)))
            space.give(start, size)
            free.update(range(start, start + size))
        elif places:
            start = data.draw(st.sampled_from(places))
            space.take(start, count)
            free.difference_update(range(start, start + count))
            taken.append((start, count))


def test_free_space_stays_right_when_its_gaps_fill_many_blocks() -> None:
    units = 10 * FULL
    space = FreeSpace(1, 3 * units + 1)
    for i in range(units):  # gaps of 1 unit between regions of 2, and one of 2 near the end
        space.take(3 * i + 1, 2)
    assert space.lowest(1) == 3
    assert space.lowest(2) == -1
    space.give(3 * units - 8, 1)
    assert space.lowest(2) == space.highest(2) == 3 * units - 9
    for i in range(units - 1, -1, -1):
        space.give(*((3 * i + 2, 1) if i == units - 3 else (3 * i + 1, 2)))
    assert space.lowest(3 * units) == 1


def _vads(*regions: tuple[int, int, int]) -> Vads:
    vads = Vads()
    for first, end, value in regions:
        vads.add(Region(None, first, end, 4, value))  # type: ignore[arg-type]
    return vads


def test_regions_are_found_by_page_and_by_range() -> None:
    vads = _vads((32, 48, 4), (0, 16, 4), (64, 65, 0))
    found = [region.first if (region := vads.at(page)) else -1 for page in (0, 15, 16, 32, 47, 48, 64, 65)]
    assert found == [0, 0, -1, 32, 32, -1, 64, -1]
    assert [region.first for region in vads.overlapping(15, 33)] == [0, 32]
    assert [region.first for region in vads.overlapping(16, 32)] == []
    assert [vads.next_first(page, 99) for page in (16, 48, 70)] == [32, 64, 99]


def test_each_page_table_with_committed_pages_counts_once() -> None:
    # Tables of 8 pages. Committed: 0-1 and 5 of table 0, all of table 1 and page 16 of table 2, by two regions.
    vads = _vads((0, 2, 4), (4, 7, 0), (8, 17, 4), (24, 32, 0))
    vads.regions[1].runs.set(5, 6, 4)
    assert vads.tables(0, 32, 8) == 3
    assert vads.tables(0, 8, 8) == 1
    assert vads.tables(16, 32, 8) == 1
    assert vads.tables(24, 32, 8) == 0
