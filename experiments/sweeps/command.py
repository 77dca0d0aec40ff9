"""What `pagesim sweep` does: reads its options, conducts the sweep, prints what came of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from experiments.batch.pool import Workers
from experiments.config import load_document
from experiments.document import Document
from experiments.errors import RunFailed
from experiments.present import terminal
from experiments.present.sweep import report
from experiments.store import canonical_json
from experiments.sweeps.conduct import Swept, conduct
from experiments.sweeps.plan import planned


@dataclass(frozen=True)
class Options:
    """How a sweep is run, as the command line says it."""

    replications: int = 1
    resume: bool = False
    seed: int | None = None
    overrides: Sequence[str] = ()
    plugins: Sequence[Path] = ()
    summaries: bool = False
    """keep no frames of the points"""


def sweep_config(config: Path, options: Options, workers: Workers, out: Path | None, as_json: bool) -> None:
    """Run a config's sweep, keep it and print it; raises RunFailed if every point failed.

    If some failed, they are told on stderr, and that is no failure: a sweep may well go where nothing can run.
    """
    document = load_document(config, options.overrides, options.seed, options.plugins)
    swept, target = sweep_document(document, options, workers, out)
    if swept.damaged:
        found = f"{len(swept.damaged)} finished points were damaged, and have been run again"
        sys.stderr.write(f"pagesim: {found} (first: {swept.damaged[0]})\n")
    failed = len(swept.errors)
    if failed == len(swept.plan.cells):
        first = next(iter(swept.errors.values()))
        raise RunFailed(f"all {failed} points failed, the first one: {first}; see {target}")
    if failed:
        sys.stderr.write(f"pagesim: {failed} of {len(swept.plan.cells)} points failed; the result has their errors\n")
    if as_json:
        sys.stdout.write(canonical_json(told(swept, target)))
        return
    terminal.show([*report(swept), f"result: {target}"])


def sweep_document(document: Document, options: Options, workers: Workers, out: Path | None) -> tuple[Swept, Path]:
    """Run a document's sweep; returns what came of it, and the directory that keeps it."""
    plan = planned(document, options.replications, whole=not options.summaries)
    target = Path("results", plan.experiment.name) if out is None else out
    return conduct(plan, target, workers.opener, workers.in_flight, options.resume), target


def told(swept: Swept, target: Path) -> dict[str, object]:
    """A sweep as plain data: each point with its parameters, error and figures."""
    plain = swept.frames["points"].astype(object)
    points = [
        {name: None if pd.isna(value) else value for name, value in row.items()} for row in plain.to_dict("records")
    ]
    return {
        "name": swept.plan.experiment.name,
        "directory": os.path.abspath(target),
        "swept": list(swept.plan.keys),
        "replications": swept.plan.replications,
        "failed": len(swept.errors),
        "points": points,
    }
