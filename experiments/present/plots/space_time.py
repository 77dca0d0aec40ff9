"""Plot: the space-time product, what a policy holds of memory for how long."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.analysis.comparison import ComparisonResult
from experiments.present.plots import comparison, style
from experiments.present.plots.base import ComparisonPlot
from simulator.registry import register
from simulator.units import MiB

METRIC = "space_time_byte_s"


@register("plot", "space-time")
class SpaceTime(ComparisonPlot):
    """The space-time product of each policy: memory in working sets, integrated over simulated time.

    Two costs in one figure: holding pages that aren't needed raises it, and so does the waiting that comes from holding
    too few. Against memory where several sizes were compared, otherwise a row a policy.
    """

    title = "Space-time product"

    def applies(self, result: ComparisonResult) -> bool:
        return any(cell["metrics"][METRIC] for cell in result.summary["cells"])

    def draw(self, result: ComparisonResult, figure: Figure) -> None:
        looks = comparison.looks(result)
        several = comparison.several_memories(result)
        height = comparison.height(looks, 3.4) if several else 1.3 + 0.3 * len(looks)
        style.begin(figure, self.title, str(result.summary["name"]), height)
        axes = figure.add_subplot()
        panel(axes, result, looks)
        if several:
            axes.set_title(f"bands: {comparison.band_note(result)}")
            comparison.legend(axes, result, looks)
        else:
            axes.set_xlabel(f"MiB held × seconds; bars: {comparison.band_note(result)}")

    def describe(self, result: ComparisonResult) -> str:
        return comparison.means(result, METRIC)


def panel(axes: Axes, result: ComparisonResult, looks: Mapping[str, style.Look], most: int = 10) -> None:
    """Draw the products of the contestants in `looks`: curves against memory with about `most` ticks, or a row each."""
    if not comparison.several_memories(result):
        comparison.rows(axes, result, METRIC, looks, MiB)
        axes.set_xlabel("space-time product (MiB held × seconds)")
        return
    for label, look in looks.items():
        comparison.draw_curve(axes, result, label, METRIC, look, MiB)
    comparison.memory_axis(axes, result, most=most)
    style.rate_axis(axes, "MiB held × seconds")
