"""What `pagesim compare` does: reads its options, conducts the comparison, keeps and prints the result."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.batch.pool import Workers
from experiments.batch.store import PointStore
from experiments.compare.conduct import conduct
from experiments.compare.contestants import Contestant, parse_contestants
from experiments.compare.plan import Plan
from experiments.compare.result import ComparisonResult
from experiments.config import Experiment, from_document, load
from experiments.document import Document
from experiments.errors import BadInput
from experiments.manifest import input_digests, manifest
from experiments.opening import write_manifest
from experiments.present import terminal
from experiments.present.comparison import comma_separated, page, report
from experiments.source import source
from experiments.store import COMPARISON, canonical_json, replacing
from simulator import registry
from simulator.units import parse_size

POINTS = "points"
"""Where whole runs are kept in a comparison's directory."""
MOST_REPLICATIONS = 10_000
DEFAULT_BOUND = "opt"


@dataclass(frozen=True)
class Options:
    """What a comparison is asked for, as the command line gives it."""

    policies: str
    baseline: str | None = None
    bounds: str | None = None
    replications: int = 10
    memory: str | None = None
    seed: int | None = None
    overrides: Sequence[str] = ()
    confidence: float = 0.95
    plugins: Sequence[Path] = ()


def compare_config(
    config: Path, options: Options, workers: Workers, out: Path | None, as_json: bool, plots: bool, keep: bool = False
) -> None:
    """Compare policies on a config, keep the result and print it."""
    experiment = load(config, options.overrides, options.seed, options.plugins)
    if experiment.sweep:
        sys.stderr.write(f"pagesim: {config}: sweep is left out; --memory and --policies say what is compared\n")
    plan = planned(experiment, config.parent, str(config), options)
    target = Path("results", f"{experiment.name}-comparison") if out is None else out
    store = PointStore(beside(target, "points"))
    kept = store.directory / "kept" if keep else None
    with replacing(target) as partial:
        began = time.perf_counter()
        result = conduct(plan, workers.opener, workers.in_flight, store, kept)
        elapsed = time.perf_counter() - began
        write(result, plan, experiment, config.parent, source(config), partial, target, elapsed)
        if kept is not None:
            kept.rename(partial / POINTS)
        if plots:
            _draw(result, partial / "plots")
    store.remove()
    if as_json:
        sys.stdout.write(canonical_json({**result.summary, "directory": os.path.abspath(target)}))
        return
    terminal.show([*report(result.summary), f"result: {target}"])


def planned(experiment: Experiment, base: Path, source: str, options: Options) -> Plan:
    """The plan that options ask for; raises BadInput, naming the option."""
    document = Document(source, {**experiment.resolved(), "sweep": {}}, {}, base)
    contestants = parse_contestants(options.policies, document)
    bounds = _bounds(options.bounds, contestants, document)
    everyone = [*contestants, *(bound for bound in bounds if bound not in contestants)]
    labels = [one.label for one in everyone]
    baseline = contestants[0].label if options.baseline is None else options.baseline.strip()
    if baseline not in labels:
        raise BadInput(f"--baseline {baseline}: found no such label, allowed is one of {', '.join(labels)}")
    if not 1 <= options.replications <= MOST_REPLICATIONS:
        raise BadInput(f"--replications {options.replications}: allowed is 1 to {MOST_REPLICATIONS}")
    if not 0.5 <= options.confidence < 1:
        raise BadInput(f"--confidence {options.confidence}: allowed is from 0.5 to less than 1, such as 0.95")
    return Plan(
        name=experiment.name,
        document=document,
        contestants=tuple(everyone),
        baseline=baseline,
        bounds=tuple(bound.label for bound in bounds),
        memories=_memories(options.memory, experiment),
        replications=options.replications,
        seed=experiment.seed,
        confidence=options.confidence,
    )


def _bounds(text: str | None, contestants: list[Contestant], document: Document) -> list[Contestant]:
    """The contestants that are bounds: those named; if none are, those among the compared that no system could have,
    and Belady's, where it is registered."""
    if text is not None:
        named = parse_contestants(text, document, "--bounds") if text.strip() else []
        return [next((one for one in contestants if one.label == bound.label), bound) for bound in named]
    found = [one for one in contestants if "future" in one.requires]
    if not any(one.policy == DEFAULT_BOUND for one in contestants) and DEFAULT_BOUND in registry.names("policy"):
        found += parse_contestants(DEFAULT_BOUND, document, "--bounds")
    return found


def _memories(text: str | None, experiment: Experiment) -> tuple[int, ...]:
    if text is None:
        return (experiment.machine.memory,)
    found = set()
    for part in text.split(","):
        try:
            found.add(parse_size(part.strip()))
        except ValueError as error:
            raise BadInput(f"--memory {part.strip()}: {error}") from None
    return tuple(sorted(found))


def beside(target: Path, what: str) -> Path:
    """A hidden directory beside a result, for what isn't part of it yet."""
    place = Path(os.path.abspath(target))
    return place.with_name(f".{place.name}.{what}")


def write_all(result: ComparisonResult, directory: Path) -> None:
    """Write everything that follows from the runs of a comparison into an existing directory."""
    result.write(directory)
    (directory / "comparison.md").write_text(page(result.summary), "utf-8")
    (directory / "comparison.csv").write_text(comma_separated(result.summary), "utf-8")


def write(
    result: ComparisonResult,
    plan: Plan,
    experiment: Experiment,
    base: Path,
    told: Mapping[str, str] | None,
    partial: Path,
    target: Path,
    elapsed: float,
) -> None:
    """Write a comparison, which will stand in `target`, into the existing directory `partial`.

    `base` is the directory that the config's relative paths start from, `told` what `source` says of its file.
    """
    write_all(result, partial)
    digests = input_digests(experiment, base)
    for one in plan.contestants:
        config = plan.config(one, plan.memories[0])
        digests |= input_digests(from_document(Document(one.label, config, {}, base)), base)
    made: dict[str, Any] = manifest(experiment, base, target, digests, elapsed)
    made |= {"kind": COMPARISON, "plan": plan.described(), **({"source": dict(told)} if told else {})}
    write_manifest(partial, made)


def _draw(result: ComparisonResult, directory: Path) -> None:
    from experiments.present.plots.draw import draw

    draw(result, directory, reads="comparison")
