"""A comparison's result: what was concluded and the frames it follows from, and how they are kept in a directory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

FRAMES = ("points", "processes", "latency")
"""The frames of a comparison; each is kept as `<name>.parquet`."""
OPTIONAL = ("lists",)
"""Frames that are kept only if there is something in them."""
CONCLUSIONS = "comparison.json"


@dataclass
class ComparisonResult:
    """What a comparison gives."""

    summary: dict[str, Any]
    """what was compared and, in `cells`, what came of each contestant in each memory size"""
    points: pd.DataFrame
    """one row a run: contestant, memory, replication, parameters, every figure"""
    processes: pd.DataFrame
    """one row a process of a run, with its slowdown"""
    latency: pd.DataFrame
    """counts of faults by kind and latency: of at least `from_ns` and less than `below_ns`"""
    lists: pd.DataFrame = field(default_factory=pd.DataFrame)
    """the first replication's page lists, largest working sets and fault rates over simulated time, under the samples'
    names and in their units, of each contestant in each memory size; at most `batch.lists.MOST_SAMPLES` rows a run"""

    def write(self, directory: Path) -> None:
        """Write comparison.json and the frames into an existing directory; the same result gives the same bytes."""
        text = json.dumps(self.summary, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        (directory / CONCLUSIONS).write_text(text + "\n", encoding="utf-8")
        for name in (*FRAMES, *(name for name in OPTIONAL if len(getattr(self, name)))):
            getattr(self, name).to_parquet(directory / f"{name}.parquet", compression="zstd", index=False)

    @classmethod
    def read(cls, directory: Path) -> ComparisonResult:
        """Read a comparison back; raises OSError if a part is missing."""
        summary = json.loads((directory / CONCLUSIONS).read_text(encoding="utf-8"))
        names = [*FRAMES, *(name for name in OPTIONAL if (directory / f"{name}.parquet").exists())]
        return cls(summary, **{name: pd.read_parquet(directory / f"{name}.parquet") for name in names})
