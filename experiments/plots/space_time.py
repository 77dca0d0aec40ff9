"""Plot: the space-time product, what a policy holds of memory for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from matplotlib.figure import Figure

from experiments.plots import comparison, style
from simulator.registry import register
from simulator.units import MiB

if TYPE_CHECKING:
    from experiments.compare.result import ComparisonResult

METRIC = "space_time_byte_s"


@register("plot", "space-time")
class SpaceTime:
    """The space-time product of each policy: memory in working sets, integrated over simulated time.

    Two costs in one figure: holding pages that aren't needed raises it, and so does the waiting that comes from holding
    too few. Against memory where several sizes were compared, otherwise a row a policy.
    """

    reads: ClassVar[str] = "comparison"
    title = "Space-time product"

    def applies(self, result: ComparisonResult) -> bool:
        """Whether any run ended well."""
        return any(cell["metrics"][METRIC] for cell in result.summary["cells"])

    def draw(self, result: ComparisonResult, figure: Figure) -> None:
        """Draw one panel."""
        looks = comparison.looks(result)
        if not comparison.several_memories(result):
            style.begin(figure, self.title, str(result.summary["name"]), 1.3 + 0.3 * len(looks))
            axes = figure.add_subplot()
            comparison.rows(axes, result, METRIC, looks, MiB)
            axes.set_xlabel(f"MiB held x seconds; bars: {comparison.band_note(result)}")
            return
        style.begin(figure, self.title, str(result.summary["name"]), comparison.height(looks, 3.4))
        axes = figure.add_subplot()
        for label, look in looks.items():
            comparison.draw_curve(axes, result, label, METRIC, look, MiB)
        comparison.memory_axis(axes, result)
        style.rate_axis(axes, "MiB held x seconds")
        axes.set_title(f"bands: {comparison.band_note(result)}")
        comparison.legend(axes, result, looks)
