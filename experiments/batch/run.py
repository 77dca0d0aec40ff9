"""Running a batch: points handed to an executor in order, outcomes taken as they come, none that is finished lost."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import Any

from experiments.batch.measure import measure
from experiments.batch.point import Outcome, Point, keys
from experiments.batch.pool import Opener
from experiments.batch.progress import batch_reporter
from experiments.batch.store import PointStore
from experiments.errors import BadInput, Interrupted, RunFailed, single_line

Work = Callable[[Point], Mapping[str, Any]]
"""What is done with a point; it is pickled by name, so it is a function of a module."""

DIED = "its worker process died: killed, or out of memory"


def run_batch(
    points: Sequence[Point],
    opener: Opener,
    in_flight: int,
    store: PointStore | None = None,
    work: Work = measure,
    title: str = "runs",
) -> list[Outcome]:
    """The outcome of each point, in the order of the points; those that the store has aren't run again.

    Points are started in their order, at most `in_flight` at a time, so the caller decides which part of the picture
    emerges first. A point that fails has an outcome that says why, and the others go on. On Ctrl-C what is in flight is
    given up and Interrupted is raised, which says what the store has kept.
    """
    names = keys(list(points)) if store else [""] * len(points)
    key_of = dict(zip((point.label for point in points), names, strict=True))
    known = (store.get(key_of[point.label], point) if store else None for point in points)
    found = {outcome.point.label: outcome for outcome in known if outcome}
    missing = [point for point in points if point.label not in found]
    try:
        with batch_reporter(title, len(missing)) as report:
            for outcome in outcomes(missing, opener, in_flight, work):
                found[outcome.point.label] = outcome
                if store and outcome.error is None:
                    store.put(key_of[outcome.point.label], outcome)
                report(outcome)
    except KeyboardInterrupt:
        if store is None or not found:
            raise Interrupted("interrupted, nothing written") from None
        kept = f"{len(found)} of {len(points)} runs are kept in {store.directory}"
        raise Interrupted(f"interrupted; {kept}, and the same command goes on from there") from None
    return [found[point.label] for point in points]


def outcomes(points: Sequence[Point], opener: Opener, in_flight: int, work: Work = measure) -> Iterator[Outcome]:
    """The outcomes of points as they come, each once.

    Where a worker dies and takes its pool along, a new one is opened, and the points that were in flight are run one at
    a time; the one that is alone when it happens again has failed.
    """
    queue = _Queue(deque(points), in_flight)
    while queue.left:
        with opener() as executor:
            yield from queue.run(executor, work)


def attempt(work: Work, point: Point) -> Outcome:
    """Do the work of a point; whatever goes wrong becomes its one-line error."""
    began = time.perf_counter()
    measured, error = None, None
    try:
        measured = work(point)
    except (BadInput, RunFailed) as failure:
        error = str(failure)
    except Exception as failure:  # noqa: BLE001 (a fault of one run mustn't cost the others)
        error = single_line(f"{type(failure).__name__}: {failure}")
    return Outcome(point, measured, error, time.perf_counter() - began)


class _Queue:
    """The points of a batch that have no outcome yet."""

    def __init__(self, waiting: deque[Point], in_flight: int) -> None:
        self._waiting = waiting
        self._suspects: deque[Point] = deque()
        self._flying: dict[Future[Outcome], Point] = {}
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
                    yield future.result()
                except BrokenExecutor:
                    lost.append(point)
                except Exception as failure:  # noqa: BLE001 (an executor's own, such as an outcome that it can't send)
                    yield Outcome(point, None, single_line(f"{type(failure).__name__}: {failure}"), 0.0)
            if lost:
                lost += self._flying.values()
                self._flying.clear()
                yield from self._blame(lost)
                return

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
