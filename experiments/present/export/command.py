"""`pagesim export`: a result as a file for other tools; and the picture of `pagesim plot --overlay`."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pandas as pd

from experiments.errors import BadInput
from experiments.storage.directory import canonical_json, opened
from experiments.storage.writing import new_file
from simulator.units import parse_time

TRACE, LOG = "trace.json.gz", "perfmon.csv"
"""What is written into the result's directory if no file is named."""
PICTURE = "overlay"
MOST_STRETCH = 1_000_000
_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def export(
    directory: Path, out: Path | None, perfetto: bool, perfmon: bool, start: str, machine: str, stretch: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Write a result as a trace (`perfetto`) or as a log of counters (`perfmon`), or both into its directory.

    Raises BadInput where the result, the file or an option can't be used.
    """
    if not (perfetto or perfmon):
        raise BadInput("export: found neither --perfetto nor --perfmon, allowed is one of them, or both")
    if out is not None and perfetto and perfmon:
        raise BadInput(
            f"export: found one file, {out}, for two forms, allowed is one form with a file, or both without"
        )
    began = start_time(start)
    if not 1 <= stretch <= MOST_STRETCH:
        raise BadInput(f"--stretch {stretch}: found {stretch}, allowed is 1 to {MOST_STRETCH:,}")
    if not machine or set(machine) & set('\\"/*?<>|,\r\n'):
        raise BadInput(f'--machine {machine}: found {machine!r}, allowed is a name without \\ / " * ? < > | or a comma')
    written = {}
    with opened(directory):
        if perfetto:
            written["perfetto"] = _trace(directory, out or directory / TRACE)
        if perfmon:
            written["perfmon"] = _log(directory, out or directory / LOG, began, machine, stretch)
    if as_json:
        sys.stdout.write(canonical_json(written))
        return
    for found in written.values():
        sys.stdout.write(f"{found['file']}: {found['what']}\n")


def start_time(text: str) -> datetime:
    """The time at which a log starts; raises BadInput."""
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 (a log's times have no zone)
        except ValueError:
            continue
    raise BadInput(f"--start {text}: found {text!r}, allowed is a time such as '2026-01-31 14:00:00'")


def _trace(directory: Path, out: Path) -> dict[str, str | int]:
    from experiments.present.export.perfetto import write_trace

    with beside(out) as partial:
        events = write_trace(directory, partial)
    lacking = "" if _rows(directory / "faults.parquet") else "; the result has no fault log, so no faults or stalls"
    return {"file": str(out), "events": events, "what": f"{events:,} events, for ui.perfetto.dev{lacking}"}


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def _log(directory: Path, out: Path, start: datetime, machine: str, stretch: int) -> dict[str, str | int]:
    from experiments.present.export.perfmon import write_log

    with beside(out) as partial:
        samples = pd.read_parquet(directory / "samples.parquet")
        try:
            rows = write_log(samples, partial, start, machine, stretch)
        except OverflowError:
            raise BadInput(f"--stretch {stretch}: found a log that ends after the year 9999, allowed is less") from None
    what = f"{rows:,} rows of {len(samples.columns) - 1} counters, from {start:%Y-%m-%d %H:%M:%S}"
    return {"file": str(out), "rows": rows, "what": what}


@contextmanager
def beside(out: Path) -> Iterator[Path]:
    """A path beside `out`, with its suffix, which takes its place when all went well; raises BadInput if it can't."""
    if out.is_dir():
        raise BadInput(f"{out}: found a directory, allowed is a file")
    try:
        with new_file(out) as partial:
            yield partial
    except OSError as error:
        raise BadInput(
            f"{out}: can't be written: {error.strerror or error}, allowed is a file in a directory"
        ) from None


def draw_overlay(
    directory: Path, log: Path, offset: str, stretch: float, instances: Sequence[str], form: str, as_json: bool
) -> None:
    """Draw a real machine's log over the counters of a result, into its directory plots/."""
    from experiments.present.export.overlay import MOST_PANELS, draw, notes, overlay
    from experiments.present.plots.data import end_of, run_name
    from simulator.result import RunResult

    if not (math.isfinite(stretch) and stretch > 0):
        raise BadInput(f"--stretch {stretch}: found {stretch}, allowed is more than 0")
    moved = moved_by(offset)
    with opened(directory):
        result = RunResult.read(directory)
    found = overlay(result, log, moved, stretch, instances)
    for note in notes(found, result):
        sys.stderr.write(f"pagesim: {log}: {note}\n")
    path = directory / "plots" / f"{PICTURE}.{form}"
    path.parent.mkdir(exist_ok=True)
    drawn = draw(found, run_name(result), end_of(result), path, form)
    if as_json:
        counters = {pair.name: pair.log_name for pair in found.pairs}
        sys.stdout.write(canonical_json({"plots": [str(path)], "counters": counters, "drawn": drawn}))
        return
    if len(drawn) == MOST_PANELS < len(found.pairs):
        sys.stderr.write(f"pagesim: drawn are {MOST_PANELS} of {len(found.pairs)} counters that both have\n")
    sys.stdout.write(f"{path}\n")


def moved_by(text: str) -> int:
    """An offset in nanoseconds, which may be negative; raises BadInput."""
    try:
        return -parse_time(text[1:]) if text.startswith("-") else parse_time(text)
    except ValueError as error:
        raise BadInput(f"--offset {text}: {error}") from None
