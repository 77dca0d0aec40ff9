"""Distributions over whole numbers: each family has the probabilities that its parameters state."""

from __future__ import annotations

from math import erf, lgamma, log, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from simulator.rng import generator
from tests.workloads.examples import fits
from workloads.distribution import NEEDS, Distribution

DRAWS = 300_000
MOST = 60
LEAST = 2


def normal(mean: float, deviation: float) -> NDArray[np.float64]:
    """The normal distribution's share of each interval around 1 to 100, all below the first added to it."""
    below = np.array([(1 + erf((edge - mean) / deviation / sqrt(2))) / 2 for edge in np.arange(0.5, 101)])
    below[0], below[-1] = 0, 1
    return np.asarray(np.diff(below))


def gamma(mean: float, deviation: float) -> NDArray[np.float64]:
    """The same of the gamma distribution, by the midpoint rule."""
    shape, scale = (mean / deviation) ** 2, deviation**2 / mean
    points = (np.arange(100_500) + 0.5) / 1000
    density = np.exp((shape - 1) * np.log(points / scale) - points / scale - lgamma(shape) - log(scale)) / 1000
    shares = np.add.reduceat(density, np.append(0, np.arange(1500, 100_500, 1000)))
    return np.asarray(shares / shares.sum())


def weights(values: Any) -> NDArray[np.float64]:
    """Weights of 1 to 100, made probabilities."""
    padded = np.append(np.asarray(values, np.float64), np.zeros(100 - len(values)))
    return np.asarray(padded / padded.sum())


CASES: list[tuple[dict[str, Any], NDArray[np.float64]]] = [
    ({"family": "constant", "mean": 7}, weights([0] * 6 + [1])),
    ({"family": "constant", "mean": 6.6}, weights([0] * 6 + [1])),
    ({"family": "uniform", "low": 3, "high": 9}, weights([0, 0] + [1] * 7)),
    ({"family": "normal", "mean": 30, "deviation": 10}, normal(30, 10)),
    ({"family": "normal", "mean": 1.5, "deviation": 3}, normal(1.5, 3)),
    ({"family": "gamma", "mean": 30, "deviation": 10}, gamma(30, 10)),
    ({"family": "gamma", "mean": 4, "deviation": 4}, gamma(4, 4)),
    (
        {
            "family": "bimodal", "mean": 20, "deviation": 3, "second_mean": 40, "second_deviation": 5,
            "second_share": 0.3,
        },
        0.7 * normal(20, 3) + 0.3 * normal(40, 5),
    ),
    ({"family": "geometric", "mean": 9}, np.append((8 / 9) ** np.arange(99) / 9, (8 / 9) ** 99)),
    ({"family": "geometric", "mean": 1}, weights([1])),
    ({"family": "zipf", "exponent": 0.7}, weights(np.arange(1, MOST + 1) ** -0.7)),
    ({"family": "steps", "steps": [[1, 5], [2, 3], [10, 2]]}, weights([5, 3] + [0.25] * 8)),
    ({"family": "steps", "steps": [[3, 0], [6, 1e-9], [90, 1e-9]]}, weights([0] * 3 + [1 / 3] * 3 + [1 / 84] * 84)),
]  # fmt: skip


def make(**parameters: Any) -> Distribution:
    """A distribution as a config gives it."""
    return TypeAdapter(Distribution).validate_python(parameters)


@pytest.mark.parametrize(("parameters", "probabilities"), CASES)
def test_each_family_has_the_probabilities_it_states(
    parameters: dict[str, Any], probabilities: NDArray[np.float64]
) -> None:
    drawn = make(**parameters).sampler(LEAST, MOST)(DRAWS, generator(1, "a"))
    kept = probabilities[:MOST].copy()
    kept[-1] += probabilities[MOST:].sum()
    kept[LEAST - 1] += kept[: LEAST - 1].sum()
    kept[: LEAST - 1] = 0
    assert fits(np.bincount(drawn, minlength=MOST + 1)[1:], kept)


def test_every_family_is_covered_here() -> None:
    assert {case["family"] for case, _ in CASES} == set(NEEDS)


def test_large_numbers_are_drawn_and_bounded() -> None:
    hold = make(family="geometric", mean=1e30).sampler(1, 1 << 40)
    assert (hold(100, generator(1, "a")) == 1 << 40).all()


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"family": "normal", "mean": 3}, "deviation: found nothing, allowed is a value: the family 'normal' needs it"),
        ({"family": "constant", "mean": 3, "low": 1}, "low: found 1, allowed with family 'constant' is only mean"),
        ({"family": "uniform", "low": 3, "high": 2}, "low: found 3, allowed is at most `high`, 2"),
        ({"family": "geometric", "mean": 0.5}, "mean: found 0.5, allowed is at least 1"),
        ({"family": "gamma", "mean": 0, "deviation": 1}, "mean: found 0.0, allowed is more than 0"),
        ({"family": "steps", "steps": [[2, 1], [2, 1]]}, "steps: found 2 in step 1, allowed is more than 2"),
        ({"family": "steps", "steps": [[2, -1]]}, "steps: found the weight -1.0 in step 0"),
        ({"family": "steps", "steps": [[2, float("inf")]]}, "steps: found the weight inf in step 0"),
        ({"family": "steps", "steps": [[2, 0]]}, "steps: found weights that add up to 0"),
        ({"family": "pareto"}, "Input should be"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        make(**parameters)
