"""Plot: the pictures of a run that matter most, on one sheet."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.present.plots import data, disks, fault_rates, page_lists, style, working_sets
from experiments.present.plots.base import RunPlot
from simulator.registry import register
from simulator.result import RunResult

Row = tuple[float, Callable[[Axes, bool], None]]
"""The height of a panel in inches, and what draws it, told whether its x axis says that it is time."""


@register("plot", "run-dashboard")
class RunDashboard(RunPlot):
    """A run on one sheet of A4 or letter paper, all panels over the same simulated time: page lists, working sets,
    faults by kind, and the queue of the disk that was used most.

    Read it from above: a list runs out, a working set is cut, pages fault back in, and the disk's queue grows.
    """

    title = "Dashboard"

    def applies(self, result: RunResult) -> bool:
        return len(_rows(result)) > 1

    def draw(self, result: RunResult, figure: Figure) -> None:
        rows = _rows(result)
        style.begin(figure, self.title, data.run_name(result), 0.9 + sum(height for height, _ in rows))
        grid = figure.subplots(len(rows), 1, sharex=True, height_ratios=[height for height, _ in rows])
        for number, (axes, (_, draw)) in enumerate(zip(grid, rows, strict=True)):
            draw(axes, number == len(rows) - 1)


def _rows(result: RunResult) -> list[Row]:
    found: list[Row] = []
    if page_lists.PageLists().applies(result):
        found.append((3.0, lambda axes, label: page_lists.panel(axes, result, label)))
    if working_sets.WorkingSets().applies(result):
        found.append((2.1, lambda axes, label: working_sets.panel(axes, result, label)))
    if fault_rates.FaultRates().applies(result):
        found += [(1.5, _faults(result, text, kinds)) for text, kinds in fault_rates.parts(result).items()]
    if disks.Disks().applies(result):
        found.append((1.4, lambda axes, label: _disk(axes, result, label)))
    return found


def _faults(result: RunResult, text: str, kinds: dict[str, str]) -> Callable[[Axes, bool], None]:
    return lambda axes, label: fault_rates.panel(axes, result, text, kinds, label)


def _disk(axes: Axes, result: RunResult, label: bool) -> None:
    """Draw the queue of the disk with the most time in use."""
    names = disks.names(result)
    busiest = max(names, key=lambda name: data.total(result, [f"PhysicalDisk({name})\\% Disk Time"]))
    index = names.index(busiest)
    style.time_axis(axes, data.end_of(result), label)
    disks.draw_queue(result, axes, busiest, index)
    axes.set_ylabel("requests of the disk")
    looks = zip(_entries(result), style.disk_looks(index), strict=False)
    name = "Queue of the disk" if len(names) == 1 else f"Queue of {style.plain(busiest, 16)}"
    style.legend_beside(axes, [look.patch(text) for text, look in looks], name)


def _entries(result: RunResult) -> tuple[str, ...]:
    """What the areas of a queue are: reads and writes, or, without a log of requests, both together."""
    logged = data.has(result.io, "disk", "kind", "submit_ns", "end_ns")
    return ("reads", "writes") if logged else ("reads and writes",)
