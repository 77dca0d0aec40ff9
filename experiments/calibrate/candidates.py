"""Fitted models and how close each comes to what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.calibrate.goodness import FILED, Closeness, closeness, latencies_of, table_of
from experiments.calibrate.latencies import Floats, Latencies
from experiments.calibrate.models import FITS, Fit


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
    modelled = {kind: latencies_of(table, kind, found.pages) for kind, found in measured.items()}
    return Candidate(fit, modelled, {kind: closeness(found, modelled[kind]) for kind, found in measured.items()})


def closest(candidates: Sequence[Candidate]) -> Candidate:
    """The one of least distance, the first of equals; the empirical one only where there is no other."""
    others = [one for one in candidates if one.fit.model != FILED]
    return min(others or candidates, key=lambda one: one.distance)
