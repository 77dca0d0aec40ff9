"""What a worker does with a point: it runs the point and gives back all that is kept of it, so that no worker needs the
result's directory."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from experiments import runner
from experiments.batch.measure import mean_memory
from experiments.batch.point import Outcome, Point, common_key
from experiments.errors import BadInput, RunFailed
from experiments.inputs import digest
from experiments.regret import overall
from experiments.sweeps.inputs import Lacking, at_hand
from experiments.sweeps.plan import SweepPoint
from simulator.result import RunResult

FILES, LACKING = "files", "lacking"


def run_point(given: Point) -> dict[str, Any]:
    """Run a point; raises BadInput or RunFailed.

    `summary` is that of the run, `mean_memory_bytes` and `regret` are as `measure` has them, and FILES maps the names
    of the result's files to their contents. Instead, LACKING lists the digests of input files that the worker hasn't.
    """
    assert isinstance(given, SweepPoint)
    if _program() != given.program:
        raise RunFailed("the worker has another version of pagesim, or of a library that it uses; see `pip list` there")
    try:
        point = at_hand(given)
    except Lacking as lacking:
        return {LACKING: list(lacking.args)}
    experiment = point.experiment()
    if not point.whole:
        quiet = dataclasses.replace(experiment.observe, io_log=False, page_map=False, thread_log=False, denning=False)
        experiment = dataclasses.replace(experiment, observe=quiet)
    result = runner.run(experiment, Path(point.base))
    return {
        "summary": result.summary,
        "mean_memory_bytes": mean_memory(result),
        "regret": overall(result) if len(result.pages) else None,
        FILES: _files(result, point.whole),
    }


@cache
def _program() -> str:
    """The digest of the program that this process has, reckoned once."""
    return common_key()


def _files(result: RunResult, whole: bool) -> dict[str, bytes]:
    """The files of a result by name; but for a whole one the summary alone, as `RunResult.write` writes it."""
    if not whole:
        return {"summary.json": (json.dumps(result.summary, indent=2, sort_keys=True) + "\n").encode()}
    with tempfile.TemporaryDirectory(prefix="pagesim-point-") as scratch:
        result.write(Path(scratch))
        return {path.name: path.read_bytes() for path in sorted(Path(scratch).iterdir())}


def with_what_lacked(outcome: Outcome) -> SweepPoint | None:
    """The point to run again because its worker lacked input files, with their contents; None if it did not.

    Raises RunFailed if a file isn't any more what it was when the sweep began.
    """
    lacking = (outcome.measured or {}).get(LACKING)
    if not lacking:
        return None
    point = outcome.point
    assert isinstance(point, SweepPoint)
    sent = {}
    for path, sha256 in point.inputs:
        if sha256 in lacking:
            place = Path(point.base, path)
            try:
                content, now = place.read_bytes(), digest(place)
            except OSError as error:
                raise BadInput(f"{place}: {error.strerror or error}, allowed is a readable file") from None
            if now != sha256:
                raise RunFailed(f"input {place}: has changed since the sweep began")
            sent[sha256] = content
    return dataclasses.replace(point, sent=tuple(sent.items()))
