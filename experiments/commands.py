"""What the subcommands do."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments import listing
from experiments.config import Experiment, load
from experiments.errors import BadInput, ProgramFault, RunFailed
from experiments.inputs import input_paths
from experiments.opening import opened, write_manifest
from experiments.plugin_files import load_file
from experiments.present import terminal
from experiments.present.run import run_report
from experiments.schema import config_schema
from experiments.store import canonical_json, replacing, telling_disk_errors


def print_json(data: Any) -> None:
    """Write one JSON object to stdout."""
    sys.stdout.write(canonical_json(data))


def _note(text: str) -> None:
    sys.stderr.write(f"pagesim: {text}\n")


def run_config(
    config: Path,
    overrides: Sequence[str],
    seed: int | None,
    out: Path | None,
    as_json: bool,
    plots: bool,
    check: bool = False,
    record_trace: Path | None = None,
    plugins: Sequence[Path] = (),
) -> None:
    """Run a config, keep its result and print it; raises RunFailed after that if the run failed."""
    experiment = load(config, overrides, seed, plugins)
    if experiment.sweep:
        _note(f"{config}: sweep is left out; this is one run with the values outside of it")
    target = Path("results", experiment.name) if out is None else out
    with replacing(target) as partial:
        summary, failure = _run_into(experiment, config, partial, target, plots, check, record_trace)
    if as_json:
        print_json({**summary, "directory": os.path.abspath(target)})
    else:
        terminal.show([*run_report(summary, experiment.machine.page_size), f"result: {target}"])
    if failure is not None:
        raise failure


def _run_into(
    experiment: Experiment,
    config: Path,
    partial: Path,
    target: Path,
    plots: bool,
    check: bool,
    record_trace: Path | None,
) -> tuple[dict[str, Any], RunFailed | None]:
    """Run and write the result, also that of a run that failed; a fault of the program leaves no pictures."""
    from experiments.manifest import input_digests, manifest, outcome
    from experiments.progress import reporter
    from experiments.runner import run_as_far_as_it_goes
    from experiments.source import source

    base = config.parent
    digests = input_digests(experiment, base)
    began = time.perf_counter()
    with reporter(["run", "baseline"], experiment.duration) as progress:
        result, failure = run_as_far_as_it_goes(experiment, base, progress, check, record_trace)
    elapsed = time.perf_counter() - began
    result.write(partial)
    description = {**manifest(experiment, base, target, digests, elapsed), "source": source(config)}
    description |= outcome(result.summary)
    write_manifest(partial, description)
    if plots and not isinstance(failure, ProgramFault):
        from experiments.present.plots.draw import draw

        draw(result, partial / "plots")
    return result.summary, failure


def plot(directory: Path, kinds: Sequence[str], picture_format: str, as_json: bool) -> None:
    """Draw plots of a result."""
    from experiments.compare.result import ComparisonResult
    from experiments.present.plots.draw import RESULTS, check, draw
    from experiments.profile.result import TraceProfile
    from simulator import registry
    from simulator.result import RunResult

    readers: dict[str, Callable[[Path], Any]] = {
        "run": RunResult.read, "trace-profile": TraceProfile.read, "comparison": ComparisonResult.read,
        "sweep": _points,
    }  # fmt: skip
    with opened(directory, tuple(RESULTS)) as manifest:
        reads = RESULTS[manifest["kind"]]
        for kind in kinds:
            try:
                check(kind, reads)
            except registry.UnknownName as error:
                raise BadInput(f"--kind {kind}: {error}") from None
        result = readers[reads](directory)
        with telling_disk_errors(directory / "plots"):
            files = draw(result, directory / "plots", kinds or None, picture_format, reads)
    if as_json:
        print_json({"plots": [str(path) for path in files]})
        return
    if not files:
        _note(f"{directory}: no plot shows anything of it")
    for path in files:
        sys.stdout.write(f"{path}\n")


def _points(directory: Path) -> tuple[Any, list[str]]:
    """A sweep's points and the columns that are its parameters, as plots of sweeps take them."""
    import pandas as pd

    from experiments.loading import load as load_points

    points = load_points(directory)
    return pd.DataFrame(points), [name for name in points.parameters if name != "replication"]


def validate(config: Path, overrides: Sequence[str], as_json: bool, plugins: Sequence[Path] = ()) -> None:
    """Check a config and that its input files are there."""
    experiment = load(config, overrides, plugins=plugins)
    for path in input_paths(experiment):
        if not (config.parent / path).is_file():
            raise BadInput(f"{config}: found the path {path!r}, allowed is a file, and {config.parent / path} is none")
    if as_json:
        print_json({"valid": True, "config": experiment.resolved()})
    else:
        sys.stdout.write(f"{config}: valid\n")


def schema() -> None:
    """Print the config's JSON Schema."""
    print_json(config_schema())


def list_plugins(what: str, as_json: bool, plugins: Sequence[Path] = ()) -> None:
    """Print the plug-ins of a point."""
    for file in plugins:
        load_file(file)
    entries = listing.entries(what)
    if as_json:
        print_json({what: entries})
        return
    terminal.show([listing.table(what, entries)])


MOST_DIFFERENCES = 20
"""lines that `rerun` prints"""


def rerun_result(directory: Path, workers: int | None, as_json: bool) -> int:
    """Make a result again and compare; the exit status."""
    from experiments.rerun import rerun

    found = rerun(directory, workers)
    for note in found.notes:
        _note(note)
    if as_json:
        print_json({
            "same": not found.differences, "compared": found.compared, "differences": found.differences,
            "notes": found.notes,
        })  # fmt: skip
    elif found.differences:
        sys.stdout.writelines(f"{line}\n" for line in found.differences[:MOST_DIFFERENCES])
        if len(found.differences) > MOST_DIFFERENCES:
            sys.stdout.write(f"and {len(found.differences) - MOST_DIFFERENCES} more differences; --json has all\n")
    else:
        sys.stdout.write(f"{directory}: the same, byte for byte: {_files_text(found.compared)}\n")
    return 1 if found.differences else 0


def _files_text(files: Sequence[str]) -> str:
    """Files by their names; those of points are counted."""
    own = [name for name in files if "/" not in name]
    points = len({name.rpartition("/")[0] for name in files if "/" in name})
    counted = [f"{len(files) - len(own):,} files of {points:,} points"] if points else []
    return ", ".join([*own, *counted])
