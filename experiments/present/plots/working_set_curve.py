"""Plot: Denning's working set against its window."""

from __future__ import annotations

from matplotlib.figure import Figure

from experiments.present.plots import data, style, trace
from experiments.present.plots.base import ProfilePlot
from experiments.profile.result import TraceProfile
from simulator.registry import register


@register("plot", "working-set-curve")
class WorkingSetCurve(ProfilePlot):
    """The working set's mean size, and how often a page is missing from it, against its window.

    The working set is what was referenced in the last T requests, or references. Where the size is flat, a longer
    window finds no further pages: that is locality, and such a T is a good one to trim by. The slope of the size is
    the miss rate.
    """

    title = "Working set against its window"

    def applies(self, result: TraceProfile) -> bool:
        return data.has(result.frame("working_set"), "clock", "window")

    def draw(self, result: TraceProfile, figure: Figure) -> None:
        style.begin(figure, self.title, trace.name_of(result), 4.8)
        above, below = figure.subplots(2, 1, sharex=True)
        lengths = {"requests": result.summary["runs"], "references": result.summary["references"]}
        frame = result.frame("working_set")
        least = result.summary["pages"] / result.summary["references"]
        handles = []
        for clock, look in trace.CLOCKS.items():
            rows = frame[data.chosen(frame, "clock", clock)]
            above.plot(rows["window"], rows["size"], color=look.colour, linestyle=look.line)
            below.plot(rows["window"], rows["misses"] / lengths[clock], color=look.colour, linestyle=look.line)
            handles.append(look.stroke(f"in {clock}"))
        pages = result.summary["pages"]
        above.axhline(pages, color=style.MUTED, linewidth=0.8, linestyle=style.DOTTED, zorder=1)
        handles.append(style.Look(style.MUTED, style.DOTTED).stroke("footprint"))
        above.set_xscale("log")
        trace.log_counts(above, "y", "mean size (pages)")
        above.set_ylim(0.9, pages * 1.6)
        above.tick_params(labelbottom=False)
        trace.log_ratios(below, "miss rate", least)
        trace.log_counts(below, "x", "window T")
        above.set_xlabel("")
        above.set_xlim(1, max(2, result.summary["references"]))
        style.legend_beside(above, handles, "Time")
