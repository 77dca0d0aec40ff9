"""A sweep: one config, many points of its parameters, each a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from experiments.analysis.replications import settings_frame
from experiments.errors import BadInput
from experiments.spec.document import Document
from experiments.spec.experiment import Experiment, base_experiment, swept
from experiments.spec.factors import Row, factors
from experiments.spec.overrides import value_at
from experiments.storage.directory import SWEEP
from experiments.storage.manifest import source
from experiments.study import ask
from experiments.study.ask import Done, Frames, carry_out_in, check_confidence
from experiments.study.plan import (
    MOST_POINTS,
    SEED,
    Planner,
    Point,
    Setting,
    Study,
    corners_first,
    in_replications,
)
from experiments.study.store import Seen
from experiments.study.workers import Workers


@dataclass(frozen=True)
class Options(ask.Options):
    """How a sweep is run, as the command line says it."""

    summaries: bool = False
    """keep no frames of the points"""


def planned(
    document: Document, replications: int = 1, confidence: float = 0.95, *, whole: bool = True, turned: bool = False
) -> Study:
    """A document's sweep; raises BadInput if it has none, or for any point that isn't valid.

    Every point has a seed of its own, drawn from the config's as in a comparison; points that sweep `seed` have the
    seeds that are written.
    """
    if not 1 <= replications <= MOST_POINTS:
        raise BadInput(f"--replications {replications}: allowed is 1 to {MOST_POINTS}")
    check_confidence(confidence)
    experiment = base_experiment(document)
    varied = factors(document)
    if not varied:
        raise BadInput(f"{document.source}: sweep: found nothing, allowed is what to sweep: {{machine.memory: [...]}}")
    rows = list(swept(document))
    if len(rows) * replications > MOST_POINTS:
        raise BadInput(f"{document.source}: sweep: found {len(rows) * replications} points, allowed are {MOST_POINTS}")
    keys = tuple(dict.fromkeys(one.key for factor in varied for row in factor.rows for one in row))
    if SEED in keys and replications > 1:
        raise BadInput(f"--replications {replications}: allowed is 1 where the sweep gives the seeds")
    points = _points(document, keys, rows, Planner(document.base, replications, whole=whole, turned=turned))
    order = in_replications(corners_first([(len(factor.rows), factor.ordered) for factor in varied]), replications)
    file = Path(document.source)
    description = {
        "document": {**document.data, "name": experiment.name}, "replications": replications, "whole": whole,
        "confidence": confidence,
    }  # fmt: skip
    told = source(file) if file.is_file() else {}
    return Study(
        SWEEP, experiment, document.base.absolute(), keys, replications, points, order, description, told
    )  # fmt: skip


def _points(
    document: Document, keys: Sequence[str], rows: Sequence[tuple[Row, Experiment]], planner: Planner
) -> list[Point]:
    """The points of a sweep's settings; raises BadInput if two would be the same run."""
    points: list[Point] = []
    seen: dict[str, str] = {}
    for row, experiment in rows:
        given = {one.key: one.value for one in row}
        written = {key: given[key] for key in keys if key in given}
        runs = planner.points(Setting(written, typed(written, experiment.plain()), experiment))
        said = ", ".join(f"{key}={value}" for key, value in written.items())
        if (same := seen.setdefault(runs[0].key, said)) != said:
            text = f"{document.place(('sweep',))}: sweep: found {said} to be the same run as {same}"
            raise BadInput(f"{text}, allowed are points that differ")
        points += runs
    return points


def described(data: Mapping[str, Any], base: Path, source: str, *, turned: bool = False) -> Study:
    """The sweep that a manifest describes; raises KeyError or TypeError for what it can't have been."""
    document = Document(source, data["document"], {}, base)
    return planned(document, data["replications"], data["confidence"], whole=data["whole"], turned=turned)


def run_in(target: Path, study: Study, workers: Workers, *, resume: bool = False, seen: Seen | None = None) -> Done:
    """Run what is missing of a sweep in its directory, and keep its frames: of several replications also what each
    setting gave on average, with intervals, and how it differs from the first one. Raises as `ask.carry_out_in`."""
    return carry_out_in(target, study, workers, partial(_settings, study), resume=resume, seen=seen)


def _settings(study: Study, frames: Frames) -> tuple[Frames, Mapping[str, str]]:
    if study.replications == 1:
        return {}, {}
    columns = [name for name in study.parameters if name != SEED]
    return {"settings": settings_frame(frames["points"], columns, study.description["confidence"])}, {}


def typed(written: Mapping[str, Any], plain: dict[str, Any] | None = None) -> dict[str, Any]:
    """The parameters of a setting as columns hold them, from its config in full (None: as they are written).

    A mapping becomes a column for each of its leaves, a list its JSON text; a size is bytes, a time nanoseconds.
    """
    columns: dict[str, Any] = {}
    for key, value in written.items():
        for leaf, as_written in _leaves(key, value):
            try:
                read = as_written if plain is None else value_at(plain, leaf)
            except (BadInput, KeyError, IndexError, TypeError):
                read = as_written
            columns[leaf] = json.dumps(read, sort_keys=True) if isinstance(read, (dict, list)) else read
    return columns


def _leaves(key: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        return [(key, value)]
    return [leaf for inner, child in value.items() for leaf in _leaves(f"{key}.{inner}", child)]
