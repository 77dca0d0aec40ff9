"""A sweep's directory: one directory for each finished point, which is there whole or not at all.

Only the process that holds the sweep's lock writes into it; workers hand their results to that process.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.batch.point import Outcome, Point
from experiments.errors import BadInput
from experiments.manifest import manifest
from experiments.store import MANIFEST, canonical_json
from experiments.sweeps.layout import ABOUT, POINT, about, finished, read_outcome
from experiments.sweeps.plan import Cell, SweepPlan, SweepPoint
from experiments.sweeps.work import FILES


class SweepStore:
    """The finished points of a sweep."""

    def __init__(self, directory: Path, plan: SweepPlan, provenance: Mapping[str, Any]) -> None:
        self.directory = directory
        self._cells: dict[str, Cell] = {cell.name: cell for cell in plan.cells}
        self._plan = plan
        self._provenance = provenance
        self._known = {name: about(directory, name) for name in finished(directory)}

    def clean(self) -> None:
        """Remove what a killed process left half-written."""
        for path in self.directory.glob(f".{POINT}*"):
            shutil.rmtree(path, ignore_errors=True)

    def check_same(self) -> None:
        """Raise BadInput if there are finished points that the plan doesn't make, or would make otherwise."""
        foreign = [name for name in self._known if name not in self._cells]
        changed = [
            name for name, known in self._known.items()
            if name in self._cells and known.get("key", "") != self._cells[name].key
        ]  # fmt: skip
        another = "config, input files or program are others"
        for names, why in ((changed, another), (foreign, "they are no points of it")):
            if names:
                text = f"found {len(names)} finished points that this sweep wouldn't make: {why} (first: {names[0]})"
                raise BadInput(
                    f"--resume {self.directory}: {text}, allowed is what was begun or more; or another --out"
                )

    def get(self, key: str, point: Point) -> Outcome | None:
        """The outcome of a finished point; None if it isn't finished, or lacks frames that are wanted now."""
        known = self._known.get(point.label, {})
        found = read_outcome(self.directory, point, known)
        if found is None or known.get("key") != key:
            return None
        place = self._place(point.label)
        lacks = isinstance(point, SweepPoint) and point.whole and not (place / "samples.parquet").exists()
        return None if lacks else found

    def put(self, key: str, outcome: Outcome) -> Outcome:
        """Keep a point's result: written beside, then renamed; returns the outcome without its files."""
        name = outcome.point.label
        measured = {name: value for name, value in (outcome.measured or {}).items() if name != FILES}
        files: dict[str, bytes] = (outcome.measured or {})[FILES]
        place = self._place(name)
        partial = place.with_name(f".{place.name}.partial-{os.getpid()}")
        partial.mkdir()
        try:
            for file, content in files.items():
                (partial / file).write_bytes(content)
            (partial / MANIFEST).write_text(self._manifest(key, outcome, measured, sorted(files)), "utf-8")
            if place.exists():  # with less than is wanted now
                shutil.rmtree(place)
            partial.rename(place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return replace(outcome, measured=json.loads(canonical_json(measured)))

    def _manifest(self, key: str, outcome: Outcome, measured: Mapping[str, Any], files: list[str]) -> str:
        cell = self._cells[outcome.point.label]
        assert isinstance(outcome.point, SweepPoint)
        made = manifest(
            replace(cell.experiment, seed=cell.seed), self._plan.base, self._place(cell.name), dict(cell.point.inputs),
            outcome.seconds, self._provenance,
        )  # fmt: skip
        made["files"] = files
        made[ABOUT] = {
            "key": key,
            "name": cell.name,
            "parameters": dict(cell.parameters),
            "replication": cell.replication,
            "seconds": outcome.seconds,
            "measured": {key: value for key, value in measured.items() if key != "summary"},
        }
        return canonical_json(made)

    def _place(self, name: str) -> Path:
        return self.directory / f"{POINT}{name}"
