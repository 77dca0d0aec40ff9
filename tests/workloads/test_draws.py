from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.rng import generator
from tests.workloads.examples import fits
from workloads.draws import scatter
from workloads.synthetic.hash_join import _draw


@pytest.mark.parametrize("exponent", [0, 0.3, 1, 1.0000001, 1.7, 6, 60])
@pytest.mark.parametrize("count", [1, 2, 13, 3000])
def test_draws_have_the_probabilities_of_zipf(count: int, exponent: float) -> None:
    drawn = np.empty(200_000, np.uint32)
    _draw(generator(1, f"{count} {exponent}"), count, 1.0, float(exponent), drawn)  # draws with `skewed`
    exact = np.arange(1, count + 1) ** -float(exponent)
    assert fits(np.bincount(drawn, minlength=count), exact / exact.sum())  # significance 10^-6


@given(st.integers(1, 1 << 31))
def test_scattering_is_one_to_one(count: int) -> None:
    assert math.gcd(scatter(count), count) == 1
    if count < 2000:
        assert sorted(rank * scatter(count) % count for rank in range(count)) == list(range(count))


def test_neighbouring_ranks_lie_apart() -> None:
    places = np.sort(np.arange(20) * scatter(10_000) % 10_000)
    assert np.diff(places).min() > 100
