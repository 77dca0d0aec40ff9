"""A sweep's directory: one directory for each finished point, which is there whole or not at all.

Only the process that holds the sweep's lock writes into it; workers hand their results to that process. A point is
finished when its directory has been placed, which a power loss doesn't undo. Its manifest has a digest of every file:
what has been lost, garbled or deleted since is noticed when the sweep is gone on with, and the point is run again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.batch.point import Outcome, Point
from experiments.errors import BadInput
from experiments.inputs import digest
from experiments.manifest import manifest
from experiments.opening import sealed
from experiments.placing import new_directory
from experiments.store import MANIFEST, canonical_json, read_manifest
from experiments.sweeps.layout import ABOUT, POINT, about, finished, read_outcome
from experiments.sweeps.plan import Cell, SweepPlan, SweepPoint
from experiments.sweeps.work import FILES


class SweepStore:
    """The finished points of a sweep."""

    def __init__(
        self,
        directory: Path,
        plan: SweepPlan,
        provenance: Mapping[str, Any],
        finished_one: Callable[[Path], None] | None = None,
    ) -> None:
        self.directory = directory
        self._cells: dict[str, Cell] = {cell.name: cell for cell in plan.cells}
        self._plan = plan
        self._provenance = provenance
        self._finished_one = finished_one
        self._known = {name: about(directory, name) for name in finished(directory)}
        self.damaged: list[str] = []
        """names of points that were finished, and aren't any more what they were"""

    def clean(self) -> None:
        """Remove what a killed process left half-written."""
        for path in self.directory.glob(f".{POINT}*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self.directory.glob(".*.partial-*"):
            path.unlink(missing_ok=True)

    def check_same(self) -> None:
        """Raise BadInput if there are finished points that the plan doesn't make, or would make otherwise."""
        foreign = [name for name in self._known if name not in self._cells]
        changed = [
            name for name, known in self._known.items()
            if name in self._cells and known and known.get("key", "") != self._cells[name].key
        ]  # fmt: skip
        another = "config, input files or program are others"
        for names, why in ((changed, another), (foreign, "they are no points of it")):
            if names:
                text = f"found {len(names)} finished points that this sweep wouldn't make: {why} (first: {names[0]})"
                raise BadInput(
                    f"--resume {self.directory}: {text}, allowed is what was begun or more; or another --out"
                )

    def get(self, key: str, point: Point) -> Outcome | None:
        """The outcome of a finished point; None if there is none, it is damaged or lacks frames wanted now."""
        if point.label not in self._known:
            return None
        found = read_outcome(self.directory, point, self._known[point.label])
        if found is None or self._known[point.label].get("key") != key or not self._whole(point.label):
            self.damaged.append(point.label)
            return None
        samples = self._place(point.label) / "samples.parquet"
        lacks = isinstance(point, SweepPoint) and point.whole and not samples.exists()
        return None if lacks else found

    def _whole(self, name: str) -> bool:
        """Whether the files of a finished point are what they were when it was."""
        place = self._place(name)
        try:
            files = read_manifest(place)[FILES]
            if isinstance(files, dict):
                return all(digest(place / file) == expected for file, expected in files.items())
            return all((place / file).is_file() for file in files)  # an older version kept their names only
        except (BadInput, KeyError, TypeError):
            return False

    def put(self, key: str, outcome: Outcome) -> Outcome:
        """Keep a point's result, through a power loss too; returns the outcome without its files."""
        name = outcome.point.label
        measured = {name: value for name, value in (outcome.measured or {}).items() if name != FILES}
        files: dict[str, bytes] = (outcome.measured or {})[FILES]
        with new_directory(self._place(name)) as partial:
            for file, content in files.items():
                (partial / file).write_bytes(content)
            digests = {file: hashlib.sha256(content).hexdigest() for file, content in sorted(files.items())}
            (partial / MANIFEST).write_text(self._manifest(key, outcome, measured, digests), "utf-8")
        if self._finished_one is not None:
            self._finished_one(self._place(name))
        return replace(outcome, measured=json.loads(canonical_json(measured)))

    def _manifest(self, key: str, outcome: Outcome, measured: Mapping[str, Any], digests: dict[str, str]) -> str:
        cell = self._cells[outcome.point.label]
        assert isinstance(outcome.point, SweepPoint)
        made = manifest(
            replace(cell.experiment, seed=cell.seed), self._plan.base, self._place(cell.name), dict(cell.point.inputs),
            outcome.seconds, self._provenance,
        )  # fmt: skip
        made[FILES] = digests
        made[ABOUT] = {
            "key": key,
            "name": cell.name,
            "parameters": dict(cell.parameters),
            "replication": cell.replication,
            "seconds": outcome.seconds,
            "measured": {key: value for key, value in measured.items() if key != "summary"},
        }
        return sealed(made)

    def _place(self, name: str) -> Path:
        return self.directory / f"{POINT}{name}"
