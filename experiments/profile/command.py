"""What `pagesim trace profile` does."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.command.trace import format_options, usable
from experiments.errors import BadInput, RunFailed
from experiments.present import terminal
from experiments.present.profile import report
from experiments.profile.result import TraceProfile
from experiments.storage.directory import PROFILE_KIND, canonical_json, replacing, write_manifest
from experiments.trace_progress import reading

if TYPE_CHECKING:
    from simulator.stream import ReferenceStream
    from workloads.traces.store import NativeTrace


def profile_trace(
    path: Path,
    format_name: str,
    options: Sequence[str],
    skip: int,
    limit: int | None,
    out: Path | None,
    exact: bool,
    shards: float | None,
    seed: int,
    plots: bool,
    as_json: bool,
) -> None:
    """Profile a trace, keep what was found and print it."""
    if not exact and shards is None:
        raise BadInput("--no-exact: found no --shards, allowed is --no-exact with --shards RATE")
    target = Path("results", f"{_stem(path)}-profile") if out is None else out
    given = {"format": format_name, "options": format_options(options), "skip": skip, "limit": limit}
    asked = {"exact": exact, "shards": shards, "seed": seed}
    with replacing(target) as partial:
        found = _profile_into(path, given, asked, partial, plots)
    if as_json:
        sys.stdout.write(canonical_json({**found.summary, "directory": os.path.abspath(target)}))
        return
    terminal.show([*report(found.summary), f"result: {target}"])


def _stem(path: Path) -> str:
    """A trace's name without its suffixes: sqlite of sqlite.txt.gz."""
    return path.name.split(".")[0] or path.name.strip(".") or "trace"


def _profile_into(
    path: Path, given: dict[str, Any], asked: dict[str, Any], partial: Path, plots: bool
) -> TraceProfile:  # fmt: skip
    from experiments.spec.inputs import digest
    from experiments.storage.manifest import versions
    from workloads.profile.source import Source
    from workloads.traces.cache import open_trace

    began = time.perf_counter()
    with usable():
        trace = open_trace(path, given["format"], options=given["options"])
        stream = Source(trace, given["skip"], given["limit"])
        found = _found(path, trace, stream, asked, partial)
    found.write(partial)
    manifest = {
        "kind": PROFILE_KIND, "trace": {"path": os.path.abspath(path), "sha256": digest(path)}, **given, **asked,
        "versions": versions(), "wall_seconds": round(time.perf_counter() - began, 3),
    }  # fmt: skip
    write_manifest(partial, manifest)
    if plots:
        from experiments.present.plots.draw import draw

        draw(found, partial / "plots", reads="trace-profile")
    return found


def _found(
    path: Path, trace: NativeTrace, stream: ReferenceStream, asked: dict[str, Any], scratch: Path
) -> TraceProfile:  # fmt: skip
    from workloads.profile.frames import frames
    from workloads.profile.profile import profile
    from workloads.profile.summary import summary

    try:
        with reading(f"profiling {path.name}") as told:
            made = profile(stream, **asked, scratch=scratch, progress=_progress(told, stream.references or 0))
    except OSError as error:
        raise RunFailed(
            f"{scratch.parent}: {error.strerror or error}, while the runs were kept for the second way"
        ) from (None)
    found = frames(made)
    about = {"name": _stem(path), "page_size": trace.page_size, "processes": len(trace.facts.processes)}
    return TraceProfile({**about, **summary(made, found)}, found)


def _progress(told: Callable[[int, int, int], None] | None, references: int) -> Callable[[str, int, int], None] | None:
    """Both ways through the trace on one bar, the way forward its first half."""
    if told is None:
        return None

    def step(what: str, done: int, total: int) -> None:
        share = (done / total + (what == "optimal")) / 2
        told(int(1000 * share), 1000, int(references * min(1.0, 2 * share)))

    return step
