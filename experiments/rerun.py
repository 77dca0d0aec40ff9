"""Rerun: make a result again from its manifest and compare every byte.

The rerun declares processes, disks, files and paging files in the reverse of the manifest's order, so it proves as
well that the order of independent declarations has no effect.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.batch.pool import Local, usable_processors
from experiments.compare.conduct import conduct
from experiments.compare.plan import from_description
from experiments.compare.result import ComparisonResult
from experiments.config import Experiment, from_document
from experiments.document import Document
from experiments.errors import BadInput
from experiments.inputs import digest
from experiments.manifest import versions
from experiments.runner import Progress, run
from experiments.store import COMPARISON, KIND, MANIFEST, read_manifest
from simulator.result import RunResult


@dataclass(frozen=True)
class Comparison:
    """What a rerun found."""

    compared: list[str]
    """files that were made again"""
    differences: list[str]
    """one line for each thing that isn't as it was; empty: the result is reproduced"""
    notes: list[str]
    """one line for each library whose version isn't the one that made the result"""


def rerun(directory: Path, progress: Progress | None = None) -> Comparison:
    """Make the result in `directory` again and compare; raises BadInput if it is none, RunFailed if the run fails."""
    manifest = read_manifest(directory, (KIND, COMPARISON))
    try:
        base = _base(directory, manifest)
        notes = _other_versions(manifest["versions"])
        changed = _changed_inputs(base, manifest)
        if changed:
            return Comparison([], changed, notes)
        make = _maker(manifest, base, str(directory / MANIFEST), progress)
    except (KeyError, TypeError, AttributeError):
        raise BadInput(
            f"{directory / MANIFEST}: found an incomplete manifest, allowed is one that pagesim wrote"
        ) from None
    with tempfile.TemporaryDirectory(prefix="pagesim-rerun-") as scratch:
        make().write(Path(scratch))
        kept = manifest.get("files")
        compared = sorted(path.name for path in Path(scratch).iterdir() if kept is None or path.name in kept)
        differences = [line for name in compared if (line := _difference(directory / name, Path(scratch, name)))]
    return Comparison(compared, differences, notes)


def _maker(
    manifest: dict[str, Any], base: Path, source: str, progress: Progress | None
) -> Callable[[], RunResult | ComparisonResult]:
    """What makes the result again."""
    if manifest["kind"] == COMPARISON:
        plan = from_description(manifest["plan"], base, source)
        workers = usable_processors()
        return lambda: conduct(plan, Local(workers), 2 * workers)
    experiment = _reversed(manifest["config"], base, source)
    return lambda: run(experiment, base, progress)


def _reversed(config: dict[str, Any], base: Path, source: str) -> Experiment:
    data = copy.deepcopy(config)
    data["processes"].reverse()
    data["machine"]["paging_files"].reverse()
    for key in ("disks", "files"):
        data["machine"][key] = dict(reversed(data["machine"][key].items()))
    return from_document(Document(source, data, {}, base))


def _base(directory: Path, manifest: dict[str, Any]) -> Path:
    """The directory that paths start from: where it lies as seen from the result, or else where it was."""
    near, far = directory / manifest["base"]["relative"], Path(manifest["base"]["absolute"])
    inputs = [entry["path"] for entry in manifest["inputs"]]
    return near if all((near / path).exists() for path in inputs) else far


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


def _difference(old: Path, new: Path) -> str | None:
    if not old.exists():
        return f"{old.name}: missing in the result"
    before, after = old.read_bytes(), new.read_bytes()
    if before == after:
        return None
    at = next((i for i, (x, y) in enumerate(zip(before, after, strict=False)) if x != y), min(len(before), len(after)))
    detail = f"{old.name}: differs from byte {at} on ({len(before)} bytes, now {len(after)})"
    if old.suffix == ".json":
        line = before[:at].count(b"\n")
        was, now = (text.decode("utf-8", "replace").splitlines()[line : line + 1] for text in (before, after))
        detail += f": was {' '.join(was).strip()!r}, is {' '.join(now).strip()!r}"
    return detail
