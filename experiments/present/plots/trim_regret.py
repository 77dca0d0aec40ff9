"""Plot: how many of the pages taken out of working sets were wanted again, and how soon."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from experiments.analysis.regret import OUT, WITHIN, curve, removals
from experiments.present.numbers import share, show
from experiments.present.plots import data, style
from experiments.present.plots.base import RunPlot
from simulator.registry import register
from simulator.result import RunResult

POINTS = 300
MOST_PROCESSES = 8
"""processes that get a curve: those that most was taken from"""
PERCENT = FuncFormatter(lambda value, _: f"{value:g}%")


@register("plot", "trim-regret")
class TrimRegret(RunPlot):
    """The share of the pages taken out of working sets that was referenced again within T, against T.

    Left, of all processes: softly, without the disk, and on top of that hard, read from it. What is never wanted again
    was taken out rightly. Where the curve rises early, the policy took what was in use; where it rises late, memory
    was too small. Right, for each process, soft and hard together.
    """

    title = "Trim regret"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.pages, "event", "reason") and bool(result.pages["reason"].isin(OUT).any())

    def draw(self, result: RunResult, figure: Figure) -> None:
        taken = removals(result)
        back = taken.loc[taken["gap_ns"] > 0, "gap_ns"]
        shortest, longest = (
            (max(1, int(back.min())), max(10, int(back.max()))) if len(back) else (1, data.end_of(result))
        )
        at = np.geomspace(min(shortest, longest / 10) / 1.5, longest * 1.2, POINTS)
        style.begin(figure, self.title, data.run_name(result), 3.8)
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        _everything(left, taken, at)
        _each(right, taken, at, data.processes_of(result))
        for axes in (left, right):
            axes.axvline(WITHIN, color=style.MUTED, linewidth=1.0, linestyle=style.DOTTED)
            axes.set_xlabel("T, time since it was taken out (log scale)")
        figure.legend(handles=_handles(), loc="outside lower left", ncols=3)
        style.log_axis(left.xaxis, style.LATENCIES, 8)
        left.set_xlim(at[0], at[-1])
        left.set_ylim(0, 100)
        left.yaxis.set_major_formatter(PERCENT)
        left.set_ylabel("share of pages taken out\nthat were wanted again within T")

    def describe(self, result: RunResult) -> str:
        gaps = removals(result)["gap_ns"].to_numpy()
        soon = float(np.mean((gaps >= 0) & (gaps <= WITHIN)))
        return f"{share(soon)} of the pages taken out were wanted again within {show(WITHIN, 'ns')}."


def _everything(axes: Axes, taken: pd.DataFrame, at: data.Floats) -> None:
    shares = curve(taken, at)
    soft, hard = style.FAULTS["transition"], style.FAULTS["hard"]
    both = 100 * (shares["soft"] + shares["hard"])
    axes.fill_between(at, 100 * shares["soft"], color=soft.colour, alpha=0.35, linewidth=0)
    axes.fill_between(at, 100 * shares["soft"], both, facecolor=hard.colour, edgecolor=hard.colour, alpha=0.35,
                      hatch="////", linewidth=0)  # fmt: skip
    axes.plot(at, 100 * shares["soft"], color=soft.colour, linestyle=soft.line)
    axes.plot(at, both, color=hard.colour, linestyle=hard.line)
    axes.set_title(f"All processes, {len(taken):,} pages taken out")


def _handles() -> list[Line2D]:
    soft, hard = style.FAULTS["transition"], style.FAULTS["hard"]
    return [
        soft.stroke("soft refault: wanted within T, no disk read"),
        hard.stroke("hard refault: read from the disk"),
        style.Look(style.MUTED, style.DOTTED).stroke(f"{show(WITHIN, 'ns')}: T in tables"),
    ]


def _each(axes: Axes, taken: pd.DataFrame, at: data.Floats, names: list[str]) -> None:
    counts = taken["process"].astype(str).value_counts()
    shown = [name for name in names if name in counts.index[:MOST_PROCESSES]]
    handles = []
    for name in shown:
        look = style.process_look(names.index(name))
        shares = curve(taken[taken["process"] == name], at)
        axes.plot(at, 100 * (shares["soft"] + shares["hard"]), color=look.colour, linestyle=look.line)
        handles.append(look.stroke(f"{style.plain(name, 18)}, {counts[name]:,}"))
    more = len(counts[counts > 0]) - len(shown)
    axes.set_title(f"Each process{f'; {more} with fewer left out' if more > 0 else ''}")
    style.legend_beside(axes, handles, "Process, pages")
