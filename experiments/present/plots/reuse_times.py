"""Plot: how long it takes until a page is referenced again."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.present.plots import data, style, trace
from experiments.present.plots.base import ProfilePlot
from experiments.profile.result import TraceProfile
from simulator.registry import register


@register("plot", "reuse-times")
class ReuseTimes(ProfilePlot):
    """The distribution of the time from one reference to a page to the next, in requests and in references.

    Above, the share of all reuses in each factor of two of time: a hump at T is something that comes round every T.
    Below, the share of reuses that take longer than x, down to the rare ones that decide
    what a memory of some size is worth.
    """

    title = "Time until a page is referenced again"

    def applies(self, result: TraceProfile) -> bool:
        frame = result.frame("reuse")
        return data.has(frame, "clock", "count") and int(frame["count"].sum()) > 0

    def draw(self, result: TraceProfile, figure: Figure) -> None:
        style.begin(figure, self.title, trace.name_of(result), 4.8)
        above, below = figure.subplots(2, 1, sharex=True)
        frame = result.frame("reuse")
        least, rarest, last = 1.0, 1.0, 2.0
        for clock, look in trace.CLOCKS.items():
            rows = frame[data.chosen(frame, "clock", clock)]
            counts = rows["count"].to_numpy(dtype=np.float64)
            if not counts.sum():
                continue
            shares, edges, total = _octaves(rows["most"].to_numpy(), counts)
            style.step(above, edges, shares, look)
            longer = 1 - np.cumsum(counts) / total
            kept = longer > 0.5 / total
            below.plot(rows["most"][kept], longer[kept], color=look.colour, linestyle=look.line, drawstyle="steps-post")
            rarest, last = min(rarest, float(shares[shares > 0].min())), max(last, float(edges[-1]))
            least = min(least, float(longer[kept].min()) if kept.any() else least)
        trace.log_ratios(above, "share of reuses", rarest)
        trace.log_ratios(below, "reuses that take longer", least)
        above.set_xscale("log")
        trace.log_counts(below, "x", "time until the next reference")
        above.set_xlim(0.5, last)
        handles = [look.stroke(f"in {clock}") for clock, look in trace.CLOCKS.items()]
        style.legend_beside(above, handles, "Time")


def _octaves(most: NDArray[Any], counts: data.Floats) -> tuple[data.Floats, data.Floats, float]:
    """The share of the reuses in each factor of two, its edges (one more), and how many reuses there are."""
    octave = np.ceil(np.log2(most)).astype(np.int64)
    sums = np.bincount(octave, weights=counts)
    return sums / sums.sum(), np.exp2(np.arange(-1.0, len(sums))), float(sums.sum())
