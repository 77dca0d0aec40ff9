"""How close a fitted model comes to what was measured, by the tables that a run would draw from.

The Kolmogorov-Smirnov distance is the largest difference of the two distribution functions (at the known quantiles, if
nothing else is known). No p-value is given: the usual ones hold for parameters that were not fitted to the same data
[Lilliefors, "On the Kolmogorov-Smirnov test for normality with mean and variance unknown", JASA 62(318), 1967].
AIC is Akaike's criterion, 2 x parameters - 2 x log-likelihood; only differences of it mean something.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.calibrate.latencies import Floats, Latencies
from experiments.calibrate.models import Fit
from simulator import registry
from simulator.hardware.quantiles import from_samples
from simulator.hardware.service import ServiceTable, constant_latency

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
    above = np.searchsorted(modelled, measured.values, "right") / count
    under = np.searchsorted(modelled, measured.values, "left") / count
    at = np.searchsorted(measured.values, modelled, "right")
    empirical = np.concatenate(([0.0], measured.upto))[at]
    own = (np.arange(count) + 0.5) / count if np.ptp(modelled) else np.full(count, 0.5)
    return float(max(
        np.abs(above - measured.upto).max(), np.abs(under - measured.below).max(),
        0.0 if not np.ptp(modelled) else np.abs(empirical - own).max() - 0.5 / count,
    ))  # fmt: skip


def _known(measured: Latencies, share: float) -> bool:
    """Whether enough requests lie beyond a quantile to speak of it."""
    if measured.counted:
        return measured.requests * (1 - share) >= 5
    return bool(measured.upto[0] <= share <= measured.upto[-1] + 1e-9)


def _error(measured: Latencies, modelled: Floats, shares: Floats) -> Floats:
    return np.asarray(quantiles(modelled, shares) / measured.quantile(shares) - 1)
