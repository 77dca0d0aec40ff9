"""Page replacement: theorems, and independent implementations on random streams and on recorded traces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.registry import names
from tests.theory import plain
from tests.theory.recorded import from_list, misses, recorded, segmented, segmented_misses, textbook, zeroed
from workloads.profile.frames import misses as curve
from workloads.profile.profile import profile

BELADY = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
TRACES = ("python", "sort", "sqlite", "gcc", "awk", "xz")
SLICE = 60_000
"""runs of a recorded trace that a test takes"""

streams = st.lists(st.tuples(st.integers(0, 11), st.booleans()), min_size=1, max_size=120)
usual = settings(deadline=None, max_examples=60)


@pytest.mark.parametrize(("frames", "faults"), [(3, 9), (4, 10)])
def test_fifo_shows_beladys_anomaly(frames: int, faults: int) -> None:
    """Belady, Nelson, Shedler (CACM 1969): more memory, more faults, each of which reads a page."""
    result = textbook(from_list(BELADY), frames, "fifo")
    assert misses(result) == (faults, 0)
    assert (result.summary["page_reads"], result.summary["page_writes"]) == (faults, 0)


@pytest.mark.parametrize("frames", [1, 2, 7, 30])
@pytest.mark.parametrize("policy", ["fifo", "clock"])
def test_a_cyclic_scan_of_one_page_too_many_misses_every_time(policy: str, frames: int) -> None:
    """Both drop just the page that is wanted next."""
    scan = from_list(list(range(frames + 1)) * 5)
    assert misses(textbook(scan, frames, policy))[0] == 5 * (frames + 1)


@pytest.mark.parametrize("policy", ["fifo", "clock", "windows"])
def test_with_room_for_all_only_first_touches_miss(policy: str) -> None:
    trace = recorded("sort", SLICE)
    frames = len(trace.pages)
    assert misses(textbook(trace, frames, policy)) == (frames, 0)


def test_more_memory_never_hurts_where_a_stack_algorithm_replaces() -> None:
    """Mattson, Gecsei, Slutz, Traiger (1970): for a stack algorithm the misses fall with memory. A segmented fifo
    whose first segment is one page is least recently used but for repeats, which are no requests of their own: a
    stack algorithm."""
    trace = recorded("sqlite", SLICE)
    frames = [3, 5, 9, 17, 33, 65, 129, 257]
    counts = [segmented_misses(segmented(trace, 1, size - 1)) for size in frames]
    assert counts == [plain.lru(zeroed(trace.pairs()), size) for size in frames]
    assert [count for count, _ in counts] == sorted((count for count, _ in counts), reverse=True)


def test_segmented_fifo_tends_to_lru_as_its_second_segment_grows() -> None:
    """Turner and Levy (SIGMETRICS 1981): with half of memory in the second segment most of the gap between fifo and
    lru is closed, with all but one page the whole of it."""
    trace = recorded("python", SLICE)
    pairs, frames = trace.pairs(), 16
    least, most = plain.lru(pairs, frames)[0], plain.fifo(pairs, frames)[0]
    gaps = [
        (segmented_misses(segmented(trace, frames - second, second))[0] - least) / (most - least)
        for second in (4, 8, 12, 15)
    ]
    assert 1 > gaps[0] > gaps[1] > gaps[2] > gaps[3] == 0
    assert gaps[1] < 0.25


@usual
@given(streams, st.integers(1, 9))
def test_fifo_is_fifo(stream: list[tuple[int, bool]], frames: int) -> None:
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    assert misses(textbook(from_list(pages, stored), frames, "fifo")) == plain.fifo(stream, frames)


@usual
@given(streams, st.integers(1, 9))
def test_clock_is_the_clock(stream: list[tuple[int, bool]], frames: int) -> None:
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    assert misses(textbook(from_list(pages, stored), frames, "clock")) == plain.clock(stream, frames)


@usual
@given(streams, st.integers(1, 9))
def test_lru_is_lru(stream: list[tuple[int, bool]], frames: int) -> None:
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    assert misses(textbook(from_list(pages, stored), frames, "lru")) == plain.lru(stream, frames)


@usual
@given(streams, st.integers(1, 9))
def test_opt_is_min(stream: list[tuple[int, bool]], frames: int) -> None:
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    assert misses(textbook(from_list(pages, stored), frames, "opt"))[0] == plain.opt(stream, frames)[0]


@pytest.mark.parametrize("name", TRACES)
def test_the_curves_of_a_profile_are_what_the_machine_misses(name: str) -> None:
    """The one-pass curves of LRU and of optimal replacement, against `lru` and `opt` at a few sizes."""
    trace = recorded(name, SLICE)
    found = profile(trace)
    assert found.lru is not None
    assert found.optimal is not None
    for share in (0.05, 0.2, 0.5):
        frames = max(2, int(len(trace.pages) * share))
        assert misses(textbook(trace, frames, "lru"))[0] == curve(found.lru)[frames]
        assert misses(textbook(trace, frames, "opt"))[0] == curve(found.optimal)[frames]


@settings(deadline=None, max_examples=15)
@pytest.mark.parametrize("policy", sorted(set(names("policy")) - {"none", "working-set", "vmin", "opt"}))
@given(streams, st.integers(1, 9))
def test_no_policy_beats_opt(policy: str, stream: list[tuple[int, bool]], frames: int) -> None:
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    least = plain.opt(stream, frames)[0]
    assert misses(textbook(from_list(pages, stored), frames, policy))[0] >= least


@usual
@given(streams, st.integers(1, 5), st.integers(1, 5))
def test_a_working_set_of_fifo_before_a_standby_list_is_segmented_fifo(
    stream: list[tuple[int, bool]], primary: int, secondary: int
) -> None:
    pages, stored = (list(part) for part in zip(*stream, strict=True))
    expected = plain.segmented_fifo(zeroed(stream), primary, secondary)
    assert segmented_misses(segmented(from_list(pages, stored), primary, secondary)) == expected


@pytest.mark.parametrize("policy", ["fifo", "clock", "lru"])
@pytest.mark.parametrize("name", TRACES)
def test_policies_agree_with_plain_ones_on_recorded_traces(name: str, policy: str) -> None:
    """At a twentieth, a fifth and half of the footprint."""
    trace = recorded(name, SLICE)
    pairs = trace.pairs()
    for share in (0.05, 0.2, 0.5):
        frames = max(2, int(len(trace.pages) * share))
        assert misses(textbook(trace, frames, policy)) == getattr(plain, policy)(pairs, frames)


@pytest.mark.parametrize("name", TRACES)
def test_segmented_fifo_agrees_with_a_plain_one_on_recorded_traces(name: str) -> None:
    """With a quarter, half and three quarters of memory in the second segment."""
    trace = recorded(name, SLICE)
    pairs = zeroed(trace.pairs())
    frames = max(8, len(trace.pages) // 5)
    for second in (frames // 4, frames // 2, frames * 3 // 4):
        assert segmented_misses(segmented(trace, frames - second, second)) == plain.segmented_fifo(
            pairs, frames - second, second
        )


@pytest.mark.parametrize("name", TRACES)
def test_working_sets_without_limit_give_one_demand_zero_fault_a_page(name: str) -> None:
    """Memory for all: the footprint, and nothing else, is faulted in."""
    trace = recorded(name, SLICE)
    footprint = len(np.unique(trace.page))
    summary = segmented(trace, footprint, footprint).summary
    assert summary["demand_zero_faults"] == summary["page_faults"] == footprint
    assert summary["processes"]["p"]["peak_working_set"] == footprint
