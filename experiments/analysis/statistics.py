"""Statistics of replications: confidence intervals of means, paired differences, and a correction for many tests.

Replications are few (3 to 30), so intervals are Student's. Values are summed exactly (`math.fsum`), so that a result is
the same on every machine whatever the order; only the t distribution itself is SciPy's, which has no weighted Holm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

from scipy.special import stdtr, stdtrit

FEWEST = 2
"""Replications that an interval needs."""


@dataclass(frozen=True)
class Estimate:
    """A mean over replications, with its confidence interval where there is one."""

    mean: float
    low: float | None
    """lower end of the interval; None: there are too few values for one"""
    high: float | None
    count: int
    """values, which is replications that ended well"""
    constant: bool
    """all values (two or more) are equal: the interval is a point, and says nothing on other seeds"""

    @property
    def half(self) -> float | None:
        """Half the interval's width; None where there is no interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences, and how likely it is by chance."""

    estimate: Estimate
    p_value: float | None
    """two-sided, against a mean of 0; None: it can't be tested (fewer than two pairs)"""
    equal: bool
    """there is no difference in any pair"""


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Mean and Student's t interval of independent `values`, of which there is at least one.

    The interval covers the true mean with probability `confidence` if the values are normally distributed, and nearly
    so if they are moderately skewed.
    """
    count, mean = len(values), fmean(values)
    if count < FEWEST:
        return Estimate(mean, None, None, count, constant=False)
    if min(values) == max(values):
        return Estimate(values[0], values[0], values[0], count, constant=True)
    half = _quantile((1 + confidence) / 2, count - 1) * standard_error(values)
    return Estimate(mean, mean - half, mean + half, count, constant=False)


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean of two or more values."""
    mean = fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))


def paired(values: Sequence[float], reference: Sequence[float], confidence: float = 0.95) -> Difference:
    """The mean of `values` - `reference` over pairs, with interval and p-value of the paired t-test.

    Where all differences are the same but not 0 there is no t; the p-value then is that of the exact sign-flip test,
    in which all n differences have one sign: 2 / 2^n.
    """
    differences = [value - other for value, other in zip(values, reference, strict=True)]
    found = estimate(differences, confidence)
    equal = not any(differences)
    if found.count < FEWEST:
        return Difference(found, None, equal)
    if found.constant:
        return Difference(found, 1.0 if equal else 2.0 ** (1 - found.count), equal)
    t = abs(found.mean) / standard_error(differences)
    return Difference(found, 2.0 * float(stdtr(found.count - 1, -t)), equal)


def holm(p_values: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """The p-values, adjusted for how many there are: calling a difference real where its adjusted value is at most 0.05
    is wrong anywhere in the whole family with probability 0.05 at most, however the tests depend on each other.

    `weights` (positive; None: all alike) say how much of that probability each test gets: what is asked first may get
    more. S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979), sections 2 and 4.
    """
    shares = [1.0] * len(p_values) if weights is None else list(weights)
    adjusted = [0.0] * len(p_values)
    left, largest = math.fsum(shares), 0.0
    for index in sorted(range(len(p_values)), key=lambda i: p_values[i] / shares[i]):
        largest = max(largest, min(1.0, left * p_values[index] / shares[index]))
        adjusted[index] = largest
        left -= shares[index]
    return adjusted


@cache
def _quantile(probability: float, freedom: int) -> float:
    """What Student's t with `freedom` degrees of freedom stays below with this probability."""
    return float(stdtrit(freedom, probability))
