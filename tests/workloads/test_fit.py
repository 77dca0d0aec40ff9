"""Fitted models: what was put into a stream is found again, and how close a model comes is told as it is."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.rng import generator
from simulator.stream import Block, ReferenceStream
from tests.workloads.examples import make
from tests.workloads.test_lru_stack_model import measured as slow_distances
from workloads.base import StreamContext
from workloads.fit.distances import ABSOLUTE, NEGLIGIBLE, RELATIVE, STEPS, estimate, histogram_steps, steps
from workloads.fit.measure import Measured, closeness, measure
from workloads.fit.models import MODELS, fit, phased, run
from workloads.fit.phases import lengths, phases

CONTEXT = StreamContext(base=Path(), seed=7, name="a", page_size=4096, address_space=8 << 40)


class Listed:
    """A stream of given pages, in blocks of a given length; every third run stores, every fifth fetches too."""

    def __init__(self, page: list[int], block: int = 100) -> None:
        self.pages, index = np.unique(np.array(page, np.uint64), return_inverse=True)
        self.references: int | None = None
        self._page, self._block = index.astype(np.uint32), block

    def blocks(self) -> Iterator[Block]:
        for start in range(0, len(self._page), self._block):
            number = np.arange(start, min(start + self._block, len(self._page)))
            yield Block(
                self._page[number], (number % 5 == 0).astype(np.uint16), np.ones(len(number), np.uint8),
                (number % 3 == 0).astype(np.uint8),
            )  # fmt: skip


def survival(exact: list[int], beyond: list[int]) -> list[Fraction]:
    """Kaplan and Meier's product, as they write it: over each distance, 1 - observed / at risk."""
    left = [Fraction(1)]
    for distance in range(1, len(exact)):
        at_risk = sum(exact[distance:]) + sum(beyond[distance:])
        left.append(left[-1] * (1 - Fraction(exact[distance], at_risk)) if at_risk else left[-1])
    return left


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_the_estimate_is_kaplan_and_meiers(counts: list[tuple[int, int]]) -> None:
    exact, beyond = [0] + [a for a, _ in counts[1:]], [b for _, b in counts]
    probabilities, longer = estimate(np.array(exact), np.array(beyond))
    left = survival(exact, beyond)
    np.testing.assert_allclose(probabilities, [float(a - b) for a, b in pairwise(left)], atol=1e-12)
    assert longer == pytest.approx(float(left[-1]))


def test_distances_cut_off_do_not_bias_the_estimate() -> None:
    # Distances uniform over 1..100, each seen only if at most a limit, itself uniform over 0..99.
    numbers = generator(1, "estimate")
    distance, limit = numbers.integers(1, 101, 400_000), numbers.integers(0, 100, 400_000)
    exact = np.bincount(distance[distance <= limit], minlength=101)
    beyond = np.bincount(limit[distance > limit], minlength=101)
    probabilities, longer = estimate(exact, beyond)
    assert np.abs(np.cumsum(probabilities)[:90] - np.arange(1, 91) / 100).max() < 0.01
    assert np.abs(np.cumsum(exact[1:] / exact.sum())[:90] - np.arange(1, 91) / 100).max() > 0.1
    assert longer < 0.03


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 400), st.floats(0, 3), st.integers(0, 1000))
def test_steps_are_few_or_close_and_add_up(count: int, skew: float, seed: int) -> None:
    weights = generator(seed, "steps").random(count) * np.arange(1, count + 1) ** -skew
    weights /= weights.sum()
    found = steps(weights)
    ends = [0] + [end for end, _ in found]
    assert len(found) <= STEPS
    assert ends == sorted(set(ends))
    assert sum(weight for _, weight in found) == pytest.approx(1, abs=1e-4)
    spread = np.concatenate([np.full(b - a, w / (b - a)) for a, (b, w) in zip(ends, found, strict=False)])
    tail, fitted = (np.cumsum(part[::-1])[::-1] for part in (weights, spread))
    off = np.abs(tail - fitted) / np.minimum(ABSOLUTE, RELATIVE * np.maximum(tail, NEGLIGIBLE))
    if len(found) < STEPS:
        assert off.max() < 1.05  # weights are rounded to six digits
    assert np.abs(tail - fitted).max() < 0.05


def test_a_histogram_is_exact_where_there_are_few_values_and_close_otherwise() -> None:
    assert histogram_steps(np.array([3, 3, 4, 9, 1])) == [[1, 1], [2, 0], [3, 2], [4, 1], [8, 0], [9, 1]]
    values = generator(1, "histogram").integers(1, 10_000, 5000)
    found = histogram_steps(values)
    assert len(found) <= STEPS
    below = np.cumsum([weight for _, weight in found])
    assert [int((values <= end).sum()) for end, _ in found] == below.tolist()
    assert np.diff(below).max() <= 5000 / (STEPS // 2) + 2


def sets(*length_and_pages: tuple[int, range]) -> list[int]:
    """Phases, each so many visits round the pages of a range."""
    return [pages[visit % len(pages)] for length, pages in length_and_pages for visit in range(length)]


def test_phases_are_found_where_the_working_set_changes() -> None:
    visited = sets((700, range(20)), (300, range(15, 40)), (500, range(15, 42)), (250, range(100, 103)))
    stream = Listed(visited, block=77)
    # From 15..39 to 15..41 the sets differ by 2 of 27 pages: that is the same phase.
    length = lengths(stream, 100)
    assert length.tolist() == [700, 800, 250]
    found = phases(stream, length)
    assert found.size.tolist() == [20, 27, 3]
    assert found.common.tolist() == [5, 0]
    parts = [visited[:700], visited[700:1500], visited[1500:]]
    # 0 to 19 and 15 to 41 are gone round, so every distance but a first is the size of the set at the time; the second
    # phase goes on with 25 pages, then 27.
    exact, beyond = np.zeros(46, int), np.zeros(46, int)
    for part in parts:
        size, visited_so_far = len(set(part)), 0
        for distance in slow_distances(part):
            exact[0 if distance == size else distance] += distance != size
            beyond[visited_so_far if distance == 0 else size - 1] += distance in (0, size)
            visited_so_far += distance == 0
    assert exact[25] > 200
    assert found.distances.tolist() == exact.tolist()
    assert found.beyond.tolist() == beyond.tolist()


@given(st.lists(st.integers(0, 12), min_size=1, max_size=120), st.integers(1, 40), st.integers(1, 50))
@settings(deadline=None, max_examples=60)
def test_windows_are_compared_as_sets(visited: list[int], window: int, block: int) -> None:
    windows = [set(visited[at : at + window]) for at in range(0, len(visited) - window + 1, window)]
    starts = [0] + [
        number * window
        for number, (one, other) in enumerate(pairwise(windows), 1)
        if len(one ^ other) > 0.5 * len(one | other)
    ]
    assert lengths(Listed(visited, block), window).tolist() == np.diff([*starts, len(visited)]).tolist()


@pytest.mark.parametrize("model", MODELS)
@settings(deadline=None, max_examples=25)
@given(visited=st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_any_trace_can_be_fitted(model: str, visited: list[int]) -> None:
    stream = Listed(visited)
    found = fit(stream, measure(stream), model)
    assert found.parameters["pages"] == len(set(visited))
    assert found.measured.runs == len(visited)
    assert 0 <= found.closeness.miss_ratio_mean <= found.closeness.miss_ratio_max <= 1
    assert 0 <= found.closeness.working_set_mean <= found.closeness.working_set_max <= 1


def test_closeness_is_the_distance_of_the_curves() -> None:
    first, second = [1, 2, 3, 1, 2, 3, 3, 4], [1, 1, 1, 2, 2, 3, 4, 4]
    trace, model = measure(Listed(first)), measure(Listed(second))
    # Distances 0 0 0 3 3 3 1 0 and 0 1 1 0 1 0 0 1: misses at sizes 1 to 4 are 7 7 4 4 and 4 4 4 4 of 8.
    assert trace.miss_ratio.tolist() == [7 / 8, 7 / 8, 4 / 8, 4 / 8]
    assert model.miss_ratio.tolist() == [4 / 8] * 4
    found = closeness(trace, model)
    assert found[:3] == pytest.approx((3 / 8, 3 / 16, 3 / 14))
    sizes = [
        [np.mean([len(set(page[max(at - window + 1, 0) : at + 1])) for at in range(8)]) for window in trace.windows]
        for page in (first, second)
    ]
    off = np.abs(np.array(sizes[0]) - sizes[1]) / 4
    assert found[3:] == pytest.approx((off.max(), off.mean()))


def test_what_visits_do_is_counted_by_runs() -> None:
    trace = measure(Listed([1, 2] * 75))
    # Of 150 runs 50 store; of the other 100, those whose number is a multiple of 5 fetch: 30 - 10. The references are
    # 150 loads, 50 stores and 30 fetches: 1.53 a run.
    assert (trace.storing, trace.fetching, trace.references) == (50, 20, 230)
    assert trace.visits == {"pages": 2, "references": 300, "writes": 0.333333, "fetches": 0.133333, "burst": 2}


def stream_of(kind: str, **parameters: Any) -> tuple[ReferenceStream, Measured]:
    """A generator's stream, measured."""
    stream = make(kind, **parameters).stream(CONTEXT)
    return stream, measure(stream)


def test_the_lru_stack_model_is_found_again() -> None:
    weights: NDArray[np.float64] = np.array([40.0, 20, 10, 5, 5, 5, 5, 5, 5]) / 100
    distances = {"family": "steps", "steps": [*([n + 1, w] for n, w in enumerate(weights)), [300, 0.2]]}
    stream, trace = stream_of(
        "lru-stack-model", pages=300, references=400_000, distances=distances, new=0.0003, writes=0.25, burst=3
    )
    found = fit(stream, trace, "lru-stack-model")
    assert found.closeness.miss_ratio_max < 0.005
    assert found.closeness.working_set_max < 0.02
    assert found.parameters["writes"] == pytest.approx(0.25, abs=0.005)
    assert found.parameters["burst"] == 3
    near = {end: weight for end, weight in found.parameters["distances"]["steps"] if end <= 3}
    assert near == pytest.approx({1: 0.4 / 1.2, 2: 0.2 / 1.2, 3: 0.1 / 1.2}, abs=0.01)


def test_phases_are_found_again() -> None:
    stream, trace = stream_of(
        "phased", pages=2000, references=600_000, sizes={"family": "uniform", "low": 40, "high": 60}, overlap=10,
        holding={"family": "constant", "mean": 4000}, micromodel="lru", distances={"family": "geometric", "mean": 15},
    )  # fmt: skip
    found = phases(stream, lengths(stream, 1000))
    parameters = phased(trace, found)
    assert found.holding.tolist() == [4000] * 150
    assert parameters["overlap"] == 10
    assert parameters["holding"]["steps"] == [[3999, 0], [4000, 150]]
    assert [parameters["sizes"]["steps"][at][0] for at in (0, -1)] == [39, 60]
    same = closeness(trace, run("phased", parameters))
    assert same.miss_ratio_max < 0.003
    assert same.working_set_max < 0.02
    closest = fit(stream, trace, "phased")
    assert closest.closeness.miss_ratio_relative <= same.miss_ratio_relative
    # The stack model, which knows no phases, comes less close.
    assert fit(stream, trace, "lru-stack-model").closeness.working_set_max > 1.5 * same.working_set_max
