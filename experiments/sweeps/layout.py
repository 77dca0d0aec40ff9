"""What is where in a sweep's directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.batch.point import Outcome, Point
from experiments.errors import BadInput
from experiments.store import read_manifest

POINT = "point="
"""What the directories of points start with: a Hive partition."""
SUMMARY = "summary.json"
ABOUT = "point"
"""The key of a point's manifest that says what the sweep knows of it."""


def finished(directory: Path) -> list[str]:
    """The names of the finished points in a sweep's directory, sorted."""
    return sorted(path.name.removeprefix(POINT) for path in directory.glob(f"{POINT}*") if path.is_dir())


def about(directory: Path, name: str) -> dict[str, Any]:
    """What the manifest of a point says of it; empty if it can't be read."""
    try:
        found = read_manifest(directory / f"{POINT}{name}").get(ABOUT)
    except BadInput:
        return {}
    return found if isinstance(found, dict) else {}


def read_outcome(directory: Path, point: Point, known: Mapping[str, Any]) -> Outcome | None:
    """The outcome of a point as its directory keeps it; None if it isn't there. `known` is what its manifest says."""
    try:
        summary = json.loads((directory / f"{POINT}{point.label}" / SUMMARY).read_text("utf-8"))
        return Outcome(point, {"summary": summary, **known["measured"]}, None, known["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
