"""Plot: where memory's frames are, list by list, over time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.present.numbers import show
from experiments.present.plots import data, style
from experiments.present.plots.base import RunPlot
from simulator.registry import register
from simulator.result import RunResult


@register("plot", "page-lists")
class PageLists(RunPlot):
    """All of memory as a stack of its page lists over simulated time, named as in RAMMap.

    The stack's height is the machine's memory and stays the same. Active grows while processes touch new pages; Free
    and Zeroed run out; under pressure trimmed pages pass through Modified (dirty, must be written) and Standby (clean,
    can be reused at once; darker: higher priority, reused later).
    """

    title = "Page lists over time"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.samples, "time_ns", "pagesim\\Active")

    def draw(self, result: RunResult, figure: Figure) -> None:
        style.begin(figure, self.title, data.run_name(result), 3.9)
        panel(figure.add_subplot(), result)

    def describe(self, result: RunResult) -> str:
        edges, values = data.series(result, [f"pagesim\\{name}" for name in style.LISTS])
        active = values["pagesim\\Active"]
        when = show(round(float(edges[int(np.argmax(active)) + 1])), "ns")
        parts = [f"Working sets hold at most {show(float(active.max()), 'bytes')}, at {when}"]
        most = {name: float(values[f"pagesim\\{name}"].max()) for name in ("Modified", "Free", "Zeroed")}
        parts += [f"{name} at most {show(size, 'bytes')}" for name, size in most.items() if size]
        return f"{'; '.join(parts)}."


def panel(axes: Axes, result: RunResult, label: bool = True) -> None:
    """Stack the lists that ever hold a page, with a legend beside; `label`: says that x is time."""
    columns = {f"pagesim\\{name}": name for name in style.LISTS}
    edges, values = data.series(result, list(columns))
    total = float(np.max(sum(values.values())))
    time = style.time_axis(axes, data.end_of(result), label)
    size = style.byte_axis(axes, total, "memory", ticks=8)
    below = np.zeros(len(edges) - 1)
    handles = []
    for column, name in columns.items():
        if not values[column].any():
            continue
        look = style.LISTS[name]
        above = below + values[column] / size.factor
        style.area(axes, edges / time.factor, above, look, below)
        style.step(axes, edges / time.factor, above, style.Look("#FFFFFF"), 0.4)
        handles.append(look.patch(name))
        below = above
    style.legend_beside(axes, handles[::-1], "Page list")
