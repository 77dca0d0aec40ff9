"""What `pagesim report` does: reads a result, makes its page and puts it into place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.errors import BadInput
from experiments.present.report.page import Report, page
from experiments.storage.directory import COMPARISON, KIND, MANIFEST, SWEEP, canonical_json, opened, telling_damage
from experiments.storage.writing import write_file

DEFAULT = "report.html"
NEEDED = ("config", "seed", "versions", "platform")
"""Keys of a manifest that a report shows."""


def write_report(directory: Path, out: Path | None, as_json: bool) -> None:
    """Write the report of a result; raises BadInput if the directory holds none, or the page can't be written."""
    target = directory / DEFAULT if out is None else out
    if target.is_dir() or not target.parent.is_dir():
        raise BadInput(
            f"--out {target}: found a directory, or none to write into, allowed is a file that can be written"
        )
    with opened(directory, tuple(_READERS)) as manifest:
        if missing := [key for key in NEEDED if key not in manifest]:
            raise BadInput(f"{directory / MANIFEST}: found no {missing[0]!r}, allowed is a manifest that pagesim wrote")
        content = page(_READERS[manifest["kind"]](directory, manifest)).encode()
    _replace(target, content)
    if as_json:
        sys.stdout.write(canonical_json({"report": os.path.abspath(target), "bytes": len(content)}))
    else:
        sys.stdout.write(f"{target}\n")


def _replace(target: Path, content: bytes) -> None:
    """Put the page into its place."""
    try:
        write_file(target, content)
    except OSError as error:
        raise BadInput(f"--out {target}: {error.strerror or error}, allowed is a file that can be written") from None


def _run(directory: Path, manifest: Mapping[str, Any]) -> Report:
    from experiments.present.report.run import report
    from simulator.result import RunResult

    return report(RunResult.read(directory), manifest)


def _comparison(directory: Path, manifest: Mapping[str, Any]) -> Report:
    from experiments.analysis.comparison import ComparisonResult
    from experiments.present.report.comparison import report

    return report(ComparisonResult.read(directory), manifest)


def _sweep(directory: Path, manifest: Mapping[str, Any]) -> Report:
    from experiments.present.report.sweep import read, report

    with telling_damage(directory):
        return report(read(directory), manifest)


_READERS: Mapping[str, Callable[[Path, Mapping[str, Any]], Report]] = {
    KIND: _run, COMPARISON: _comparison, SWEEP: _sweep,
}  # fmt: skip
"""What reads each kind of result, and makes its report."""
