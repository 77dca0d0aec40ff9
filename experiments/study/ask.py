"""Carrying out a study: its points are run and kept, its frames made, and conclusions drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from experiments.analysis.frames import Measured, frames
from experiments.errors import BadInput, RunFailed
from experiments.storage.directory import SWEEP
from experiments.storage.points import finished
from experiments.study.plan import Outcome, Point, Study
from experiments.study.queue import run_points
from experiments.study.store import Seen, StudyStore, opened_study
from experiments.study.workers import Workers

Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Options:
    """What every study is asked with, as the command line gives it."""

    replications: int = 1
    seed: int | None = None
    overrides: Sequence[str] = ()
    plugins: Sequence[Path] = ()
    resume: bool = False
    confidence: float = 0.95


def check_confidence(confidence: float) -> None:
    """Raise BadInput for a confidence that no interval can have."""
    if not 0.5 <= confidence < 1:
        raise BadInput(f"--confidence {confidence}: allowed is from 0.5 to less than 1, such as 0.95")


@dataclass(frozen=True)
class Done:
    """A study that has been carried out."""

    study: Study
    outcomes: Sequence[Outcome]
    frames: Frames
    errors: Mapping[str, str]
    """why points failed, by their names"""
    damaged: Sequence[str] = field(default=())
    """names of points that were finished before, but damaged since, and have been run again"""


Conclude = Callable[[Frames], tuple[Frames, Mapping[str, str]]]
"""Draws conclusions: further frames, and texts by the names of their files."""


def carry_out(study: Study, workers: Workers, short: Sequence[str] = ()) -> Done:
    """Run all points of a study; nothing is written. Raises RunFailed as `carry_out_in` does; Interrupted on Ctrl-C."""
    return _done(study, run_points(study.queue(), workers), short)


def carry_out_in(
    target: Path,
    study: Study,
    workers: Workers,
    conclude: Conclude,
    *,
    short: Sequence[str] = (),
    resume: bool = False,
    seen: Seen | None = None,
) -> Done:
    """Run what is missing of a study in its directory, which holds every finished point from then on.

    Raises BadInput for a directory that can't be used; Interrupted on Ctrl-C, and RunFailed if the executor is lost:
    then what is finished stays. RunFailed if not a single point of a comparison could be run, of which nothing stays.
    """
    with opened_study(target, study.kind, resume, seen) as store:
        store.begin(study)
        outcomes = run_points(study.queue(), workers, store)
        try:
            done = _done(study, outcomes, short, store)
        except RunFailed:
            if not finished(store.directory):
                store.forget()
            raise
        more, texts = conclude(done.frames)
        done = replace(done, frames={**done.frames, **more})
        store.finish(study, done.frames, texts, done.errors)
    return done


def keep(target: Path, done: Done, conclude: Conclude) -> None:
    """Write a study that has been carried out into a directory; raises BadInput for one that can't be used."""
    with opened_study(target, done.study.kind) as store:
        store.begin(done.study)
        for outcome in done.outcomes:
            if outcome.error is None:
                store.put(outcome)
        more, texts = conclude(done.frames)
        store.finish(done.study, {**done.frames, **more}, texts, done.errors)


def _done(study: Study, outcomes: Sequence[Outcome], short: Sequence[str], store: StudyStore | None = None) -> Done:
    by_place = {outcome.point.directory: outcome for outcome in outcomes}
    if study.kind != SWEEP:
        for group in (study.points, study.baselines):
            errors = [by_place[point.directory].error for point in group]
            if errors and all(error is not None for error in errors):
                raise RunFailed(f"all {len(group)} runs failed, the first one: {errors[0]}")
    rows = [_measured(point, by_place, study.baselines) for point in study.points]
    errors_of = {row.point: row.error for row in rows if row.error is not None}
    made = frames(rows, study.parameters, short)
    return Done(study, outcomes, made, errors_of, tuple(store.damaged) if store else ())


def _measured(point: Point, outcomes: Mapping[str, Outcome], baselines: Sequence[Point]) -> Measured:
    outcome = outcomes[point.directory]
    roomy = outcomes[baselines[point.replication].directory].measured if baselines else None
    unlimited = roomy["summary"] if roomy else None
    return Measured(
        point.name, point.parameters, point.replication, point.seed, outcome.measured, outcome.error, unlimited
    )
