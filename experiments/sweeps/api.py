"""Sweeps from Python: `experiments.sweep(config, executor=...)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from experiments.batch import executors
from experiments.batch.pool import Workers, local
from experiments.config import load_document
from experiments.document import Document
from experiments.loading import Points, load
from experiments.overrides import assign, override
from experiments.sweeps.conduct import conduct
from experiments.sweeps.plan import planned


def sweep(
    config: Path | str | Mapping[str, Any],
    executor: Executor | None = None,
    *,
    workers: int | None = None,
    in_flight: int | None = None,
    replications: int = 1,
    resume: bool = False,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    plugins: Sequence[Path] = (),
    summaries: bool = False,
    out: Path | str | None = None,
) -> Points:
    """Run a config's sweep as `pagesim sweep` does, and load its result.

    `config` is a YAML file or the same as a mapping, whose relative paths start from the current directory. `executor`
    is anything with the interface of `concurrent.futures.Executor` whose workers can import pagesim: MPI's, Ray's, a
    Dask client's `get_executor()`; it stays open. Without one, `workers` processes of this machine are used, one for
    each processor if not said; a script that uses several guards its start with `if __name__ == "__main__":`, as
    `multiprocessing` wants it. `in_flight` is how many points are handed to the executor at a time. Points that fail
    have an error in their row. Raises BadInput for bad input, RunFailed if the executor is lost, Interrupted on Ctrl-C.
    """
    if isinstance(config, Mapping):
        document = override(Document("config", {"name": "sweep", **config}, {}, Path()), overrides)
        document = document if seed is None else assign(document, "seed", seed, f"seed={seed}")
    else:
        document = load_document(Path(config), overrides, seed, plugins)
    used = executors.given(executor, in_flight) if executor else local(workers)
    return conducted(document, used, replications=replications, resume=resume, summaries=summaries, out=out)


def conducted(
    document: Document,
    used: AbstractContextManager[Workers],
    *,
    replications: int,
    resume: bool,
    summaries: bool,
    out: Path | str | None,
) -> Points:
    """Run a document's sweep on an executor of `batch.executors`, and load its result; raises as `sweep` does."""
    plan = planned(document, replications, whole=not summaries)
    target = Path("results", plan.experiment.name) if out is None else Path(out)
    with used as (opener, several):
        conduct(plan, target, opener, several, resume)
    return load(target)
