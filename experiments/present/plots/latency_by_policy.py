"""Plot: how long hard faults take, by policy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.analysis.comparison import MEMORY, ComparisonResult
from experiments.present.numbers import show
from experiments.present.plots import comparison, style
from experiments.present.plots.base import ComparisonPlot
from experiments.present.plots.data import Floats
from simulator.registry import register

WAITING = ("hard", "collided")
PANELS = 6
"""most memory sizes that get a panel; of more, some are left out"""


@register("plot", "latency-by-policy")
class LatencyByPolicy(ComparisonPlot):
    """The distribution of the latency of faults that wait for the disk, by policy, over all replications.

    Each curve is the share of faults that take at least as long as x says: read the median at 50%, the slowest in a
    hundred at 1%. Shares hide how many faults there are: with fewer faults a policy may have the longer tail.
    """

    title = "Latency of hard faults by policy"

    def applies(self, result: ComparisonResult) -> bool:
        return len(result.latency) > 0 and len(waiting(result)) > 0

    def draw(self, result: ComparisonResult, figure: Figure) -> None:
        rows = waiting(result)
        memories = [memory for memory in result.summary["memories"] if (rows[MEMORY] == memory).any()]
        step = -(-len(memories) // PANELS)
        memories = memories[::step]
        columns = 1 if len(memories) == 1 else 2
        lines = -(-len(memories) // columns)
        looks = comparison.looks(result)
        height = comparison.height(looks, 1.0 + (2.9 if columns == 1 else 2.2) * lines)
        style.begin(figure, self.title, str(result.summary["name"]), height)
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        for number, axes in enumerate(grid.flat):
            axes.set_visible(number < len(memories))
            if number < len(memories):
                here = rows[rows[MEMORY] == memories[number]]
                panel(axes, here, looks)
                axes.set_title(f"{show(memories[number], 'bytes')} of memory")
                axes.tick_params(labelbottom=number + columns >= len(memories))
        scales(grid[0, 0], rows)
        figure.supxlabel("latency of a fault that waits for the disk (log scale)", fontsize=9)
        figure.supylabel("share at least as long (log scale)", fontsize=9)
        comparison.legend(grid[0, columns - 1], result, looks)


def waiting(result: ComparisonResult) -> pd.DataFrame:
    """The bins of the faults that waited for the disk."""
    return result.latency[result.latency["kind"].isin(WAITING)]


def panel(axes: Axes, rows: pd.DataFrame, looks: dict[str, style.Look]) -> None:
    """Draw the distribution of each contestant's bins in `rows`, which are of one memory size."""
    for label, look in looks.items():
        at, share = tail(rows[rows["label"] == label])
        if len(at):
            axes.step(at, share, where="pre", color=look.colour, linestyle=look.line)
            axes.plot(at[-1], share[-1], marker=look.marker, markersize=4, color=look.colour, clip_on=False, zorder=4)


def tail(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """The complementary distribution of binned latencies: the bins' middles and the share at least as long."""
    counts = rows.groupby("from_ns")["count"].sum().sort_index()
    if not len(counts):
        return np.empty(0), np.empty(0)
    above = counts.to_numpy(dtype=np.float64)[::-1].cumsum()[::-1]
    width = float((rows["below_ns"] / rows["from_ns"]).iloc[0])
    return counts.index.to_numpy(dtype=np.float64) * width**0.5, above / above[0]


def scales(axes: Axes, rows: pd.DataFrame) -> None:
    """Make both axes logarithmic, with room for all of `rows`."""
    least = 1.0 / float(rows.groupby(["label", MEMORY])["count"].sum().max())
    fastest, slowest = float(rows["from_ns"].min()), float(rows["below_ns"].max())
    style.log_axis(axes.xaxis, style.LATENCIES, 8, style.ONE_TWO_FIVE if slowest < 60 * fastest else (1.0,))
    style.log_axis(axes.yaxis, style.SHARES)
    axes.set_xlim(fastest / 1.2, slowest * 1.4)
    axes.set_ylim(10.0 ** np.floor(np.log10(least)) if least < 1 else 0.1, 1.25)
