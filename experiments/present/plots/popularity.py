"""Plot: how unevenly the references are spread over the pages."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from experiments.present.plots import data, style, trace
from experiments.present.plots.base import ProfilePlot
from experiments.profile.result import TraceProfile
from simulator.registry import register


@register("plot", "popularity")
class Popularity(ProfilePlot):
    """References to each page, most referenced first, and the share that the most popular pages get together.

    On the left a straight line is a power law (Zipf); on the right, how few pages get most references. Kinds are
    ranked each for itself.
    """

    title = "Popularity of pages"

    def applies(self, result: TraceProfile) -> bool:
        return data.has(result.frame("popularity"), *trace.KINDS)

    def draw(self, result: TraceProfile, figure: Figure) -> None:
        style.begin(figure, self.title, trace.name_of(result), 3.6)
        left, right = figure.subplots(1, 2)
        frame = result.frame("popularity")
        everything = frame[list(trace.KINDS)].sum(axis=1).to_numpy()
        looks = {"all": style.Look(style.INK)} | {
            kind: style.Look(look.colour, line)
            for (kind, look), line in zip(trace.KINDS.items(), (style.DASHED, style.DOTTED, style.DASHDOT), strict=True)
        }
        handles = []
        for kind, look in looks.items():
            counts = np.sort(everything if kind == "all" else frame[kind].to_numpy())[::-1]
            counts = counts[counts > 0]
            if not len(counts):
                continue
            rank = np.arange(1, len(counts) + 1)
            left.plot(rank, counts, color=look.colour, linestyle=look.line)
            right.plot(rank, np.cumsum(counts) / counts.sum(), color=look.colour, linestyle=look.line)
            handles.append(look.stroke("all references" if kind == "all" else kind))
        for axes in (left, right):
            axes.set_xlim(1, max(2, len(frame)))
            trace.log_counts(axes, "x", "rank of the page")
        trace.log_counts(left, "y", "references to the page")
        right.set_ylim(0, 1.02)
        right.yaxis.set_major_formatter(style.SHARES)
        right.set_ylabel("share of references up to this rank")
        figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))
