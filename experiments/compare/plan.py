"""The plan of a comparison: which runs it takes, all of them known before the first one starts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.batch.point import Point
from experiments.batch.run import spread
from experiments.compare.contestants import TRIMMING, Contestant
from experiments.config import from_document
from experiments.document import Document
from experiments.overrides import assign
from simulator.rng import stream_key

MEMORY = "machine.memory"


def replication_seed(seed: int, replication: int) -> int:
    """The root seed of a replication, counted from 0: all its random streams are others, the same for each policy."""
    return stream_key(seed, f"replication/{replication}")


@dataclass(frozen=True)
class Cell:
    """One run of a comparison: who, in how much memory, which replication."""

    contestant: Contestant
    memory: int
    replication: int
    point: Point


@dataclass(frozen=True)
class Plan:
    """All that a comparison depends on."""

    name: str
    document: Document
    """the config, resolved; contestants change it"""
    contestants: tuple[Contestant, ...]
    """those compared, the bounds among them"""
    baseline: str
    """label of the contestant that the others are held against"""
    bounds: tuple[str, ...]
    """labels of the contestants that the others' distance is told from"""
    memories: tuple[int, ...]
    """bytes, ascending"""
    replications: int
    seed: int
    confidence: float
    lists: bool = True
    """whether the page lists of each contestant's first replication are kept; older comparisons have none"""

    def cells(self, keep: Path | None = None) -> list[Cell]:
        """The runs, in the order in which to start them: whole replications, each from the extremes of memory inwards.

        `keep` is the directory that gets a whole result for each run. Raises BadInput for what isn't valid.
        """
        return list(self._cells(keep))

    def _cells(self, keep: Path | None) -> Iterator[Cell]:
        documents: dict[tuple[int, int], dict[str, Any]] = {}
        for replication in range(self.replications):
            for place in spread(len(self.memories)):
                memory = self.memories[place]
                for index, contestant in enumerate(self.contestants):
                    if (place, index) not in documents:
                        documents[place, index] = self.config(contestant, memory)
                    label = run_name(contestant.label, index, memory, replication)
                    config = {**documents[place, index], "seed": replication_seed(self.seed, replication)}
                    kept = None if keep is None else str(keep / label)
                    lists = self.lists and replication == 0
                    point = Point(label, config, self.base, keep=kept, lists=lists)
                    yield Cell(contestant, memory, replication, point)

    def unlimited(self) -> list[Point]:
        """The runs in unlimited memory that slowdowns refer to: one for each replication, without any trimming, so
        that it is the same for every contestant."""
        free = Contestant("unlimited", "none", {TRIMMING: {"policy": "none"}})
        config = self.config(free, max(self.memories))
        return [
            Point(f"unlimited-{n}", {**config, "seed": replication_seed(self.seed, n)}, self.base, unlimited=True)
            for n in range(self.replications)
        ]

    def points(self, cells: list[Cell]) -> list[Point]:
        """The points of the cells, with the run in unlimited memory before each replication's first."""
        size = len(cells) // self.replications
        found: list[Point] = []
        for number, point in enumerate(self.unlimited()):
            found += [point, *(cell.point for cell in cells[number * size : (number + 1) * size])]
        return found

    def config(self, contestant: Contestant, memory: int) -> dict[str, Any]:
        """The resolved config of a contestant in so much memory; raises BadInput, naming the option."""
        document = assign(contestant.applied(self.document), MEMORY, memory, f"--memory {memory}")
        return from_document(document).resolved()

    @property
    def base(self) -> str:
        """The directory that relative paths start from, absolute."""
        return str(self.document.base.absolute())

    def described(self) -> dict[str, Any]:
        """The plan as plain data for a manifest, which `from_description` reads."""
        return {
            "name": self.name,
            "config": self.document.data,
            "contestants": [
                {"label": one.label, "policy": one.policy, "changes": dict(one.changes)} for one in self.contestants
            ],
            "baseline": self.baseline,
            "bounds": list(self.bounds),
            "memories": list(self.memories),
            "replications": self.replications,
            "seed": self.seed,
            "confidence": self.confidence,
            "lists": self.lists,
        }


def from_description(data: dict[str, Any], base: Path, source: str) -> Plan:
    """The plan that `Plan.described` described; raises KeyError or TypeError for what it can't have written."""
    return Plan(
        name=data["name"],
        document=Document(source, data["config"], {}, base),
        contestants=tuple(Contestant(one["label"], one["policy"], one["changes"]) for one in data["contestants"]),
        baseline=data["baseline"],
        bounds=tuple(data["bounds"]),
        memories=tuple(data["memories"]),
        replications=data["replications"],
        seed=data["seed"],
        confidence=data["confidence"],
        lists=data.get("lists", False),
    )


def run_name(label: str, index: int, memory: int, replication: int) -> str:
    """Names a run of a comparison, and its directory if it is kept; `index` is the contestant's among all."""
    return f"{slug(label)}-{index + 1}-{memory}-{replication}"


def slug(label: str) -> str:
    """A label as part of a directory's name."""
    return re.sub(r"[^\w.-]+", "_", label).strip("._") or "policy"
