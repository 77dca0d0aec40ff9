"""What `pagesim size` does: finds the least memory in which each policy meets a target, and prints it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.present import terminal
from experiments.present.comparison import ideal_note, name_text
from experiments.present.numbers import UNKNOWN, mean, show
from experiments.present.table import Cell, Column, Part, Table, text_column
from experiments.spec.experiment import load
from experiments.storage.directory import canonical_json
from experiments.storage.manifest import source
from experiments.study.compare import planned
from experiments.study.size import Options, parse_target, parse_tolerance, run_in
from experiments.study.workers import Workers


def size_config(config: Path, options: Options, workers: Workers, out: Path | None, as_json: bool) -> None:
    """Find the least memory for each policy, keep the answer and print it."""
    parse_target(options.target)
    experiment = load(config, options.overrides, options.seed, options.plugins)
    parse_tolerance(options.tolerance, experiment.machine.page_size)
    target = Path("results", f"{experiment.name}-size") if out is None else out
    comparison = planned(experiment, config.parent, str(config), options, source(config))
    summary = run_in(target, comparison, options.target, options.tolerance, workers, resume=options.resume)
    if as_json:
        sys.stdout.write(canonical_json({**summary, "directory": os.path.abspath(target)}))
        return
    terminal.show([*report(summary), f"result: {target}"])


def report(summary: Mapping[str, Any]) -> list[Part]:
    """The least memory of each policy, and how to read it."""
    columns = [
        text_column("policy"), Column("least memory", "bytes"), Column("pages", "count", 1), Column("there"),
        Column("missed at", "bytes"), Column("there", priority=2), Column("sizes tried", "count", 3),
    ]  # fmt: skip
    rows = [_row(one, summary["page_size"]) for one in summary["policies"]]
    title = f"{summary['name']}: least memory for {summary['target']}"
    return [Table(title, columns, rows, notes=ideal_note(summary["policies"])), *_notes(summary)]


def _row(one: Mapping[str, Any], page: int) -> list[Any]:
    by_size = {probe["memory_bytes"]: probe for probe in one["tried"]}
    answer, missed = one["memory_bytes"], one["missed_at_bytes"]
    return [
        name_text(one, ""),
        Cell("none tried meets it") if answer is None else answer,
        None if answer is None else answer // page,
        _measured(by_size.get(answer)),
        missed,
        _measured(by_size.get(missed)),
        len(one["tried"]),
    ]


def _measured(probe: Mapping[str, Any] | None) -> Cell:
    if probe is None:
        return Cell(UNKNOWN)
    if probe["mean"] is None:
        return Cell("failed")
    return Cell(mean(probe["mean"], probe["low"], probe["high"]), probe["mean"])


def _notes(summary: Mapping[str, Any]) -> list[str]:
    replications = summary["replications"]
    lines = [
        "1 replication: the mean decides, with no interval"
        if replications == 1
        else f"a size meets the target if the whole {summary['confidence']:.0%} interval of {replications} runs does"
    ]
    for one in summary["policies"]:
        if one["anomalies_bytes"]:
            sizes = ", ".join(show(size, "bytes") for size in one["anomalies_bytes"])
            lines.append(f"{one['label']}: not monotone: {sizes} met it as well, but a larger size missed it")
        if one["memory_bytes"] is None and one["tried"] and (error := one["tried"][-1]["error"]):
            lines.append(f"{one['label']}: {error}")
    return lines
