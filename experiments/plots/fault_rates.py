"""Plot: how often each kind of fault happens, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.plots import data, style
from simulator.registry import register

if TYPE_CHECKING:
    from simulator.result import RunResult

SOFT = {
    "demand-zero": "Memory\\Demand Zero Faults/sec",
    "transition": "pagesim\\Soft Transition Faults/sec",
    "shared": "pagesim\\Shared Faults/sec",
    "copy-on-write": "Memory\\Write Copies/sec",
}
WAITING = {"hard": "pagesim\\Hard Faults/sec", "collided": "pagesim\\Collided Faults/sec"}

STEPS = 200
"""most steps of a curve: faults come in bursts, and dashes need some length to be told apart"""
APART = 30.0
"""where a kind's mean, while it happens, is less than the panel's peak by this factor, the axis is logarithmic"""


@register("plot", "fault-rates")
class FaultRates:
    """Page faults per second of simulated time, by kind.

    Above, the faults that need no disk; below, on a scale of their own because they are rarer by far and cost a
    thousand times as much, those that wait for a page read. Demand-zero faults are growth; many transition faults say
    that trimming took pages that were still in use; hard faults that don't stop are thrashing.
    """

    title = "Page faults per second, by kind"

    def applies(self, result: RunResult) -> bool:
        """Whether the samples have a fault."""
        return data.has(result.samples, "time_ns") and data.total(result, [*SOFT.values(), *WAITING.values()]) > 0

    def draw(self, result: RunResult, figure: Figure) -> None:
        """Draw the panels of the kinds that happen."""
        edges, values = data.series(result, [*SOFT.values(), *WAITING.values()], STEPS)
        wanted = [("soft faults/s", SOFT), ("faults/s that wait\nfor a page read", WAITING)]
        panels = [(label, kinds) for label, kinds in wanted if any(values[column].any() for column in kinds.values())]
        style.begin(figure, self.title, data.run_name(result), 0.9 + 2.2 * len(panels))
        grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True)
        for row, (label, kinds) in enumerate(panels):
            rates = {kind: values[column] for kind, column in kinds.items() if values[column].any()}
            axes = grid[row, 0]
            time = style.time_axis(axes, data.end_of(result), label=row == len(panels) - 1)
            _panel(axes, edges / time.factor, rates, label)


def _panel(axes: Axes, edges: data.Floats, rates: dict[str, data.Floats], label: str) -> None:
    for kind, rate in rates.items():
        look = style.FAULTS[kind]
        if len(rates) == 1 or kind == "hard":
            style.area(axes, edges, rate, look, alpha=0.25)
        style.step(axes, edges, rate, look)
    top = max(float(rate.max()) for rate in rates.values())
    weakest = min(float(rate[rate > 0].mean()) for rate in rates.values())
    style.rate_axis(axes, label)
    axes.set_ylim(0, top * 1.05)
    if top > APART * weakest:
        _logarithmic(axes, rates, top)
        axes.set_ylabel(f"{label} (log scale)")
    style.legend_beside(axes, [style.FAULTS[kind].stroke(kind) for kind in rates])


def _logarithmic(axes: Axes, rates: dict[str, data.Floats], top: float) -> None:
    """A logarithmic axis that still has a 0, because a kind may be absent for a while."""
    least = min(float(rate[rate > 0].min()) for rate in rates.values())
    threshold = 10.0 ** np.floor(np.log10(least))
    axes.set_yscale("symlog", linthresh=threshold, linscale=0.4)
    axes.set_ylim(0, top * 1.6)
    decades = np.arange(np.log10(threshold), np.log10(top) + 0.01)
    every = max(1, int(np.ceil(len(decades) / 5)))
    axes.set_yticks([0.0, *(10.0 ** decades[::every])])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(style.COUNTS)
