"""Rerun: make a result again from its manifest, be it a run or a study, and compare every byte.

All are made again by what made them first, into a scratch directory, and compared with the result file by file. The
rerun declares processes, disks, files and paging files in the reverse of the manifest's order, so it proves as well
that the order of independent declarations has no effect.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.errors import BadInput, Interrupted
from experiments.progress import reporter
from experiments.spec.document import Document
from experiments.spec.experiment import from_document
from experiments.spec.inputs import digest
from experiments.storage.differences import Compared
from experiments.storage.directory import (
    COMPARISON,
    KIND,
    MANIFEST,
    SIZE,
    STUDIES,
    SWEEP,
    kind_name,
    read_manifest,
    study_of,
    telling_disk_errors,
)
from experiments.storage.manifest import versions
from experiments.study import compare, size, sweep
from experiments.study.plan import turned
from experiments.study.run import run_as_far_as_it_goes
from experiments.study.store import Seen
from experiments.study.workers import Workers, local


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
"""Makes a result again in a scratch directory; what it compares itself, and removes, needn't be compared as a whole."""


def rerun(directory: Path, workers: int | None = None) -> Comparison:
    """Make the result in `directory` again and compare.

    The points of a study are made by so many workers of this machine, one for each processor if not said; they are
    compared as they come, and take no room after that. Raises BadInput if the directory holds no finished result,
    RunFailed if the run fails, Interrupted on Ctrl-C.
    """
    manifest = _manifest(directory)
    try:
        base = _base(directory, manifest)
        notes = _other_versions(manifest["versions"])
        changed = _changed_inputs(base, manifest)
        if changed:
            return Comparison([], changed, notes)
        make = (
            _run(manifest, base, directory) if manifest["kind"] == KIND else _study(manifest, base, directory, workers)
        )
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
    study = study_of(directory)
    if study is not None and not study["complete"]:
        what = kind_name(study["kind"])
        raise BadInput(
            f"{directory}: found a {what} that isn't finished, allowed is one that {_command(what)} --resume ended"
        )
    return read_manifest(directory, (KIND, *STUDIES))


def _command(what: str) -> str:
    return f"pagesim {'compare' if what == 'comparison' else what}"


def _run(manifest: dict[str, Any], base: Path, directory: Path) -> Make:
    experiment = from_document(Document(str(directory / MANIFEST), turned(manifest["config"]), {}, base))

    def make(scratch: Path, _: Compared) -> None:
        with reporter(["rerun", "baseline"], experiment.duration) as progress:
            result, _failure = run_as_far_as_it_goes(experiment, base, progress)
        scratch.mkdir()
        result.write(scratch)

    return make


def _study(manifest: dict[str, Any], base: Path, directory: Path, workers: int | None) -> Make:
    again = _MAKERS[manifest["kind"]](json.loads(manifest["study"]), base, str(directory / MANIFEST))

    def make(scratch: Path, found: Compared) -> None:
        made: set[str] = set()

        def seen(place: Path) -> None:
            made.add(place.name)
            found.add(directory / place.name, place, f"{place.name}/")
            shutil.rmtree(place)

        with local(workers) as ready:
            again(scratch, ready, seen)
        found.add_unknown_points(directory, made)

    return make


def _sweep(data: dict[str, Any], base: Path, source: str) -> Callable[[Path, Workers, Seen], object]:
    study = sweep.described(data, base, source, turned=True)
    return lambda place, workers, seen: sweep.run_in(place, study, workers, seen=seen)


def _comparison(data: dict[str, Any], base: Path, source: str) -> Callable[[Path, Workers, Seen], object]:
    comparison = compare.described(data, base, source)
    return lambda place, workers, seen: comparison.run_in(place, workers, seen=seen, turned=True)


def _size(data: dict[str, Any], base: Path, source: str) -> Callable[[Path, Workers, Seen], object]:
    comparison, target, tolerance = compare.described(data, base, source), data["target"], data["tolerance"]
    return lambda place, workers, seen: size.run_in(
        place, comparison, target, tolerance, workers, seen=seen, turned=True
    )


_MAKERS = {SWEEP: _sweep, COMPARISON: _comparison, SIZE: _size}


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
        elif (now := digest(path)) != entry["sha256"]:
            lines.append(f"input {path}: found SHA-256 {now[:12]}, the result was made with {entry['sha256'][:12]}")
    return lines


def _other_versions(then: dict[str, str]) -> list[str]:
    now = versions()
    return [
        f"{name} {now.get(name)}: the result was made with {version}"
        for name, version in sorted(then.items())
        if now.get(name) != version
    ]
