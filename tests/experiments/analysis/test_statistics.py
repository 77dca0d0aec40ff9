"""Intervals cover, tests err as rarely as they say, and the numbers are those of the tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.statistics import estimate, holm, paired, standard_error
from simulator.rng import generator


def test_interval_of_a_case_by_hand() -> None:
    # 2, 4, 6: mean 4, standard deviation 2, standard error 2 / sqrt(3); t(0.975, 2) = 4.3027
    found = estimate([2.0, 4.0, 6.0])
    assert (found.mean, found.count, found.constant) == (4.0, 3, False)
    assert found.half is not None
    assert math.isclose(found.half, 4.30265 * 2 / math.sqrt(3), rel_tol=1e-5)


def test_where_nothing_varies_there_is_no_interval_to_speak_of() -> None:
    one = estimate([3.0])
    assert (one.mean, one.low, one.half, one.constant) == (3.0, None, None, False)
    same = estimate([0.1, 0.1, 0.1])
    assert (same.mean, same.low, same.high, same.constant) == (0.1, 0.1, 0.1, True)


def _covered(draw: str, spread: float, count: int, repetitions: int) -> float:
    random = generator(11, f"test/coverage/{draw}/{spread}/{count}")
    hits = 0
    for _ in range(repetitions):
        normal = random.normal(0.0, spread, count)
        values = normal if draw == "normal" else np.exp(normal - spread**2 / 2)
        found = estimate(values.tolist())
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= (0.0 if draw == "normal" else 1.0) <= found.high
    return hits / repetitions


@pytest.mark.parametrize("count", [3, 5, 10])
def test_95_percent_intervals_cover_a_normal_mean_in_95_percent(count: int) -> None:
    # 4 standard deviations of a share of 3,000: 4 sqrt(0.95 x 0.05 / 3000) = 0.016
    assert abs(_covered("normal", 1.0, count, 3_000) - 0.95) < 0.016


@pytest.mark.parametrize(("spread", "least"), [(0.05, 0.934), (0.3, 0.92)])
def test_they_nearly_do_for_skewed_values(spread: float, least: float) -> None:
    # runs vary by 1 to 10 %; 0.3 is far more skewed than any
    assert _covered("lognormal", spread, 10, 3_000) > least


def test_paired_test_errs_as_often_as_it_says() -> None:
    random = generator(12, "test/paired")
    common = random.normal(0, 5, (3_000, 6))  # what both sides share drops out
    p_values = [
        paired((row + random.normal(0, 1, 6)).tolist(), (row + random.normal(0, 1, 6)).tolist()).p_value
        for row in common
    ]
    for level in (0.01, 0.05, 0.5):
        share = sum(p is not None and p <= level for p in p_values) / len(p_values)
        assert abs(share - level) < 4 * math.sqrt(level * (1 - level) / len(p_values))


def test_differences_that_do_not_vary_are_judged_by_their_signs() -> None:
    found = paired([3.0, 5.0, 4.0, 9.0], [2.0, 4.0, 3.0, 8.0])
    assert (found.estimate.mean, found.equal, found.p_value) == (1.0, False, 2 / 2**4)
    assert paired([1.0, 2.0], [1.0, 2.0]).p_value == 1.0
    assert paired([1.0], [2.0]).p_value is None


def test_t_of_a_case_by_hand() -> None:
    # differences 1, 2, 3: t = 2 / (1 / sqrt(3)) = 3.4641 with 2 degrees of freedom; P(|T| > t) = 1 - t / sqrt(2 + t^2)
    found = paired([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    t = 2 * math.sqrt(3)
    assert found.p_value is not None
    assert math.isclose(found.p_value, 1 - t / math.sqrt(2 + t * t), rel_tol=1e-9)
    assert math.isclose(standard_error([1.0, 2.0, 3.0]), 1 / math.sqrt(3))


def test_holm_of_cases_by_hand() -> None:
    # ascending 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, never falling
    assert np.allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])
    # weights 3 and 1: p / w is 0.01 and 0.04; 4 x 0.03 / 3 = 0.04, then 1 x 0.04 / 1 = 0.04
    assert np.allclose(holm([0.03, 0.04], [3, 1]), [0.04, 0.04])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_no_correction_and_bonferroni(p_values: list[float]) -> None:
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted + 1e-12
        assert adjusted <= min(1.0, len(p_values) * p) + 1e-12


@pytest.mark.parametrize("weighted", [False, True])
def test_holm_keeps_the_chance_of_any_error_in_a_family(weighted: bool) -> None:
    random = generator(13, "test/holm")
    wrong = 0
    for row in random.random((4_000, 20)):
        row[0] = 1e-9  # one true difference among 19 that are none
        weights = [10.0 if n < 4 else 1.0 for n in range(20)] if weighted else None
        wrong += min(holm(row.tolist(), weights)[1:]) <= 0.05
    assert wrong / 4_000 < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 4_000)
