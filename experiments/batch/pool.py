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
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

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


def local(workers: int) -> Opener:
    """Opens an executor of worker processes on this machine; a single worker is this process itself."""
    return _here if workers == 1 else (lambda: _processes(workers))


@contextmanager
def _here() -> Iterator[Executor]:
    yield Here()


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
