"""The time slider: memory's page lists and the working sets at a moment, as bars and numbers, for one run or several.

Without a script the page shows one moment, that with the least memory available; with one, any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.analysis.reduction import MOST_PROCESSES, RATES, spread_places
from experiments.present.numbers import share, show
from experiments.present.plots import data, style
from experiments.storage.directory import opened, read_json
from simulator.result import RunResult

MOST_POSITIONS = 1_000
"""positions of the slider; of more samples, some at equal distances"""
MOST_NUMBERS = 160_000
"""numbers on a page that sliders go through: a megabyte or so; where runs have more, fewer moments are shown"""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """A run that takes part."""

    label: str
    result: RunResult


@dataclass(frozen=True)
class Rows:
    """What is shown of every run at every moment."""

    lists: list[str]
    processes: list[str]
    rates: list[str]
    """columns of the samples, keys of RATES"""

    @property
    def count(self) -> int:
        """How many numbers are shown of a run at a moment."""
        return len(self.lists) + len(self.processes) + len(self.rates)


@dataclass(frozen=True)
class Timeline:
    """Runs over a common simulated time; `values[run]` has a row for each of `rows` and a column for each sample."""

    runs: list[Run]
    rows: Rows
    times: Integers
    """the slider's positions, nanoseconds, ascending"""
    texts: list[str]
    """the positions as they are read"""
    samples: list[Integers]
    """for each run, the times of its samples"""
    values: list[Integers]
    """pages, for lists and processes; for rates, events a second, rounded"""
    totals: list[int]
    """pages of memory of each run"""
    page_size: int

    def at(self, position: int) -> list[Integers]:
        """For each run, its values in the last sample that isn't after a position."""
        places = [int(np.searchsorted(times, self.times[position], "right")) - 1 for times in self.samples]
        return [values[:, max(place, 0)] for values, place in zip(self.values, places, strict=True)]

    @property
    def total(self) -> int:
        """Pages of memory, the most of any run."""
        return max(self.totals)

    def ended(self, run: int, position: int) -> bool:
        """Whether a run's last sample is before a position."""
        return bool(self.times[position] > self.samples[run][-1])

    @property
    def available(self) -> list[int]:
        """Which lists hold memory that can be had at once."""
        kinds = ("Standby", "Free", "Zeroed")
        return [place for place, name in enumerate(self.rows.lists) if name.startswith(kinds)]

    def least(self) -> int:
        """The position at which the first run has the least memory available, after it had been used up to there."""
        times = self.samples[0]
        ready = self.values[0][self.available].sum(axis=0)
        return self.position(int(times[int(np.argmin(ready))]))

    def most_hard(self) -> int | None:
        """The position at which the first run has the most hard faults a second; None if it has none."""
        names = self.rows.rates
        if "pagesim\\Hard Faults/sec" not in names:
            return None
        row = len(self.rows.lists) + len(self.rows.processes) + names.index("pagesim\\Hard Faults/sec")
        place = int(np.argmax(self.values[0][row]))
        return self.position(int(self.samples[0][place])) if self.values[0][row][place] > 0 else None

    def position(self, time: int) -> int:
        """The first position that isn't before a time."""
        return min(int(np.searchsorted(self.times, time)), len(self.times) - 1)


def sampled(place: Path) -> RunResult:
    """A kept run's summary, samples and processes, without its logs; raises BadInput if it is damaged."""
    with opened(place):
        summary = read_json(place / "summary.json")
        return RunResult(summary, *(pd.read_parquet(place / f"{name}.parquet") for name in ("samples", "processes")))


def timeline(runs: Sequence[Run], numbers: int = MOST_NUMBERS) -> Timeline | None:
    """Runs laid side by side, those that have samples of the page lists; None if none has.

    `numbers` is about how many may be shown in all, which says how many samples of each run are.
    """
    known = [run for run in runs if data.has(run.result.samples, "time_ns", "pagesim\\Active")]
    if not known:
        return None
    page = int(known[0].result.summary["page_size"])
    rows = Rows(_lists(known), _processes(known), [name for name in RATES if _anywhere(known, name)])
    most = min(MOST_POSITIONS, max(2, numbers // (len(known) * rows.count)))
    samples, values = [], []
    for run in known:
        times = run.result.samples["time_ns"].to_numpy(np.int64)
        kept = spread_places(len(times), most)
        samples.append(times[kept])
        values.append(_values(run.result, rows, page)[:, kept])
    times = np.unique(np.concatenate(samples))
    times = times[spread_places(len(times), MOST_POSITIONS)]
    lists = len(rows.lists)
    totals = [int(timeline[:lists].sum(axis=0).max()) for timeline in values]
    return Timeline(list(known), rows, times, _texts(times), samples, values, totals, page)


def _anywhere(runs: Sequence[Run], column: str) -> bool:
    return any(data.total(run.result, [column]) > 0 for run in runs)


def _lists(runs: Sequence[Run]) -> list[str]:
    """The lists that ever hold a page, in the order in which plots stack them."""
    return [name for name in style.LISTS if _anywhere(runs, f"pagesim\\{name}")]


def _processes(runs: Sequence[Run]) -> list[str]:
    """The processes with the largest peaks, in canonical order."""
    peaks: dict[str, float] = {}
    for run in runs:
        for name in data.processes_of(run.result):
            column = f"Process({name})\\Working Set"
            if column in run.result.samples:
                peaks[name] = max(peaks.get(name, 0.0), float(run.result.samples[column].max()))
    largest = set(sorted(peaks, key=lambda name: -peaks[name])[:MOST_PROCESSES])
    return [name for name in peaks if name in largest]


def _values(result: RunResult, rows: Rows, page: int) -> Integers:
    sizes = [f"pagesim\\{name}" for name in rows.lists] + [f"Process({name})\\Working Set" for name in rows.processes]
    table = [_column(result, name) / page for name in sizes] + [_column(result, name) for name in rows.rates]
    return np.array(table).round().astype(np.int64)


def _column(result: RunResult, name: str) -> NDArray[np.float64]:
    if name not in result.samples:
        return np.zeros(len(result.samples))
    timeline: Any = result.samples[name].to_numpy(np.float64)
    return np.asarray(np.nan_to_num(timeline))


def _texts(times: Integers) -> list[str]:
    """Times in one unit, with as many decimals as tell neighbours apart, and the last in three digits or more."""
    unit = style.time_unit(float(times[-1]))
    steps = np.diff(times)
    least = float(steps.min()) / unit.factor if len(steps) else 1.0
    digits = 2 - math.floor(math.log10(max(float(times[-1]) / unit.factor, 1.0)))
    most = round(math.log10(unit.factor))
    decimals = min(6, most, max(0, digits, math.ceil(-math.log10(least) - 1e-9)))
    return [f"{time / unit.factor:,.{decimals}f} {unit.name}" for time in times.tolist()]


HATCHES = {"////": "rising", "\\\\\\\\": "falling", "....": "dotted", "xxxx": "crossed", "": ""}
"""Hatches of the plots, to the classes that draw them on the page."""
Cell = tuple[str, int, int, str, int]
"""A number that the script keeps up to date: its text, run and row, what it shows, and columns that it spans."""


class Slider:
    """The slider at its first moment, with what it moves: bars, a cursor in a picture, and a table."""

    macro: ClassVar[str] = "slider"

    def __init__(self, timeline: Timeline, picture: Any = None, identity: str = "slider") -> None:
        """`picture` is a plot over time that has a cursor; the ids of the slider's parts begin with its `identity`,
        since there may be several on a page."""
        self.timeline, self.picture, self.identity = timeline, picture, identity
        self.position = timeline.least()
        self.texts, self.now = timeline.texts, timeline.texts[self.position]
        self.lists = [
            (name, style.LISTS[name].colour, HATCHES[style.LISTS[name].hatch]) for name in timeline.rows.lists
        ]
        self._several = len(timeline.runs) > 1
        self._values = [shown.tolist() for shown in timeline.at(self.position)]

    @property
    def jumps(self) -> dict[str, int]:
        """Buttons that put the slider where something happens."""
        hard = self.timeline.most_hard()
        more = {} if hard is None else {"Most hard faults": hard}
        return {"Start": 0, "Least memory available": self.position, **more, "End": len(self.texts) - 1}

    @property
    def bars(self) -> list[tuple[str, str, str, list[str]]]:
        """Of each run its label (where there are several), when it ends, and the widths of its bar, which is as wide as
        the page for the largest memory, and of the lists in it."""
        rows = []
        for run, samples in enumerate(self.timeline.samples):
            total = self.timeline.totals[run]
            ends = self.texts[self.timeline.position(int(samples[-1]))]
            widths = [_width(pages, total) for pages in self._values[run][: len(self.lists)]]
            label = self.timeline.runs[run].label if self._several else ""
            rows.append((label, f"(ends at {ends})", _width(total, self.timeline.total), widths))
        return rows

    @property
    def headings(self) -> list[str]:
        """Of the table's columns: for one run pages, size and share, for several each one's size."""
        return [run.label for run in self.timeline.runs] if self._several else ["pages", "size", "share"]

    @property
    def groups(self) -> dict[str, list[tuple[tuple[str, str, str], list[Cell]]]]:
        """The table's rows by group: name, colour and hatch, and the numbers."""
        rows = self.timeline.rows
        processes = [(name, "", "") for name in rows.processes]
        rates = [(RATES[name], "", "") for name in rows.rates]
        names = {"Page lists": self.lists, "Working sets": processes, "Meanwhile": rates}
        places = iter(range(rows.count))
        return {title: [(name, self._cells(next(places))) for name in some] for title, some in names.items()}

    def _cells(self, row: int) -> list[Cell]:
        timeline, rate = self.timeline, row >= self.timeline.rows.count - len(self.timeline.rows.rates)
        if rate and not self._several:
            return [(f"{self._values[0][row]:,}", 0, row, "number", 3)]
        shows = ["number" if rate else "size"] if self._several else ["number", "size", "share"]
        cells = []
        for run, values in enumerate(self._values):
            over, value = rate and timeline.ended(run, self.position), values[row]
            texts = {"number": "-" if over else f"{value:,}", "size": show(value * timeline.page_size, "bytes"),
                     "share": share(value / timeline.total)}  # fmt: skip
            cells += [(texts[what], run, row, what, 1) for what in shows]
        return cells

    @property
    def data(self) -> dict[str, Any]:
        """The numbers that the script goes through, by the id of their element."""
        timeline = self.timeline
        runs = zip(timeline.runs, timeline.samples, timeline.values, timeline.totals, strict=True)
        return {f"{self.identity}-data": {
            "times": timeline.times.tolist(), "texts": timeline.texts, "total": timeline.total,
            "page": timeline.page_size, "names": timeline.rows.lists, "rates": len(timeline.rows.rates),
            "runs": [
                {"label": run.label, "times": samples.tolist(), "values": values.tolist(), "total": total}
                for run, samples, values, total in runs
            ],
        }}  # fmt: skip


def _width(pages: int, total: int) -> str:
    return f"{100 * pages / total:.3f}%"
