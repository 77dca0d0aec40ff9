"""Finished points on disk, each in a file of its own that is there whole or not at all.

A file is named after the point's key (see `point.keys`), so nothing stale is ever found, and two batches that run at
once may share a store: they write the same bytes.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.batch.point import Outcome, Point
from experiments.placing import write_file
from experiments.store import canonical_json


class PointStore:
    """A directory of finished points."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def get(self, key: str, point: Point) -> Outcome | None:
        """The outcome kept under a key; None: there is none, or its whole result isn't where it was."""
        try:
            data: dict[str, Any] = json.loads(self._path(key).read_text("utf-8"))
            outcome = Outcome(point, data["measured"], data["error"], data["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return None if point.keep is not None and not Path(point.keep).is_dir() else outcome

    def put(self, key: str, outcome: Outcome) -> Outcome:
        """Keep an outcome, through a power loss too; returns it as `get` will, keys sorted."""
        self.directory.mkdir(parents=True, exist_ok=True)
        text = canonical_json({"measured": outcome.measured, "error": outcome.error, "seconds": outcome.seconds})
        write_file(self._path(key), text)
        return replace(outcome, measured=json.loads(text)["measured"])

    def remove(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}.json"
