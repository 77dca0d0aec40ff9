"""Statistics of replications: confidence intervals of means, paired differences, and a correction for many tests.

Replications are few (3 to 30), so intervals are Student's. The t distribution is computed from its closed form for a
whole number of degrees of freedom, so that no statistics library is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

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
    half = t_quantile((1 + confidence) / 2, count - 1) * standard_error(values)
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
    return Difference(found, 1.0 - t_within(t, found.count - 1), equal)


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


def t_within(t: float, freedom: int) -> float:
    """The probability that Student's t with `freedom` degrees of freedom lies in [-t, t]; t is at least 0.

    The finite series for whole numbers: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    angle = math.atan(t / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    if freedom == 1:
        return 2 * angle / math.pi
    term = total = math.cos(angle) if odd else 1.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    within = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return min(1.0, within)


def t_quantile(probability: float, freedom: int) -> float:
    """What Student's t with `freedom` degrees of freedom stays below with a probability in [0.5, 1)."""
    low, high = 0.0, 1.0
    while (1 + t_within(high, freedom)) / 2 < probability:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high and high - low > 1e-14 * high:
        if (1 + t_within(middle, freedom)) / 2 < probability:
            low = middle
        else:
            high = middle
    return high
