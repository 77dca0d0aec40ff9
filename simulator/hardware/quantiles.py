"""Latency distributions as the quantile tables that the service model draws from."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.service import QUANTILES

_FINE = 16
LONGEST_LATENCY = 10**15
"""Nanoseconds, 11 days: what a tail is cut at."""


def _slices(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Means of each of 4096 equally likely slices, from 16 points in each."""
    return np.rint(values.reshape(QUANTILES, _FINE).mean(axis=1)).astype(np.int64)


def probabilities() -> NDArray[np.float64]:
    """Midpoints of 65,536 equally likely slices: float64 in (0, 1), ascending."""
    return (np.arange(QUANTILES * _FINE) + 0.5) / (QUANTILES * _FINE)


def lognormal(median: int, p99: int) -> NDArray[np.int64]:
    """A log-normal latency from its median and its 99th percentile, nanoseconds; equal: constant.

    Device latencies are skewed to the right with a tail that a log-normal describes well enough for a first model.
    """
    sigma = np.log(p99 / median) / NormalDist().inv_cdf(0.99)
    return np.rint(np.minimum(median * np.exp(sigma * _normal()), LONGEST_LATENCY)).astype(np.int64)


@cache
def _normal() -> NDArray[np.float64]:
    """Quantiles of the standard normal distribution: the same for every disk, and slow to reckon."""
    quantiles = np.array([NormalDist().inv_cdf(p) for p in probabilities()[_FINE // 2 :: _FINE]])
    quantiles.flags.writeable = False
    return quantiles


def exponential(mean: int) -> NDArray[np.int64]:
    """An exponential latency of the given mean, nanoseconds."""
    table = -mean * np.log1p(-probabilities())
    return _slices(table)


def from_samples(samples: NDArray[np.float64]) -> NDArray[np.int64]:
    """The quantiles of measured latencies, nanoseconds; at least one sample."""
    return np.rint(np.quantile(samples, (np.arange(QUANTILES) + 0.5) / QUANTILES)).astype(np.int64)
