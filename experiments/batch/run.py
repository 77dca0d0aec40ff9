"""Running a batch: points handed to an executor in order, outcomes taken as they come, none that is finished lost."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from pathlib import Path
from typing import Any, Protocol

from experiments.batch.measure import measure
from experiments.batch.point import Outcome, Point, keys
from experiments.batch.pool import Opener
from experiments.batch.progress import batch_reporter
from experiments.errors import BadInput, Interrupted, RunFailed, single_line

Work = Callable[[Point], Mapping[str, Any]]
"""What is done with a point; it is pickled by name, so it is a function of a module."""

Again = Callable[[Outcome], Point | None]
"""Answers an outcome with a point to run in place of it, None if the outcome stands."""

DIED = "its worker process died: killed, or out of memory"
LOST = "the executor has given up its work"


class Store(Protocol):
    """Where finished points are kept."""

    directory: Path

    def get(self, key: str, point: Point) -> Outcome | None:
        """The outcome kept under a key, None if there is none."""
        ...

    def put(self, key: str, outcome: Outcome) -> Outcome:
        """Keep an outcome; returns it as `get` will."""
        ...


def run_batch(
    points: Sequence[Point],
    opener: Opener,
    in_flight: int,
    store: Store | None = None,
    work: Work = measure,
    title: str = "runs",
    names: Sequence[str] | None = None,
    again: Again | None = None,
    way_on: str = "the same command goes on from there",
) -> list[Outcome]:
    """The outcome of each point, in the order of the points; those that the store has aren't run again.

    Points are started in their order, at most `in_flight` at a time, so the caller decides which part of the picture
    emerges first. A point that fails has an outcome that says why, and the others go on. `names` are the points' keys
    where they are known already. On Ctrl-C what is in flight is given up and Interrupted is raised, which says what the
    store has kept and, with `way_on`, how to go on; RunFailed is raised likewise if the executor is lost.
    """
    if names is None:
        names = keys(list(points)) if store else [""] * len(points)
    key_of = dict(zip((point.label for point in points), names, strict=True))
    known = (store.get(key_of[point.label], point) if store else None for point in points)
    found = {outcome.point.label: outcome for outcome in known if outcome}
    missing = [point for point in points if point.label not in found]

    def kept() -> str:
        held = sum(outcome.error is None for outcome in found.values())
        return f"{held} of {len(points)} runs are kept in {store.directory}" if store and held else ""

    try:
        with batch_reporter(title, len(missing)) as report:
            for outcome in outcomes(missing, opener, in_flight, work, again):
                finished = store and outcome.error is None
                stands = store.put(key_of[outcome.point.label], outcome) if store and finished else outcome
                found[outcome.point.label] = stands
                report(stands)
    except KeyboardInterrupt:
        said = f"{kept()}, and {way_on}" if kept() else "nothing written"
        raise Interrupted(f"interrupted{';' if kept() else ','} {said}") from None
    except CancelledError:
        raise RunFailed(f"{LOST}; {kept()}, and {way_on}" if kept() else LOST) from None
    return [found[point.label] for point in points]


def outcomes(
    points: Sequence[Point], opener: Opener, in_flight: int, work: Work = measure, again: Again | None = None
) -> Iterator[Outcome]:
    """The outcomes of points as they come, each once.

    Where a worker dies and takes its pool along, a new one is opened, and the points that were in flight are run one at
    a time; the one that is alone when it happens again has failed. Raises CancelledError if the executor drops points.
    """
    queue = _Queue(deque(points), in_flight, again)
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
    """The points of a batch that have no outcome yet."""

    def __init__(self, waiting: deque[Point], in_flight: int, again: Again | None) -> None:
        self._waiting = waiting
        self._again = again
        self._suspects: deque[Point] = deque()
        self._flying: dict[Future[Attempt], Point] = {}
        self._in_flight = in_flight

    @property
    def left(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._waiting or self._suspects or self._flying)

    def run(self, executor: Executor, work: Work) -> Iterator[Outcome]:
        """Outcomes, until there are no more or the executor breaks."""
        while self.left:
            lost = self._submit(executor, work)
            done = wait(self._flying, return_when=FIRST_COMPLETED).done
            for future in [future for future in self._flying if future in done]:
                point = self._flying.pop(future)
                try:
                    outcome = self._outcome(future, point)
                except BrokenExecutor:
                    lost.append(point)
                    continue
                if outcome is not None:
                    yield outcome
            if lost:
                lost += self._flying.values()
                self._flying.clear()
                yield from self._blame(lost)
                return

    def _outcome(self, future: Future[Attempt], point: Point) -> Outcome | None:
        """What came of a point; None if it is to run again. Raises BrokenExecutor or CancelledError."""
        try:
            outcome = Outcome(point, *future.result())
            instead = self._again(outcome) if self._again else None
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
        for future in self._flying:
            future.cancel()

    def _submit(self, executor: Executor, work: Work) -> list[Point]:
        """Hand out points; the one that couldn't be handed out if the executor turns out to be broken."""
        limit = 1 if self._suspects else self._in_flight
        while (self._suspects or self._waiting) and len(self._flying) < limit:
            source = self._suspects or self._waiting
            point = source.popleft()
            try:
                self._flying[executor.submit(attempt, work, point)] = point
            except BrokenExecutor:
                return [point]
        return []

    def _blame(self, lost: list[Point]) -> Iterator[Outcome]:
        if len(lost) == 1:
            yield Outcome(lost[0], None, DIED, 0.0)
        else:
            self._suspects.extend(lost)


def spread(count: int) -> list[int]:
    """The numbers below `count` in an order in which any first part is spread over all: ends, middle, quarters, ..."""
    if count <= 2:
        return list(range(count))
    order = [0, count - 1]
    gaps = deque([(0, count - 1)])
    while gaps:
        low, high = gaps.popleft()
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            gaps += [(low, middle), (middle, high)]
    return order
