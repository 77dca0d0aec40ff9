"""`pagesim run --reference`: a config on the reference machine, in which every reference is an event of its own.

Its result is a directory with `manifest.json` and `summary.json`, in which each number is the one that `pagesim run`
comes to; it lacks the frames, slowdowns (there is no second run in unlimited memory) and stalls for writes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from experiments.command.run import Options
from experiments.errors import BadInput, RunFailed
from experiments.present.run import run_report
from experiments.present.terminal import show
from experiments.spec.experiment import Experiment, load
from experiments.spec.inputs import input_digests, with_absolute_paths
from experiments.storage.directory import REFERENCE, canonical_json, replacing, write_manifest
from experiments.storage.manifest import manifest, source
from experiments.study.run import prepare
from simulator.reference import Deadlock, NotModelled, ReferenceMachine, results
from workloads.base import InputError


def run_reference(config: Path, options: Options, out: Path | None = None, as_json: bool = False) -> None:
    """Run a config on the reference machine, keep its summary and print its table. Raises BadInput for options that it
    doesn't take and for what it doesn't model, RunFailed if it can't go on."""
    if options.check or options.record_trace:
        other = "--check" if options.check else "--record-trace"
        raise BadInput(f"--reference: found {other}, allowed without --reference")
    experiment = load(config, options.overrides, options.seed, options.plugins)
    target = Path("results", f"{experiment.name}-reference") if out is None else out
    with replacing(target) as partial:
        digests = input_digests(experiment, config.parent)
        began = time.perf_counter()
        try:
            summary = _summary(experiment, config.parent)
        except NotModelled as error:
            raise BadInput(f"{config}: --reference: {error}") from None
        (partial / "summary.json").write_text(canonical_json(summary), "utf-8")
        description = manifest(experiment.resolved(), config.parent, target, digests, time.perf_counter() - began)
        write_manifest(partial, {**description, "kind": REFERENCE, "source": source(config)})
    if as_json:
        sys.stdout.write(canonical_json({**summary, "directory": str(target.absolute())}))
        return
    show([*run_report(summary, experiment.machine.page_size), f"result: {target}"])


def _summary(experiment: Experiment, base: Path) -> dict[str, Any]:
    """What the machine comes to, with the keys that a table wants beside."""
    experiment, specs = prepare(experiment, base)
    machine, manager = with_absolute_paths(experiment.machine, experiment.memory_manager, base)
    try:
        done = ReferenceMachine(machine, manager, specs, experiment.seed, experiment.duration).run()
    except Deadlock as error:
        raise RunFailed(str(error)) from None
    except InputError as error:
        raise BadInput(str(error)) from None
    summary = {**results.summary(done), "name": experiment.name}
    for process in summary["processes"].values():
        process["slowdown"] = None
    return summary
