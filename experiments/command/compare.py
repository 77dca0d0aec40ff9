"""What `pagesim compare` does: compares policies on a config, keeps the result and prints it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.present import terminal
from experiments.present.comparison import report
from experiments.spec.experiment import load
from experiments.storage.directory import canonical_json
from experiments.storage.manifest import source
from experiments.study.compare import Options, planned
from experiments.study.workers import Workers


def compare_config(
    config: Path, options: Options, workers: Workers, out: Path | None, as_json: bool, plots: bool
) -> None:
    """Compare policies on a config, keep the result and print it."""
    experiment = load(config, options.overrides, options.seed, options.plugins)
    if experiment.sweep:
        sys.stderr.write(f"pagesim: {config}: sweep is left out; --memory and --policies say what is compared\n")
    target = Path("results", f"{experiment.name}-comparison") if out is None else out
    comparison = planned(experiment, config.parent, str(config), options, source(config))
    result, done = comparison.run_in(target, workers, resume=options.resume)
    say_damaged(done.damaged)
    if plots:
        from experiments.present.plots.draw import draw

        draw(result, target / "plots", reads="comparison")
    if as_json:
        sys.stdout.write(canonical_json({**result.summary, "directory": os.path.abspath(target)}))
        return
    terminal.show([*report(result.summary), f"result: {target}"])


def say_damaged(names: Sequence[str]) -> None:
    """Say on stderr which finished points had to be run again."""
    if names:
        text = f"{len(names)} finished points were damaged, and have been run again (first: {names[0]})"
        sys.stderr.write(f"pagesim: {text}\n")
