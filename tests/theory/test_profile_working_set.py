"""Denning's working set: identities of the literature, and sets made anew at each reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.stream import Block
from tests.theory.recorded import recorded
from tests.workloads.profile import naive
from tests.workloads.profile.naive import Given, Run, traces
from workloads.profile.frames import frames, misses
from workloads.profile.intervals import EXACT_BITS, Counted, Intervals, longest_of
from workloads.profile.profile import profile
from workloads.profile.working_set import grid, known, working_set

usual = settings(deadline=None, max_examples=30)


@usual
@given(traces(runs=80), st.integers(1, 200))
def test_size_and_misses_are_those_of_sets_made_anew(runs: list[Run], window: int) -> None:
    found = profile(Given(runs)).intervals
    orders = (naive.page_order(runs), naive.reference_order(runs))
    for clock, counted in enumerate((found.requests, found.references)):
        curve = working_set(counted, found.last[clock], len(orders[clock]), np.array([window]))
        expected = naive.working_set(orders[clock], window)
        assert int(curve.misses[0]) == expected[0]
        assert float(curve.size[0]) == pytest.approx(expected[1], rel=1e-12)


@pytest.mark.parametrize("name", ["python", "gcc"])
def test_the_size_grows_by_the_miss_rate(name: str) -> None:
    """Denning and Schwartz (1972): s(T + 1) - s(T) = m(T), with m from T + 1 references up. On a trace with ends,
    pages whose last reference is less than T from the end keep nothing more: exactly, the difference is that of the
    references whose page isn't referenced again within T, less those in the last T."""
    trace = recorded(name, 50_000)
    found = profile(trace).intervals
    length, last = len(trace.page), found.last[0]
    windows = np.array([1, 2, 3, 10, 100, 1000, 10_000])
    now, then = (working_set(found.requests, last, length, windows + step) for step in (0, 1))
    ended = np.array([(length - last <= window).sum() for window in windows])
    footprint = len(trace.pages)
    leaving = now.misses - footprint + (footprint - ended)  # intervals longer than T, and last references that T passes
    assert (then.size - now.size) * length == pytest.approx(leaving, abs=1e-6)
    assert (np.diff(now.misses) <= 0).all()


def test_size_is_concave_and_bounded_and_misses_fall() -> None:
    trace = recorded("sort", 50_000)
    found = profile(trace).intervals
    curve = working_set(found.requests, found.last[0], len(trace.page), np.arange(1, 3000))
    assert (np.diff(curve.size, 2) <= 1e-9).all()
    assert (np.diff(curve.size) >= 0).all()
    assert curve.size[0] == 1
    assert curve.misses[-1] >= len(trace.pages)
    everything = working_set(found.requests, found.last[0], len(trace.page), np.array([len(trace.page)]))
    assert everything.misses[0] == len(trace.pages)


def test_a_working_set_misses_no_less_than_min_with_as_much_memory() -> None:
    """No policy that holds at most M pages misses less than MIN with M: here the most that a working set ever holds."""
    order = recorded("xz", 4000).page.tolist()
    found = profile(recorded("xz", 4000))
    assert found.optimal is not None
    for window in (5, 50, 500):
        most = max(len(set(order[max(0, time - window) : time + 1])) for time in range(len(order)))
        curve = working_set(found.intervals.requests, found.intervals.last[0], len(order), np.array([window]))
        assert curve.misses[0] >= misses(found.optimal)[min(most, len(found.pages))]


@usual
@given(st.integers(1, (1 << 61) - 1))
def test_every_length_is_counted_where_its_class_says(length: int) -> None:
    """Exact up to 2^20; above that within 1 / 4096."""
    classes = longest_of(np.arange(len(Counted().number) - 1))
    upper = int(known(np.array([length]))[0])
    place = int(np.searchsorted(classes, length))
    assert classes[place] == upper
    assert upper == length if length <= 1 << EXACT_BITS else upper <= length * (1 + 2.0**-12) + 1


def test_long_intervals_keep_their_sum() -> None:
    """Two pages, one referenced at the ends only, two and a half million runs apart."""
    runs = 2_500_000
    intervals = Intervals(2)
    page = np.zeros(runs, np.uint32)
    page[[0, -1]] = 1
    ones, none = np.ones(runs, np.uint8), np.zeros(runs, np.uint8)
    intervals.add(Block(page, none.astype(np.uint16), ones, none))
    windows = known(np.array([1000, 2_000_000, runs - 1]))
    curve = working_set(intervals.requests, intervals.last[0], runs, windows)
    assert curve.misses.tolist() == [3, 3, 2]
    # page 1 is there from its first reference until T has passed, and at the last; page 0 always but at the first
    assert curve.size == pytest.approx([1 + min(window, runs - 1) / runs for window in windows.tolist()], rel=1e-9)


def test_windows_on_the_grid_are_known_and_hold_the_powers_of_ten() -> None:
    for length in (1, 2, 17, 5000, 30_000_000, 1 << 45):
        windows = grid(length)
        assert (known(windows) == windows).all()
        tens = [10**power for power in range(7) if 10**power <= length]
        assert set(tens) <= set(windows.tolist())
        assert windows[-1] >= length


@usual
@given(traces())
def test_reuse_times_add_up(runs: list[Run]) -> None:
    reuse = frames(profile(Given(runs)))["reuse"]
    for clock, order in (("requests", naive.page_order(runs)), ("references", naive.reference_order(runs))):
        rows = reuse[reuse["clock"] == clock]
        last: dict[int, int] = {}
        times = []
        for time, page in enumerate(order):
            if page in last:
                times.append(time - last[page])
            last[page] = time
        assert rows["count"].sum() == len(times)
        for row in rows.to_dict("records"):
            assert sum(row["least"] <= time <= row["most"] for time in times) == row["count"]
