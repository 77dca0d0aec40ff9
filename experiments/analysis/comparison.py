"""A comparison of policies: what was concluded, and the frames that it follows from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.analysis.replications import Rows, differences, distances, judge, means

LABEL, MEMORY = "label", "machine.memory"
"""The columns that tell one run of a comparison from another, beside the replication."""
FRAMES = ("points", "processes", "latency", "lists")
"""The frames of a comparison; each is kept as `<name>.parquet`, unless it is empty."""
CONCLUSIONS = "comparison.json"


@dataclass
class ComparisonResult:
    """What a comparison gives."""

    summary: dict[str, Any]
    """what was compared and, in `cells`, what came of each variant in each memory size"""
    points: pd.DataFrame
    """one row a run: its name, label, memory, parameters of the policy, replication, seed, error, every figure"""
    processes: pd.DataFrame
    """one row a process of a run, with its slowdown"""
    latency: pd.DataFrame
    """counts of faults by kind and latency: of at least `from_ns` and less than `below_ns`"""
    lists: pd.DataFrame = field(default_factory=pd.DataFrame)
    """the first replication's page lists, largest working sets and fault rates over simulated time, under the samples'
    names and in their units, of each variant in each memory size; at most `reduction.MOST_SAMPLES` rows a run"""

    @classmethod
    def read(cls, directory: Path) -> ComparisonResult:
        """Read a comparison back; raises OSError if a part is missing."""
        summary = json.loads((directory / CONCLUSIONS).read_text(encoding="utf-8"))
        paths = {name: directory / f"{name}.parquet" for name in FRAMES}
        needed = ("points", "processes")
        frames = {n: pd.read_parquet(p) if n in needed or p.exists() else pd.DataFrame() for n, p in paths.items()}
        return cls(summary, **frames)


def conclude(asked: Mapping[str, Any], points: pd.DataFrame) -> dict[str, Any]:
    """What comparison.json holds: what was asked, and a cell for each memory size and variant, in their order; see the
    README for its keys.

    `asked` has a `name`, the `labels` of all variants with their `policies` and what these need (`requires`), the label
    of the `baseline` that the others are compared with and of the `bounds` that their distance is told from, `memories`
    in bytes, `replications`, the root `seed` and the `confidence` of intervals.
    """
    confidence: float = asked["confidence"]
    tables: dict[tuple[str, int], Rows] = {}
    for row in points.to_dict("records"):
        tables.setdefault((str(row[LABEL]), int(row[MEMORY])), []).append(row)
    cells = []
    for memory in asked["memories"]:
        for label in asked["labels"]:
            rows = tables[label, memory]
            different = differences(rows, tables[asked["baseline"], memory], confidence)
            cells.append({
                **means(rows, confidence),
                LABEL: label, "policy": asked["policies"][label], "requires": asked["requires"][label], MEMORY: memory,
                "differences": dict.fromkeys(different) if label == asked["baseline"] else different,
                "over_bounds": {
                    bound: distances(rows, tables[bound, memory], confidence)
                    for bound in asked["bounds"]
                    if bound != label
                },
            })  # fmt: skip
    tests = judge((cell["differences"] for cell in cells), confidence)
    return {**asked, "correction": "Holm (1979)", "tests": tests, "cells": cells}
