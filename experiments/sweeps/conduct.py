"""Conducting a sweep: from its plan to its directory."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.batch.point import Outcome
from experiments.batch.pool import Opener
from experiments.batch.run import run_batch
from experiments.errors import BadInput, RunFailed
from experiments.inputs import digest
from experiments.manifest import input_digests, manifest, provenance
from experiments.opening import FILES, sealed
from experiments.placing import new_file, write_file
from experiments.store import KINDS, MANIFEST, SWEEP, SWEEP_FILE, canonical_json, read_manifest
from experiments.sweeps.frames import frames
from experiments.sweeps.layout import finished
from experiments.sweeps.lock import locked
from experiments.sweeps.plan import SweepPlan
from experiments.sweeps.store import SweepStore
from experiments.sweeps.work import run_point, with_what_lacked

WAY_ON = "--resume goes on from there"


@dataclass(frozen=True)
class Swept:
    """What a sweep gave."""

    plan: SweepPlan
    outcomes: Mapping[str, Outcome]
    """by name of the point"""
    frames: Mapping[str, pd.DataFrame]
    damaged: Sequence[str] = ()
    """names of points that were finished before, but damaged since, and have been run again"""

    @property
    def errors(self) -> dict[str, str]:
        """Why points failed, by their names."""
        found = ((cell.name, self.outcomes[cell.name].error) for cell in self.plan.cells)
        return {name: error for name, error in found if error is not None}


def conduct(
    plan: SweepPlan,
    target: Path,
    opener: Opener,
    in_flight: int,
    resume: bool = False,
    finished_one: Callable[[Path], None] | None = None,
) -> Swept:
    """Run what is missing of a sweep in its directory, which holds every finished point from then on.

    A directory that holds a sweep is gone on with (`resume`) or refused; another result there gives way. Whoever wants
    to see each point as soon as it is finished (`finished_one`) is given its directory, and may even remove it. Raises
    BadInput for a directory that can't be used, or that another process is using; Interrupted on Ctrl-C, and RunFailed
    if the executor is lost: then what is finished stays.
    """
    target = Path(os.path.abspath(target))
    with locked(target):
        fresh = _prepare(target, resume)
        try:
            return _conduct(plan, target, opener, in_flight, finished_one)
        except OSError as error:
            kept = f"{len(finished(target))} of {len(plan.cells)} points are kept, and {WAY_ON}"
            raise RunFailed(f"{error.filename or target}: {error.strerror or error}; {kept}") from error
        finally:
            if fresh and not finished(target) and not (target / MANIFEST).exists():
                shutil.rmtree(target, ignore_errors=True)


def _conduct(
    plan: SweepPlan, target: Path, opener: Opener, in_flight: int, finished_one: Callable[[Path], None] | None
) -> Swept:
    began = time.perf_counter()
    made_with = provenance()
    store = SweepStore(target, plan, made_with, finished_one)
    store.clean()
    store.check_same()
    write_file(target / SWEEP_FILE, described(plan, None))
    key_of = {cell.name: cell.key for cell in plan.cells}
    points = plan.points()
    found = run_batch(
        points, opener, in_flight, store, run_point, "points", [key_of[point.label] for point in points],
        with_what_lacked, WAY_ON,
    )  # fmt: skip
    outcomes = {outcome.point.label: outcome for outcome in found}
    swept = Swept(plan, outcomes, frames(plan.cells, outcomes), store.damaged)
    _finish(target, swept, made_with, time.perf_counter() - began)
    return swept


def described(plan: SweepPlan, errors: Mapping[str, str] | None) -> str:
    """What sweep.json holds: what is swept, every point, and the errors of those that failed, None until all are done.

    The same sweep gives the same text, however often it was interrupted.
    """
    return canonical_json({
        "name": plan.experiment.name,
        "complete": errors is not None,
        "swept": list(plan.keys),
        "parameters": list(dict.fromkeys(key for cell in plan.cells for key in cell.parameters)),
        "replications": plan.replications,
        "points": [
            {
                "point": cell.name,
                "written": dict(cell.written),
                "parameters": dict(cell.parameters),
                "replication": cell.replication,
                "seed": cell.seed,
                "error": (errors or {}).get(cell.name),
            }
            for cell in plan.cells
        ],
    })  # fmt: skip


def _prepare(target: Path, resume: bool) -> bool:
    """Make the directory ready; whether there was none before."""
    try:
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir()):
            raise BadInput(f"--out {target}: found something that is no directory, allowed is a new one or a sweep")
        if (target / SWEEP_FILE).exists():
            if not resume:
                done = f"found a sweep with {len(finished(target))} finished points"
                raise BadInput(f"--out {target}: {done}, allowed is --resume, which goes on with it, or another place")
            return False
        if target.is_dir() and any(target.iterdir()):
            _give_way(target)
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {target}: {error.strerror or error}, allowed is a place that can be written") from None
    return True


def _give_way(target: Path) -> None:
    """Remove an older result; raises BadInput if the directory holds something else."""
    try:
        read_manifest(target, KINDS)
    except BadInput:
        raise BadInput(
            f"--out {target}: found a directory that holds no result, allowed is a new or empty one, or a result"
        ) from None
    older = target.with_name(f".{target.name}.older-{os.getpid()}")
    target.rename(older)
    shutil.rmtree(older, ignore_errors=True)


def _finish(target: Path, swept: Swept, made_with: Mapping[str, Any], seconds: float) -> None:
    """Write the frames, then the manifest, and last that the sweep is complete."""
    for name, made in swept.frames.items():
        with new_file(target / f"{name}.parquet") as partial:
            made.to_parquet(partial, compression="zstd", index=False)
    plan = swept.plan
    digests = input_digests(plan.experiment, plan.base)
    for cell in plan.cells:
        digests |= dict(cell.point.inputs)
    told = manifest(plan.experiment, plan.base, target, digests, seconds, made_with)
    # as text: the order of keys, which a manifest hasn't, is that of the points and in their names
    told |= {"kind": SWEEP, "replications": plan.replications, "document": json.dumps(dict(plan.document))}
    told |= {"source": dict(plan.source)} if plan.source else {}
    told[FILES] = {f"{name}.parquet": digest(target / f"{name}.parquet") for name in swept.frames}
    write_file(target / MANIFEST, sealed(told))
    write_file(target / SWEEP_FILE, described(plan, swept.errors))
