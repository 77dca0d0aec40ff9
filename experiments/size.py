"""Sizing: the least memory in which a policy meets a target, by bisection over runs with replications.

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
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from experiments.compare.metrics import BY_KEY
from experiments.errors import BadInput
from experiments.statistics import Estimate, estimate
from simulator.counters import SUMMARY
from simulator.units import parse_size, parse_time

Relation = Literal["<=", ">=", "<", ">"]
Search = Generator[int, bool, "Found"]
"""Yields sizes in pages, is sent whether each meets the target, returns what was found."""

CHECKS = 4
"""Sizes above the answer that are tried, too."""
MOST_DOUBLINGS = 40
_TARGET = re.compile(r"^\s*(?P<metric>\w+)\s*(?P<relation><=|>=|<|>)\s*(?P<value>[^<>=]+?)\s*$")


@dataclass(frozen=True)
class Target:
    """What a size must reach: a metric's mean on one side of a limit."""

    metric: str
    relation: Relation
    limit: float
    text: str

    def met(self, found: Estimate) -> bool:
        """Whether the whole interval (the mean alone, where there is none) is on the good side."""
        ends = [found.mean] if found.low is None or found.high is None else [found.low, found.high]
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
class Found:
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
        float, lambda found: float(found.removesuffix("%")) / 100, parse_time, parse_size,
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
        return Found(None, low)
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
            return Found(high, low, tuple(sorted(size for size in met if size < high)))
        met.add(high)
        low = missed
        above = yield from _bracket(min(largest, 2 * missed), missed + 1, largest)
        if above[1] is None:
            return Found(None, missed, tuple(sorted(met)))
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
    found = estimate(values, confidence)
    return Probe(pages, found, target.met(found))
