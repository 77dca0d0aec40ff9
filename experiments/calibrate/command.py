"""`pagesim calibrate disk`: disk models fitted to measured latencies, and the part of a config that the closest is."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from experiments.calibrate.fit import FILED, FITS, SHARES, Candidate, Fit, candidate, closest, parameters_of
from experiments.calibrate.measured import Latencies, read_latencies
from experiments.errors import BadInput, single_line
from experiments.present import terminal
from experiments.present.export.command import beside
from experiments.present.numbers import share
from experiments.present.table import Cell, Column, Part, Table, text_column
from experiments.spec.document import Document
from experiments.spec.experiment import from_document
from experiments.storage.directory import canonical_json

CAVEAT = (
    "distance: Kolmogorov-Smirnov, the largest difference of the distribution functions; no p-values, which would not "
    "hold for fitted parameters"
)
_FLOW = 1_000_000
"""width at which YAML is never broken into lines"""


def calibrate_disk(
    path: Path, models: Sequence[str], name: str, channels: int | None, out: Path | None, picture: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Fit models (none named: all) to the latencies in a file, print how close they come, and write the closest one
    to `out`, with a plot to `picture` (not given: beside `out`).

    The closest is the one of least distance; the empirical model, which repeats the measurement with its noise, only
    if it was named alone. Raises BadInput where the file, a model or a target can't be used.
    """
    _check(models, name, out, picture)
    measured = read_latencies(path)
    candidates = [candidate(model, measured) for model in dict.fromkeys(models or FITS)]
    chosen = closest(candidates)
    if out is not None:
        picture = picture or out.with_suffix(".png")
    files = {} if out is None else {kind: samples_file(out, kind).name for kind in chosen.fit.samples}
    disk = parameters_of(chosen.fit, channels, files)
    _write(path, chosen, name, disk, out)
    if picture is not None:
        from experiments.present.plots.calibration import draw

        with beside(picture) as partial:
            draw(measured, {one.fit.model: one.modelled for one in candidates}, path.name, partial)
    line = assignment(name, disk, None if out is None else out.parent)
    for note in notes(measured, chosen.fit, channels):
        sys.stderr.write(f"pagesim: {path}: {note}\n")
    if as_json:
        sys.stdout.write(canonical_json(as_data(path, measured, candidates, chosen, line, out, picture)))
        return
    terminal.show([*report(measured, candidates, chosen), *last_lines(chosen, line, out, picture)])


def notes(measured: Mapping[str, Latencies], fit: Fit, channels: int | None) -> list[str]:
    """What a user should know before trusting a fit."""
    said = []
    deep = max((latencies.depth or 1 for latencies in measured.values()), default=1)
    if deep > 1:
        said.append(
            f"measured with {deep} requests under way: the latencies contain waiting in the disk, which the simulator "
            "adds by itself; depth 1 gives the service alone"
        )
    missing = [kind for kind in ("read", "write") if kind not in measured]
    if missing and fit.model not in ("hdd", FILED):
        said.append(f"no {missing[0]}s were measured: theirs are the defaults of {fit.model}")
    if channels is None and fit.model != "hdd":
        said.append("latencies don't tell how many requests are served at one time: see --channels")
    return said


def _check(models: Sequence[str], name: str, out: Path | None, picture: Path | None) -> None:
    for model in models:
        if model not in FITS:
            raise BadInput(f"--model {model}: found {model!r}, allowed is one of {', '.join(FITS)}")
    if not name.strip() or any(ord(letter) < 32 for letter in name):
        raise BadInput(f"--name {name}: found {name!r}, allowed is a disk's name")
    for option, path, suffixes in (("--out", out, (".yaml", ".yml")), ("--plot", picture, (".png", ".svg", ".pdf"))):
        if path is None:
            continue
        if path.suffix not in suffixes:
            raise BadInput(f"{option} {path}: found suffix {path.suffix!r}, allowed is one of {', '.join(suffixes)}")
        if not path.parent.is_dir():
            raise BadInput(f"{option} {path}: found no directory {path.parent}, allowed is a file in one that exists")


def _write(path: Path, chosen: Candidate, name: str, disk: dict[str, Any], out: Path | None) -> None:
    """Write the fragment, and the files that it names before it."""
    if out is None:
        if chosen.fit.model != FILED:
            checked(name, disk, Path())
        return
    for kind, values in chosen.fit.samples.items():
        with beside(samples_file(out, kind)) as partial:
            partial.write_text("".join(f"{value:.0f}\n" for value in values), "utf-8")
    checked(name, disk, out.parent)
    shown = single_line(path.name)
    far = ", ".join(f"{close.distance:.3f} of {kind}s" for kind, close in chosen.close.items())
    comment = [f"{chosen.fit.model} fitted to {shown}: Kolmogorov-Smirnov distance {far}.", "A part of a config."]
    with beside(out) as partial:
        partial.write_text(fragment_text(name, disk, comment), "utf-8")


def samples_file(out: Path, kind: str) -> Path:
    """Where the samples of a kind of request go, beside a fragment."""
    return out.with_name(f"{out.stem}.{kind}.txt")


def checked(name: str, disk: dict[str, Any], base: Path) -> None:
    """Raise BadInput unless a config with this disk is valid; `base` is where its paths start from."""
    data = {
        "name": "calibration",
        "machine": {"disks": {name: disk}},
        "processes": [{"workload": {"kind": "sequential", "pages": 1}}],
    }
    from_document(Document("calibration", data, {}, base))


def fragment_text(name: str, disk: dict[str, Any], comment: list[str]) -> str:
    """The fragment in YAML, with a comment."""
    lines = [f"# {line}".rstrip() for line in comment]
    body = yaml.safe_dump({"machine": {"disks": {name: disk}}}, sort_keys=False, width=100, allow_unicode=True)
    return "\n".join([*lines, body])


def assignment(name: str, disk: dict[str, Any], base: Path | None) -> str:
    """The same as an option of `pagesim run`, with absolute paths: `machine.disks={...}`."""
    absolute = dict(disk)
    if base is not None:
        absolute |= {
            kind: str((base / disk[kind]).absolute()) for kind in ("read", "write") if _is_path(disk.get(kind))
        }
    text = yaml.safe_dump({name: absolute}, sort_keys=False, width=_FLOW, default_flow_style=True, allow_unicode=True)
    return f"machine.disks={text.strip()}"


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value.endswith(".txt")


def as_data(
    path: Path, measured: Mapping[str, Latencies], candidates: Sequence[Candidate], chosen: Candidate, line: str,
    out: Path | None, picture: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """All of it as one JSON object."""
    return {
        "file": str(path),
        "measured": {
            kind: {
                "requests": latencies.requests,
                "counted": latencies.counted,
                "pages": latencies.pages,
                "depth": latencies.depth,
                "quantiles_ns": dict(zip(map(str, SHARES), latencies.quantile(np.array(SHARES)).tolist(), strict=True)),
            }
            for kind, latencies in measured.items()
        },
        "fits": [
            {
                "model": one.fit.model,
                "parameters": one.fit.parameters,
                "aic": one.aic,
                "closeness": {
                    kind: {
                        "distance": close.distance,
                        "mean_error": close.mean_error,
                        "quantile_errors": {str(share): error for share, error in close.errors.items()},
                    }
                    for kind, close in one.close.items()
                },
            }
            for one in candidates
        ],
        "closest": chosen.fit.model,
        "set": None if chosen.fit.model == FILED and out is None else line,
        "written": None if out is None else str(out),
        "plot": None if picture is None else str(picture),
    }


def report(measured: Mapping[str, Latencies], candidates: Sequence[Candidate], chosen: Candidate) -> list[Part]:
    """How close each model comes, a row for each kind of request."""
    columns = [
        text_column("model"), text_column("requests"), Column("distance", format=lambda far: f"{far:.4f}"),
        Column("mean error", "share"), *(Column(f"p{100 * one:g}", format=lambda error: share(error, signed=True),
        priority=place) for place, one in enumerate(SHARES)), Column("AIC", priority=len(SHARES)),
    ]  # fmt: skip
    least = min((one.aic for one in candidates if one.aic is not None), default=0.0)
    rows = [
        (
            ("* " if one is chosen else "  ") + one.fit.model, f"{kind}s", close.distance, close.mean_error,
            *(close.errors.get(one_share) for one_share in SHARES),
            None if one.aic is None else Cell(f"{one.aic - least:+,.0f}", one.aic - least),
        )
        for one in candidates for kind, close in one.close.items()
    ]  # fmt: skip
    measurements = [
        f"{latencies.requests:,} {kind}s of {latencies.pages * 4} KiB"
        f"{'' if latencies.counted else ', known by quantiles'}"
        for kind, latencies in measured.items()
    ]
    return ["; ".join(measurements), Table("models, and the errors of their quantiles", columns, rows, notes=[CAVEAT])]


def last_lines(chosen: Candidate, line: str, out: Path | None, picture: Path | None) -> list[str]:
    """What was chosen, how to use it, and where it was written."""
    lines = [f"closest: {chosen.fit.model}"]
    if chosen.fit.model != FILED or out is not None:
        lines.append(f"use it: pagesim run CONFIG --set {shlex.quote(line)}")
    if out is None:
        lines.append("--out FRAGMENT.yaml writes it as a part of a config, with a plot beside it")
    else:
        lines.append(f"written to {out}")
    return [*lines, *([f"plot: {picture}"] if picture else [])]
