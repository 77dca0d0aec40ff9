"""A study's directory: one directory for each finished point, which is there whole or not at all, and the frames.

Only the process that holds the directory's lock writes into it; workers hand their results to that process. A point is
finished when its directory has been placed, which a power loss doesn't undo. Its manifest has a digest of every file:
what has been lost, garbled or deleted since is noticed when the study is gone on with, and the point is run again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.errors import BadInput, RunFailed
from experiments.spec.inputs import digest, input_digests
from experiments.storage import points
from experiments.storage.directory import (
    BASELINE,
    FILES,
    MANIFEST,
    POINT,
    SIZE,
    STUDY_FILE,
    SWEEP,
    canonical_json,
    check_result,
    file_digests,
    kind_name,
    read_manifest,
    sealed,
    study_of,
)
from experiments.storage.lock import locked
from experiments.storage.manifest import manifest, provenance
from experiments.storage.points import finished
from experiments.storage.writing import new_directory, new_file, write_file
from experiments.study.plan import Outcome, Point, Study
from experiments.study.queue import RESUME
from experiments.study.worker import summary_file

Seen = Callable[[Path], None]
"""Is given a finished point's directory, and may even remove it."""


class StudyStore:
    """An open study directory, whose lock this process holds."""

    def __init__(self, directory: Path, seen: Seen | None = None) -> None:
        self.directory = directory
        self.damaged: list[str] = []
        """names of points that were finished, and aren't any more what they were"""
        self._seen = seen
        self._began = time.perf_counter()
        self._provenance = provenance()
        self._known = {path.name: points.about(path) for path in _places(directory)}

    def begin(self, study: Study) -> None:
        """Remove what a killed process left half-written, and write down what the study is.

        Raises BadInput if there are finished points that it doesn't make, or would make otherwise.
        """
        for path in (*self.directory.glob(f".{POINT}*"), *self.directory.glob(f".{BASELINE}*")):
            shutil.rmtree(path, ignore_errors=True)
        for path in self.directory.glob(".*.partial-*"):
            path.unlink(missing_ok=True)
        if study.kind != SIZE:  # whose points are known when it ends
            self._check_same(study)
        write_file(self.directory / STUDY_FILE, sealed(described(study, None)))

    def _check_same(self, study: Study) -> None:
        keys = {point.directory: point.key for point in (*study.points, *study.baselines)}
        foreign = [name for name in self._known if name not in keys]
        changed = [n for n, known in self._known.items() if n in keys and known and known.get("key", "") != keys[n]]
        others = "config, input files or program are others"
        for names, why in ((changed, others), (foreign, "they are no points of it")):
            if names:
                what = f"found {len(names)} finished points that this {kind_name(study.kind)} wouldn't make"
                text = f"{what}: {why} (first: {_name(names[0])})"
                raise BadInput(
                    f"--resume {self.directory}: {text}, allowed is what was begun or more; or another --out"
                )

    def get(self, point: Point) -> Outcome | None:
        """The outcome of a finished point; None if there is none, it is damaged or lacks frames wanted now."""
        known, place = self._known.get(point.directory), self.directory / point.directory
        if known is None:
            return None
        measured = points.measured(place, known)
        if measured is None or known.get("key") != point.key or not _whole(place):
            self.damaged.append(point.name)
            return None
        lacks = point.whole and not point.unlimited and not (place / "samples.parquet").exists()
        return None if lacks else Outcome(point, measured, None, known["seconds"])

    def put(self, outcome: Outcome) -> Outcome:
        """Keep a point's result, through a power loss too; returns the outcome without its files."""
        point, place = outcome.point, self.directory / outcome.point.directory
        measured = {name: value for name, value in (outcome.measured or {}).items() if name != FILES}
        files: dict[str, bytes] = (outcome.measured or {}).get(FILES) or summary_file(measured["summary"])
        with new_directory(place) as partial:
            for file, content in files.items():
                (partial / file).write_bytes(content)
            digests = {file: hashlib.sha256(content).hexdigest() for file, content in sorted(files.items())}
            (partial / MANIFEST).write_text(self._manifest(outcome, place, measured, digests), "utf-8")
        if self._seen is not None and not point.unlimited:
            self._seen(place)
        return replace(outcome, measured=json.loads(canonical_json(measured)))

    def _manifest(self, outcome: Outcome, place: Path, measured: Mapping[str, Any], digests: dict[str, str]) -> str:
        point = outcome.point
        made = manifest(
            point.config, Path(point.base), place, dict(point.inputs), outcome.seconds, self._provenance
        )  # fmt: skip
        made[FILES] = digests
        made[points.ABOUT] = {
            "key": point.key,
            "name": point.name,
            "parameters": dict(point.parameters),
            "replication": point.replication,
            "seconds": outcome.seconds,
            "measured": {key: value for key, value in measured.items() if key != "summary"},
        }
        return sealed(made)

    def forget(self, but: Iterable[Point] = ()) -> None:
        """Remove all points but these."""
        for path in _places(self.directory):
            if path.name not in {point.directory for point in but}:
                shutil.rmtree(path, ignore_errors=True)

    def finish(
        self, study: Study, frames: Mapping[str, pd.DataFrame], texts: Mapping[str, str], errors: Mapping[str, str]
    ) -> None:
        """Write the frames and texts, then the manifest, and last that the study is complete."""
        for name, frame in frames.items():
            with new_file(self.directory / f"{name}.parquet") as partial:
                frame.to_parquet(partial, compression="zstd", index=False)
        for name, text in texts.items():
            write_file(self.directory / name, text)
        digests = input_digests(study.experiment, study.base)
        for point in study.points:
            digests |= dict(point.inputs)
        seconds = time.perf_counter() - self._began
        resolved = study.experiment.resolved()
        made = manifest(resolved, study.base, self.directory, digests, seconds, self._provenance)
        # as text: the order of keys, which a manifest hasn't, is that of the points and in their names
        made |= {"kind": study.kind, "study": json.dumps(study.description)}
        made |= {"source": dict(study.source)} if study.source else {}
        made[FILES] = file_digests(self.directory)
        write_file(self.directory / MANIFEST, sealed(made))
        write_file(self.directory / STUDY_FILE, sealed(described(study, errors)))


def described(study: Study, errors: Mapping[str, str] | None) -> dict[str, Any]:
    """What study.json holds: what is varied, every point, and the errors of those that failed, None until all are done.

    The same study gives the same, however often it was interrupted.
    """
    return {
        "kind": study.kind,
        "name": study.experiment.name,
        "complete": errors is not None,
        "varied": list(study.keys),
        "parameters": study.parameters,
        "replications": study.replications,
        "baselines": [point.name for point in study.baselines],
        "points": [
            {
                "point": point.name,
                "written": dict(point.written),
                "parameters": dict(point.parameters),
                "replication": point.replication,
                "seed": point.seed,
                "error": (errors or {}).get(point.name),
            }
            for point in study.points
        ],
    }


@contextmanager
def opened_study(target: Path, kind: str, resume: bool = False, seen: Seen | None = None) -> Iterator[StudyStore]:
    """A directory for a study of this kind, locked; it holds every finished point from then on.

    One that holds an unfinished study, or a finished sweep, is gone on with (`resume`) or refused; another result there
    gives way, and comes back if not a single point was finished. Raises BadInput for a directory that can't be used, or
    that another process is using; RunFailed if it can't be written in the end.
    """
    target = Path(os.path.abspath(target))
    with locked(target):
        fresh, older = _prepare(target, kind, resume)
        try:
            yield StudyStore(target, seen)
        except OSError as error:
            kept = f"{len(finished(target))} finished points are kept, and {RESUME}"
            raise RunFailed(f"{error.filename or target}: {error.strerror or error}; {kept}") from error
        finally:
            if fresh and not _places(target) and not (target / MANIFEST).exists():
                shutil.rmtree(target, ignore_errors=True)
                if older is not None:
                    older.rename(target)
            elif older is not None:
                shutil.rmtree(older, ignore_errors=True)


def _prepare(target: Path, kind: str, resume: bool) -> tuple[bool, Path | None]:
    """Make the directory ready; whether there was none before, and where the result is that gave way."""
    older = None
    try:
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir()):
            raise BadInput(f"--out {target}: found something that is no directory, allowed is a new one or a study")
        study = study_of(target) if target.is_dir() else None
        if study is not None and _goes_on(target, study, kind, resume):
            return False, None
        if target.is_dir() and any(target.iterdir()):
            if study is None:
                check_result(target)
            older = target.with_name(f".{target.name}.older-{os.getpid()}")
            target.rename(older)
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {target}: {error.strerror or error}, allowed is a place that can be written") from None
    return True, older


def _goes_on(target: Path, study: Mapping[str, Any], kind: str, resume: bool) -> bool:
    """Whether the study that is there is gone on with; False: it gives way."""
    what = f"found a {kind_name(study['kind'])} with {len(finished(target))} finished points"
    if resume and study["kind"] != kind:
        raise BadInput(f"--out {target}: {what}, allowed is a {kind_name(kind)}, or another place")
    if not resume and (study["kind"] == SWEEP or not study["complete"]):
        raise BadInput(f"--out {target}: {what}, allowed is --resume, which goes on with it, or another place")
    return resume


def _places(directory: Path) -> list[Path]:
    paths = (path for pattern in (POINT, BASELINE) for path in directory.glob(f"{pattern}*"))
    return sorted(path for path in paths if path.is_dir())


def _name(directory: str) -> str:
    return directory.removeprefix(POINT).removeprefix(BASELINE)


def _whole(place: Path) -> bool:
    """Whether the files of a finished point are what they were when it was."""
    try:
        files = read_manifest(place)[FILES]
        return all(digest(place / file) == expected for file, expected in files.items())
    except (BadInput, KeyError, TypeError, AttributeError):
        return False
