"""Result directories: written beside their place and renamed into it, so that no half-written one is ever seen; and
opened only if each file is what it was when the result was written.

A result's manifest has the SHA-256 of every frame and summary beside it (`files`) and of itself (`digest`), so that
whatever happened to a file since, cut short, garbled or mistaken for another, is told in one line that names it, before
anything is read. All that reads results opens them here.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from experiments.errors import BadInput, RunFailed
from experiments.storage.writing import new_directory

MANIFEST = "manifest.json"
KIND = "pagesim result"
REFERENCE = "pagesim reference result"
PROFILE_KIND = "pagesim trace profile"
COMPARISON, SWEEP, SIZE = "pagesim comparison", "pagesim sweep", "pagesim size"
STUDIES = (COMPARISON, SWEEP, SIZE)
STUDY_FILE = "study.json"
"""What tells a study's directory, begun or finished."""
POINT, BASELINE = "point=", "baseline="
"""What the directories of a study's points start with: a Hive partition."""
KINDS = (KIND, REFERENCE, PROFILE_KIND, COMPARISON, SIZE)
"""What a directory that gives way to a new result can be, by its manifest; a sweep, hours of work perhaps, doesn't."""
FILES, DIGEST = "files", "digest"
KEPT = (".json", ".parquet")
"""What the files end in that a manifest has digests of."""
OPTIONAL = ("threads", "denning", "notes", "pools", "lists", "latency", "settings", "curves", "sampled")
"""Frames that a result may have or not: one that the manifest doesn't list is none of the result's."""
_OLDER = {"sweep.json": "sweep", "comparison.json": "comparison"}
"""What tells the directories of sweeps and comparisons that versions before 0.5 wrote."""


def kind_name(kind: str) -> str:
    """What people call a kind of study."""
    return kind.removeprefix("pagesim ")


def canonical_json(data: Any) -> str:
    """JSON that is the same for the same data: keys sorted, two spaces of indent, a newline at the end."""
    return json.dumps(data, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def read_manifest(directory: Path, kinds: tuple[str, ...] = (KIND,)) -> dict[str, Any]:
    """The manifest of a result of one of these kinds; raises BadInput if the directory is none."""
    path = directory / MANIFEST
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}, allowed is a result directory of pagesim") from None
    except ValueError as error:
        raise BadInput(f"{path}: {error}, allowed is the manifest of a pagesim result") from None
    if isinstance(data, dict) and data.get("kind") in STUDIES:
        refuse_older(directory)
    if not isinstance(data, dict) or data.get("kind") not in kinds:
        allowed = " or a ".join(kinds)
        raise BadInput(f"{path}: found no {' and no '.join(map(repr, kinds))}, allowed is the manifest of a {allowed}")
    return data


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new directory beside `target` to write a result into; it takes `target`'s place, to stay through a power loss,
    when all went well (see `storage.writing`).

    Whatever goes wrong inside, an interrupt too, the new directory is removed and `target` stays as it was. An older
    result gives way; anything else does not. Raises BadInput, before anything is computed, if `target` can't be
    written or isn't a result; RunFailed if it can't be written in the end, because the disk is full.
    """
    target = Path(os.path.abspath(target))
    with telling_disk_errors(target), ExitStack() as stack:
        try:
            _check_replaceable(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = stack.enter_context(new_directory(target))
        except OSError as error:
            raise BadInput(
                f"--out {target}: {error.strerror or error}, allowed is a directory that can be written"
            ) from None
        yield partial


@contextmanager
def telling_damage(place: Path) -> Iterator[None]:
    """Turns whatever reading a missing or broken part of a result raises into BadInput; a full disk is another
    matter."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        text = f"{error.filename or place}: {error.strerror or error}"
        raise BadInput(f"{text}, allowed is a whole result") from None
    except (BadInput, RunFailed):
        raise
    except Exception as error:
        raise BadInput(f"{place}: {type(error).__name__}: {error}, allowed is a whole result") from error


@contextmanager
def telling_disk_errors(target: Path) -> Iterator[None]:
    """Turns what the operating system refuses while a result is written into RunFailed."""
    try:
        yield
    except OSError as error:
        raise RunFailed(f"{target}: can't be written: {error.strerror or error}") from error


def refuse_older(directory: Path) -> None:
    """Raise BadInput for a sweep or comparison that a version before 0.5 wrote."""
    for name, what in _OLDER.items():
        if (directory / name).exists() and not (directory / STUDY_FILE).exists():
            raise BadInput(
                f"{directory}: found a {what} of a version before 0.5, allowed is one of this version: make it again"
            )


def study_of(directory: Path) -> dict[str, Any] | None:
    """What study.json says of a study, begun or finished; None if the directory holds none. Raises BadInput."""
    refuse_older(directory)
    path = directory / STUDY_FILE
    if not path.exists():
        return None
    study = read_json(path)
    if study.get("kind") not in STUDIES:
        raise BadInput(f"{path}: found no study, allowed is a whole result")
    _check_itself(study, path)
    return study


def _check_replaceable(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise BadInput(f"--out {target}: found something that is no directory, allowed is a new directory or a result")
    study = study_of(target) if (target / STUDY_FILE).exists() else None
    if study is not None and (study["kind"] == SWEEP or not study["complete"]):
        what = kind_name(study["kind"])
        raise BadInput(f"--out {target}: found a {what}, which doesn't give way, allowed is another directory")
    if any(target.iterdir()):
        check_result(target)


def check_result(target: Path) -> None:
    """Raise BadInput unless a directory holds a result that may give way to another."""
    try:
        read_manifest(target, KINDS)
    except BadInput:
        raise BadInput(
            f"--out {target}: found a directory that holds no result, allowed is a new or empty one, or a result"
        ) from None


def sealed(data: Mapping[str, Any]) -> str:
    """Data as JSON with a digest of itself."""
    return canonical_json({**data, DIGEST: _digest(data)})


def _digest(data: Mapping[str, Any]) -> str:
    """Of all but itself and the time that the run took, so that the same run has the same digest."""
    plain = {key: value for key, value in data.items() if key not in (DIGEST, "wall_seconds")}
    return hashlib.sha256(canonical_json(plain).encode()).hexdigest()


def write_manifest(directory: Path, data: Mapping[str, Any]) -> None:
    """Write the manifest of a result whose files stand in a directory, with their digests and its own."""
    (directory / MANIFEST).write_text(sealed({**data, FILES: file_digests(directory)}), "utf-8")


def file_digests(directory: Path) -> dict[str, str]:
    """The SHA-256 of each frame and summary in a directory, by name."""
    paths = sorted(
        path for path in directory.iterdir() if path.suffix in KEPT and path.name not in (MANIFEST, STUDY_FILE)
    )
    return {path.name: _file_digest(path) for path in paths}


@contextmanager
def opened(directory: Path, kinds: tuple[str, ...] = (KIND,)) -> Iterator[dict[str, Any]]:
    """The manifest of a result of one of these kinds, whose files are whole. Raises BadInput if one isn't.

    An older version's result has no digests: whatever goes wrong in the block is taken for damage and told as such.
    """
    manifest = read_manifest(directory, kinds)
    if manifest["kind"] in STUDIES:
        study_of(directory)
    if DIGEST in manifest:
        _check_itself(manifest, directory / MANIFEST)
        _check_files(directory, manifest.get(FILES))
        try:
            yield manifest
        except FileNotFoundError as error:  # a sweep's point of which only the summary was kept
            text = f"{error.filename or directory}: {error.strerror or error}"
            raise BadInput(f"{text}, allowed is a whole result") from None
    else:
        with telling_damage(directory):
            yield manifest


def _check_itself(data: Mapping[str, Any], path: Path) -> None:
    try:
        same = _digest(data) == data.get(DIGEST)
    except ValueError:  # a number that JSON hasn't
        same = False
    if not same:
        raise BadInput(f"{path}: has changed since it was written, allowed is a whole result")


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file of a result; raises BadInput if there is none."""
    with telling_damage(path):
        data = json.loads(path.read_text("utf-8"))
    if not isinstance(data, dict):
        raise BadInput(f"{path}: found no mapping, allowed is a whole result")
    return data


def check_file(path: Path) -> None:
    """Raise BadInput unless a frame or summary, if there is one, is what the manifest beside it says."""
    try:
        files = read_manifest(path.parent, (*KINDS, SWEEP)).get(FILES)
    except BadInput:
        return
    if isinstance(files, dict) and path.name in files and path.exists():
        _check_file(path, files[path.name])


def _check_files(directory: Path, files: Any) -> None:
    if not isinstance(files, dict):
        raise BadInput(f"{directory / MANIFEST}: found no digests of files, allowed is a whole result")
    for name, expected in files.items():
        _check_file(directory / name, expected)
    for name in OPTIONAL:
        path = directory / f"{name}.parquet"
        if path.name not in files and path.exists():
            raise BadInput(f"{path}: found a frame that is none of this result's, allowed is a whole result")


def _check_file(path: Path, expected: object) -> None:
    if _file_digest(path) != expected:
        raise BadInput(f"{path}: has changed since it was written, allowed is a whole result")


def _file_digest(path: Path) -> str:
    """The SHA-256 of a file of a result; raises BadInput if it can't be read."""
    with telling_damage(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
