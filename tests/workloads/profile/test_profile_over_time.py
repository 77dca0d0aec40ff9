"""What a profile counts over time and for each page, against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tests.workloads.profile.naive import Given, Run, traces
from workloads.base import InputError
from workloads.profile.frames import frames
from workloads.profile.phases import LEAST, WINDOWS, phases, windows
from workloads.profile.profile import profile
from workloads.profile.timeline import INTERVALS, Timeline

usual = settings(deadline=None, max_examples=30)


@usual
@given(traces())
def test_counters_over_time_and_of_pages_are_those_of_plain_counting(runs: list[Run]) -> None:
    found = frames(profile(Given(runs)))
    over_time, popularity = found["timeline"], found["popularity"]
    assert len(over_time) == sum(run.references for run in runs)  # short traces: each reference is an interval
    at, seen = 0, set()
    for run in runs:
        seen.add(run.page)
        row = over_time.iloc[at]
        assert (row.fetches, row.loads, row.stores) == (run.fetches, run.loads, run.stores)
        assert (row.start, row.pages, row.footprint) == (at, 1, len(seen))
        at += run.references
    for page, counted in zip(sorted(seen), popularity.itertuples(index=False), strict=True):
        mine = [run for run in runs if run.page == page]
        counts = (sum(r.fetches for r in mine), sum(r.loads for r in mine), sum(r.stores for r in mine))
        assert tuple(counted) == (3 * page + 100, len(mine), *counts)


def long(order: list[int]) -> list[Run]:
    """One load a run."""
    return [Run(page, 0, 1, 0) for page in order]


def test_the_heat_map_adds_up_and_its_rows_are_neighbouring_pages() -> None:
    order = np.random.default_rng(1).integers(0, 3000, 20_000).tolist()
    found = frames(profile(Given(long(order), 512)))
    heat, rows = found["heat"], found["rows"]
    width = -(-len(order) // INTERVALS)
    expected = np.zeros((INTERVALS, len(rows)), np.int64)
    group = -(-3000 // 512)
    place = {page: index for index, page in enumerate(sorted(set(order)))}
    for time, page in enumerate(order):
        expected[time // width, place[page] // group] += 1
    made = np.zeros_like(expected)
    made[heat["interval"], heat["row"]] = heat["references"]
    assert made.tolist() == expected.tolist()
    assert (rows["first"].to_numpy()[1:] > rows["last"].to_numpy()[:-1]).all()


def test_distinct_pages_of_any_stretch_are_known() -> None:
    order = np.random.default_rng(2).integers(0, 50, 3000)
    timeline = Timeline(50, len(order))
    for block in Given(long(order.tolist()), 700).blocks():
        timeline.add(block)
    width = timeline.width
    for first, last in ((0, 0), (0, 999), (10, 20), (500, 503), (990, 999)):
        assert timeline.distinct(first, last) == len(set(order[first * width : (last + 1) * width].tolist()))
    both = set(order[: 5 * width].tolist()) & set(order[5 * width : 9 * width].tolist())
    assert timeline.common(0, 4, 5, 8) == len(both)


def test_changes_of_the_pages_worked_on_are_phases() -> None:
    """Three quarters on 20 pages, then a little chaos, then the rest on 30 others, half of which are new."""
    random = np.random.default_rng(3)
    parts = [random.integers(0, 20, 75_000), np.arange(2000) + 1000, random.integers(10, 40, 23_000)]
    order = np.concatenate(parts)
    found = frames(profile(Given(long(order.tolist()), 4096)))["phases"]
    window = -(-INTERVALS // WINDOWS) * -(-len(order) // INTERVALS)
    assert found["stable"].tolist() == [True, False, True]
    assert found["start"].iloc[0] == 0
    assert found["length"].sum() == len(order)
    assert abs(found["start"].iloc[1] - 75_000) <= window
    assert abs(found["start"].iloc[2] - 77_000) <= 2 * window
    assert found["pages"].iloc[0] == 20
    assert found["pages"].iloc[2] in (30, *range(31, 31 + 2000))
    assert (found["length"][found["stable"]] >= LEAST * window).all()


@usual
@given(traces())
def test_phases_cover_the_trace_and_distances_are_shares(runs: list[Run]) -> None:
    found = profile(Given(runs))
    compared = windows(found.timeline)
    assert ((compared.distance >= 0) & (compared.distance <= 1)).all()
    listed = phases(found.timeline, compared, found.references)
    assert [phase.start for phase in listed] == np.cumsum([0, *(phase.length for phase in listed)])[:-1].tolist()
    assert sum(phase.length for phase in listed) == found.references


def test_a_stream_that_doesnt_know_its_length_is_counted_first() -> None:
    runs = long([1, 2, 1, 3] * 50)
    known, counted = (frames(profile(Given(runs, references=told))) for told in (True, False))
    assert known.keys() == counted.keys()
    assert all(known[name].equals(counted[name]) for name in known)


def test_an_empty_stream_is_refused() -> None:
    class Nothing(Given):
        def __init__(self) -> None:
            super().__init__(long([1]))
            self._runs, self.references = [], None

    with pytest.raises(InputError, match="found no references"):
        profile(Nothing())
