"""How each disk model's parameters are found from measured latencies, and how close the fitted model comes to them.

A fit gives parameters as a config spells them. What is not in latencies keeps the model's default: how many requests
are served at one time, and, with requests of one size, what each page takes to transfer.

The latency of a disk with an arm, at random places, is a least time, a seek, and a part of a revolution. Two
independent places, uniform over the span, lie a distance d apart with density 2 (1 - d); the seek grows with the square
root of the distance [Ruemmler and Wilkes 1994, see the model `hdd`], so a seek s of at most S has the distribution
function 2 (s/S)^2 - (s/S)^4. The wait for the platter is uniform in a revolution R. The sum's distribution function is
the mean of the seek's over the last R nanoseconds, which has a closed form.

Closeness is told by the tables that a run would draw from. The Kolmogorov-Smirnov distance is the largest difference of
the two distribution functions (at the known quantiles, if nothing else is known). No p-value is given: the usual ones
hold for parameters that were not fitted to the same data [Lilliefors, "On the Kolmogorov-Smirnov test for normality
with mean and variance unknown", JASA 62(318), 1967]. AIC is Akaike's criterion, 2 x parameters - 2 x log-likelihood;
only differences of it mean something.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import norm

from experiments.calibrate.measured import Floats, Latencies
from simulator import registry
from simulator.hardware.quantiles import from_samples
from simulator.hardware.service import ServiceTable, constant_latency

Measured = Mapping[str, Latencies]
"""By kind of request; at least one kind."""

P99 = float(norm.ppf(0.99))
REVOLUTIONS = 60e9
"""nanoseconds in a minute"""
POINTS = 512
"""quantiles that a fit of an arm looks at"""
ROTATIONS = (0.15, 0.35, 0.5, 0.65, 0.85)
"""shares of the range of latencies that the rotation may make up, to start from"""
SAMPLES = 4096
"""latencies that the empirical model is given: its table has as many slices"""


@dataclass(frozen=True)
class Fit:
    """A model with fitted parameters."""

    model: str
    parameters: dict[str, int]
    """nanoseconds, or numbers"""
    free: int
    """parameters that were fitted"""
    likelihood: float | None = None
    """the log-likelihood of all requests, in nanoseconds; None: not defined, or not of this model"""
    samples: dict[str, Floats] = field(default_factory=dict)
    """by kind: latencies that go into a file of their own"""


def transfer(model: str, measured: Measured) -> int:
    """What each page takes, nanoseconds: as measured if sizes differed, else the model's default, but at most half of
    the least latency."""
    slopes = [latencies.per_page for latencies in measured.values() if latencies.per_page is not None]
    if slopes:
        return round(sum(slopes) / len(slopes))
    default = int(registry.find("disk", model)().per_page)
    return int(min([default, *(latencies.values[0] / 2 / latencies.pages for latencies in measured.values())]))


def fit_constant(measured: Measured) -> Fit:
    """The median, which no other constant's quantiles are closer to."""
    per_page = transfer("constant", measured)
    parameters = {"per_page": per_page}
    for kind, latencies in measured.items():
        median = float(latencies.quantile(np.array([0.5]))[0])
        parameters[kind] = max(0, round(median - per_page * latencies.pages))
    return Fit("constant", parameters, len(measured))


def fit_lognormal(model: str) -> Callable[[Measured], Fit]:
    """A log-normal latency for each kind, beside the transfer: by maximum likelihood from counted requests, by least
    squares of the logarithms of the quantiles (weighted by what lies around each) if only those are known."""

    def fit(measured: Measured) -> Fit:
        per_page = transfer(model, measured)
        parameters = {"per_page": per_page}
        likelihood: float | None = 0.0
        for kind, latencies in measured.items():
            logs = np.log(np.maximum(latencies.values - per_page * latencies.pages, 1.0))
            if latencies.counted:
                mean = float(np.sum(latencies.weights * logs))
                deviation = math.sqrt(float(np.sum(latencies.weights * (logs - mean) ** 2)))
                likelihood = _plus(likelihood, _lognormal_likelihood(latencies, logs, mean, deviation))
            else:
                deviation, mean = np.polyfit(norm.ppf(latencies.upto), logs, 1, w=np.sqrt(latencies.weights)).tolist()
                likelihood = None
            parameters[f"{kind}_median"] = max(1, round(math.exp(mean)))
            parameters[f"{kind}_p99"] = max(round(math.exp(mean + P99 * deviation)), parameters[f"{kind}_median"])
        _defaults_in_order(model, parameters)
        return Fit(model, parameters, 2 * len(measured), likelihood)

    return fit


def _defaults_in_order(model: str, parameters: dict[str, int]) -> None:
    """Write out the defaults of a kind that wasn't measured, so that the fragment says all that it means."""
    default = registry.find("disk", model)()
    for kind in ("read", "write"):
        for suffix in ("median", "p99"):
            parameters.setdefault(f"{kind}_{suffix}", getattr(default, f"{kind}_{suffix}"))


def _lognormal_likelihood(latencies: Latencies, logs: Floats, mean: float, deviation: float) -> float | None:
    if deviation <= 0:
        return None
    return float(np.sum(latencies.weights * (norm.logpdf(logs, mean, deviation) - logs))) * latencies.requests


def _plus(total: float | None, more: float | None) -> float | None:
    return None if total is None or more is None else total + more


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

    starts = ([0.0, np.log(1 - share), np.log(share)] for share in ROTATIONS)
    fits = [least_squares(lambda logs: made(logs).share(values) - shares, start) for start in starts]
    return made(min(fits, key=lambda one: float(one.cost)).x)


def fit_hdd(measured: Measured) -> Fit:
    """Seek and rotation from the reads (the writes, if no reads were measured), taken to be at random places all over
    the disk: the least-squares fit of the distribution function."""
    per_page = transfer("hdd", measured)
    latencies = measured.get("read") or next(iter(measured.values()))
    arm = fit_mechanical(latencies, per_page * latencies.pages)
    fixed = max(0, round(arm.least - per_page * latencies.pages))
    overhead = min(fixed, int(registry.find("disk", "hdd")().overhead))
    parameters = {
        "track_seek": fixed - overhead,
        "full_seek": fixed - overhead + round(arm.seek),
        "rotations_per_minute": max(1, round(REVOLUTIONS / max(arm.rotation, 1.0))),
        "per_page": per_page,
        "overhead": overhead,
    }
    return Fit("hdd", parameters, 3, _mechanical_likelihood(measured, arm))


def _mechanical_likelihood(measured: Measured, arm: Mechanical) -> float | None:
    total: float | None = 0.0
    for latencies in measured.values():
        density = arm.density(latencies.values)
        possible = latencies.counted and bool((density > 0).all())
        more = float(np.sum(latencies.weights * np.log(np.where(density > 0, density, 1.0)))) * latencies.requests
        total = _plus(total, more if possible else None)
    return total


def fit_empirical(measured: Measured) -> Fit:
    """The quantiles themselves: of counted requests exact, else on straight lines between the known ones."""
    reads = measured.get("read") or next(iter(measured.values()))
    shares = (np.arange(SAMPLES) + 0.5) / SAMPLES
    samples = {kind: np.rint(latencies.quantile(shares)) for kind, latencies in measured.items()}
    samples.setdefault("read", samples.get("write", np.zeros(0)))
    per_page = round(reads.per_page or 0)
    lifted = {kind: measured.get(kind, reads).pages * per_page for kind in samples}
    samples = {kind: np.maximum(latencies - lifted[kind], 0) for kind, latencies in samples.items()}
    return Fit("empirical", {"per_page": per_page}, 0, None, samples)


FITS: dict[str, Callable[[Measured], Fit]] = {
    "nvme": fit_lognormal("nvme"),
    "ssd": fit_lognormal("ssd"),
    "hdd": fit_hdd,
    "constant": fit_constant,
    "empirical": fit_empirical,
}
"""How each model is fitted; of equally close ones the first is taken."""


def parameters_of(fit: Fit, channels: int | None, files: Mapping[str, str]) -> dict[str, Any]:
    """A fit's parameters in a config: times with their unit, paths of sample files, channels if given (not for an arm,
    which is one)."""
    parameters: dict[str, Any] = {"model": fit.model, **files}
    for key, value in fit.parameters.items():
        parameters[key] = value if key == "rotations_per_minute" else f"{value} ns"
    if channels is not None and fit.model != "hdd":
        parameters["channels"] = channels
    return parameters


# Closeness

SHARES = (0.5, 0.9, 0.99, 0.999)
"""quantiles whose errors are told"""
DISTANCES, ANGLES = 256, 128
"""of an arm: distances and waits that its latencies are worked out for"""
FILED = "empirical"


@dataclass(frozen=True)
class Closeness:
    """How close a model comes for one kind of request."""

    distance: float
    """Kolmogorov-Smirnov"""
    errors: dict[float, float]
    """by share: the model's quantile divided by the measured one, less 1"""
    mean_error: float
    """mean of the quantiles' relative errors, without sign, from 1 % to 99 %"""


def table_of(fit: Fit) -> ServiceTable:
    """What a run with the fitted model would draw from."""
    if fit.model == FILED:
        read = fit.samples["read"]
        per_page = fit.parameters["per_page"]
        return ServiceTable(
            from_samples(read), from_samples(fit.samples.get("write", read)), per_page, per_page
        )  # fmt: skip
    table: ServiceTable = registry.find("disk", fit.model)(**fit.parameters).tables()
    return table


def latencies_of(table: ServiceTable, kind: str, pages: int) -> Floats:
    """Equally likely latencies of random requests, nanoseconds, ascending."""
    write = kind == "write"
    latency = (table.latency_write if write else table.latency_read).astype(np.float64)
    latency = latency + pages * (table.per_page_write if write else table.per_page_read)
    if not table.seek.any() and not table.rotation:
        return np.sort(latency)
    apart = 1 - np.sqrt(1 - (np.arange(DISTANCES) + 0.5) / DISTANCES)
    seek = np.interp(apart * len(table.seek), np.arange(len(table.seek)), table.seek)
    wait = table.rotation * (np.arange(ANGLES) + 0.5) / ANGLES
    some = latency if np.ptp(latency) else constant_latency(int(latency[0]))[:1]
    return np.sort((seek[:, None, None] + wait[None, :, None] + some[None, None, :16]).ravel())


def closeness(measured: Latencies, modelled: Floats) -> Closeness:
    """How close a model comes, whose equally likely latencies are `modelled`, ascending."""
    return Closeness(
        _distance(measured, modelled),
        {share: _error(measured, modelled, np.array([share]))[0] for share in SHARES if _known(measured, share)},
        float(np.abs(_error(measured, modelled, np.linspace(0.01, 0.99, 99))).mean()),
    )


def quantiles(modelled: Floats, shares: Floats) -> Floats:
    """The model's latencies below which these shares lie."""
    return np.interp(shares, (np.arange(len(modelled)) + 0.5) / len(modelled), modelled)


def _distance(measured: Latencies, modelled: Floats) -> float:
    count = len(modelled)
    if not measured.counted:
        model = (np.searchsorted(modelled, measured.values, "right") + np.searchsorted(modelled, measured.values)) / 2
        return float(np.abs(model / count - measured.upto).max())
    at = np.union1d(measured.values, modelled)
    empirical = np.concatenate(([0.0], measured.upto))[np.searchsorted(measured.values, at, "right")]
    return float(np.abs(empirical - np.searchsorted(modelled, at, "right") / count).max())


def _known(measured: Latencies, share: float) -> bool:
    """Whether enough requests lie beyond a quantile to speak of it."""
    if measured.counted:
        return measured.requests * (1 - share) >= 5
    return bool(measured.upto[0] <= share <= measured.upto[-1] + 1e-9)


def _error(measured: Latencies, modelled: Floats, shares: Floats) -> Floats:
    return np.asarray(quantiles(modelled, shares) / measured.quantile(shares) - 1)


@dataclass(frozen=True)
class Candidate:
    """A fitted model and how close it comes, by kind of request."""

    fit: Fit
    modelled: dict[str, Floats]
    close: dict[str, Closeness]

    @property
    def distance(self) -> float:
        """The mean distance over the kinds of requests."""
        return sum(close.distance for close in self.close.values()) / len(self.close)

    @property
    def aic(self) -> float | None:
        """Akaike's criterion, where there is a likelihood."""
        return None if self.fit.likelihood is None else 2 * self.fit.free - 2 * self.fit.likelihood


def candidate(model: str, measured: Mapping[str, Latencies]) -> Candidate:
    """A model fitted to latencies."""
    fit = FITS[model](measured)
    table = table_of(fit)
    modelled = {kind: latencies_of(table, kind, latencies.pages) for kind, latencies in measured.items()}
    return Candidate(
        fit, modelled, {kind: closeness(latencies, modelled[kind]) for kind, latencies in measured.items()}
    )


def closest(candidates: Sequence[Candidate]) -> Candidate:
    """The one of least distance, the first of equals; the empirical one only where there is no other."""
    others = [one for one in candidates if one.fit.model != FILED]
    return min(others or candidates, key=lambda one: one.distance)
