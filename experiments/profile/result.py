"""A trace's profile as it is kept: a summary and pandas frames in a directory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

SUMMARY = "profile.json"
FRAMES = ("working_set", "reuse", "timeline", "windows", "phases", "heat", "rows", "popularity")
OPTIONAL = ("curves", "sampled")
"""Frames that are there only if they were asked for."""


@dataclass
class TraceProfile:
    """What `pagesim trace profile` found; `workloads.profile.frames.frames` says what is in each frame."""

    summary: dict[str, Any]
    """counts and a few points of each curve"""
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    """each kept as `<name>.parquet`"""

    def frame(self, name: str) -> pd.DataFrame:
        """The frame with a name; an empty one if it isn't there."""
        return self.frames.get(name, pd.DataFrame())

    def write(self, directory: Path) -> None:
        """Write profile.json and the frames into an existing directory; the same profile gives the same bytes."""
        text = json.dumps(self.summary, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
        (directory / SUMMARY).write_text(text + "\n", encoding="utf-8")
        for name, frame in self.frames.items():
            frame.to_parquet(directory / f"{name}.parquet", compression="zstd", index=False)

    @classmethod
    def read(cls, directory: Path) -> TraceProfile:
        """Read a profile back; raises FileNotFoundError if a part is missing."""
        summary = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))
        names = [*FRAMES, *(name for name in OPTIONAL if (directory / f"{name}.parquet").exists())]
        return cls(summary, {name: pd.read_parquet(directory / f"{name}.parquet") for name in names})
