"""The latency of a disk with an arm, at random places: a least time, a seek, and a part of a revolution.

Two independent places, uniform over the span, lie a distance d apart with density 2 (1 - d); the seek grows with the
square root of the distance [Ruemmler and Wilkes 1994, see the model `hdd`], so a seek s of at most S has the
distribution function 2 (s/S)^2 - (s/S)^4. The wait for the platter is uniform in a revolution R. The sum's distribution
function is the mean of the seek's over the last R nanoseconds, which has a closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.calibrate.latencies import Floats, Latencies

POINTS = 512
"""quantiles that a fit looks at"""
ROUNDS = 400
"""most steps of the search"""
SHARES = (0.15, 0.35, 0.5, 0.65, 0.85)
"""of the range of latencies that the rotation may make up, to start from"""


@dataclass(frozen=True)
class Mechanical:
    """Three times in nanoseconds."""

    least: float
    """of a request without seek and rotation"""
    seek: float
    """what the longest seek takes more than the shortest"""
    rotation: float
    """one revolution"""

    def share(self, latency: Floats) -> Floats:
        """The distribution function."""
        beyond = latency - self.least
        return np.asarray((self._area(beyond) - self._area(beyond - self.rotation)) / self.rotation)

    def density(self, latency: Floats) -> Floats:
        """The density, per nanosecond."""
        beyond = latency - self.least
        return np.asarray((self._below(beyond) - self._below(beyond - self.rotation)) / self.rotation)

    def _below(self, seek: Floats) -> Floats:
        part = np.clip(seek / self.seek, 0.0, 1.0) ** 2
        return np.asarray(2 * part - part**2)

    def _area(self, seek: Floats) -> Floats:
        """The integral of the seek's distribution function up to a seek."""
        part = np.clip(seek / self.seek, 0.0, 1.0)
        return np.asarray(self.seek * (2 * part**3 / 3 - part**5 / 5) + np.maximum(seek - self.seek, 0.0))


def fit_mechanical(measured: Latencies, floor: float) -> Mechanical:
    """The least-squares fit of the distribution function at the measured quantiles; no request takes less than `floor`
    nanoseconds."""
    shares = (np.arange(POINTS) + 0.5) / POINTS if measured.counted else measured.upto
    values = measured.quantile(shares)
    scale = max(float(values[-1] - values[0]), 1.0)

    def made(logs: Floats) -> Mechanical:
        seek, rotation = np.exp(np.clip(logs[1:], -14, 3)) * scale
        return Mechanical(max(floor, float(values[0] + logs[0] * scale)), float(seek), float(rotation))

    def far(logs: Floats) -> float:
        return float(np.sum((made(logs).share(values) - shares) ** 2))

    starts = (np.array([0.0, np.log(1 - share), np.log(share)]) for share in SHARES)
    return made(min((least_place(far, start) for start in starts), key=far))


def least_place(function: Callable[[Floats], float], start: Floats) -> Floats:
    """Where a function is least, near a start: Nelder and Mead, "A simplex method for function minimization", The
    Computer Journal 7(4), 1965, with their coefficients."""
    simplex = [start, *(start + step for step in 0.25 * np.eye(len(start)))]
    scored = sorted(((function(point), index, point) for index, point in enumerate(simplex)), key=lambda one: one[:2])
    for number in range(len(simplex), ROUNDS):
        best, worst = scored[0], scored[-1]
        if worst[0] - best[0] <= 1e-12 * (abs(best[0]) + 1e-12):
            break
        middle = np.mean([point for _, _, point in scored[:-1]], axis=0)
        tried = middle + (middle - worst[2])
        value = function(tried)
        if value < best[0]:
            further = middle + 2 * (middle - worst[2])
            if (more := function(further)) < value:
                tried, value = further, more
        elif value >= scored[-2][0]:
            tried = middle + 0.5 * ((tried if value < worst[0] else worst[2]) - middle)
            value = function(tried)
            if value >= worst[0]:
                pulled = [(best[2] + point) / 2 for _, _, point in scored[1:]]
                scored = [best, *((function(point), number, point) for point in pulled)]
                scored.sort(key=lambda one: one[:1])
                continue
        scored[-1] = (value, number, tried)
        scored.sort(key=lambda one: one[:1])
    return np.asarray(scored[0][2])
