"""Running points: they are handed to an executor in order, outcomes taken as they come, none that is finished lost."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from experiments.errors import BadInput, Interrupted, RunFailed, single_line
from experiments.progress import batch_reporter
from experiments.storage.directory import FILES, canonical_json
from experiments.study.plan import Outcome, Point
from experiments.study.worker import run_point, with_what_lacked
from experiments.study.workers import Opener, Workers

Work = Callable[[Point], Mapping[str, Any]]
"""What is done with a point; it is pickled by name, so it is a function of a module."""

DIED = "its worker process died: killed, or out of memory"
LOST = "the executor has given up its work"
RESUME = "--resume goes on from there"


class Store(Protocol):
    """Where finished points are kept."""

    directory: Path

    def get(self, point: Point) -> Outcome | None:
        """The outcome that is kept of a point, None if there is none."""
        ...

    def put(self, outcome: Outcome) -> Outcome:
        """Keep an outcome; returns it as `get` will."""
        ...


def run_points(
    points: Sequence[Point],
    workers: Workers,
    store: Store | None = None,
    work: Work = run_point,
    title: str = "points",
) -> list[Outcome]:
    """The outcome of each point, in the order of the points; those that the store has aren't run again.

    Points are started in their order, at most `workers.in_flight` at a time, so the caller decides which part of the
    picture emerges first. A point that fails has an outcome that says why, and the others go on. On Ctrl-C what is in
    flight is given up and Interrupted is raised, which says what the store has kept; RunFailed is raised likewise if
    the executor is lost.
    """
    known = (store.get(point) if store else None for point in points)
    done = {outcome.point.directory: outcome for outcome in known if outcome}
    missing = [point for point in points if point.directory not in done]

    def kept() -> str:
        count = sum(outcome.error is None for outcome in done.values())
        return f"{count} of {len(points)} runs are kept in {store.directory}, and {RESUME}" if store and count else ""

    try:
        with batch_reporter(title, len(missing)) as report:
            for outcome in outcomes(missing, workers.opener, workers.in_flight, work):
                stands = store.put(outcome) if store and outcome.error is None else _plain(outcome)
                done[outcome.point.directory] = stands
                report(stands.error)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {kept()}" if kept() else "interrupted, nothing written") from None
    except CancelledError:
        raise RunFailed(f"{LOST}; {kept()}" if kept() else LOST) from None
    return [done[point.directory] for point in points]


def _plain(outcome: Outcome) -> Outcome:
    """The outcome as a store keeps it: keys sorted, so that frames have the same columns in the same order."""
    if outcome.measured is None:
        return outcome
    measured = {key: value for key, value in outcome.measured.items() if key != FILES}
    return replace(outcome, measured=json.loads(canonical_json(measured)))


def outcomes(points: Sequence[Point], opener: Opener, in_flight: int, work: Work = run_point) -> Iterator[Outcome]:
    """The outcomes of points as they come, each once.

    Where a worker dies and takes its pool along, a new one is opened, and the points that were in flight are run one at
    a time; the one that is alone when it happens again has failed. Raises CancelledError if the executor drops points.
    """
    queue = _Queue(deque(points), in_flight)
    try:
        while queue.left:
            with opener() as executor:
                yield from queue.run(executor, work)
    finally:
        queue.give_up()


Attempt = tuple[Mapping[str, Any] | None, str | None, float]
"""What was measured, or why it failed, and the seconds that it took."""


def attempt(work: Work, point: Point) -> Attempt:
    """Do the work of a point; whatever goes wrong becomes its one-line error. The point doesn't travel back."""
    began = time.perf_counter()
    measured, error = None, None
    try:
        measured = work(point)
    except (BadInput, RunFailed) as failure:
        error = str(failure)
    except Exception as failure:  # noqa: BLE001 (a fault of one run mustn't cost the others)
        error = single_line(f"{type(failure).__name__}: {failure}")
    return measured, error, time.perf_counter() - began


class _Queue:
    """The points of a study that have no outcome yet."""

    def __init__(self, waiting: deque[Point], in_flight: int) -> None:
        self._waiting = waiting
        self._suspects: deque[Point] = deque()
        self._running: dict[Future[Attempt], Point] = {}
        self._in_flight = in_flight

    @property
    def left(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._waiting or self._suspects or self._running)

    def run(self, executor: Executor, work: Work) -> Iterator[Outcome]:
        """Outcomes, until there are no more or the executor breaks."""
        while self.left:
            lost = self._submit(executor, work)
            done = wait(self._running, return_when=FIRST_COMPLETED).done
            for future in [future for future in self._running if future in done]:
                point = self._running.pop(future)
                try:
                    outcome = self._outcome(future, point)
                except BrokenExecutor:
                    lost.append(point)
                    continue
                if outcome is not None:
                    yield outcome
            if lost:
                lost += self._running.values()
                self._running.clear()
                yield from self._blame(lost)
                return

    def _outcome(self, future: Future[Attempt], point: Point) -> Outcome | None:
        """What came of a point; None if it is to run again. Raises BrokenExecutor or CancelledError."""
        try:
            outcome = Outcome(point, *future.result())
            instead = with_what_lacked(outcome)
        except (BrokenExecutor, CancelledError):
            raise
        except (BadInput, RunFailed) as failure:
            return Outcome(point, None, str(failure), 0.0)
        except Exception as failure:  # noqa: BLE001 (an executor's own, such as an outcome that it can't send)
            return Outcome(point, None, single_line(f"{type(failure).__name__}: {failure}"), 0.0)
        if instead is None:
            return outcome
        self._waiting.appendleft(instead)
        return None

    def give_up(self) -> None:
        """Cancel what has been handed out and isn't begun."""
        for future in self._running:
            future.cancel()

    def _submit(self, executor: Executor, work: Work) -> list[Point]:
        """Hand out points; the one that couldn't be handed out if the executor turns out to be broken."""
        limit = 1 if self._suspects else self._in_flight
        while (self._suspects or self._waiting) and len(self._running) < limit:
            source = self._suspects or self._waiting
            point = source.popleft()
            try:
                self._running[executor.submit(attempt, work, point)] = point
            except BrokenExecutor:
                return [point]
        return []

    def _blame(self, lost: list[Point]) -> Iterator[Outcome]:
        if len(lost) == 1:
            yield Outcome(lost[0], None, DIED, 0.0)
        else:
            self._suspects.extend(lost)
