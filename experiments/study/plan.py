"""The plan of a study: its points, all of them known, named and checked before the first one starts.

A study is one config under several settings, each run in several replications with seeds of their own, the same for
every setting. A run, a comparison, a sweep and a search for the least memory are questions asked of one.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import simulator
import workloads
from experiments.spec.document import Document
from experiments.spec.experiment import Experiment, from_document
from experiments.spec.inputs import digest, input_paths
from experiments.spec.plugin_files import MODULE_PREFIX
from experiments.storage.directory import BASELINE, POINT, canonical_json
from experiments.storage.manifest import versions
from simulator import registry
from simulator.rng import stream_key

MOST_POINTS = 100_000
"""Points that a study may have."""
SEED = "seed"


def replication_seed(seed: int, replication: int) -> int:
    """The root seed of a replication, counted from 0: all its random streams are others, the same for each setting."""
    return stream_key(seed, f"replication/{replication}")


@dataclass(frozen=True)
class Setting:
    """What one combination of the varied values asks for."""

    written: Mapping[str, Any]
    """the varied keys' values as they are written"""
    parameters: Mapping[str, Any]
    """the same as columns: sizes in bytes, times in nanoseconds, a mapping's leaves apart"""
    experiment: Experiment


@dataclass(frozen=True)
class Point:
    """One run of a study, described by plain data, so that any worker anywhere can make it."""

    name: str
    """names the point in its study, and in errors"""
    config: Mapping[str, Any]
    """the resolved config with the seed of this run, as `Experiment.resolved` gives it"""
    base: str
    """the directory that relative paths in the config start from, absolute"""
    written: Mapping[str, Any]
    parameters: Mapping[str, Any]
    """what its `Setting` says"""
    replication: int = 0
    unlimited: bool = False
    """run with memory for everything, as the baseline of slowdowns"""
    whole: bool = True
    """whether the frames of its run are kept, not only what they are reduced to"""
    latency: bool = False
    """whether a histogram of fault latencies is kept"""
    lists: bool = False
    """whether page lists over simulated time are kept"""
    inputs: tuple[tuple[str, str], ...] = ()
    """its input files, as the config writes their paths, with their SHA-256"""
    program: str = ""
    """digest of the program that must run it"""
    sent: tuple[tuple[str, bytes], ...] = ()
    """contents of input files that a worker didn't find, by SHA-256"""
    turned: bool = False
    """whether independent declarations are made in reverse, which proves that their order has no effect"""

    @property
    def seed(self) -> int:
        """The root seed of its run."""
        return int(self.config[SEED])

    @property
    def directory(self) -> str:
        """The name of its directory in the study's."""
        return f"{BASELINE if self.unlimited else POINT}{self.name}"

    @property
    def key(self) -> str:
        """A digest of all that its outcome depends on: config, contents of input files, the program. Two points with
        one key have the same outcome, in whichever study."""
        own = {"config": self.config, "files": dict(self.inputs), "unlimited": self.unlimited}
        own |= {"latency": self.latency, "lists": self.lists}
        return hashlib.blake2b((self.program + canonical_json(own)).encode(), digest_size=16).hexdigest()

    def experiment(self) -> Experiment:
        """The experiment that this point runs; raises BadInput if the config isn't valid here."""
        config = turned(self.config) if self.turned else dict(self.config)
        return from_document(Document(self.name, config, {}, Path(self.base)))


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


@dataclass(frozen=True)
class Study:
    """All points of a study, and what is asked of them."""

    kind: str
    """what its directory is: `storage.directory.COMPARISON`, SWEEP or SIZE"""
    experiment: Experiment
    """the config, with the values outside of what is varied"""
    base: Path
    """the directory that relative paths in the config start from, absolute"""
    keys: Sequence[str]
    """what is varied, as it is written"""
    replications: int
    points: Sequence[Point]
    """in the order of the frames: settings, the last key changing fastest, then replications"""
    order: Sequence[int]
    """numbers of the points in the order in which to start them"""
    description: Mapping[str, Any]
    """plain data from which the same study is planned again"""
    source: Mapping[str, str]
    """what `storage.manifest.source` says of the config's file; empty if it has none"""
    baselines: Sequence[Point] = ()
    """the run in unlimited memory of each replication, if settings share it; otherwise each point has its own"""

    @property
    def parameters(self) -> list[str]:
        """The columns that tell settings from each other."""
        return list(dict.fromkeys(key for point in self.points for key in point.parameters))

    def queue(self) -> list[Point]:
        """All points in the order in which to start them, a replication's baseline before its first."""
        queue: list[Point] = []
        begun: set[int] = set()
        for point in (self.points[number] for number in self.order):
            if self.baselines and point.replication not in begun:
                begun.add(point.replication)
                queue.append(self.baselines[point.replication])
            queue.append(point)
        return queue


class Planner:
    """Makes points of settings; reads every input file and the program once."""

    def __init__(self, base: Path, replications: int, **how: bool) -> None:
        """`how` are fields of every point: what is kept of it, and whether it is `turned`."""
        self.base = base.absolute()
        self.replications = replications
        self._how = how
        self._digests: dict[str, str] = {}
        self._program = program_key(*_plugins())

    def points(self, setting: Setting, **how: bool) -> list[Point]:
        """The point of each replication of a setting; page lists are kept of the first alone.

        Seeds are drawn from the config's, unless they are varied.
        Raises BadInput for an input file that can't be read.
        """
        experiment, resolved = setting.experiment, setting.experiment.resolved()
        files = tuple((path, self._digest(path)) for path in input_paths(experiment))
        points = []
        for n in range(self.replications):
            seed = experiment.seed if SEED in setting.written else replication_seed(experiment.seed, n)
            name = name_of(setting.written, setting.parameters, n)
            config = {**resolved, SEED: seed}
            point = Point(name, config, str(self.base), setting.written, setting.parameters, n)
            keep: dict[str, Any] = {**self._how, **how, "inputs": files, "program": self._program}
            points.append(replace(point, **{**keep, "lists": keep.get("lists", False) and n == 0}))
        return points

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            self._digests[path] = digest(self.base / path)
        return self._digests[path]


def name_of(written: Mapping[str, Any], parameters: Mapping[str, Any], replication: int) -> str:
    """A point's name: its values, its replication, and a digest that tells it from all others.

    It stays the same when the study gets further values or replications.
    """
    values = (json.dumps(value) if isinstance(value, (dict, list)) else str(value) for value in written.values())
    ends = (value.rpartition("/")[2].replace("*", "x") for value in values)
    words = [re.sub(r"[^A-Za-z0-9.]+", "", end)[:24] for end in ends]
    text = json.dumps([sorted(parameters.items()), replication], sort_keys=True)
    distinct = hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
    return "-".join([*filter(None, words), f"r{replication}", distinct])[-100:].lstrip(".-")


def turned(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config with its independent declarations (processes, disks, files, paging files) in reverse."""
    data: dict[str, Any] = json.loads(json.dumps(config))
    data["processes"].reverse()
    data["machine"]["paging_files"].reverse()
    for key in ("disks", "files"):
        data["machine"][key] = dict(reversed(data["machine"][key].items()))
    return data


def spread(count: int) -> list[int]:
    """The numbers below `count` in an order in which any first part is spread over all: ends, middle, quarters, ..."""
    if count <= 2:
        return list(range(count))
    order = [0, count - 1]
    gaps = deque([(0, count - 1)])
    while gaps:
        low, high = gaps.popleft()
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            gaps += [(low, middle), (middle, high)]
    return order


def corners_first(sizes: Sequence[tuple[int, bool]]) -> list[int]:
    """The numbers of a grid's settings in an order in which a full picture emerges early.

    `sizes` has the length of each dimension and whether it has a middle. The corners come first, then the middles of
    edges and faces, then quarters; of a dimension without a middle, such as policies, all values count as corners.
    """
    levels, numbers = [0], [0]
    for size, ordered in sizes:
        rank = {place: number for number, place in enumerate(spread(size))}
        own = [max(0, rank[place] - 1).bit_length() if ordered else 0 for place in range(size)]
        levels = [max(level, mine) for level in levels for mine in own]
        numbers = [number * size + place for number in numbers for place in range(size)]
    return sorted(numbers, key=lambda number: (levels[number], number))


def in_replications(settings: Sequence[int], replications: int) -> list[int]:
    """The order of a study's points, given that of its settings: one whole replication after the other."""
    return [setting * replications + number for number in range(replications) for setting in settings]


def _plugins() -> Iterator[type]:
    """The installed and registered plug-ins that decide what a run gives."""
    for point in ("policy", "workload", "disk", "format"):
        yield from (registry.find(point, name) for name in registry.names(point))


@cache
def program_key(*plugins: type) -> str:
    """A digest of what the outcomes of all points depend on: the sources of the simulator, the workloads and these
    plug-ins, and the libraries' versions. Files that a config lists under `plugins` are inputs of its points."""
    roots = [Path(package.__path__[0]) for package in (simulator, workloads)]
    files = {path for root in roots for path in root.rglob("*.py")}.union(*map(_source, plugins))
    digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    text = canonical_json({"program": digests, "versions": versions()})
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def this_program() -> str:
    """The digest of the program that this process has."""
    return program_key(*_plugins())


def _source(cls: type) -> set[Path]:
    path = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if cls.__module__.startswith(MODULE_PREFIX):
        return set()
    return {Path(path)} if path and Path(path).is_file() else set()
