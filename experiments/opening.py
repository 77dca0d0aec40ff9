"""Opening a result: is each of its files what it was when the result was written?

A result's manifest has the SHA-256 of every frame and summary beside it (`files`) and of itself (`digest`), so that
whatever happened to a file since, cut short, garbled or mistaken for another, is told in one line that names it, before
anything is read. All that reads results opens them here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments.errors import BadInput
from experiments.store import KIND, KINDS, MANIFEST, SWEEP, canonical_json, read_manifest, telling_damage

FILES, DIGEST = "files", "digest"
KEPT = (".json", ".parquet")
"""What the files end in that a manifest has digests of."""
OPTIONAL = ("threads", "denning", "notes", "pools", "lists", "curves", "sampled")
"""Frames that a result may have or not: one that the manifest doesn't list is none of the result's."""


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
    paths = sorted(path for path in directory.iterdir() if path.suffix in KEPT and path.name != MANIFEST)
    return {path.name: _file_digest(path) for path in paths}


@contextmanager
def opened(directory: Path, kinds: tuple[str, ...] = (KIND,)) -> Iterator[dict[str, Any]]:
    """The manifest of a result of one of these kinds, whose files are whole. Raises BadInput if one isn't.

    An older version's result has no digests: whatever goes wrong in the block is taken for damage and told as such.
    """
    manifest = read_manifest(directory, kinds)
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
        same = _digest(data) == data[DIGEST]
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
