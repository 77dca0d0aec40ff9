"""What `pagesim size` does: searches for every policy at once, so that all workers have something to do."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.batch.point import Outcome, Point
from experiments.batch.pool import Opener, Workers
from experiments.batch.run import run_batch
from experiments.batch.store import PointStore
from experiments.compare.command import Options, beside, planned
from experiments.compare.contestants import Contestant
from experiments.compare.metrics import figures
from experiments.compare.plan import Plan, replication_seed, slug
from experiments.config import load
from experiments.errors import BadInput, RunFailed
from experiments.present import terminal
from experiments.present.comparison import ideal_note, name_text
from experiments.present.numbers import UNKNOWN, mean, show
from experiments.present.table import Cell, Column, Part, Table, text_column
from experiments.runner import prepare
from experiments.size import Found, Probe, Search, Target, judge, parse_target, search
from experiments.store import canonical_json
from simulator.units import parse_size

SMALLEST = 16
"""Pages of the smallest machine that is tried; chosen: less than that no process can run in."""


def size_config(config: Path, options: Options, workers: Workers, target: str, tolerance: str, as_json: bool) -> None:
    """Find the least memory for each policy and print it."""
    wanted = parse_target(target)
    experiment = load(config, options.overrides, options.seed, options.plugins)
    plan = planned(experiment, config.parent, str(config), dataclasses.replace(options, bounds=""))
    page = experiment.machine.page_size
    _, specs = prepare(experiment, config.parent)
    largest = max(experiment.machine.frames, sum(2 * len(spec.pages) for spec in specs) + 4096)
    store = PointStore(beside(Path("results", f"{experiment.name}-sizing"), "points"))
    sizing = _Sizing(plan, wanted, page, workers.opener, workers.in_flight, store)
    found = sizing.run(largest, _tolerance(tolerance, page))
    store.remove()
    summary = {
        "name": plan.name,
        "target": wanted.text,
        "confidence": plan.confidence,
        "replications": plan.replications,
        "seed": plan.seed,
        "page_size": page,
        "largest_tried_bytes": largest * page,
        "policies": [_described(one, found[one.label], sizing.probes[one.label], page) for one in plan.contestants],
    }
    if as_json:
        sys.stdout.write(canonical_json(summary))
        return
    terminal.show(report(summary))


def _tolerance(text: str, page: int) -> Callable[[int], int]:
    """How many pages an answer may be too large: a percentage of it, or a size."""
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


class _Sizing:
    """The searches of all contestants, advanced together: each round runs what all of them want to know next."""

    def __init__(
        self, plan: Plan, target: Target, page: int, opener: Opener, in_flight: int, store: PointStore
    ) -> None:
        self.plan, self.target, self.page = plan, target, page
        self._opener, self._in_flight, self._store = opener, in_flight, store
        self._unlimited: dict[int, Mapping[str, Any] | None] = {}
        self.probes: dict[str, list[Probe]] = {one.label: [] for one in plan.contestants}

    def run(self, largest: int, tolerance: Callable[[int], int]) -> dict[str, Found]:
        """What each contestant's search found."""
        start = min(largest, max(SMALLEST, self.plan.memories[0] // self.page))
        searches: dict[str, Search] = {
            one.label: search(start, min(SMALLEST, largest), largest, tolerance) for one in self.plan.contestants
        }
        wanted = {label: next(one) for label, one in searches.items()}
        found: dict[str, Found] = {}
        while wanted:
            verdicts = self._round(wanted)
            for label, meets in verdicts.items():
                try:
                    wanted[label] = searches[label].send(meets)
                except StopIteration as done:
                    found[label] = done.value
                    del wanted[label]
        return found

    def _round(self, wanted: dict[str, int]) -> dict[str, bool]:
        known = {label: self._known(label, pages) for label, pages in wanted.items()}
        points = [] if self._unlimited else self.plan.unlimited()
        runs: dict[tuple[str, int], Point] = {}
        for replication in range(self.plan.replications):
            for one in self.plan.contestants:
                if one.label in wanted and known[one.label] is None:
                    runs[one.label, replication] = self._point(one, wanted[one.label], replication)
        title = f"sizes {', '.join(show(pages * self.page, 'bytes') for pages in sorted(set(wanted.values())))}"
        points += runs.values()
        done = {
            outcome.point.label: outcome
            for outcome in run_batch(points, self._opener, self._in_flight, self._store, title=title)
        }
        self._remember(done)
        return {label: self._verdict(label, pages, runs, done, known[label]) for label, pages in wanted.items()}

    def _known(self, label: str, pages: int) -> Probe | None:
        return next((probe for probe in self.probes[label] if probe.pages == pages), None)

    def _point(self, one: Contestant, pages: int, replication: int) -> Point:
        config = self.plan.config(one, pages * self.page) | {"seed": replication_seed(self.plan.seed, replication)}
        index = self.plan.contestants.index(one) + 1
        return Point(f"{slug(one.label)}-{index}-{pages}-{replication}", config, self.plan.base)

    def _remember(self, done: Mapping[str, Outcome]) -> None:
        for replication in range(self.plan.replications):
            outcome = done.get(f"unlimited-{replication}")
            if outcome is not None:
                if outcome.measured is None:
                    raise RunFailed(f"the run in unlimited memory failed: {outcome.error}")
                self._unlimited[replication] = outcome.measured["summary"]

    def _verdict(
        self,
        label: str,
        pages: int,
        runs: Mapping[tuple[str, int], Point],
        done: Mapping[str, Outcome],
        known: Probe | None,
    ) -> bool:
        if known is not None:
            return known.meets
        values, error = [], None
        for replication in range(self.plan.replications):
            outcome = done[runs[label, replication].label]
            error = error or outcome.error
            if outcome.measured is not None:
                value = figures(outcome.measured, self._unlimited[replication])[self.target.metric]
                values += [] if value is None else [float(value)]
        probe = judge(self.target, pages, values, self.plan.replications, self.plan.confidence, error)
        self.probes[label].append(probe)
        return probe.meets


def _described(one: Contestant, found: Found, probes: list[Probe], page: int) -> dict[str, Any]:
    return {
        "label": one.label,
        "policy": one.policy,
        "requires": one.requires,
        "memory_bytes": None if found.answer is None else found.answer * page,
        "missed_at_bytes": None if found.below is None else found.below * page,
        "anomalies_bytes": [pages * page for pages in found.anomalies],
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


def report(summary: Mapping[str, Any]) -> list[Part]:
    """The least memory of each policy, and how to read it."""
    columns = [
        text_column("policy"), Column("least memory", "bytes"), Column("pages", "count", 1), Column("there"),
        Column("missed at", "bytes"), Column("there", priority=2), Column("sizes tried", "count", 3),
    ]  # fmt: skip
    rows = [_row(one, summary["page_size"]) for one in summary["policies"]]
    title = f"{summary['name']}: least memory for {summary['target']}"
    return [Table(title, columns, rows, notes=ideal_note(summary["policies"])), *_notes(summary)]


def _row(one: Mapping[str, Any], page: int) -> list[Any]:
    by_size = {probe["memory_bytes"]: probe for probe in one["tried"]}
    answer, missed = one["memory_bytes"], one["missed_at_bytes"]
    return [
        name_text(one, ""),
        Cell("none tried meets it") if answer is None else answer,
        None if answer is None else answer // page,
        _measured(by_size.get(answer)),
        missed,
        _measured(by_size.get(missed)),
        len(one["tried"]),
    ]


def _measured(probe: Mapping[str, Any] | None) -> Cell:
    if probe is None:
        return Cell(UNKNOWN)
    if probe["mean"] is None:
        return Cell("failed")
    return Cell(mean(probe["mean"], probe["low"], probe["high"]), probe["mean"])


def _notes(summary: Mapping[str, Any]) -> list[str]:
    replications = summary["replications"]
    lines = [
        "1 replication: the mean decides, with no interval"
        if replications == 1
        else f"a size meets the target if the whole {summary['confidence']:.0%} interval of {replications} runs does"
    ]
    for one in summary["policies"]:
        if one["anomalies_bytes"]:
            sizes = ", ".join(show(size, "bytes") for size in one["anomalies_bytes"])
            lines.append(f"{one['label']}: not monotone: {sizes} met it as well, but a larger size missed it")
        if one["memory_bytes"] is None and one["tried"] and (error := one["tried"][-1]["error"]):
            lines.append(f"{one['label']}: {error}")
    return lines
