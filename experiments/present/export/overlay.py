r"""`pagesim plot --overlay`: a real machine's log over a run's counters.

Counters go together by name, letter case aside. Of the instances, `Process(sort)` in the run goes with `Process(sort)`
in the log; copies, which a run calls NAME-1, NAME-2, ..., with what PerfMon calls NAME, NAME#1, ...; and what the user
says goes together. A run's only disk goes with the log's `_Total`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.errors import BadInput
from experiments.present.export.perfmon import PerfmonLog, is_rate, path_of, read_log
from experiments.present.plots import data, style
from simulator.result import RunResult

_INSTANCE = re.compile(r"([^(\\]+)\((.*)\)\\([^\\]*)", re.DOTALL)
_COPY = re.compile(r"(.+)-(\d+)", re.DOTALL)
TITLE = "A real machine's counters over the run's"
MOST_PANELS = 18
"""more can't be read on one sheet"""
COLUMNS = 2
RUN, LOG = style.Look(style.BLUE), style.Look(style.VERMILION, style.DASHED)


@dataclass(frozen=True)
class Curve:
    """A counter over time: n times, nanoseconds of the run, and n values, NaN where there is none."""

    times: data.Floats
    values: data.Floats


@dataclass(frozen=True)
class Pair:
    """A counter that the run and the log both have."""

    name: str
    """the run's"""
    log_name: str
    rate: bool
    """a value is of the interval that it ends, not of its moment"""
    run: Curve
    log: Curve


@dataclass(frozen=True)
class Overlay:
    """All that is drawn."""

    pairs: tuple[Pair, ...]
    file: str
    machine: str
    offset: int
    """nanoseconds that the log is moved by"""
    stretch: float
    """seconds of the log that are drawn as one of the run"""


def overlay(result: RunResult, path: Path, offset: int, stretch: float, instances: Sequence[str]) -> Overlay:
    """What is drawn: each counter that the run and the log in the file both have.

    A log's time t is drawn at simulated time t / `stretch` + `offset` nanoseconds; `instances` are "LOG=RUN". Raises
    BadInput for a bad log, an instance that isn't there, or nothing in common.
    """
    log = read_log(path)
    chosen = _chosen(instances, log, result.samples)
    by_name = {name.casefold(): name for name in log.counters}
    totals = _only_disk(result.samples)
    pairs = []
    for column in (str(name) for name in result.samples.columns if name != "time_ns"):
        found = next((by_name[name] for name in _wanted(column, chosen, totals) if name in by_name), None)
        if found is not None:
            pairs.append(_pair(column, found, result.samples, log, offset, stretch))
    if not pairs:
        example = next(iter(log.counters))
        raise BadInput(
            rf"{path}:1: found no counter that the run has too, but {example!r}, allowed are English names such as "
            r"'Memory\Page Faults/sec'"
        )
    return Overlay(tuple(pairs), path.name, log.machine, offset, stretch)


def notes(log: Overlay, result: RunResult) -> list[str]:
    """What a user should know: where the log and the run don't meet in time."""
    end = int(result.summary["simulated_ns"])
    times = np.concatenate([pair.log.times for pair in log.pairs])
    if times.min() > end or times.max() < 0:
        return ["none of the log lies within the run's time; see --offset and --stretch"]
    return []


def _chosen(instances: Sequence[str], log: PerfmonLog, samples: pd.DataFrame) -> dict[str, str]:
    """The run's instances to those of the log, lower case, as the user says."""
    known = {found[2] for name in log.counters if (found := _INSTANCE.fullmatch(name))}
    own = {found[2] for name in samples.columns if (found := _INSTANCE.fullmatch(str(name)))}
    chosen = {}
    for text in instances:
        theirs, separator, ours = text.partition("=")
        if not separator:
            raise BadInput(f"--instance {text}: found no LOG=RUN, allowed is such as 'sqlservr#1=sqlite-2'")
        for name, names, whose in ((theirs, known, "log"), (ours, own, "run")):
            if name not in names:
                allowed = ", ".join(sorted(names)[:20]) or f"an instance of the {whose}, which has none"
                raise BadInput(f"--instance {text}: found {name!r}, allowed in the {whose} is one of {allowed}")
        chosen[ours.casefold()] = theirs.casefold()
    return chosen


def _only_disk(samples: pd.DataFrame) -> Mapping[str, str]:
    matches = (_INSTANCE.fullmatch(str(name)) for name in samples.columns)
    disks = {found[2].casefold() for found in matches if found and found[1] == "PhysicalDisk"}
    return dict.fromkeys(disks, "_total") if len(disks) == 1 else {}


def _wanted(column: str, chosen: Mapping[str, str], totals: Mapping[str, str]) -> list[str]:
    """The log's names that a column of the samples may go with, lower case, the best first."""
    found = _INSTANCE.fullmatch(column)
    if found is None:
        return [column.casefold()]
    kind, instance, counter = (part.casefold() for part in found.groups())
    if instance in chosen:
        return [f"{kind}({chosen[instance]})\\{counter}"]
    names = [instance, path_of(column, "x").casefold().removeprefix(f"\\\\x\\{kind}(").removesuffix(f")\\{counter}")]
    if kind == "process" and (copy := _COPY.fullmatch(instance)):
        names.append(copy[1] if copy[2] == "1" else f"{copy[1]}#{int(copy[2]) - 1}")
    if kind == "physicaldisk" and instance in totals:
        names.append(totals[instance])
    return [f"{kind}({name})\\{counter}" for name in names]


def _pair(column: str, found: str, samples: pd.DataFrame, log: PerfmonLog, offset: int, stretch: float) -> Pair:
    times = samples["time_ns"].to_numpy(np.float64)
    values = samples[column].to_numpy(np.float64).copy()
    if is_rate(column):
        values[0] = np.nan
    return Pair(
        column, found, is_rate(column), Curve(times, values),
        Curve(log.times / stretch + offset, log.counters[found]),
    )  # fmt: skip


# Drawing


def draw(overlay: Overlay, run: str, end: int, path: Path, form: str) -> list[str]:
    """Draw the counters of a run that ended at `end` nanoseconds into a file; returns the names of those drawn.

    Counters that stay at 0 in both are left out, and of many the last ones; the file is replaced at once.
    """
    pairs = shown(overlay)
    with style.applied():
        figure = Figure()
        rows = math.ceil(len(pairs) / COLUMNS)
        style.begin(figure, TITLE, run, 1.3 + 1.55 * rows, style.WIDTH * 1.15)
        grid = figure.subplots(rows, min(COLUMNS, len(pairs)), squeeze=False, sharex=True)
        for index, axes in enumerate(grid.flat):
            if index < len(pairs):
                panel(axes, pairs[index], end, label=index + COLUMNS >= len(pairs))
            else:
                axes.set_axis_off()
        handles = [RUN.stroke("run"), LOG.stroke(f"{style.plain(overlay.file, 40)} ({style.plain(overlay.machine)})")]
        legend = figure.legend(handles=handles, loc="outside lower left", ncols=2, title=_alignment(overlay))
        legend.set_alignment("left")
        style.save(figure, path, form)
    return [pair.name for pair in pairs]


def shown(overlay: Overlay) -> list[Pair]:
    """The counters that are drawn: those that are anywhere other than 0, in the order of the run's samples, but
    PerfMon's own before pagesim's."""
    alive = [pair for pair in overlay.pairs if any(np.nan_to_num(curve.values).any() for curve in (pair.run, pair.log))]
    return sorted(alive or overlay.pairs, key=lambda pair: pair.name.startswith("pagesim\\"))[:MOST_PANELS]


def panel(axes: Axes, pair: Pair, end: int, label: bool) -> None:
    """Draw one counter; `label`: say that x is time."""
    time = style.time_axis(axes, end, label)
    axes.tick_params(labelbottom=label)
    inside = [curve.values[(curve.times >= 0) & (curve.times <= end)] for curve in (pair.run, pair.log)]  # noqa: PD011
    known = np.concatenate(inside)
    top = float(np.nanmax(known)) if np.isfinite(known).any() else 1.0
    counter = pair.name.rpartition("\\")[2]
    factor = 1.0
    if counter.endswith("Bytes") or counter in ("Working Set", "Commit Limit"):
        factor = style.byte_axis(axes, top, "", ticks=4, room=1.08).factor
        axes.set_ylabel(style.byte_unit(top).name)
    else:
        style.rate_axis(
            axes, "per second" if counter.endswith("/sec") else "%" if counter.startswith("%") else "number"
        )
        axes.set_ylim(0, max(top, 1e-9) * 1.08)
    for curve, look, width in ((pair.run, RUN, 1.6), (pair.log, LOG, 1.2)):
        axes.plot(
            curve.times / time.factor, curve.values / factor, color=look.colour, linestyle=look.line, linewidth=width,  # noqa: PD011
            drawstyle="steps-pre" if pair.rate else "steps-post",
        )  # fmt: skip
    axes.set_title(style.plain(pair.name.removeprefix("Memory\\"), 56), fontsize=8)


def _alignment(overlay: Overlay) -> str:
    moved = f"the log begins at {overlay.offset / 1e6:g} ms of the run"
    if overlay.stretch == 1:
        return moved
    return f"{moved}; {overlay.stretch:g} s of the log are drawn as 1 s"
