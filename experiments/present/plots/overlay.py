r"""Plot: a real machine's log over a run's counters.

It is drawn by `pagesim plot --overlay FILE.csv` and is no plot of a result alone, so it isn't registered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.present.plots import data, style

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
    inside = [curve.values[(curve.times >= 0) & (curve.times <= end)] for curve in (pair.run, pair.log)]
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
            curve.times / time.factor, curve.values / factor, color=look.colour, linestyle=look.line, linewidth=width,
            drawstyle="steps-pre" if pair.rate else "steps-post",
        )  # fmt: skip
    axes.set_title(style.plain(pair.name.removeprefix("Memory\\"), 56), fontsize=8)


def _alignment(overlay: Overlay) -> str:
    moved = f"the log begins at {overlay.offset / 1e6:g} ms of the run"
    if overlay.stretch == 1:
        return moved
    return f"{moved}; {overlay.stretch:g} s of the log are drawn as 1 s"
