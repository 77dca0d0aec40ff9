"""A point: one run of a batch, described by plain data, so that any worker anywhere can make it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simulator
import workloads
from experiments.config import Experiment, from_document
from experiments.document import Document
from experiments.inputs import digest, input_paths
from experiments.manifest import versions
from experiments.plugin_files import MODULE_PREFIX
from experiments.store import canonical_json
from simulator import registry


@dataclass(frozen=True)
class Point:
    """One run of a batch."""

    label: str
    """names the point in its batch, and in errors"""
    config: Mapping[str, Any]
    """the resolved config with the seed of this run, as `Experiment.resolved` gives it"""
    base: str
    """the directory that relative paths in the config start from, absolute"""
    unlimited: bool = False
    """run with memory for everything, as the measure of slowdowns"""
    keep: str | None = None
    """the directory that becomes a whole result; None: only what is measured is kept"""
    lists: bool = False
    """whether page lists over simulated time are among what is measured"""

    def experiment(self) -> Experiment:
        """The experiment that this point runs; raises BadInput if the config isn't valid here."""
        return from_document(Document(self.label, dict(self.config), {}, Path(self.base)))


@dataclass(frozen=True)
class Outcome:
    """What came of a point: either what was measured, or why it failed."""

    point: Point
    measured: Mapping[str, Any] | None
    """plain data that JSON can hold"""
    error: str | None
    """one line for people"""
    seconds: float
    """wall time of the run itself"""


def keys(points: list[Point]) -> list[str]:
    """A digest for each point of all that its outcome depends on: config, contents of input files, the program.

    Two points with one key have the same outcome, in whichever batch. Raises BadInput for an unreadable input file.
    """
    program = common_key()
    contents: dict[Path, str] = {}
    found = []
    for point in points:
        files = {}
        for path in input_paths(point.experiment()):
            place = Path(point.base, path)
            contents[place] = files[path] = contents.get(place) or digest(place)
        found.append(point_key(point, files, program))
    return found


def common_key() -> str:
    """A digest of what the outcomes of all points depend on: the program and the libraries that it uses."""
    text = canonical_json({"program": program_digest(), "versions": versions()})
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def point_key(point: Point, files: Mapping[str, str], program: str) -> str:
    """The key of a point; `files` are the digests of its input files, by path, `program` is the common key."""
    own = {"config": point.config, "unlimited": point.unlimited, "keep": point.keep, "files": dict(files)}
    if point.lists:
        own["lists"] = True
    return hashlib.blake2b((program + canonical_json(own)).encode(), digest_size=16).hexdigest()


def program_digest() -> str:
    """A digest of the sources that decide what a run gives: simulator, workloads, and installed plug-ins. Files that a
    config lists under `plugins` are inputs of its points."""
    roots = [Path(package.__path__[0]) for package in (simulator, workloads)]
    files = {path for root in roots for path in root.rglob("*.py")}
    for point in ("policy", "workload", "disk", "format"):
        for name in registry.names(point):
            files |= _source(registry.find(point, name))
    digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _source(cls: type) -> set[Path]:
    path = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if cls.__module__.startswith(MODULE_PREFIX):
        return set()
    return {Path(path)} if path and Path(path).is_file() else set()
