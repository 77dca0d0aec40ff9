"""Plot: how much memory each process has mapped, over time."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from experiments.present.numbers import show
from experiments.present.plots import data, style
from experiments.present.plots.base import MOST_NAMES, RunPlot
from simulator.registry import register
from simulator.result import RunResult

TOGETHER = 5
"""most processes that share one panel; more lines than this can't be followed by eye"""
SMALL_STEPS = 160
"""most steps of a curve in a small panel"""


@register("plot", "working-sets")
class WorkingSets(RunPlot):
    """The working set of each process over simulated time, and its peak.

    A curve climbs while the process faults pages in, is cut when the balance set manager trims it, and starts and ends
    with the process. Up to five processes share a panel; more get one small panel each, all on the same scale.
    """

    title = "Working set of each process over time"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.samples, "time_ns") and bool(data.instances(result, "Process", "Working Set"))

    def draw(self, result: RunResult, figure: Figure) -> None:
        names = sampled(result)
        steps = data.INTERVALS if len(names) <= TOGETHER else SMALL_STEPS
        edges, values = data.series(result, [f"Process({name})\\Working Set" for name in names], steps)
        curves = [_alive(result, name, edges, curve) for name, curve in zip(names, values.values(), strict=True)]
        peaks = [_peak(result, name) for name in names]
        if len(names) <= TOGETHER:
            self._one_panel(result, figure, names, edges, curves, peaks)
        else:
            self._grid(result, figure, names, edges, curves, peaks)

    def _one_panel(
        self, result: RunResult, figure: Figure, names: list[str], edges: data.Floats,
        curves: list[data.Floats], peaks: list[float],
    ) -> None:  # fmt: skip
        style.begin(figure, self.title, data.run_name(result), 3.6)
        axes = figure.add_subplot()
        time = style.time_axis(axes, data.end_of(result))
        size = style.byte_axis(axes, max(peaks), "working set", room=1.06)
        handles = []
        for index, (name, curve, peak) in enumerate(zip(names, curves, peaks, strict=True)):
            look = style.process_look(index)
            style.step(axes, edges / time.factor, curve / size.factor, look)
            _mark_peak(axes, edges / time.factor, curve, peak / size.factor, look.colour)
            handles.append(look.stroke(f"{style.plain(name)}\npeak {show(peak, 'bytes')}"))
        handles.append(Line2D([], [], color=style.MUTED, marker="v", markersize=5, linestyle="none", label="peak"))
        style.legend_beside(axes, handles, "Process")

    def _grid(
        self, result: RunResult, figure: Figure, names: list[str], edges: data.Floats,
        curves: list[data.Floats], peaks: list[float],
    ) -> None:  # fmt: skip
        columns, panel = (3, 1.3) if len(names) <= 12 else (5, 1.1)
        rows = math.ceil(len(names) / columns)
        height = 1.28 + rows * panel
        style.begin(figure, self.title, data.run_name(result), height)
        figure.set_layout_engine("none")  # all panels alike: fixed margins, also where the last row isn't full
        grid = figure.add_gridspec(
            rows, columns, left=0.09, right=0.975, top=1 - 0.68 / height, bottom=0.6 / height, hspace=0.36, wspace=0.17
        )
        for index, (name, curve, peak) in enumerate(zip(names, curves, peaks, strict=True)):
            axes = figure.add_subplot(grid[index // columns, index % columns])
            time = style.time_axis(axes, data.end_of(result), label=False)
            size = style.byte_axis(axes, max(peaks), ticks=3, room=1.1)
            axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
            axes.tick_params(labelsize=7, labelbottom=index + columns >= len(names), labelleft=index % columns == 0)
            look = style.process_look(index)
            style.area(axes, edges / time.factor, np.nan_to_num(curve) / size.factor, look, alpha=0.3)
            style.step(axes, edges / time.factor, curve / size.factor, style.Look(look.colour), 1.0)
            axes.axhline(peak / size.factor, color=style.MUTED, linewidth=0.7, linestyle=style.DOTTED)
            text = f"{style.plain(name, 36 - 4 * columns)}  {show(peak, 'bytes')}"
            axes.set_title(text, fontsize=7.5, pad=2)
        figure.supxlabel(f"simulated time ({time.name})", fontsize=9, y=0.12 / height)
        figure.supylabel(f"working set ({size.name}); dotted and beside the name: its peak", fontsize=9, x=0.012)

    def describe(self, result: RunResult) -> str:
        peaks = {name: _peak(result, name) for name in sampled(result)}
        largest = sorted(peaks, key=lambda name: -peaks[name])[:MOST_NAMES]
        said = [f"{name} {show(peaks[name], 'bytes')}" for name in largest]
        return f"Largest working sets: {', '.join(said)}."


def sampled(result: RunResult) -> list[str]:
    """The processes whose working set was sampled, in canonical order."""
    known = set(data.instances(result, "Process", "Working Set"))
    return [name for name in data.processes_of(result) if name in known] or sorted(known)


def panel(axes: Axes, result: RunResult, label: bool = True) -> None:
    """Draw the working sets of the processes with the largest peaks and of the others together, with a legend beside;
    `label`: says that x is time."""
    names = sampled(result)
    edges, values = data.series(result, [f"Process({name})\\Working Set" for name in names])
    curves = {name: _alive(result, name, edges, curve) for name, curve in zip(names, values.values(), strict=True)}
    style.time_axis(axes, data.end_of(result), label)
    lines(axes, result, edges, curves, {name: _peak(result, name) for name in names}, "working set")


def lines(
    axes: Axes, result: RunResult, edges: data.Floats, curves: dict[str, data.Floats], peaks: dict[str, float],
    label: str, sizes: bool = True,
) -> None:  # fmt: skip
    """Draw a counter of the processes in which it is highest, at most `TOGETHER`, and those of the others taken
    together, with a legend beside; it is in bytes (`sizes`), or a number."""
    time, every = style.time_unit(data.end_of(result)).factor, sampled(result)
    shown = sorted(curves, key=lambda name: -peaks[name])[:TOGETHER]
    rest = [np.nan_to_num(curve) for name, curve in curves.items() if name not in shown]
    others = np.sum([np.zeros(len(edges) - 1), *rest], axis=0)
    top = max(peaks[shown[0]], float(np.max(others)))
    factor = style.byte_axis(axes, top, label, ticks=5, room=1.06).factor if sizes else 1.0
    if not sizes:
        style.rate_axis(axes, label)
        axes.set_ylim(0, max(top, 1) * 1.06)
    handles = []
    for name in (name for name in curves if name in shown):
        look = style.process_look(every.index(name) if name in every else list(curves).index(name))
        style.step(axes, edges / time, curves[name] / factor, look)
        handles.append(look.stroke(style.plain(name)))
    if len(curves) > len(shown):
        look = style.Look(style.MUTED)
        style.step(axes, edges / time, others / factor, look, 1.0)
        handles.append(look.stroke(f"{len(curves) - len(shown)} others, together"))
    style.legend_beside(axes, handles, "Process")


def _alive(result: RunResult, name: str, edges: data.Floats, curve: data.Floats) -> data.Floats:
    """The curve with gaps (NaN) before the process starts and after it has finished."""
    if not data.has(result.processes, "process", "start_ns", "finished_ns"):
        return curve
    rows = result.processes[result.processes["process"].astype(str) == name]
    if not len(rows):
        return curve
    start, finish = rows["start_ns"].iloc[0], rows["finished_ns"].iloc[0]
    gone = (edges[1:] <= (0 if pd.isna(start) else float(start))) | (
        edges[:-1] >= (np.inf if pd.isna(finish) else float(finish))
    )
    return np.where(gone & (curve == 0), np.nan, curve)


def _peak(result: RunResult, name: str) -> float:
    """The peak in bytes: exact where the summary says how large a page is, otherwise the highest sample."""
    sampled = float(result.samples[f"Process({name})\\Working Set"].max())
    pages = result.summary.get("processes", {}).get(name, {}).get("peak_working_set")
    page_size = result.summary.get("page_size")
    return max(sampled, float(pages * page_size)) if pages and page_size else sampled


def _mark_peak(axes: Axes, edges: data.Floats, curve: data.Floats, peak: float, colour: str) -> None:
    if np.isnan(curve).all():
        return
    highest = int(np.nanargmax(curve))
    middle = (edges[highest] + edges[highest + 1]) / 2
    axes.plot(middle, peak, marker="v", markersize=5, color=colour, clip_on=False, markeredgecolor="#FFFFFF", mew=0.5)
