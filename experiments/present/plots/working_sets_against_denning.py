"""Plot: what each process held and how often it faulted, against Denning's working sets of the same references."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.present.plots import data, style
from experiments.present.plots.base import RunPlot
from simulator.registry import register
from simulator.result import RunResult

ABOVE = 50.0
"""how far above the highest point the curves are shown, as a ratio"""
MOST = 12
"""processes that get a panel: those with the most page faults"""
CURVE = style.Look(style.INK)
ALL, HARD = style.Look(style.SKY, marker="s"), style.FAULTS["hard"]
WINDOWS = tuple(10**power for power in range(2, 12))
"""windows that are marked on a curve"""


@register("plot", "working-sets-against-denning")
class WorkingSetsAgainstDenning(RunPlot):
    """Each process as a point, the memory that it held and the share of its references that faulted, against the curve
    of Denning's working set for every window.

    The curve is what keeping exactly the pages of the last T references would hold and miss, from a short window at
    the left to a long one at the right; it sees nothing but the process's references. A square above the curve: with
    that much memory a working set would have faulted less. A square below it: the pages were chosen better than by
    recency. The diamond counts the hard faults only; what lies between the two was found in memory or needs no read.
    The line through the square spans the memory held from the 10th to the 90th percentile of the samples.
    """

    title = "Memory held and faults against Denning's working sets"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.denning, "process", "window", "size", "misses") and bool(_points(result))

    def draw(self, result: RunResult, figure: Figure) -> None:
        points = _points(result)
        busiest = sorted(points, key=lambda name: -points[name]["faults"])[:MOST]
        names = [name for name in points if name in busiest]
        columns = 1 if len(names) == 1 else 2 if len(names) <= 4 else 3
        rows = math.ceil(len(names) / columns)
        style.begin(figure, self.title, data.run_name(result), 1.2 + (3.2 if columns == 1 else 2.1) * rows)
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes in grid.flat[len(names) :]:
            axes.set_visible(False)
        least = min(point["hard"] or point["faults"] for point in points.values()) / 3
        most = min(1.2, max(point["faults"] for point in points.values()) * ABOVE)
        for number, (name, axes) in enumerate(zip(names, grid.flat, strict=False)):
            _panel(axes, result, name, points[name], most)
            if number + columns >= len(names):
                axes.set_xlabel("mean pages held (log scale)")
        style.log_axis(grid[0, 0].yaxis, style.SHARES)
        grid[0, 0].set_ylim(least, most)
        note = "" if len(names) == len(points) else f"; {len(names)} of {len(points)} processes"
        figure.supylabel(f"share of references that fault (log scale){note}", fontsize=9)
        figure.legend(handles=_handles(), loc="outside lower left", ncols=4)


def _points(result: RunResult) -> dict[str, dict[str, float]]:
    """For each process that has a curve and has faulted: mean pages held over its life, faults and hard faults a
    reference."""
    found = {}
    known = set(result.denning["process"].astype(str))
    for row in result.processes.to_dict("records"):
        name, references = str(row["process"]), int(row["references"])
        end = data.end_of(result) if pd.isna(row["finished_ns"]) else int(row["finished_ns"])
        life = end - (0 if pd.isna(row["start_ns"]) else int(row["start_ns"]))
        if name in known and references and life > 0 and row["page_faults"]:
            found[name] = {
                "held": row["space_time_page_ns"] / life,
                "faults": row["page_faults"] / references,
                "hard": row["hard_faults"] / references,
            }
    return found


def _panel(axes: Axes, result: RunResult, name: str, point: dict[str, float], most: float) -> None:
    rows = result.denning[data.chosen(result.denning, "process", name)]
    rate = rows["misses"] / rows["references"]
    axes.plot(rows["size"], rate, color=CURVE.colour, linewidth=1.2)
    marked = rows["window"].isin(WINDOWS)
    axes.plot(rows["size"][marked], rate[marked], "|", color=CURVE.colour, markersize=6)
    for window, size, missed in zip(rows["window"][marked], rows["size"][marked], rate[marked], strict=True):
        if missed <= most / 1.3:
            axes.annotate(style.COUNTS(window), (size, missed), (2, 4), textcoords="offset points", fontsize=7)
    low, high = _span(result, name, point["held"])
    axes.plot([low, high], [point["faults"]] * 2, color=ALL.colour, linewidth=2.2, alpha=0.6, solid_capstyle="butt")
    axes.plot(point["held"], point["faults"], ALL.marker, color=ALL.colour, markersize=6, zorder=4)
    if point["hard"]:
        axes.plot([point["held"]] * 2, [point["hard"], point["faults"]], color=style.MUTED, linewidth=0.6, zorder=1)
        axes.plot(point["held"], point["hard"], HARD.marker, color=HARD.colour, markersize=5, zorder=4)
    least = min(float(rows["size"][rate <= most].min()), low)
    style.log_axis(axes.xaxis, style.COUNTS, 8, style.ONE_TWO_FIVE if high < 40 * least else (1.0,))
    axes.set_xlim(least / 1.2, max(float(rows["size"].max()), high) * 1.3)
    axes.set_title(style.plain(name))


def _span(result: RunResult, name: str, held: float) -> tuple[float, float]:
    """The pages held in the samples of the process's life, from the 10th to the 90th percentile, each sample weighted
    alike; `held` twice if there are none."""
    column, page = f"Process({name})\\Working Set", result.summary.get("page_size")
    if not page or not data.has(result.samples, "time_ns", column):
        return held, held
    sampled = result.samples[column].to_numpy(dtype=np.float64) / page
    sampled = sampled[sampled > 0]
    if not len(sampled):
        return held, held
    low, high = np.percentile(sampled, [10, 90])
    return float(low), float(high)


def _handles() -> list[Line2D]:
    marks = (("all page faults", ALL), ("hard faults", HARD))
    return [
        CURVE.stroke("working set, for every window T"),
        Line2D([], [], color=CURVE.colour, marker="|", linestyle="none", label="T in references"),
        *(Line2D([], [], color=look.colour, marker=look.marker, linestyle="none", label=text) for text, look in marks),
    ]
