"""Measured latencies of a disk: samples, or counts by value, or only some of their quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KINDS = ("read", "write")
FEWEST = 20
"""latencies, or requests behind quantiles, that a fit needs of a kind"""
FEWEST_QUANTILES = 3


@dataclass(frozen=True)
class Latencies:
    """What was measured of one kind of request, all of one size."""

    values: Floats
    """nanoseconds, more than 0, ascending (n)"""
    below: Floats
    """the share of requests that took less than each value (n)"""
    upto: Floats
    """the share that took at most that long (n); with quantiles alone the same as `below`"""
    requests: int
    counted: bool
    """every request is in `values`; otherwise they are quantiles, and nothing is known between them"""
    pages: int = 1
    """pages of a request"""
    per_page: float | None = None
    """nanoseconds for each page more, if requests of several sizes were measured"""
    depth: int | None = None
    """requests that were kept under way, if known"""

    @property
    def weights(self) -> Floats:
        """The share of requests at each value (n); for quantiles, of what lies around it."""
        if self.counted:
            return self.upto - self.below
        edges = np.concatenate(([0.0], (self.upto[1:] + self.upto[:-1]) / 2, [1.0]))
        return np.diff(edges)

    def quantile(self, shares: Floats) -> Floats:
        """Latencies below which these shares of requests lie: of samples the smallest such, between quantiles on a
        straight line of their logarithms."""
        if self.counted:
            at = np.searchsorted(self.upto, shares - 1e-12)
            return self.values[np.minimum(at, len(self.values) - 1)]
        return np.exp(np.interp(shares, self.upto, np.log(self.values)))


def counted(values: Floats, counts: Floats, pages: int, per_page: float | None, depth: int | None) -> Latencies:
    """Latencies from values and how often each occurred, in any order."""
    distinct, place = np.unique(np.maximum(values, 1.0), return_inverse=True)
    number = np.bincount(place, counts)
    upto = np.cumsum(number) / number.sum()
    upto[-1] = 1.0
    below = np.concatenate(([0.0], upto[:-1]))
    return Latencies(
        distinct, below, upto, int(number.sum()), counted=True, pages=pages, per_page=per_page, depth=depth
    )


def from_quantiles(shares: Floats, values: Floats, requests: int, pages: int, depth: int | None) -> Latencies:
    """Latencies of which only quantiles are known: shares in (0, 1), and values; equal values keep the last share."""
    order = np.lexsort((shares, values))
    shares, values = shares[order], np.maximum(values[order], 1.0)
    kept = np.append(np.diff(values) > 0, True)
    return Latencies(
        values[kept], shares[kept], shares[kept], requests, counted=False, pages=pages, depth=depth
    )  # fmt: skip


def of_sizes(values: Floats, pages: NDArray[np.int64], depth: int | None) -> Latencies:
    """Latencies of requests of several sizes, brought to the commonest: a page more takes `per_page` nanoseconds more,
    which is the least-squares slope of the sizes' means, where at least two sizes have FEWEST requests each."""
    sizes, counts = np.unique(pages, return_counts=True)
    usual = int(sizes[np.argmax(counts)])
    common = counts >= FEWEST
    if common.sum() < 2:
        kept = pages == usual
        return counted(values[kept], np.ones(int(kept.sum())), usual, None, depth)
    means = np.array([values[pages == size].mean() for size in sizes[common]])
    slope = max(0.0, float(np.polyfit(sizes[common], means, 1, w=np.sqrt(counts[common]))[0]))
    slope = min(slope, 0.9 * float((values / pages).min()))
    moved = values - (pages - usual) * slope
    return counted(moved, np.ones(len(moved)), usual, slope, depth)
