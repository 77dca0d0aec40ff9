"""Who does the work of a batch: processes on this machine, a Dask cluster, or any executor that is given."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from experiments.batch.pool import Workers, local
from experiments.errors import BadInput

ANSWER_WITHIN = "10s"
"""How long a scheduler may take to answer."""
MANY = 64
"""Points in flight on an executor that doesn't tell how many workers it has."""

NOISY = ("distributed", "tornado", "asyncio")
"""Loggers of Dask's and of what it is made of."""


def asked(workers: int | None, executor: str, scheduler: str | None) -> AbstractContextManager[Workers]:
    """The workers that `pagesim sweep` is asked for; raises BadInput for options that don't go together."""
    if executor == "local":
        if scheduler is not None:
            raise BadInput(f"--scheduler {scheduler}: allowed with --executor dask")
        return local(workers)
    if workers is not None:
        raise BadInput(f"--workers {workers}: allowed with --executor local; a cluster has its own workers")
    if scheduler is None:
        raise BadInput("--executor dask: found no --scheduler, allowed is such as --scheduler tcp://127.0.0.1:8786")
    return dask(scheduler)


@contextmanager
def given(executor: Executor, in_flight: int | None = None) -> Iterator[Workers]:
    """An executor of somebody else's, who shuts it down; if it breaks, CancelledError ends the batch."""
    workers = getattr(executor, "_max_workers", None)
    several = 2 * workers if isinstance(workers, int) and workers > 0 else MANY
    opened: list[Executor] = []

    @contextmanager
    def opener() -> Iterator[Executor]:
        if opened:
            raise CancelledError
        opened.append(executor)
        yield executor

    yield Workers(opener, in_flight or several)


@contextmanager
def dask(scheduler: str) -> Iterator[Workers]:
    """A Dask cluster by its scheduler's address; raises BadInput if there is no `distributed` or no scheduler."""
    try:
        import distributed
    except ImportError:
        raise BadInput(
            "--executor dask: found no package distributed, allowed after: pip install 'pagesim[distributed]'"
        ) from None
    with warnings.catch_warnings(), _quiet():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)  # input files, once for each worker
        client = _connected(distributed, scheduler)
        try:
            threads = sum(client.nthreads().values())
            with given(client.get_executor(pure=False), max(MANY, 4 * threads)) as handed:
                yield handed
        finally:
            client.close(timeout=5)


@contextmanager
def _quiet() -> Iterator[None]:
    """What Dask logs of lost connections isn't shown: what it means for the sweep is told once, at the end."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in NOISY]
    levels = {logger: logger.level for logger in map(logging.getLogger, (*names, *NOISY))}
    try:
        for logger in levels:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def _connected(distributed: Any, scheduler: str) -> Any:
    try:
        return distributed.Client(scheduler, timeout=ANSWER_WITHIN, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            f"--scheduler {scheduler}: found no Dask scheduler that answers ({error}), allowed is such as "
            "tcp://127.0.0.1:8786"
        ) from None
