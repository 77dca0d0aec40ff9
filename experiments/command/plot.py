"""What `pagesim plot` does: draws a result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.analysis.comparison import ComparisonResult
from experiments.errors import BadInput
from experiments.present.plots.draw import RESULTS, check, draw
from experiments.profile.result import TraceProfile
from experiments.storage.directory import canonical_json, opened, telling_disk_errors
from experiments.storage.points import load
from simulator import registry
from simulator.result import RunResult


def plot(directory: Path, kinds: Sequence[str], picture_format: str, as_json: bool) -> None:
    """Draw plots of a result."""
    with opened(directory, tuple(RESULTS)) as manifest:
        reads = RESULTS[manifest["kind"]]
        for kind in kinds:
            try:
                check(kind, reads)
            except registry.UnknownName as error:
                raise BadInput(f"--kind {kind}: {error}") from None
        result = _READERS[reads](directory)
        with telling_disk_errors(directory / "plots"):
            files = draw(result, directory / "plots", kinds or None, picture_format, reads)
    if as_json:
        sys.stdout.write(canonical_json({"plots": [str(path) for path in files]}))
        return
    if not files:
        sys.stderr.write(f"pagesim: {directory}: no plot shows anything of it\n")
    for path in files:
        sys.stdout.write(f"{path}\n")


def _points(directory: Path) -> tuple[Any, list[str]]:
    """A sweep's points and the columns that are its parameters, as plots of sweeps take them."""
    points = load(directory)
    return pd.DataFrame(points), [name for name in points.parameters if name != "replication"]


_READERS: dict[str, Callable[[Path], Any]] = {
    "run": RunResult.read, "trace-profile": TraceProfile.read, "comparison": ComparisonResult.read, "sweep": _points,
}  # fmt: skip
