"""Workers on this machine, behind the interface of `concurrent.futures.Executor`.

Worker processes are spawned, not forked, so that they start alike on every system and inherit no state. They live no
longer than their parent, however that ends: each holds the reading end of a pipe whose writing end only the parent has.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar

from experiments.batch.ready import get_ready
from experiments.errors import BadInput

_P = ParamSpec("_P")
_T = TypeVar("_T")

MOST_WORKERS = 1024

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
    """Who does the work of a batch."""

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
    leash, end = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(leash,))
    finished = False
    try:
        yield pool
        finished = True
    finally:
        if not finished:
            end.close()  # don't wait for what is in flight
        pool.shutdown(wait=True, cancel_futures=True)
        end.close()
        leash.close()


def _start_worker(leash: Connection) -> None:
    """Make this worker end with its parent, and leave Ctrl-C, which the whole terminal gets, to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_await_end, args=(leash,), daemon=True).start()


def _await_end(leash: Connection) -> None:
    wait([leash])
    os._exit(1)
