"""`pagesim calibrate disk`: disk models fitted to measured latencies, and how close they come."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.calibrate.candidates import Candidate, candidate, closest
from experiments.calibrate.fio import looks_like_json, read_fio
from experiments.calibrate.fragment import assignment, checked, disk_of, fragment_text, samples_file
from experiments.calibrate.goodness import FILED
from experiments.calibrate.latencies import Latencies
from experiments.calibrate.models import FITS, Fit
from experiments.calibrate.report import as_data, last_lines, report
from experiments.calibrate.table import read_table
from experiments.errors import BadInput, single_line
from experiments.present import terminal
from experiments.present.export.command import beside
from experiments.store import canonical_json

MOST_BYTES = 1 << 30


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
    disk = disk_of(chosen.fit, channels, out)
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


def read_latencies(path: Path) -> dict[str, Latencies]:
    """The latencies in a file, fio's JSON or a CSV, by kind of request; raises BadInput."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path}: found more than {MOST_BYTES >> 30} GiB, allowed is less")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}, allowed is fio's JSON or a CSV of latencies") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: found the byte {error.object[error.start]:#04x}, allowed is text in UTF-8") from None
    return read_fio(path, text) if looks_like_json(text) else read_table(path, text)


def notes(measured: Mapping[str, Latencies], fit: Fit, channels: int | None) -> list[str]:
    """What a user should know before trusting a fit."""
    told = []
    deep = max((found.depth or 1 for found in measured.values()), default=1)
    if deep > 1:
        told.append(
            f"measured with {deep} requests under way: the latencies contain waiting in the disk, which the simulator "
            "adds by itself; depth 1 gives the service alone"
        )
    missing = [kind for kind in ("read", "write") if kind not in measured]
    if missing and fit.model not in ("hdd", FILED):
        told.append(f"no {missing[0]}s were measured: theirs are the defaults of {fit.model}")
    if channels is None and fit.model != "hdd":
        told.append("latencies don't tell how many requests are served at one time: see --channels")
    return told


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
