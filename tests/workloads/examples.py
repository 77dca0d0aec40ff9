"""One example of each synthetic workload, and what the tests of generators share.

A generator that isn't here fails `test_generators.test_every_generator_has_an_example`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from simulator.registry import find
from simulator.stream import ReferenceStream

REFERENCES = 150_000
"""References of every example that can be told how many to make; more than one block of `generator.RUNS`."""

EXAMPLES: dict[str, Mapping[str, Any]] = {
    "btree": {
        "keys": 50_000,
        "references": REFERENCES,
        "exponent": 0.9,
        "updates": 0.2,
        "inserts": 0.01,
        "code_pages": 2,
    },
    "copy-on-write-fork": {"pages": 100, "references": REFERENCES, "parent_references": 5000, "code_pages": 1},
    "garbage-collector": {"references": REFERENCES, "young": "64 KiB", "old": "256 KiB", "survival": 0.5},
    "gaussian": {"pages": 100, "references": REFERENCES, "deviation": 9.5, "drift": 0.001},
    "hash-join": {"build": 5000, "probe": 9000, "partitions": 3, "matches": 0.8, "code_pages": 1},
    "hotspot": {"pages": 100, "references": REFERENCES, "hot_visits": 0.9, "move_every": 1000},
    "idle-busy": {
        "workload": {"kind": "uniform", "pages": 100, "references": REFERENCES},
        "busy": 500,
        "idle": "1 ms",
    },
    "loop": {"pages": 100, "length": 50, "passes": 3000, "turns": 3, "drift": 7},
    "lru-stack-model": {"pages": 100, "references": REFERENCES, "distances": {"family": "geometric", "mean": 9}},
    "matrix-multiply": {"n": 50, "block": 16, "code_pages": 1},
    "mixed": {
        "parts": [
            {"workload": {"kind": "zipf", "pages": 100, "references": REFERENCES}, "weight": 3},
            {"workload": {"kind": "stack-and-heap", "references": REFERENCES}},
        ]
    },
    "phased": {
        "pages": 100,
        "references": REFERENCES,
        "sizes": {"family": "normal", "mean": 30, "deviation": 5},
        "holding": {"family": "geometric", "mean": 250},
    },
    "pointer-chase": {"pages": 100, "references": REFERENCES, "object_size": 512},
    "scan-with-hotset": {"pages": 100, "references": REFERENCES, "hot": 20, "quiet": 50, "scan": 30},
    "sequential": {"pages": 100, "passes": 1500, "stride": 7},
    "stack-and-heap": {"references": REFERENCES, "lifetime": 100, "code_pages": 5},
    "stride": {"pages": 100, "references": REFERENCES, "stride": "12 KiB"},
    "uniform": {"pages": 100, "references": REFERENCES},
    "zipf": {"pages": 100, "references": REFERENCES, "exponent": 0.9},
}
"""A generator's name to parameters. A generator that is a `Visits` has 100 pages and makes `REFERENCES` references;
the tests add its `first_page`, `writes` and `fetches`."""

UNSEEDED: frozenset[str] = frozenset({"matrix-multiply"})
"""Generators that draw no random numbers, given the parameters of their example."""


def make(kind: str, **parameters: Any) -> Any:
    """A workload by name, from its parameters as a config gives them."""
    return TypeAdapter(find("workload", kind)).validate_python(parameters)


def columns(stream: ReferenceStream) -> list[NDArray[Any]]:
    """All blocks joined: page index, fetches, loads, stores."""
    return [np.concatenate(column) for column in zip(*(block[:4] for block in stream.blocks()), strict=True)]


def index(workload: Any, context: Any) -> NDArray[np.int64]:
    """The page index of every visit of a workload."""
    return columns(workload.stream(context))[0].astype(np.int64)


def chi_square_bound(freedom: int) -> float:
    """Above this lies one in a million of chi-square's values (Wilson and Hilferty 1931; 4.75 standard deviations)."""
    return float(freedom * (1 - 2 / (9 * freedom) + 4.75 * np.sqrt(2 / (9 * freedom))) ** 3)


def chi_square(observed: NDArray[Any], expected: NDArray[Any]) -> float:
    """Pearson's statistic."""
    return float(((observed - expected) ** 2 / expected).sum())


def fits(observed: NDArray[Any], probabilities: NDArray[Any]) -> bool:
    """Whether counts of independent draws fit probabilities, by Pearson's test at a significance of one in a million.

    Cells that expect fewer than 20 draws are joined: the statistic is close to chi-square only for cells that are not
    nearly empty. A count where the probability is 0 never fits.
    """
    expected = observed.sum() * np.asarray(probabilities, np.float64)
    if observed[expected == 0].any():
        return False
    often = expected >= 20
    if not often.all():
        observed = np.append(observed[often], observed[~often].sum())
        expected = np.append(expected[often], expected[~often].sum())
    possible = expected > 0
    return chi_square(observed[possible], expected[possible]) < chi_square_bound(max(int(possible.sum()) - 1, 1))
