"""Plot: how often each kind of fault happens, over time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.present.numbers import show
from experiments.present.plots import data, style
from experiments.present.plots.base import RunPlot
from simulator.registry import register
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
class FaultRates(RunPlot):
    """Page faults per second of simulated time, by kind.

    Above, the faults that need no disk; below, on a scale of their own because they are rarer by far and cost a
    thousand times as much, those that wait for a page read. Demand-zero faults are growth; many transition faults say
    that trimming took pages that were still in use; hard faults that don't stop are thrashing.
    """

    title = "Page faults per second, by kind"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.samples, "time_ns") and data.total(result, [*SOFT.values(), *WAITING.values()]) > 0

    def draw(self, result: RunResult, figure: Figure) -> None:
        found = parts(result)
        style.begin(figure, self.title, data.run_name(result), 0.9 + 2.2 * len(found))
        grid = figure.subplots(len(found), 1, squeeze=False, sharex=True)
        for row, (text, kinds) in enumerate(found.items()):
            panel(grid[row, 0], result, text, kinds, label=row == len(found) - 1)

    def describe(self, result: RunResult) -> str:
        said = []
        for kind, column in {**WAITING, **SOFT}.items():
            edges, values = data.series(result, [column], STEPS)
            rate = values[column]
            if kind in ("hard", "transition", "demand-zero") and rate.any():
                when = show(round(float(edges[int(np.argmax(rate)) + 1])), "ns")
                said.append(f"{kind} {show(float(rate.max()), 'count')} a second around {when}")
        return f"At their peaks: {', '.join(said)}."


def parts(result: RunResult) -> dict[str, dict[str, str]]:
    """The panels, of those kinds of faults that happen: what each shows, and the counters of its kinds."""
    wanted = {"soft faults/s": SOFT, "faults/s that wait\nfor a page read": WAITING}
    return {text: kinds for text, kinds in wanted.items() if data.total(result, list(kinds.values())) > 0}


def panel(axes: Axes, result: RunResult, text: str, kinds: dict[str, str], label: bool) -> None:
    """Draw one of `parts`, with a legend beside; `label`: says that x is time."""
    edges, values = data.series(result, list(kinds.values()), STEPS)
    time = style.time_axis(axes, data.end_of(result), label)
    rates = {kind: values[column] for kind, column in kinds.items() if values[column].any()}
    _curves(axes, edges / time.factor, rates, text)


def _curves(axes: Axes, edges: data.Floats, rates: dict[str, data.Floats], label: str) -> None:
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
