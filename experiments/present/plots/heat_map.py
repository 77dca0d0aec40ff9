"""Plot: which pages are referenced when, and how often."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.present.plots import data, style, trace
from experiments.present.plots.base import ProfilePlot
from experiments.profile.result import TraceProfile
from simulator.registry import register

COLUMNS = 512
"""most cells across"""
SMALLEST_GAP = 16
"""pages that nobody touches, in a row, before a line says that they are left out; as many rows of several pages"""
PAGE_BITS = 52
"""Bits of a page number; above them is the number of the process, where there are several."""
SHADES = ("#DCEBF5", "#7FB2D8", "#1F6FA8", "#0A3556", "#000000")
"""from one reference in a cell to the most, ever darker"""
LABELS, MOST_LINES = 10, 60
"""most page numbers beside the map, and most lines on it"""


@register("plot", "heat-map")
class HeatMap(ProfilePlot):
    """References to each page over time, darker the more; what lies unused between them is left out (thin lines).

    A horizontal line is a page that is used all the time, a steep line a scan, a block a structure that is worked on
    at random. White is a page that rests, and that could be elsewhere. Several processes lie above each other,
    each's number in brackets.
    """

    title = "References by page and time"

    def applies(self, result: TraceProfile) -> bool:
        return data.has(result.frame("heat"), "interval", "row") and data.has(result.frame("rows"), "first", "last")

    def draw(self, result: TraceProfile, figure: Figure) -> None:
        style.begin(figure, self.title, trace.name_of(result), 5.2)
        strip, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 26))
        unit = trace.reference_axis(axes, result)
        image = _image(result)
        shown = axes.imshow(
            np.ma.masked_equal(image, 0.0), cmap=LinearSegmentedColormap.from_list("heat", SHADES), aspect="auto",
            norm=LogNorm(1, max(float(image.max()), 10.0)), origin="lower", interpolation="nearest", zorder=1,
            extent=(0, result.summary["references"] / unit.factor, 0, len(image)),
        )  # fmt: skip
        bar = figure.colorbar(shown, ax=axes, pad=0.015, aspect=34, fraction=0.05)
        bar.set_label("references in a cell")
        bar.ax.yaxis.set_major_formatter(style.COUNTS)
        axes.set_ylabel("virtual page number; pages never used are left out")
        _breaks(axes, result.frame("rows"))
        _strip(strip, result, unit)
        figure.legend(handles=trace.phase_handles(), loc="outside lower left", ncols=2)


def _image(result: TraceProfile) -> NDArray[np.float64]:
    """References in each cell: a row of the profile, and an interval, or several where there are many."""
    heat, intervals = result.frame("heat"), len(result.frame("timeline"))
    across = min(COLUMNS, intervals)
    column = heat["interval"].to_numpy(np.int64) * across // intervals
    image = np.zeros((len(result.frame("rows")), across))
    np.add.at(image, (heat["row"].to_numpy(), column), heat["references"].to_numpy())
    return image


def _strip(axes: Axes, result: TraceProfile, unit: style.Unit) -> None:
    trace.shade_phases(axes, result, unit)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.tick_params(bottom=False, labelbottom=False)
    axes.set_ylabel("phases", rotation=0, ha="right", va="center", fontsize=8)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _breaks(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw where pages are left out, and label the first page of the tallest bands between, where there is room."""
    first, last = rows["first"].to_numpy(np.uint64), rows["last"].to_numpy(np.uint64)
    gap = SMALLEST_GAP * max(1, int(np.median(last - first + np.uint64(1))))
    starts = np.concatenate(([0], np.flatnonzero(first[1:] - last[:-1] > gap) + 1))
    if len(starts) <= MOST_LINES:
        for start in starts[1:]:
            axes.axhline(start, color=style.MUTED, linewidth=0.4, linestyle=style.DOTTED, zorder=2)
    spans = np.diff(np.append(starts, len(rows)))
    kept: list[int] = []
    for start in starts[np.argsort(-spans, kind="stable")].tolist():
        if len(kept) < LABELS and all(abs(start - other) >= 0.05 * len(rows) for other in kept):
            kept.append(start)
    axes.set_yticks(kept, [_label(int(first[start]), int(last[-1]) >> PAGE_BITS > 0) for start in kept])
    axes.tick_params(axis="y", labelsize=7, labelfontfamily="DejaVu Sans Mono")
    axes.grid(visible=False)


def _label(page: int, processes: bool) -> str:
    number = f"{page & ((1 << PAGE_BITS) - 1):#x}"
    return f"({page >> PAGE_BITS}) {number}" if processes else number
