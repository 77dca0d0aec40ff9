"""What `pagesim sweep` does: runs every point of a config's sweep, keeps them and prints what came of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd

from experiments.command.compare import say_damaged
from experiments.errors import RunFailed
from experiments.present import terminal
from experiments.present.sweep import report
from experiments.spec.experiment import load_document
from experiments.storage.directory import canonical_json
from experiments.study.ask import Done
from experiments.study.store import described
from experiments.study.sweep import Options, planned, run_in
from experiments.study.workers import Workers


def sweep_config(config: Path, options: Options, workers: Workers, out: Path | None, as_json: bool) -> None:
    """Run a config's sweep, keep it and print it; raises RunFailed if every point failed.

    If some failed, they are told on stderr, and that is no failure: a sweep may well go where nothing can run.
    """
    document = load_document(config, options.overrides, options.seed, options.plugins)
    study = planned(document, options.replications, options.confidence, whole=not options.summaries)
    target = Path("results", study.experiment.name) if out is None else out
    done = run_in(target, study, workers, resume=options.resume)
    say_damaged(done.damaged)
    failed, points = len(done.errors), len(study.points)
    if failed == points:
        raise RunFailed(f"all {failed} points failed, the first one: {next(iter(done.errors.values()))}; see {target}")
    if failed:
        sys.stderr.write(f"pagesim: {failed} of {points} points failed; the result has their errors\n")
    if as_json:
        sys.stdout.write(canonical_json(_plain(done, target)))
        return
    terminal.show([*report(described(done.study, done.errors), done.frames, options.confidence), f"result: {target}"])


def _plain(done: Done, target: Path) -> dict[str, object]:
    """A sweep as plain data: each point with its parameters, error and figures; of several replications also what each
    setting gave on average."""
    return {
        "name": done.study.experiment.name,
        "directory": os.path.abspath(target),
        "swept": list(done.study.keys),
        "replications": done.study.replications,
        "failed": len(done.errors),
        **{name: _records(done.frames[name]) for name in ("points", "settings") if name in done.frames},
    }


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    rows = frame.astype(object).to_dict("records")
    return [{str(name): None if pd.isna(value) else value for name, value in row.items()} for row in rows]
