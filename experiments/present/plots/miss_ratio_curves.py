"""Plot: how many requests would miss in how much memory."""

from __future__ import annotations

from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.present.plots import data, style, trace
from experiments.present.plots.base import ProfilePlot
from experiments.profile.result import TraceProfile
from simulator.registry import register


@register("plot", "miss-ratio-curves")
class MissRatioCurves(ProfilePlot):
    """The share of a trace's requests that miss, against memory, with LRU and with optimal replacement.

    No policy of demand paging gets below the optimal curve (Belady's MIN); what lies between it and LRU is what a
    better policy could gain. A steep step is a working set that begins to fit. To the right, where everything fits,
    first requests remain. A sampled curve (SHARDS) is drawn with its 95% band.
    """

    title = "Misses against memory"

    def applies(self, result: TraceProfile) -> bool:
        return data.has(result.frame("curves"), "pages") or data.has(result.frame("sampled"), "pages")

    def draw(self, result: TraceProfile, figure: Figure) -> None:
        style.begin(figure, self.title, trace.name_of(result), 4.0)
        axes = figure.add_subplot()
        runs, pages = result.summary["runs"], result.summary["pages"]
        handles: list[Artist] = []
        if data.has(exact := result.frame("curves"), "pages"):
            for column, look, label in (("lru_misses", trace.LRU, "LRU"), ("optimal_misses", trace.OPTIMAL, "optimal")):
                _curve(axes, exact["pages"], exact[column] / runs, look, 2)
                handles.append(look.stroke(label))
        if data.has(sampled := result.frame("sampled"), "pages"):
            low, high = sampled["low"] / runs, sampled["high"] / runs
            axes.fill_between(
                sampled["pages"], low, high, step="post", color=trace.SAMPLED.colour, alpha=0.3, linewidth=0
            )
            _curve(axes, sampled["pages"], sampled["misses"] / runs, trace.SAMPLED, 3)
            rate = result.summary["sampling"]["rate"]
            handles += [
                trace.SAMPLED.stroke(f"LRU, sampled\n(8 × {rate * 100:.3g}% of pages)"),
                style.Look("#F7E2B3").patch("its 95% band"),
            ]
        trace.memory_axis(axes, result, pages)
        trace.log_ratios(axes, "requests that miss", pages / runs)
        axes.axhline(pages / runs, color=style.MUTED, linewidth=0.8, linestyle=style.DOTTED, zorder=1)
        handles.append(style.Look(style.MUTED, style.DOTTED).stroke("first requests"))
        style.legend_beside(axes, handles)


def _curve(axes: Axes, pages: Any, ratios: Any, look: style.Look, depth: int) -> None:
    """A curve that holds its value up to the next size."""
    axes.step(pages.to_numpy(), ratios.to_numpy(), where="post", color=look.colour, linestyle=look.line, zorder=depth)
