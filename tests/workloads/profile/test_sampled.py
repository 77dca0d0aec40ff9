"""SHARDS: what the samples are, and how far from the exact curve their estimate is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.recorded import Requests, recorded
from tests.workloads.profile.naive import Given, Run
from workloads.base import InputError
from workloads.profile.frames import misses
from workloads.profile.profile import profile
from workloads.profile.sampled import LEAST_HEAD, SAMPLES, Estimate, Shards


def curves(requests: Requests, rate: float, seed: int) -> tuple[NDArray[np.int64], Estimate, Shards]:
    """The exact misses at all sizes, and the estimate of them."""
    found = profile(requests, shards=rate, seed=seed)
    assert found.lru is not None
    assert found.shards is not None
    return misses(found.lru)[1:], found.shards.curve(np.arange(1, len(found.pages) + 1)), found.shards


@pytest.mark.parametrize("name", ["python", "sort", "sqlite", "gcc", "awk", "xz"])
def test_at_rate_001_the_curve_is_within_002_at_every_size(name: str) -> None:
    """Of the miss ratio, on the recorded traces: hundreds to thousands of pages, so that a sample has 2 to 50."""
    requests = recorded(name, 400_000)
    for seed in (1, 2, 3):
        exact, estimate, _ = curves(requests, 0.01, seed)
        assert np.abs(estimate.misses - exact).max() / len(requests.page) < 0.02


def zipf(pages: int, runs: int) -> Requests:
    """Independent requests, the kth most popular page with a probability in proportion to k^-0.8."""
    weights = np.arange(1, pages + 1) ** -0.8
    drawn = np.random.default_rng(1).choice(pages, runs, p=weights / weights.sum())
    return Requests((drawn + 16).astype(np.uint64), np.zeros(runs, np.bool_))


def test_nine_tenths_of_the_curve_lie_in_the_band() -> None:
    """The band is made for 95 %; over 10 choices of the samples the mean share of sizes whose true miss ratio lies in
    it must be 85 % at least (a choice to choice deviation of some 10 % leaves a standard error of 3 %)."""
    requests, inside, errors = zipf(6000, 150_000), [], []
    for seed in range(10):
        exact, estimate, shards = curves(requests, 0.03, seed)
        below = slice(len(shards.head), len(exact) - 1)
        inside.append(((estimate.low <= exact) & (exact <= estimate.high))[below].mean())
        errors.append(np.abs(estimate.misses - exact)[below].mean() / len(requests.page))
    assert np.mean(inside) > 0.85
    assert np.mean(errors) < 0.02


@pytest.mark.parametrize("rate", [0.02, 0.06, 0.125])
@pytest.mark.parametrize("pages", [1, 5, 33, 90, 400])
def test_what_is_known_exactly_is_exact_and_bounds_the_rest(pages: int, rate: float) -> None:
    random = np.random.default_rng(pages)
    order = np.where(random.random(3000) < 0.5, random.integers(0, pages, 3000), np.arange(3000) // 3 % pages)
    requests = Requests(order.astype(np.uint64), np.zeros(3000, np.bool_))
    for seed in range(4):
        exact, estimate, shards = curves(requests, rate, seed)
        end = min(len(shards.head) - 1, len(exact))
        for part in estimate:
            assert part[:end].tolist() == exact[:end].tolist()
            assert part[-1] == exact[-1] == pages
            assert (part[end - 1 :] <= exact[end - 1]).all()
        assert (np.diff(estimate.misses) <= 1e-9).all()
        assert (estimate.low <= estimate.misses + 1e-9).all()
        assert (estimate.misses <= estimate.high + 1e-9).all()


def test_a_cyclic_scan_is_told_exactly_by_any_sample() -> None:
    """All distances are the footprint; sampled ones are all the sample, which is scaled by what share was sampled."""
    scan = Requests(np.tile(np.arange(2000, dtype=np.uint64), 4), np.zeros(8000, np.bool_))
    exact, estimate, _ = curves(scan, 0.01, 1)
    assert np.abs(estimate.misses - exact).max() < 1e-6


def test_samples_are_disjoint_and_as_large_as_the_rate_says() -> None:
    """Each a binomial count of 50,000 pages at 1 %: 500, within five standard deviations of 22."""
    shards = Shards(np.arange(50_000, dtype=np.uint64), 0.01, 7)
    assert len(shards.sampled) == SAMPLES
    assert all(abs(count - 500) < 110 for count in shards.sampled)
    other = Shards(np.arange(50_000, dtype=np.uint64), 0.01, 8)
    assert shards.sampled != other.sampled
    assert len(shards.head) - 1 == 100
    assert len(Shards(np.arange(100, dtype=np.uint64), 0.125, 8).head) - 1 == LEAST_HEAD


@pytest.mark.parametrize("rate", [0, -1, 0.2, float("nan")])
def test_a_rate_that_eight_samples_cant_have_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match=r"allowed is more than 0 and at most 0\.125"):
        profile(Given([Run(1, 1, 0, 0)]), shards=rate)
