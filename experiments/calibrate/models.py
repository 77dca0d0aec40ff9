"""How each disk model's parameters are found from measured latencies.

A fit gives parameters as a config spells them. What is not in latencies keeps the model's default: how many requests
are served at one time, and, with requests of one size, what each page takes to transfer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from experiments.calibrate.latencies import Floats, Latencies
from experiments.calibrate.mechanical import Mechanical, fit_mechanical
from simulator import registry

Measured = Mapping[str, Latencies]
"""By kind of request; at least one kind."""

P99 = NormalDist().inv_cdf(0.99)
REVOLUTIONS = 60e9
"""nanoseconds in a minute"""
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
    told = [found.per_page for found in measured.values() if found.per_page is not None]
    if told:
        return round(sum(told) / len(told))
    default = int(registry.find("disk", model)().per_page)
    return int(min([default, *(found.values[0] / 2 / found.pages for found in measured.values())]))


def fit_constant(measured: Measured) -> Fit:
    """The median, which no other constant's quantiles are closer to."""
    per_page = transfer("constant", measured)
    parameters = {"per_page": per_page}
    for kind, found in measured.items():
        median = float(found.quantile(np.array([0.5]))[0])
        parameters[kind] = max(0, round(median - per_page * found.pages))
    return Fit("constant", parameters, len(measured))


def fit_lognormal(model: str) -> Callable[[Measured], Fit]:
    """A log-normal latency for each kind, beside the transfer: by maximum likelihood from counted requests, by least
    squares of the logarithms of the quantiles (weighted by what lies around each) if only those are known."""

    def fit(measured: Measured) -> Fit:
        per_page = transfer(model, measured)
        parameters = {"per_page": per_page}
        likelihood: float | None = 0.0
        for kind, found in measured.items():
            logs = np.log(np.maximum(found.values - per_page * found.pages, 1.0))
            if found.counted:
                mean = float(np.sum(found.weights * logs))
                deviation = math.sqrt(float(np.sum(found.weights * (logs - mean) ** 2)))
                likelihood = _plus(likelihood, _lognormal_likelihood(found, logs, mean, deviation))
            else:
                normal = np.array([NormalDist().inv_cdf(share) for share in found.upto])
                deviation, mean = np.polyfit(normal, logs, 1, w=np.sqrt(found.weights)).tolist()
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


def _lognormal_likelihood(found: Latencies, logs: Floats, mean: float, deviation: float) -> float | None:
    if deviation <= 0:
        return None
    density = -logs - math.log(deviation * math.sqrt(2 * math.pi)) - (logs - mean) ** 2 / (2 * deviation**2)
    return float(np.sum(found.weights * density)) * found.requests


def _plus(total: float | None, more: float | None) -> float | None:
    return None if total is None or more is None else total + more


def fit_hdd(measured: Measured) -> Fit:
    """Seek and rotation from the reads (the writes, if no reads were measured), taken to be at random places all over
    the disk: the least-squares fit of the distribution function, see `mechanical`."""
    per_page = transfer("hdd", measured)
    found = measured.get("read") or next(iter(measured.values()))
    arm = fit_mechanical(found, per_page * found.pages)
    fixed = max(0, round(arm.least - per_page * found.pages))
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
    for found in measured.values():
        density = arm.density(found.values)
        possible = found.counted and bool((density > 0).all())
        more = float(np.sum(found.weights * np.log(np.where(density > 0, density, 1.0)))) * found.requests
        total = _plus(total, more if possible else None)
    return total


def fit_empirical(measured: Measured) -> Fit:
    """The quantiles themselves: of counted requests exact, else on straight lines between the known ones."""
    reads = measured.get("read") or next(iter(measured.values()))
    shares = (np.arange(SAMPLES) + 0.5) / SAMPLES
    samples = {kind: np.rint(found.quantile(shares)) for kind, found in measured.items()}
    samples.setdefault("read", samples.get("write", np.zeros(0)))
    per_page = round(reads.per_page or 0)
    lifted = {kind: measured.get(kind, reads).pages * per_page for kind in samples}
    samples = {kind: np.maximum(found - lifted[kind], 0) for kind, found in samples.items()}
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
    told: dict[str, Any] = {"model": fit.model, **files}
    for key, value in fit.parameters.items():
        told[key] = value if key == "rotations_per_minute" else f"{value} ns"
    if channels is not None and fit.model != "hdd":
        told["channels"] = channels
    return told
