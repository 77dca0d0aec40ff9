"""The models that can be fitted to a trace: their parameters, and how close the fitted model comes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from simulator.stream import ReferenceStream
from workloads.base import InputError, StreamContext
from workloads.fit.distances import estimate, histogram_steps, steps
from workloads.fit.measure import Closeness, Measured, closeness, measure
from workloads.fit.phases import Phases, lengths, phases
from workloads.generator import MAX_FOOTPRINT
from workloads.synthetic.lru_stack_model import LruStackModel
from workloads.synthetic.phased import Phased

MODELS: Mapping[str, type[LruStackModel | Phased]] = {"lru-stack-model": LruStackModel, "phased": Phased}
"""What can be fitted."""

WINDOWS = (1_000, 10_000, 100_000, 1_000_000)
"""Windows, in requests, by which phases are looked for. Chosen: four scales; the closest fit is taken."""

SEED = 1
"""Root seed of the run of a model that is compared with the trace; also a config's seed unless it gives another."""

PROCESS = "fitted"
"""Name of its process, which selects the random numbers, too."""


class Fit(NamedTuple):
    """A model fitted to a trace."""

    model: str
    parameters: dict[str, Any]
    """of the workload, as a config has them"""
    measured: Measured
    """a run of the model, as long as the trace"""
    closeness: Closeness
    """of that run"""
    phases: int | None = None
    """how many phases were found; none: the model has none"""
    window: int | None = None
    """requests in the windows by which they were found"""

    @property
    def distance(self) -> float:
        """What makes one fit closer than another: the mean relative difference of the miss ratios."""
        return self.closeness.miss_ratio_relative


def fit(stream: ReferenceStream, trace: Measured, model: str) -> Fit:
    """Fit a model of `MODELS` to a stream that was measured; raises InputError if it has too many pages."""
    if trace.pages > MAX_FOOTPRINT:
        raise InputError(f"fit: found {trace.pages} distinct pages, allowed is at most {MAX_FOOTPRINT}")
    if model == "lru-stack-model":
        return _compared(model, lru_stack_model(trace), trace)
    windows = [window for window in WINDOWS if 4 * window <= trace.runs] or [max(trace.runs // 4, 1)]
    return min((_phased(stream, trace, window) for window in windows), key=lambda found: found.distance)


def lru_stack_model(trace: Measured) -> dict[str, Any]:
    """The parameters of the LRU stack model with a trace's stack distances."""
    beyond = np.ones(trace.pages + 1, np.int64)  # one first request for each number of pages visited before it
    beyond[-1] = 0
    probabilities, new = estimate(trace.distances, beyond)
    if not probabilities.any():
        probabilities[0], new = 1.0, 1.0
    distances = {"family": "steps", "steps": steps(probabilities / probabilities.sum())}
    return {**trace.visits, "new": float(f"{new:.6g}"), "distances": distances}


def phased(trace: Measured, found: Phases) -> dict[str, Any]:
    """The parameters of the phased workload with the phases that were found in a trace: inside them, stack distances as
    the trace has them inside its phases."""
    probabilities, longer = estimate(found.distances, found.beyond)
    probabilities[found.size.max() - 1] += longer  # which is at the end of the set
    return {
        **trace.visits,
        "sizes": {"family": "steps", "steps": histogram_steps(found.size)},
        "holding": {"family": "steps", "steps": histogram_steps(found.holding)},
        "overlap": round(float(found.common.mean())) if len(found.common) else 0,
        "micromodel": "lru",
        "distances": {"family": "steps", "steps": steps(probabilities / probabilities.sum())},
    }


def run(model: str, parameters: dict[str, Any]) -> Measured:
    """The measurements of a model's stream."""
    workload = TypeAdapter(MODELS[model]).validate_python(parameters)
    context = StreamContext(base=Path(), seed=SEED, name=PROCESS, page_size=4096, address_space=1 << 62)
    return measure(workload.stream(context))


def _phased(stream: ReferenceStream, trace: Measured, window: int) -> Fit:
    found = phases(stream, lengths(stream, window))
    return _compared("phased", phased(trace, found), trace)._replace(phases=len(found.holding), window=window)


def _compared(model: str, parameters: dict[str, Any], trace: Measured) -> Fit:
    measured = run(model, parameters)
    return Fit(model, parameters, measured, closeness(trace, measured))
