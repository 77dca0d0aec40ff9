"""Plot: hard faults and slowdown against memory, for several policies."""

from __future__ import annotations

from matplotlib.figure import Figure

from experiments.analysis.comparison import ComparisonResult
from experiments.present.plots import comparison, style
from experiments.present.plots.base import ComparisonPlot
from simulator.registry import register


@register("plot", "faults-by-memory")
class FaultsByMemory(ComparisonPlot):
    """Hard faults and mean slowdown of each policy against the size of memory, with the intervals as bands.

    Policies are told apart where their bands don't overlap. Bounds, which no system could reach, have hollow markers:
    what lies between a policy and the bound is what a better policy could still gain.
    """

    title = "Hard faults and slowdown against memory"

    def applies(self, result: ComparisonResult) -> bool:
        return comparison.several_memories(result)

    def draw(self, result: ComparisonResult, figure: Figure) -> None:
        looks = comparison.looks(result)
        style.begin(figure, self.title, str(result.summary["name"]), comparison.height(looks, 5.4))
        upper, lower = figure.subplots(2, 1, sharex=True)
        for axes, metric, text in ((upper, "hard_faults", "hard faults"), (lower, "slowdown", "slowdown")):
            comparison.against_memory(axes, result, looks, metric, text, label=axes is lower)
        upper.set_title(f"bands: {comparison.band_note(result)}")
        comparison.legend(upper, result, looks)

    def describe(self, result: ComparisonResult) -> str:
        return comparison.means(result, "hard_faults")
