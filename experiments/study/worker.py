"""What a worker does with a point: it finds the input files, runs the point and gives back all that is kept of it, so
that no worker needs the study's directory.

An input file is found by its digest, at its place or in a cache; one that is in neither is asked for, and sent.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.analysis.reduction import reduced
from experiments.errors import BadInput, RunFailed
from experiments.spec.experiment import Experiment
from experiments.spec.inputs import digest
from experiments.spec.plugin_files import load_file, module_name
from experiments.spec.plugins import SLOTS, path_parameters
from experiments.storage.directory import FILES
from experiments.storage.writing import write_file
from experiments.study import run
from experiments.study.plan import Outcome, Point, this_program
from simulator import registry
from simulator.compile import cache_directory
from simulator.result import RunResult

LACKING = "lacking"


def run_point(given: Point) -> dict[str, Any]:
    """Run a point; raises BadInput or RunFailed.

    What its run is `reduced` to; FILES maps the names of the result's files to their contents. Instead, LACKING lists
    the digests of input files that the worker hasn't.
    """
    if this_program() != given.program:
        raise RunFailed(
            "the worker has another version of pagesim, of a library or of a plug-in: see `pip list` there; a plug-in "
            "that only this process knows goes into a file that the config lists under `plugins`"
        )
    try:
        point = at_hand(given)
    except Lacking as lacking:
        return {LACKING: list(lacking.args)}
    result = _result(point.experiment(), Path(point.base), point)
    kept = {"summary": result.summary} if point.unlimited else reduced(result, latency=point.latency, lists=point.lists)
    return {**kept, FILES: _files(result, point.whole)}


def _result(experiment: Experiment, base: Path, point: Point) -> RunResult:
    if point.unlimited:
        result = run.baseline(*run.prepare(experiment, base), base)
        result.summary["name"] = experiment.name
        return result
    if not point.whole:
        quiet = dataclasses.replace(experiment.observe, io_log=False, page_map=False, thread_log=False, denning=False)
        experiment = dataclasses.replace(experiment, observe=quiet)
    return run.run(experiment, base)


def _files(result: RunResult, whole: bool) -> dict[str, bytes]:
    """The files of a result by name; but for a whole one the summary alone, as `RunResult.write` writes it."""
    if not whole:
        return summary_file(result.summary)
    with tempfile.TemporaryDirectory(prefix="pagesim-point-") as scratch:
        result.write(Path(scratch))
        return {path.name: path.read_bytes() for path in sorted(Path(scratch).iterdir())}


def summary_file(summary: Mapping[str, Any]) -> dict[str, bytes]:
    """The summary by the name of its file, as `RunResult.write` writes it."""
    return {"summary.json": (json.dumps(summary, indent=2, sort_keys=True) + "\n").encode()}


def with_what_lacked(outcome: Outcome) -> Point | None:
    """The point to run again because its worker lacked input files, with their contents; None if it did not.

    Raises RunFailed if a file isn't any more what it was when the study began.
    """
    lacking = (outcome.measured or {}).get(LACKING)
    if not lacking:
        return None
    point, sent = outcome.point, {}
    for path, sha256 in point.inputs:
        if sha256 in lacking:
            place = Path(point.base, path)
            try:
                content, now = place.read_bytes(), digest(place)
            except OSError as error:
                raise BadInput(f"{place}: {error.strerror or error}, allowed is a readable file") from None
            if now != sha256:
                raise RunFailed(f"input {place}: has changed since the study began")
            sent[sha256] = content
    return dataclasses.replace(point, sent=tuple(sent.items()))


class Lacking(Exception):
    """Files that the worker has not; the arguments are their SHA-256."""


def at_hand(point: Point) -> Point:
    """The point with paths at which this worker has its input files, plug-ins among them loaded.

    A file is looked for at the place that the config names, then in the cache, where what was sent with the point has
    been put. Raises Lacking for those that are in neither.
    """
    for sha256, content in point.sent:
        _keep(sha256, content, [path for path, wanted in point.inputs if wanted == sha256])
    places: dict[str, str] = {}
    lacking = set()
    for path, sha256 in point.inputs:
        place = next((place for place in (Path(point.base, path), _cached(sha256, path)) if _is(place, sha256)), None)
        if place is None:
            lacking.add(sha256)
        elif place != Path(point.base, path):
            places[path] = str(place)
    if lacking:
        raise Lacking(*sorted(lacking))
    listed = {str(path) for path in point.config["plugins"]}
    for path, sha256 in point.inputs:
        if path in listed:
            _load_plugin(Path(places.get(path, Path(point.base, path))), sha256)
    return (
        dataclasses.replace(point, config=moved(point.config, places), sent=())
        if places
        else dataclasses.replace(point, sent=())
    )


def moved(config: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """The config with other paths: `places` says where each input file is, by the path that the config has."""
    found: dict[str, Any] = copy.deepcopy(dict(config))
    found["plugins"] = [places.get(path, path) for path in found["plugins"]]
    _move(found, places)
    return found


def _move(node: Any, places: Mapping[str, str]) -> None:
    """Change the path parameters of every plug-in below a node, those of workloads inside of workloads too."""
    if isinstance(node, dict):
        for slot in SLOTS:
            name = node.get(slot.key)
            if isinstance(name, str) and name in registry.names(slot.point):
                for parameter in path_parameters(registry.find(slot.point, name)):
                    if isinstance(path := node.get(parameter), str):
                        node[parameter] = places.get(path, path)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _move(child, places)


def _load_plugin(path: Path, sha256: str) -> None:
    """Load a plug-in, unless this process has; raises RunFailed if it has loaded another version of the file."""
    load_file(path)
    module = sys.modules[module_name(path)]
    if module.__dict__.setdefault("__pagesim_sha256__", sha256) != sha256:
        raise RunFailed(f"{path}: has changed since this worker loaded it, allowed is a worker started after that")


def _cached(sha256: str, path: str) -> Path:
    return cache_directory() / "inputs" / sha256 / Path(path).name


def _keep(sha256: str, content: bytes, paths: list[str]) -> None:
    """Put a file that was sent into the cache."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RunFailed(f"input {paths[0]}: was not sent as it is")
    for path in paths:
        target = _cached(sha256, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, content)


def _is(path: Path, sha256: str) -> bool:
    """Whether a file is there and has this digest."""
    try:
        status = path.stat()
    except OSError:
        return False
    return _digest(path, status.st_size, status.st_mtime_ns, status.st_ino) == sha256


@lru_cache(maxsize=1024)
def _digest(path: Path, size: int, changed_ns: int, number: int) -> str | None:  # noqa: ARG001
    """The digest of a file, reckoned once for each state of it that this process sees."""
    try:
        return digest(path)
    except BadInput:
        return None
