"""Input files on the worker that runs a point: found by their digest, at their place or in a cache, or asked for."""

from __future__ import annotations

import copy
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.errors import BadInput, RunFailed
from experiments.inputs import digest
from experiments.placing import write_file
from experiments.plugin_files import load_file, module_name
from experiments.plugins import SLOTS, path_parameters
from experiments.sweeps.plan import SweepPoint
from simulator import registry
from simulator.compile import cache_directory


class Lacking(Exception):
    """Files that the worker has not; the arguments are their SHA-256."""


def at_hand(point: SweepPoint) -> SweepPoint:
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
    return replace(point, config=moved(point.config, places), sent=()) if places else replace(point, sent=())


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
