"""`pagesim trace fit`: synthetic workloads that do what a trace does, and how close they come."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from experiments.command.trace import format_options, usable
from experiments.errors import BadInput, single_line
from experiments.present import terminal
from experiments.present.table import Column, Part, Table, text_column
from experiments.storage.directory import canonical_json
from workloads.fit.measure import Measured, measure
from workloads.fit.models import MODELS, PROCESS, Fit, fit
from workloads.traces.cache import open_trace

SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Sizes of memory at which miss ratios are printed, as shares of the footprint."""


def fit_trace(
    path: Path, format_name: str, options: Sequence[str], models: Sequence[str], out: Path | None, as_json: bool
) -> None:
    """Fit models (none named: all) to a trace and print how close they come; write the closest one to `out`.

    The runs of all processes and threads are taken as one stream, in the order of the trace. `out` is a config of one
    process, which `pagesim run` takes. Raises BadInput where the trace, a model or `out` can't be used.
    """
    for model in models:
        if model not in MODELS:
            raise BadInput(f"--model {model}: found {model!r}, allowed is one of {', '.join(MODELS)}")
    if out is not None:
        _check_out(out)
    with usable():
        stream = open_trace(path, format_name, options=format_options(options))
        trace = measure(stream)
        fits = [fit(stream, trace, model) for model in dict.fromkeys(models or MODELS)]
    closest = min(fits, key=lambda found: found.distance)
    if out is not None:
        _write(out, config_text(path, closest))
    if as_json:
        sys.stdout.write(canonical_json(_report(path, trace, fits, closest, out)))
        return
    then = "; --out FILE.yaml writes it as a config" if out is None else f", written to {out}"
    terminal.show([*_tables(trace, fits), f"closest: {closest.model}{then}"])


def config_text(path: Path, found: Fit) -> str:
    """A config in YAML with one process, whose workload is the fitted model."""
    close = found.closeness
    comment = (
        f"# {found.model} fitted to {single_line(path.name)}: its LRU miss ratio differs by at most "
        f"{close.miss_ratio_max:.2g},\n# its working-set size by at most {close.working_set_max:.2g} of the footprint "
        f"(on average {close.miss_ratio_mean:.2g} and {close.working_set_mean:.2g}).\n"
    )
    data = {"processes": [{"name": PROCESS, "workload": {"kind": found.model, **found.parameters}}]}
    return comment + yaml.safe_dump(data, sort_keys=False, width=100, default_flow_style=None)


def _check_out(out: Path) -> None:
    if out.suffix not in (".yaml", ".yml"):
        raise BadInput(f"--out {out}: found suffix {out.suffix!r}, allowed is .yaml or .yml")
    if out.is_dir():
        raise BadInput(f"--out {out}: found a directory, allowed is a file")
    if not out.parent.is_dir():
        raise BadInput(f"--out {out}: found no directory {out.parent}, allowed is a file in a directory that exists")


def _write(out: Path, text: str) -> None:
    try:
        descriptor, name = tempfile.mkstemp(".tmp", f".{out.name}.", out.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(out)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"--out {out}: can't be written: {error.strerror or error}") from error


def _report(path: Path, trace: Measured, fits: Sequence[Fit], closest: Fit, out: Path | None) -> dict[str, Any]:
    return {
        "trace": str(path),
        "pages": trace.pages,
        "runs": trace.runs,
        "references": trace.references,
        "sizes": _sizes(trace),
        "miss_ratio": _at_sizes(trace, trace),
        "closest": closest.model,
        "written": None if out is None else str(out),
        "fits": [
            {
                "model": found.model,
                "parameters": found.parameters,
                "closeness": found.closeness._asdict(),
                "miss_ratio": _at_sizes(trace, found.measured),
                "phases": found.phases,
                "window": found.window,
            }
            for found in fits
        ],
    }


def _at_sizes(trace: Measured, measured: Measured) -> list[float]:
    curve = measured.miss_ratio
    return [float(curve[size - 1]) for size in _sizes(trace)]


def _sizes(trace: Measured) -> list[int]:
    return sorted({max(round(share * trace.pages), 1) for share in SHARES})


def _tables(trace: Measured, fits: Sequence[Fit]) -> list[Part]:
    """The miss ratios of the trace and the models, and how far these are from it."""
    curves = [trace.miss_ratio, *(found.measured.miss_ratio for found in fits)]
    ratios = [Column("pages of memory", "count"), *(Column(name, format=lambda ratio: f"{ratio:.4%}") for name in
              ("trace", *(found.model for found in fits)))]  # fmt: skip
    rows = [[size, *(float(curve[size - 1]) for curve in curves)] for size in _sizes(trace)]
    closeness = [
        [
            found.model, found.closeness.miss_ratio_max, found.closeness.miss_ratio_mean,
            found.closeness.miss_ratio_relative, found.closeness.working_set_max, found.closeness.working_set_mean,
            "" if found.phases is None else f"{found.phases:,} by windows of {found.window:,} requests",
        ]
        for found in fits
    ]  # fmt: skip
    far = [text_column("model"), *(Column(text, format=lambda value: f"{value:.5f}") for text in
           ("miss ratio: max", "mean")), Column("mean, relative", "share"),
           *(Column(text, format=lambda value: f"{value:.3f}") for text in ("working set: max", "mean")),
           text_column("phases", 1, wrap=True)]  # fmt: skip
    title = "differences from the trace; of the working set as shares of the footprint"
    return [Table("LRU miss ratio", ratios, rows), Table(title, far, closeness)]
