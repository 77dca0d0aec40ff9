"""Who runs points: processes on this machine, a Dask cluster, or any executor that is given; all of them behind the
interface of `concurrent.futures.Executor`.

Worker processes are spawned, not forked, so that they start alike on every system and inherit no state. They live no
longer than their parent, however that ends: each holds the reading end of a pipe whose writing end only the parent has.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar

from experiments.errors import BadInput

_P = ParamSpec("_P")
_T = TypeVar("_T")

MOST_WORKERS = 1024
ANSWER_WITHIN = "10s"
"""How long a scheduler may take to answer."""
MANY = 64
"""Points in flight on an executor that doesn't tell how many workers it has."""

NOISY = ("distributed", "tornado", "asyncio")
"""Loggers of Dask's and of what it is made of."""

Opener = Callable[[], Any]
"""Opens an executor: a context manager that gives it, and that ends what it still does when it is left."""


class Here(Executor):
    """An executor that does the work at once, in this process."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Call `fn`; the future is done when this returns."""
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 (whoever asks the future gets it)
            future.set_exception(error)
        return future


def usable_processors() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers(NamedTuple):
    """Who does the work of a study."""

    opener: Opener
    in_flight: int
    """how many points to hand out at a time"""


class Local:
    """Opens workers on this machine: processes, or for a single worker this process itself.

    Entered as a context manager, the processes start at once, and get ready for their first run while whoever wants
    them still reads the config. They are what the first call opens; another call opens new ones.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._early = ExitStack()
        self._started: list[Executor] = []

    def __enter__(self) -> Self:
        """Start the processes."""
        if self._workers > 1:
            pool = self._early.enter_context(_processes(self._workers))
            for _ in range(self._workers):
                pool.submit(get_ready)
            self._started.append(pool)
        return self

    def __exit__(self, *_: object) -> None:
        """End those that nobody has opened, whatever they are at."""
        self._early.__exit__(_Unused, _Unused(), None)

    def __call__(self) -> AbstractContextManager[Executor]:
        """Open an executor."""
        if self._workers == 1:
            return nullcontext(Here())
        return _left_to(self._early.pop_all(), self._started.pop()) if self._started else _processes(self._workers)


class _Unused(Exception):
    """What ends processes that were started in vain."""


@contextmanager
def _left_to(stack: ExitStack, pool: Executor) -> Iterator[Executor]:
    with stack:
        yield pool


@contextmanager
def local(workers: int | None = None) -> Iterator[Workers]:
    """So many workers on this machine, one for each processor that this process may use if it isn't said; they get
    ready at once. Raises BadInput for a number that is out of bounds."""
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise BadInput(f"--workers {workers}: allowed is 1 to {MOST_WORKERS}")
    count = usable_processors() if workers is None else workers
    with Local(count) as opener:
        yield Workers(opener, 2 * count)


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    context = multiprocessing.get_context("spawn")
    lifeline, end = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(lifeline,))
    finished = False
    try:
        yield pool
        finished = True
    finally:
        if not finished:
            end.close()  # don't wait for what is in flight
        pool.shutdown(wait=True, cancel_futures=True)
        end.close()
        lifeline.close()


def _start_worker(lifeline: Connection) -> None:
    """Make this worker end with its parent, and leave Ctrl-C, which the whole terminal gets, to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_await_end, args=(lifeline,), daemon=True).start()


def _await_end(lifeline: Connection) -> None:
    wait([lifeline])
    os._exit(1)


def get_ready() -> None:
    """Import what runs need, and load their compiled code, by making one as small as can be."""
    from experiments.spec.document import Document
    from experiments.spec.experiment import from_document
    from experiments.study import run

    smallest: dict[str, Any] = {
        "name": "smallest",
        "processes": [{"workload": {"kind": "sequential", "pages": 1}}],
        "observe": {"baseline": False},
    }
    run.run(from_document(Document("smallest", smallest, {}, Path())), Path())


def chosen(workers: int | None, executor: str, scheduler: str | None) -> AbstractContextManager[Workers]:
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
def lent(executor: Executor, in_flight: int | None = None) -> Iterator[Workers]:
    """An executor of somebody else's, who shuts it down; if it breaks, CancelledError ends the study."""
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
            with lent(client.get_executor(pure=False), max(MANY, 4 * threads)) as handed:
                yield handed
        finally:
            client.close(timeout=5)


@contextmanager
def _quiet() -> Iterator[None]:
    """What Dask logs of lost connections isn't shown: what it means for the study is said once, at the end."""
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
