"""A comparison: several policies on the same references, in one or several sizes of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from experiments.analysis.comparison import CONCLUSIONS, LABEL, MEMORY, ComparisonResult, conclude
from experiments.errors import BadInput
from experiments.present.comparison import comma_separated, page
from experiments.spec.document import Document
from experiments.spec.experiment import Experiment, from_document
from experiments.spec.overrides import assign
from experiments.spec.variants import TRIMMING, Variant, parse_variants
from experiments.storage.directory import COMPARISON, canonical_json
from experiments.study import ask
from experiments.study.ask import Done, Frames, carry_out, carry_out_in, check_confidence, keep
from experiments.study.plan import Planner, Point, Setting, Study, in_replications, spread
from experiments.study.store import Seen
from experiments.study.sweep import typed
from experiments.study.workers import Workers
from simulator import registry
from simulator.units import format_size, parse_size

MOST_REPLICATIONS = 10_000
DEFAULT_BOUND = "opt"
SHORT = (LABEL, MEMORY)
"""What rows of latencies and page lists start with."""


@dataclass(frozen=True)
class Options(ask.Options):
    """What a comparison is asked for, as the command line gives it."""

    replications: int = 10
    policies: str = ""
    baseline: str | None = None
    bounds: str | None = None
    memory: str | None = None
    keep: bool = False
    """keep each run as a whole result"""


@dataclass(frozen=True)
class Comparison:
    """A comparison that has been planned: what it asks, and of which config."""

    name: str
    variants: tuple[Variant, ...]
    """those compared, the bounds among them"""
    baseline: str
    """label of the variant that the others are compared with"""
    bounds: tuple[str, ...]
    """labels of the variants that the others' distance is told from"""
    memories: tuple[int, ...]
    """bytes, ascending"""
    replications: int
    seed: int
    confidence: float
    document: Document
    """the config, resolved; variants change it"""
    keep: bool = False
    """keep each run as a whole result"""
    source: Mapping[str, str] = field(default_factory=dict)
    """what `storage.manifest.source` says of the config's file"""

    def asked(self) -> dict[str, Any]:
        """What the summary begins with, see `analysis.comparison.conclude`."""
        return {
            "name": self.name,
            "labels": [one.label for one in self.variants],
            "policies": {one.label: one.policy for one in self.variants},
            "requires": {one.label: one.requires for one in self.variants},
            "baseline": self.baseline,
            "bounds": list(self.bounds),
            "memories": list(self.memories),
            "replications": self.replications,
            "seed": self.seed,
            "confidence": self.confidence,
        }

    def description(self) -> dict[str, Any]:
        """The comparison as plain data for a manifest, which `described` reads."""
        variants = [{"label": one.label, "policy": one.policy, "changes": dict(one.changes)} for one in self.variants]
        return {**self.asked(), "variants": variants, "document": self.document.data, "keep": self.keep}

    def study(self, *, turned: bool = False) -> Study:
        """Its runs: whole replications, each from the extremes of memory inwards. The run in unlimited memory is the
        same for every variant: without any trimming. Raises BadInput, naming the option, for what isn't valid."""
        planner = Planner(
            self.document.base, self.replications, whole=self.keep, latency=True, lists=True, turned=turned
        )
        points: list[Point] = []
        for one in self.variants:
            for memory in self.memories:
                points += planner.points(self.setting(one, memory))
        sizes = len(self.memories)
        places = [index * sizes + place for place in spread(sizes) for index in range(len(self.variants))]
        free = Variant("unlimited", "none", {TRIMMING: {"policy": "none"}})
        roomy = replace(self.setting(free, max(self.memories)), written={}, parameters={})
        return Study(
            COMPARISON, from_document(self.document), self.document.base.absolute(), SHORT, self.replications, points,
            in_replications(places, self.replications), self.description(), self.source,
            planner.points(roomy, unlimited=True, whole=False, latency=False, lists=False),
        )  # fmt: skip

    def setting(self, one: Variant, memory: int) -> Setting:
        """A variant in so much memory, as it is run; raises BadInput, naming the option."""
        document = assign(one.applied(self.document), MEMORY, memory, f"--memory {memory}")
        experiment = from_document(document)
        trimming = experiment.resolved()["memory_manager"]["trimming"]
        parameters = {LABEL: one.label, MEMORY: memory, **typed({TRIMMING: trimming})}
        if not self.keep:  # the run in unlimited memory is shared, and page and fault log are what is reduced
            observe = replace(experiment.observe, baseline=False, fault_log=True, page_log=True)
            experiment = replace(experiment, observe=observe)
        return Setting({LABEL: one.label, MEMORY: format_size(memory)}, parameters, experiment)

    def run(self, workers: Workers) -> tuple[ComparisonResult, Done]:
        """Make all runs and draw the conclusions; nothing is written. Raises RunFailed if not a single run could be
        made or none in unlimited memory, Interrupted on Ctrl-C."""
        done = carry_out(self.study(), workers, SHORT)
        return self._result(done.frames), done

    def save(self, target: Path, done: Done) -> None:
        """Keep in a directory what `run` gave; raises BadInput for one that can't be used."""
        keep(target, done, self._files)

    def run_in(
        self, target: Path, workers: Workers, *, resume: bool = False, seen: Seen | None = None, turned: bool = False
    ) -> tuple[ComparisonResult, Done]:
        """The same in a directory, which keeps it; raises as `ask.carry_out_in` does."""
        study = self.study(turned=turned)
        done = carry_out_in(target, study, workers, self._files, short=SHORT, resume=resume, seen=seen)
        return self._result(done.frames), done

    def _result(self, frames: Frames) -> ComparisonResult:
        return ComparisonResult(conclude(self.asked(), frames["points"]), **frames)

    def _files(self, frames: Frames) -> tuple[Frames, Mapping[str, str]]:
        return {}, conclusions(conclude(self.asked(), frames["points"]))


def conclusions(summary: dict[str, Any]) -> dict[str, str]:
    """The files that say what was concluded, by their names."""
    return {
        CONCLUSIONS: canonical_json(summary),
        "comparison.md": page(summary),
        "comparison.csv": comma_separated(summary),
    }


def described(data: Mapping[str, Any], base: Path, source: str) -> Comparison:
    """The comparison that a `description` is of; raises KeyError or TypeError for what it can't have been."""
    variants = tuple(Variant(one["label"], one["policy"], one["changes"]) for one in data["variants"])
    return Comparison(
        data["name"], variants, data["baseline"], tuple(data["bounds"]), tuple(data["memories"]), data["replications"],
        data["seed"], data["confidence"], Document(source, data["document"], {}, base), data["keep"],
    )  # fmt: skip


def planned(
    experiment: Experiment, base: Path, source: str, options: Options, told: Mapping[str, str] | None = None
) -> Comparison:
    """The comparison that options ask for; raises BadInput, naming the option."""
    document = Document(source, {**experiment.resolved(), "sweep": {}}, {}, base)
    compared = parse_variants(options.policies, document)
    bounds = _bounds(options.bounds, compared, document)
    everyone = (*compared, *(bound for bound in bounds if bound not in compared))
    labels = [one.label for one in everyone]
    baseline = compared[0].label if options.baseline is None else options.baseline.strip()
    if baseline not in labels:
        raise BadInput(f"--baseline {baseline}: found no such label, allowed is one of {', '.join(labels)}")
    if not 1 <= options.replications <= MOST_REPLICATIONS:
        raise BadInput(f"--replications {options.replications}: allowed is 1 to {MOST_REPLICATIONS}")
    check_confidence(options.confidence)
    return Comparison(
        experiment.name, everyone, baseline, tuple(bound.label for bound in bounds),
        _memories(options.memory, experiment), options.replications, experiment.seed, options.confidence, document,
        options.keep, told or {},
    )  # fmt: skip


def _bounds(text: str | None, compared: Sequence[Variant], document: Document) -> list[Variant]:
    """The variants that are bounds: those named; if none are, those among the compared that no system could have, and
    Belady's, where it is registered."""
    if text is not None:
        named = parse_variants(text, document, "--bounds") if text.strip() else []
        return [next((one for one in compared if one.label == bound.label), bound) for bound in named]
    bounds = [one for one in compared if "future" in one.requires]
    if not any(one.policy == DEFAULT_BOUND for one in compared) and DEFAULT_BOUND in registry.names("policy"):
        bounds += parse_variants(DEFAULT_BOUND, document, "--bounds")
    return bounds


def _memories(text: str | None, experiment: Experiment) -> tuple[int, ...]:
    if text is None:
        return (experiment.machine.memory,)
    sizes = set()
    for part in text.split(","):
        try:
            sizes.add(parse_size(part.strip()))
        except ValueError as error:
            raise BadInput(f"--memory {part.strip()}: {error}") from None
    return tuple(sorted(sizes))
