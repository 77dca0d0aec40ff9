"""`pagesim run --reference`: a config on the reference machine, in which every reference is an event of its own.

Its result is a directory with `manifest.json` and `summary.json`, in which each number is the one that `pagesim run`
comes to; it lacks the frames, slowdowns (there is no second run in unlimited memory) and stalls for writes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.commands import print_json
from experiments.config import Experiment, load
from experiments.errors import BadInput, RunFailed
from experiments.inputs import with_absolute_paths
from experiments.manifest import input_digests, manifest
from experiments.opening import write_manifest
from experiments.present.run import run_report
from experiments.present.terminal import show
from experiments.runner import prepare
from experiments.source import source
from experiments.store import REFERENCE, canonical_json, replacing
from simulator.reference import Deadlock, NotModelled, ReferenceMachine, results
from workloads.base import InputError


def run_reference(
    config: Path,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    out: Path | None = None,
    as_json: bool = False,
    plugins: Sequence[Path] = (),
) -> None:
    """Run a config on the reference machine, keep its summary and print its table. Raises BadInput for what the
    reference machine doesn't model, RunFailed if it can't go on."""
    experiment = load(config, overrides, seed, plugins)
    target = Path("results", f"{experiment.name}-reference") if out is None else out
    with replacing(target) as partial:
        digests = input_digests(experiment, config.parent)
        began = time.perf_counter()
        try:
            summary = _summary(experiment, config.parent)
        except NotModelled as error:
            raise BadInput(f"{config}: --reference: {error}") from None
        (partial / "summary.json").write_text(canonical_json(summary), "utf-8")
        description = manifest(experiment, config.parent, target, digests, time.perf_counter() - began)
        write_manifest(partial, {**description, "kind": REFERENCE, "source": source(config)})
    if as_json:
        print_json({**summary, "directory": str(target.absolute())})
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
