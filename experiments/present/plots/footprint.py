"""Plot: how a trace's footprint grows, what it works on, and with what kinds of references."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.present.plots import data, style, trace
from experiments.present.plots.base import ProfilePlot
from experiments.profile.result import TraceProfile
from simulator.registry import register

STEPS = 256
"""most steps of a curve"""
FOOTPRINT, USED = style.Look(style.INK), style.Look(style.ORANGE)


@register("plot", "footprint")
class Footprint(ProfilePlot):
    """The footprint over time, the pages that are worked on, how these change, and the mix of references.

    The footprint is all pages referenced so far. Where it is flat the program goes on with what it has. Peaks of the
    distance between successive windows are changes of phase.
    """

    title = "Footprint, phases and mix over time"

    def applies(self, result: TraceProfile) -> bool:
        return data.has(result.frame("timeline"), "start", "footprint") and data.has(result.frame("windows"), "start")

    def draw(self, result: TraceProfile, figure: Figure) -> None:
        style.begin(figure, self.title, trace.name_of(result), 6.0)
        pages, change, mix = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
        for axes in (pages, change, mix):
            unit = trace.reference_axis(axes, result, label=axes is mix)
        timeline, windows, end = result.frame("timeline"), result.frame("windows"), result.summary["references"]
        edges = np.append(windows["start"], end) / unit.factor
        steps = np.append(timeline["start"], end) / unit.factor
        for axes in (pages, change):
            trace.shade_phases(axes, result, unit)
        style.step(pages, steps, timeline["footprint"].to_numpy(), FOOTPRINT)
        style.step(pages, edges, windows["pages"].to_numpy(), USED, 1.1)
        style.rate_axis(pages, "pages")
        pages.set_ylim(0, max(1, int(timeline["footprint"].max())) * 1.06)
        distance = windows["distance"].to_numpy(dtype=np.float64)
        style.step(change, edges, distance, style.Look(style.VERMILION), 1.1)
        change.axhline(0.5, color=style.MUTED, linewidth=0.8, linestyle=style.DASHED)
        change.set_ylim(0, 1.02)
        change.set_ylabel("distance from the\nwindow before")
        _mix(result, mix, steps)
        threshold = style.Look(style.MUTED, style.DASHED).stroke("0.5: a change")
        style.legend_beside(pages, [
            FOOTPRINT.stroke("footprint"), USED.stroke(f"in 1/{len(windows)} of the trace"), *trace.phase_handles(),
        ])  # fmt: skip
        style.legend_beside(
            change, [style.Look(style.VERMILION).stroke("relative distance\nof working sets"), threshold]
        )
        style.legend_beside(mix, [look.patch(kind) for kind, look in reversed(trace.KINDS.items())])


def _mix(result: TraceProfile, axes: Axes, edges: data.Floats) -> None:
    """Stack the shares of the kinds, several intervals to a step if there are many."""
    timeline = result.frame("timeline")
    starts = np.arange(0, len(timeline), max(1, -(-len(timeline) // STEPS)))
    counts = np.add.reduceat(timeline[list(trace.KINDS)].to_numpy(), starts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    below = np.zeros(len(starts))
    for number, look in enumerate(trace.KINDS.values()):
        above = below + shares[:, number]
        style.area(axes, edges[np.append(starts, len(timeline))], above, look, below)
        below = above
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(style.SHARES)
    axes.set_ylabel("share of references")
