"""What `pagesim run` does: runs a config, keeps its result and prints it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.errors import ProgramFault, RunFailed
from experiments.present import terminal
from experiments.present.run import run_report
from experiments.progress import reporter
from experiments.spec.experiment import Experiment, load
from experiments.spec.inputs import input_digests
from experiments.storage.directory import canonical_json, replacing, write_manifest
from experiments.storage.manifest import manifest, outcome, source
from experiments.study.run import run_as_far_as_it_goes


@dataclass(frozen=True)
class Options:
    """How a config is run, as the command line says it."""

    seed: int | None = None
    overrides: Sequence[str] = ()
    plugins: Sequence[Path] = ()
    plots: bool = True
    check: bool = False
    """watch the machine's invariants"""
    record_trace: Path | None = None
    """the file to write the references to that were made"""


def run_config(config: Path, options: Options, out: Path | None, as_json: bool) -> None:
    """Run a config, keep its result and print it; raises RunFailed after that if the run failed."""
    experiment = load(config, options.overrides, options.seed, options.plugins)
    if experiment.sweep:
        sys.stderr.write(f"pagesim: {config}: sweep is left out; this is one run with the values outside of it\n")
    target = Path("results", experiment.name) if out is None else out
    with replacing(target) as partial:
        summary, failure = _run_into(partial, experiment, config, target, options)
    if as_json:
        sys.stdout.write(canonical_json({**summary, "directory": os.path.abspath(target)}))
    else:
        terminal.show([*run_report(summary, experiment.machine.page_size), f"result: {target}"])
    if failure is not None:
        raise failure


def _run_into(
    partial: Path, experiment: Experiment, config: Path, target: Path, options: Options
) -> tuple[dict[str, Any], RunFailed | None]:
    """Run and write the result, also that of a run that failed; a fault of the program leaves no pictures."""
    base = config.parent
    digests = input_digests(experiment, base)
    began = time.perf_counter()
    with reporter(["run", "baseline"], experiment.duration) as progress:
        result, failure = run_as_far_as_it_goes(experiment, base, progress, options.check, options.record_trace)
    elapsed = time.perf_counter() - began
    result.write(partial)
    description = {**manifest(experiment.resolved(), base, target, digests, elapsed), "source": source(config)}
    description |= outcome(result.summary)
    write_manifest(partial, description)
    if options.plots and not isinstance(failure, ProgramFault):
        from experiments.present.plots.draw import draw

        draw(result, partial / "plots")
    return result.summary, failure
