"""The plan of a sweep: its points, all of them known, named and checked before the first one starts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.batch.point import Point, common_key, point_key
from experiments.batch.run import spread
from experiments.compare.plan import replication_seed
from experiments.config import Experiment, base_experiment, swept
from experiments.document import Document
from experiments.errors import BadInput
from experiments.inputs import digest, input_paths
from experiments.overrides import value_at
from experiments.source import source
from experiments.sweeps.factors import MOST_POINTS, Row, factors

SEED = "seed"


@dataclass(frozen=True)
class SweepPoint(Point):
    """A run of a sweep."""

    whole: bool = True
    """whether its frames are kept, not only its summary"""
    inputs: tuple[tuple[str, str], ...] = ()
    """its input files, as the config writes their paths, with their SHA-256"""
    program: str = ""
    """digest of the program that must run it"""
    sent: tuple[tuple[str, bytes], ...] = ()
    """contents of input files that a worker didn't find, by SHA-256"""


@dataclass(frozen=True)
class Cell:
    """A point with what the sweep says about it."""

    point: SweepPoint
    key: str
    """digest of all that its outcome depends on"""
    written: Mapping[str, Any]
    """the swept keys' values as they are written"""
    parameters: Mapping[str, Any]
    """the same as columns: sizes in bytes, times in nanoseconds, a mapping's leaves apart"""
    replication: int
    seed: int
    experiment: Experiment

    @property
    def name(self) -> str:
        """Names the point in the sweep and, after `point=`, its directory."""
        return self.point.label


@dataclass(frozen=True)
class SweepPlan:
    """All points of a sweep."""

    experiment: Experiment
    """the config with the values outside of the sweep"""
    base: Path
    """the directory that relative paths in the config start from"""
    keys: tuple[str, ...]
    """the swept keys, as they are written"""
    replications: int
    cells: tuple[Cell, ...]
    """in the order of the sweep as it is written, the last key changing fastest, then replications"""
    document: Mapping[str, Any]
    """the config as it is written, from which `planned` makes the same plan; defaults depend on the point"""
    source: Mapping[str, str]
    """what `experiments.source` says of its file; empty if it has none"""
    order: tuple[int, ...]
    """numbers of the cells in the order in which to start them"""

    def points(self) -> list[SweepPoint]:
        """The points in the order in which to start them."""
        return [self.cells[number].point for number in self.order]


def planned(document: Document, replications: int = 1, whole: bool = True) -> SweepPlan:
    """The plan of a document's sweep; raises BadInput if it has none, or for any point that isn't valid.

    Every point has a seed of its own, drawn from the config's as `compare` draws it; points that sweep `seed` have the
    seeds that are written.
    """
    if not 1 <= replications <= MOST_POINTS:
        raise BadInput(f"--replications {replications}: allowed is 1 to {MOST_POINTS}")
    experiment = base_experiment(document)
    found = factors(document)
    if not found:
        raise BadInput(f"{document.source}: sweep: found nothing, allowed is what to sweep: {{machine.memory: [...]}}")
    rows = list(swept(document))
    if len(rows) * replications > MOST_POINTS:
        raise BadInput(f"{document.source}: sweep: found {len(rows) * replications} points, allowed are {MOST_POINTS}")
    keys = tuple(dict.fromkeys(one.key for factor in found for row in factor.rows for one in row))
    if SEED in keys and replications > 1:
        raise BadInput(f"--replications {replications}: allowed is 1 where the sweep gives the seeds")
    cells = _Cells(document, replications, whole).made(rows, keys)
    settings = early([(len(factor.rows), factor.ordered) for factor in found])
    order = tuple(setting * replications + number for number in range(replications) for setting in settings)
    file = Path(document.source)
    told = source(file) if file.is_file() else {}
    written = {**document.data, "name": experiment.name}
    return SweepPlan(experiment, document.base.absolute(), keys, replications, tuple(cells), written, told, order)


class _Cells:
    """Makes cells of settings."""

    def __init__(self, document: Document, replications: int, whole: bool) -> None:
        self._document = document
        self._base = document.base.absolute()
        self._replications = replications
        self._whole = whole
        self._digests: dict[str, str] = {}

    def made(self, rows: Sequence[tuple[Row, Experiment]], keys: Sequence[str]) -> list[Cell]:
        """A cell for each setting and replication; raises BadInput if two would be the same run."""
        program = common_key()
        cells: list[Cell] = []
        seen: dict[str, str] = {}
        for row, experiment in rows:
            own = self._of_setting(row, experiment, keys, program)
            said = ", ".join(f"{key}={value}" for key, value in own[0].written.items())
            if own[0].key in seen:
                text = f"{self._document.place(('sweep',))}: sweep: found {said} to be the same run as"
                raise BadInput(f"{text} {seen[own[0].key]}, allowed are points that differ")
            seen[own[0].key] = said
            cells += own
        return cells

    def _of_setting(self, row: Row, experiment: Experiment, keys: Sequence[str], program: str) -> list[Cell]:
        given = {one.key: one.value for one in row}
        written = {key: given[key] for key in keys if key in given}
        parameters = typed(experiment.plain(), written)
        resolved = experiment.resolved()
        files = {path: self._digest(path) for path in input_paths(experiment)}
        cells = []
        for replication in range(self._replications):
            seed = experiment.seed if SEED in written else replication_seed(experiment.seed, replication)
            point = SweepPoint(
                name_of(written, parameters, replication), {**resolved, "seed": seed}, str(self._base),
                whole=self._whole, inputs=tuple(files.items()), program=program,
            )  # fmt: skip
            key = point_key(point, files, program)
            cells.append(Cell(point, key, written, parameters, replication, seed, experiment))
        return cells

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            self._digests[path] = digest(self._base / path)
        return self._digests[path]


def typed(plain: dict[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a setting as columns hold them, from its config in full.

    A mapping becomes a column for each of its leaves, a list its JSON text; a size is bytes, a time nanoseconds.
    """
    found: dict[str, Any] = {}
    for key, value in written.items():
        for leaf, as_written in _leaves(key, value):
            try:
                read = value_at(plain, leaf)
            except (BadInput, KeyError, IndexError, TypeError):
                read = as_written
            found[leaf] = json.dumps(read, sort_keys=True) if isinstance(read, (dict, list)) else read
    return found


def _leaves(key: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        return [(key, value)]
    return [leaf for inner, child in value.items() for leaf in _leaves(f"{key}.{inner}", child)]


def name_of(written: Mapping[str, Any], parameters: Mapping[str, Any], replication: int) -> str:
    """A point's name: its values, its replication, and a digest that tells it from all others.

    It stays the same when the sweep gets further values or replications.
    """
    values = (json.dumps(value) if isinstance(value, (dict, list)) else str(value) for value in written.values())
    ends = (value.rpartition("/")[2].replace("*", "x") for value in values)
    words = [re.sub(r"[^A-Za-z0-9.]+", "", end)[:24] for end in ends]
    text = json.dumps([sorted(parameters.items()), replication], sort_keys=True)
    distinct = hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
    return "-".join([*filter(None, words), f"r{replication}", distinct])[-100:].lstrip(".-")


def early(sizes: Sequence[tuple[int, bool]]) -> list[int]:
    """The numbers of a grid's points in an order in which a full picture emerges early.

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
