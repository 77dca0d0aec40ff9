"""Rerun: make a result again from its manifest, be it a run, a comparison or a sweep, and compare every byte.

All are made again by what made them first, into a scratch directory, and held against the result file by file. The
rerun declares processes, disks, files and paging files in the reverse of the manifest's order, so it proves as well
that the order of independent declarations has no effect.
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiments.batch.pool import local
from experiments.compare.command import POINTS, write_all
from experiments.compare.conduct import conduct as conduct_comparison
from experiments.compare.plan import from_description
from experiments.config import Experiment, from_document
from experiments.differences import Compared
from experiments.document import Document
from experiments.errors import BadInput, Interrupted
from experiments.inputs import digest
from experiments.manifest import versions
from experiments.progress import reporter
from experiments.runner import run_as_far_as_it_goes
from experiments.store import COMPARISON, KIND, MANIFEST, SWEEP, SWEEP_FILE, read_manifest, telling_disk_errors
from experiments.sweeps.conduct import conduct as conduct_sweep
from experiments.sweeps.plan import SweepPlan, planned


@dataclass(frozen=True)
class Comparison:
    """What a rerun found."""

    compared: list[str]
    """files that were made again"""
    differences: list[str]
    """one line for each thing that isn't as it was; empty: the result is reproduced"""
    notes: list[str]
    """one line for each library whose version isn't the one that made the result"""


Make = Callable[[Path, Compared], None]
"""Makes a result again in a scratch directory; what it compares itself, and removes, needn't be held as a whole."""


def rerun(directory: Path, workers: int | None = None) -> Comparison:
    """Make the result in `directory` again and compare.

    The runs of a comparison and the points of a sweep are made by so many workers of this machine, one for each
    processor if not said. A sweep's points are compared as they come, and take no room after that. Raises BadInput if
    the directory holds no finished result, RunFailed if the run fails, Interrupted on Ctrl-C.
    """
    manifest = _manifest(directory)
    try:
        base = _base(directory, manifest)
        notes = _other_versions(manifest["versions"])
        changed = _changed_inputs(base, manifest)
        if changed:
            return Comparison([], changed, notes)
        makers = {KIND: _run, COMPARISON: _comparison, SWEEP: _sweep}
        make = makers[manifest["kind"]](manifest, base, directory, workers)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(
            f"{directory / MANIFEST}: found an incomplete manifest, allowed is one that pagesim wrote"
        ) from None
    found = Compared()
    with tempfile.TemporaryDirectory(prefix="pagesim-rerun-") as name:
        scratch = Path(name, "again")
        try:
            with telling_disk_errors(scratch):
                make(scratch, found)
        except Interrupted:
            raise Interrupted("interrupted, not all of it compared") from None
        found.add(directory, scratch)
    return Comparison(sorted(found.files), sorted(found.differences), notes)


def _manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a finished result; raises BadInput for anything else."""
    if (directory / SWEEP_FILE).exists():
        try:
            complete = json.loads((directory / SWEEP_FILE).read_text("utf-8")).get("complete")
        except (OSError, ValueError, AttributeError):
            complete = False
        if not complete:
            raise BadInput(
                f"{directory}: found a sweep that isn't finished, allowed is one that pagesim sweep --resume ended"
            )
    return read_manifest(directory, (KIND, COMPARISON, SWEEP))


def _run(manifest: dict[str, Any], base: Path, directory: Path, _: int | None) -> Make:
    experiment = _reversed(manifest["config"], base, str(directory / MANIFEST))

    def make(scratch: Path, _: Compared) -> None:
        with reporter(["rerun", "baseline"], experiment.duration) as progress:
            result, _failure = run_as_far_as_it_goes(experiment, base, progress)
        scratch.mkdir()
        result.write(scratch)

    return make


def _comparison(manifest: dict[str, Any], base: Path, directory: Path, workers: int | None) -> Make:
    told = {**manifest["plan"], "config": _turned(manifest["plan"]["config"])}
    plan = from_description(told, base, str(directory / MANIFEST))
    whole = (directory / POINTS).is_dir()

    def make(scratch: Path, found: Compared) -> None:
        scratch.mkdir()
        keep = scratch / POINTS if whole else None
        with local(workers) as (opener, in_flight):
            result = conduct_comparison(plan, opener, in_flight, keep=keep)
        write_all(result, scratch)
        if keep is not None:
            found.add_unknown_points(directory, {f"{POINTS}/{cell.point.label}" for cell in plan.cells()})

    return make


def _sweep(manifest: dict[str, Any], base: Path, directory: Path, workers: int | None) -> Make:
    if "document" not in manifest:
        raise BadInput(f"{directory / MANIFEST}: found a sweep of an older version, allowed are its points, one by one")
    document = Document(str(directory / MANIFEST), json.loads(manifest["document"]), {}, base)
    whole = any(directory.glob("point=*/samples.parquet"))
    plan = _turned_points(planned(document, manifest["replications"], whole))

    def make(scratch: Path, found: Compared) -> None:
        made: set[str] = set()

        def compare(place: Path) -> None:
            made.add(place.name)
            found.add(directory / place.name, place, f"{place.name}/")
            shutil.rmtree(place)

        with local(workers) as (opener, in_flight):
            conduct_sweep(plan, scratch, opener, in_flight, finished_one=compare)
        found.add_unknown_points(directory, made)

    return make


def _turned_points(plan: SweepPlan) -> SweepPlan:
    """The plan with the same points, each declared the other way round."""
    points = (replace(cell.point, config=_turned(cell.point.config)) for cell in plan.cells)
    cells = (replace(cell, point=point) for cell, point in zip(plan.cells, points, strict=True))
    return replace(plan, cells=tuple(cells))


def _turned(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config with its independent declarations in reverse."""
    data = copy.deepcopy(dict(config))
    data["processes"].reverse()
    data["machine"]["paging_files"].reverse()
    for key in ("disks", "files"):
        data["machine"][key] = dict(reversed(data["machine"][key].items()))
    return data


def _reversed(config: dict[str, Any], base: Path, source: str) -> Experiment:
    return from_document(Document(source, _turned(config), {}, base))


def _base(directory: Path, manifest: dict[str, Any]) -> Path:
    """The directory that paths start from: where it lies as seen from the result, or else where it was.

    Where both are the same, it is written as it was, because errors of failed points have paths in them.
    """
    near, far = directory / manifest["base"]["relative"], Path(manifest["base"]["absolute"])
    inputs = [entry["path"] for entry in manifest["inputs"]]
    moved = all((near / path).exists() for path in inputs) and not (
        far.exists() and near.exists() and near.samefile(far)
    )
    return near.resolve() if moved else far


def _changed_inputs(base: Path, manifest: dict[str, Any]) -> list[str]:
    lines = []
    for entry in manifest["inputs"]:
        path = base / entry["path"]
        if not path.exists():
            lines.append(f"input {path}: found nothing, the result was made with {entry['sha256'][:12]}")
        elif (found := digest(path)) != entry["sha256"]:
            lines.append(f"input {path}: found SHA-256 {found[:12]}, the result was made with {entry['sha256'][:12]}")
    return lines


def _other_versions(then: dict[str, str]) -> list[str]:
    now = versions()
    return [
        f"{name} {now.get(name)}: the result was made with {version}"
        for name, version in sorted(then.items())
        if now.get(name) != version
    ]
