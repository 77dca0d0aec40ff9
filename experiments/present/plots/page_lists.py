"""Plot: where memory's frames are, list by list, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.present.plots import data, style
from simulator.registry import register

if TYPE_CHECKING:
    from simulator.result import RunResult


@register("plot", "page-lists")
class PageLists:
    """All of memory as a stack of its page lists over simulated time, named as in RAMMap.

    The stack's height is the machine's memory and stays the same. Active grows while processes touch new pages; Free
    and Zeroed run out; under pressure trimmed pages pass through Modified (dirty, must be written) and Standby (clean,
    can be reused at once; darker: higher priority, reused later).
    """

    title = "Page lists over time"

    def applies(self, result: RunResult) -> bool:
        """Whether there are samples of the page lists."""
        return data.has(result.samples, "time_ns", "pagesim\\Active")

    def draw(self, result: RunResult, figure: Figure) -> None:
        """Stack the lists that ever hold a page."""
        style.begin(figure, self.title, data.run_name(result), 3.9)
        panel(figure.add_subplot(), result)


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
