"""LRU and optimal stack distances against plain implementations, and against figures of other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.theory import plain
from tests.theory.recorded import recorded
from tests.workloads.profile import naive
from tests.workloads.profile.naive import Given, Run, traces
from workloads.profile import lru
from workloads.profile.frames import misses
from workloads.profile.lru import LruStack
from workloads.profile.optimal import BLOCK, OptimalStack
from workloads.profile.profile import profile

usual = settings(deadline=None, max_examples=100)


@usual
@given(traces())
def test_lru_distances_are_those_of_a_plain_list(runs: list[Run]) -> None:
    found = profile(Given(runs)).lru
    assert found is not None
    expected = np.bincount(naive.stack_distances(naive.page_order(runs)), minlength=len(found))
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("spread", [40, 120, 400])
def test_lru_distances_below_the_top_of_the_stack_are_exact_too(spread: int) -> None:
    """More pages than the list at the top holds, so that the tree counts, and enough runs to close it up often."""
    assert spread > lru.TOP
    random = np.random.default_rng(spread)
    order = np.where(random.random(6000) < 0.3, random.integers(0, spread, 6000), np.arange(6000) // 2 % spread)
    stack = LruStack(spread)
    found = np.concatenate([stack.add(part.astype(np.uint32)) for part in np.array_split(order, 7)])
    assert found.tolist() == naive.stack_distances(order.tolist())


def histogram(order: list[int], block: int) -> NDArray[np.int64]:
    """The histogram of optimal stack distances, taken in so many runs at a time."""
    back: list[int] = []
    last: dict[int, int] = {}
    for time, page in enumerate(order):
        back.append(time - last.get(page, time))
        last[page] = time
    with OptimalStack(max(order) + 1) as stack:
        for first in range(0, len(order), block):
            part = slice(first, first + block)
            stack.keep(np.array(order[part], np.uint32), np.array(back[part], np.int64))
        stack.work_out()
        return stack.histogram


@usual
@given(traces())
def test_optimal_misses_are_those_of_min_at_every_size(runs: list[Run]) -> None:
    order = naive.page_order(runs)
    found = profile(Given(runs)).optimal
    assert found is not None
    assert misses(found)[1:].tolist() == [naive.optimal_misses(order, size) for size in range(1, len(found))]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_no_way_to_replace_misses_less_than_the_optimal_one(order: list[int]) -> None:
    found = misses(histogram(order, 5))
    assert [naive.least_misses(order, size) for size in range(1, len(found))] == found[1:].tolist()


@pytest.mark.parametrize("kind", ["uniform", "back and forth", "mixed"])
def test_optimal_misses_are_exact_below_the_first_places(kind: str) -> None:
    """Stacks of several blocks of places, so that the tree leads from one to the next."""
    random, pages, runs = np.random.default_rng(3), 5 * BLOCK + 7, 4000
    sweep = np.abs(np.arange(runs) % (2 * pages - 2) - (pages - 1))
    uniform = random.integers(0, pages, runs)
    order = {"uniform": uniform, "back and forth": sweep, "mixed": np.where(random.random(runs) < 0.5, sweep, uniform)}
    found = misses(histogram(order[kind].tolist(), 999))
    for size in (1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 5, pages - 1, pages):
        assert found[size] == min_with_next_use(order[kind].tolist(), size)


def min_with_next_use(order: list[int], frames: int) -> int:
    """MIN, with the next requests looked up instead of searched for."""
    following = [0] * len(order)
    later: dict[int, int] = {}
    for time in range(len(order) - 1, -1, -1):
        following[time] = later.get(order[time], len(order))
        later[order[time]] = time
    memory: dict[int, int] = {}
    count = 0
    for time, page in enumerate(order):
        if page not in memory:
            count += 1
            if len(memory) == frames:
                del memory[max(memory, key=memory.__getitem__)]
        memory[page] = following[time]
    return count


def test_pages_that_come_back_after_four_billion_runs_are_no_exception() -> None:
    """The file has 4 bytes for how many runs ago a page was requested, or 8 where that isn't enough. The requests:
    0 1 0, as if 2^33 runs in between were on neither page, 0 1. With one frame only the second 0 in a row hits."""
    far = 1 << 33
    with OptimalStack(2) as stack:
        stack.keep(np.array([0, 1, 0], np.uint32), np.array([0, 0, 2]))
        stack.keep(np.array([0, 1], np.uint32), np.array([far + 1, far + 3]))
        stack.runs += far
        stack.work_out()
        assert stack.histogram.tolist() == [2, 1, 2]


def test_of_a_cyclic_scan_lru_gets_nothing_and_min_all_it_can() -> None:
    """N + 1 pages in turn through N frames (Belady 1966): LRU always drops the page that is wanted next. MIN misses the
    N + 1 pages once each, up to request N, counted from 0, and from then on each Nth request: it keeps N - 1 of the
    N pages that come next."""
    frames, rounds = 10, 20
    found = profile(Given([Run(page, 0, 1, 0) for page in list(range(frames + 1)) * rounds]))
    assert found.lru is not None
    assert found.optimal is not None
    requests = (frames + 1) * rounds
    assert misses(found.lru)[[frames, frames + 1]].tolist() == [requests, frames + 1]
    assert misses(found.optimal)[frames] == frames + 1 + (requests - 1 - frames) // frames


@pytest.mark.parametrize("name", ["python", "sort", "sqlite", "gcc", "awk", "xz"])
def test_both_curves_are_those_of_plain_machines_on_recorded_traces(name: str) -> None:
    trace = recorded(name, 30_000)
    found = profile(trace)
    assert found.lru is not None
    assert found.optimal is not None
    order, pairs = trace.page.tolist(), trace.pairs()
    for share in (0.02, 0.1, 0.4):
        size = max(2, int(len(trace.pages) * share))
        assert misses(found.lru)[size] == plain.lru(pairs, size)[0]
        assert misses(found.optimal)[size] == min_with_next_use(order, size)


def test_lru_misses_are_libcachesims_at_ten_sizes(tmp_path: Path) -> None:
    """Needs the extra `bench`."""
    lcs = pytest.importorskip("libcachesim")
    trace = recorded("sqlite", 200_000)
    found = profile(trace).lru
    assert found is not None
    layout = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])
    requests = np.zeros(len(trace.page), layout)
    requests["id"], requests["size"], requests["next"] = trace.page, 1, -1
    requests.tofile(path := tmp_path / "trace.oracleGeneral")
    for size in np.unique(np.geomspace(4, len(trace.pages), 10).astype(int)):
        reader = lcs.TraceReader(trace=str(path), trace_type=lcs.TraceType.ORACLE_GENERAL_TRACE)
        ratio, _ = lcs.LRU(cache_size=int(size), hashpower=18).process_trace(reader)
        assert round(ratio * len(trace.page)) == misses(found)[size]
