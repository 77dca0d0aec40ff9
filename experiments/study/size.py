"""A search for the least memory in which a policy meets a target, by bisection over runs with replications.

Whether a size meets the target is judged by the confidence interval of the metric's mean: it does if the whole
interval lies on the good side. An interval that straddles the limit doesn't show that the target is met, so it counts
as missed. Between a size that misses and one that meets, the ratio of the two is halved until they are as close as the
tolerance says.

Less memory isn't always worse (Belady's anomaly, and processes that compete), so bisection alone may stop at a lucky
size. Its answer is therefore tried at a few sizes above as well; where one of them misses, the search goes on above
that one. What is promised: the target is met at the answer and at every larger size that was tried, and missed at a
size that is smaller by the tolerance at most.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from experiments.analysis.frames import Measured, frames
from experiments.analysis.metrics import BY_KEY, figures
from experiments.analysis.statistics import Estimate, estimate
from experiments.errors import BadInput, RunFailed
from experiments.present.numbers import show
from experiments.spec.variants import Variant
from experiments.storage.directory import SIZE, canonical_json
from experiments.study import compare
from experiments.study.compare import Comparison
from experiments.study.plan import Outcome, Planner, Point, Study
from experiments.study.queue import run_points
from experiments.study.run import prepare
from experiments.study.store import Seen, StudyStore, opened_study
from experiments.study.workers import Workers
from simulator.counters import SUMMARY
from simulator.units import parse_size, parse_time

Relation = Literal["<=", ">=", "<", ">"]
Search = Generator[int, bool, "Answer"]
"""Yields sizes in pages, is sent whether each meets the target, returns its answer."""

CHECKS = 4
"""Sizes above the answer that are tried, too."""
SMALLEST = 16
"""Pages of the smallest machine that is tried; chosen: less than that no process can run in."""
CONCLUSIONS = "size.json"
_TARGET = re.compile(r"^\s*(?P<metric>\w+)\s*(?P<relation><=|>=|<|>)\s*(?P<value>[^<>=]+?)\s*$")


@dataclass(frozen=True)
class Target:
    """What a size must reach: a metric's mean on one side of a limit."""

    metric: str
    relation: Relation
    limit: float
    text: str

    def met(self, mean: Estimate) -> bool:
        """Whether the whole interval (the mean alone, where there is none) is on the good side."""
        ends = [mean.mean] if mean.low is None or mean.high is None else [mean.low, mean.high]
        match self.relation:
            case "<=":
                return max(ends) <= self.limit
            case "<":
                return max(ends) < self.limit
            case ">=":
                return min(ends) >= self.limit
            case ">":
                return min(ends) > self.limit


@dataclass(frozen=True)
class Answer:
    """Where a search ended; sizes in pages."""

    answer: int | None
    """the least size that meets the target; None: even the largest one tried doesn't"""
    below: int | None
    """the size that misses it next below; None: no smaller size was possible"""
    anomalies: tuple[int, ...] = ()
    """sizes below the answer that met the target, too, though a larger one missed it"""


@dataclass
class Probe:
    """What was measured at one size."""

    pages: int
    estimate: Estimate | None
    """None: a run failed or lacks the metric, which counts as a miss"""
    meets: bool
    error: str | None = field(default=None)


def parse_target(text: str) -> Target:
    """The target that a text such as "slowdown <= 1.05" or "completion <= 300 ms" describes; raises BadInput."""
    match = _TARGET.match(text)
    if match is None:
        raise BadInput(f"--target {text}: found no METRIC <= VALUE, allowed is such as 'slowdown <= 1.05'")
    names = {**{key: key for key in SUMMARY}, **{key: key for key in BY_KEY}, "completion": "completion_ns"}
    if match["metric"] not in names:
        raise BadInput(f"--target {text}: found {match['metric']!r}, allowed is one of {', '.join(sorted(names))}")
    relation: Any = match["relation"]
    return Target(names[match["metric"]], relation, _value(match["value"], text), " ".join(text.split()))


def _value(text: str, option: str) -> float:
    """A number, a percentage, a time in nanoseconds or a size in bytes."""
    readings: tuple[Callable[[str], float], ...] = (
        float, lambda share: float(share.removesuffix("%")) / 100, parse_time, parse_size,
    )  # fmt: skip
    for reading in readings:
        try:
            value = reading(text)
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    raise BadInput(
        f"--target {option}: found the limit {text!r}, allowed is a number, such as 1.05, 5 %, 30 ms or 8 MiB"
    )


def search(start: int, smallest: int, largest: int, tolerance: Callable[[int], int]) -> Search:
    """Find the least size between `smallest` and `largest` pages that meets the target, beginning at `start`.

    `tolerance(size)` is how many pages an answer of that size may be too large.
    """
    low, high = yield from _bracket(start, smallest, largest)
    if high is None:
        return Answer(None, low)
    met: set[int] = set()
    tried: set[int] = {high}
    while True:
        while low is not None and high - low > max(1, tolerance(high)):
            middle = min(high - 1, max(low + 1, round(math.sqrt(low * high))))
            tried.add(middle)
            if (yield middle):
                high = middle
                met.add(middle)
            else:
                low = middle
        missed = None
        for size in between(high, min(largest, 4 * high)):
            if size not in tried:
                tried.add(size)
                if not (yield size):
                    missed = size
        if missed is None:
            return Answer(high, low, tuple(sorted(size for size in met if size < high)))
        met.add(high)
        low = missed
        above = yield from _bracket(min(largest, 2 * missed), missed + 1, largest)
        if above[1] is None:
            return Answer(None, missed, tuple(sorted(met)))
        low, high = above[0] or missed, above[1]


def _bracket(start: int, smallest: int, largest: int) -> Generator[int, bool, tuple[int | None, int | None]]:
    """A size that misses and one that meets, by doubling or halving; None where there is none."""
    size = min(max(start, smallest), largest)
    if (yield size):
        while size > smallest:
            smaller = max(smallest, size // 2)
            if not (yield smaller):
                return smaller, size
            size = smaller
        return None, size
    while size < largest:
        larger = min(largest, 2 * size)
        if (yield larger):
            return size, larger
        size = larger
    return size, None


def between(low: int, high: int) -> list[int]:
    """CHECKS sizes above `low` up to `high`, evenly apart in ratio."""
    ratio = high / low
    return sorted({round(low * ratio ** (n / CHECKS)) for n in range(1, CHECKS + 1)} - {low})


def judge(
    target: Target, pages: int, values: Sequence[float], wanted: int, confidence: float, error: str | None
) -> Probe:
    """What replications at one size say: `wanted` of them, of which those that ended well gave `values`."""
    if len(values) < wanted:
        return Probe(pages, None, False, error or f"a run has no {target.metric}")
    mean = estimate(values, confidence)
    return Probe(pages, mean, target.met(mean))


@dataclass(frozen=True)
class Options(compare.Options):
    """What a search is asked for, as the command line gives it."""

    replications: int = 5
    bounds: str | None = ""
    target: str = ""
    tolerance: str = "1%"


def parse_tolerance(text: str, page: int) -> Callable[[int], int]:
    """How many pages an answer of some size may be too large: a percentage of it, or a size; raises BadInput."""
    try:
        if text.strip().endswith("%"):
            share = float(text.strip().removesuffix("%")) / 100
            if 0 < share < 1:
                return lambda pages: int(pages * share)
        elif parse_size(text) >= 1:
            pages = max(1, parse_size(text) // page)
            return lambda _: pages
    except ValueError:
        pass
    raise BadInput(f"--tolerance {text}: allowed is more than 0 and less than 100%, such as 1%, or a size, as 64KiB")


def run_in(
    place: Path, comparison: Comparison, target: str, tolerance: str, workers: Workers, *, resume: bool = False,
    seen: Seen | None = None, turned: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Find the least memory for each variant of a comparison; the directory keeps the answer and every run.

    Raises BadInput for a target or tolerance that isn't one; otherwise as `ask.carry_out_in`.
    """
    wanted, page = parse_target(target), comparison.document.data["machine"]["page_size"]
    slack = parse_tolerance(tolerance, page)
    study = comparison.study(turned=turned)
    largest = _largest(study)
    with opened_study(place, SIZE, resume, seen) as store:
        empty = replace(study, kind=SIZE, points=(), order=(), description=_description(comparison, target, tolerance))
        store.begin(empty)
        searches = _Searches(comparison, study, wanted, workers, store, turned)
        answers = searches.run(largest, slack)
        summary = {
            "name": comparison.name,
            "target": wanted.text,
            "confidence": comparison.confidence,
            "replications": comparison.replications,
            "seed": comparison.seed,
            "page_size": page,
            "largest_tried_bytes": largest * page,
            "policies": [
                _policy(one, answers[one.label], searches.probes[one.label], page) for one in comparison.variants
            ],
        }
        rows = searches.rows
        whole = replace(empty, points=[point for point, _ in rows], order=range(len(rows)))
        errors = {row.point: row.error for _, row in rows if row.error is not None}
        made = frames((row for _, row in rows), whole.parameters)
        store.forget(but=(*whole.points, *whole.baselines))  # those of another target that was gone on from
        store.finish(whole, made, {CONCLUSIONS: canonical_json(summary)}, errors)
    return summary


def _largest(study: Study) -> int:
    """Pages of the largest machine that is tried: more than all pages of all processes."""
    _, specs = prepare(study.experiment, study.base)
    return max(study.experiment.machine.frames, sum(2 * len(spec.pages) for spec in specs) + 4096)


def _description(comparison: Comparison, target: str, tolerance: str) -> dict[str, Any]:
    return {**comparison.description(), "target": target, "tolerance": tolerance}


class _Searches:
    """The searches of all variants, advanced together: each round runs what all of them want to know next."""

    def __init__(
        self, comparison: Comparison, study: Study, target: Target, workers: Workers, store: StudyStore, turned: bool
    ) -> None:
        self._comparison, self._target, self._workers, self._store = comparison, target, workers, store
        self._page = study.experiment.machine.page_size
        replications = comparison.replications
        self._planner = Planner(study.base, replications, whole=False, turned=turned)
        self._baselines = study.baselines
        self._unlimited: list[dict[str, Any]] = []
        self.probes: dict[str, list[Probe]] = {one.label: [] for one in comparison.variants}
        self.rows: list[tuple[Point, Measured]] = []
        """every run, in the order in which sizes were tried"""

    def run(self, largest: int, tolerance: Callable[[int], int]) -> dict[str, Answer]:
        """What each variant's search ends with."""
        start = min(largest, max(SMALLEST, self._comparison.memories[0] // self._page))
        searches: dict[str, Search] = {
            label: search(start, min(SMALLEST, largest), largest, tolerance) for label in self.probes
        }
        wanted = {label: next(one) for label, one in searches.items()}
        answers: dict[str, Answer] = {}
        while wanted:
            verdicts = self._round(wanted)
            for label, meets in verdicts.items():
                try:
                    wanted[label] = searches[label].send(meets)
                except StopIteration as done:
                    answers[label] = done.value
                    del wanted[label]
        return answers

    def _round(self, wanted: Mapping[str, int]) -> dict[str, bool]:
        """Whether each variant's size meets the target, all of them run side by side."""
        runs = {
            one.label: self._planner.points(self._comparison.setting(one, wanted[one.label] * self._page))
            for one in self._comparison.variants
            if one.label in wanted and self._probe(one.label, wanted[one.label]) is None
        }
        sizes = ", ".join(show(pages * self._page, "bytes") for pages in sorted(set(wanted.values())))
        points = [] if self._unlimited else list(self._baselines)
        points += [point for group in zip(*runs.values(), strict=True) for point in group]
        done = {o.point.directory: o for o in run_points(points, self._workers, self._store, title=f"sizes {sizes}")}
        if not self._unlimited:
            self._unlimited = [_summary(done[point.directory]) for point in self._baselines]
        for label, own in runs.items():
            self.probes[label].append(self._judged(wanted[label], [done[point.directory] for point in own]))
        return {label: probe.meets for label, pages in wanted.items() if (probe := self._probe(label, pages))}

    def _probe(self, label: str, pages: int) -> Probe | None:
        return next((probe for probe in self.probes[label] if probe.pages == pages), None)

    def _judged(self, pages: int, outcomes: Sequence[Outcome]) -> Probe:
        values, errors = [], [outcome.error for outcome in outcomes if outcome.error]
        for outcome, unlimited in zip(outcomes, self._unlimited, strict=True):
            point = outcome.point
            row = Measured(
                point.name, point.parameters, point.replication, point.seed, outcome.measured, outcome.error, unlimited
            )
            self.rows.append((point, row))
            if outcome.measured is not None:
                value = figures(outcome.measured, unlimited)[self._target.metric]
                values += [] if value is None else [float(value)]
        wanted, confidence = self._comparison.replications, self._comparison.confidence
        return judge(self._target, pages, values, wanted, confidence, errors[0] if errors else None)


def _summary(outcome: Outcome) -> dict[str, Any]:
    if outcome.measured is None:
        raise RunFailed(f"the run in unlimited memory failed: {outcome.error}")
    summary: dict[str, Any] = outcome.measured["summary"]
    return summary


def _policy(one: Variant, answer: Answer, probes: list[Probe], page: int) -> dict[str, Any]:
    return {
        "label": one.label,
        "policy": one.policy,
        "requires": one.requires,
        "memory_bytes": None if answer.answer is None else answer.answer * page,
        "missed_at_bytes": None if answer.below is None else answer.below * page,
        "anomalies_bytes": [pages * page for pages in answer.anomalies],
        "tried": [
            {
                "memory_bytes": probe.pages * page,
                "meets": probe.meets,
                "mean": None if probe.estimate is None else probe.estimate.mean,
                "low": None if probe.estimate is None else probe.estimate.low,
                "high": None if probe.estimate is None else probe.estimate.high,
                "error": probe.error,
            }
            for probe in sorted(probes, key=lambda probe: probe.pages)
        ],
    }
