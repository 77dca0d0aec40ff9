"""Plot: commit charge, pools, private bytes and handles over time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.present.plots import data, style, working_sets
from experiments.present.plots.base import RunPlot
from simulator.registry import register
from simulator.result import RunResult

_COMMIT = {"commit charge": "Memory\\Committed Bytes", "commit limit": "Memory\\Commit Limit"}
_POOLS = {
    "paged pool": "Memory\\Pool Paged Bytes",
    "paged pool, resident": "Memory\\Pool Paged Resident Bytes",
    "nonpaged pool": "Memory\\Pool Nonpaged Bytes",
}
_PAGING = "Paging File(_Total)\\% Usage"

Panel = Callable[[Axes], None]


@register("plot", "kernel-memory")
class KernelMemory(RunPlot):
    r"""The counters that tell a leak, over simulated time: commit charge against its limit, paging files, the pools,
    each process's private bytes and its handles.

    What only grows leaks: private bytes if a program doesn't free its memory, handles (and a little pool) if it doesn't
    close them, a pool if a driver doesn't free its blocks. Commit charge grows with each. A process's lines end with
    it.
    """

    title = "Commit charge, pools, private bytes and handles"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.samples, "time_ns", *_POOLS.values())

    def draw(self, result: RunResult, figure: Figure) -> None:
        panels = _panels(result)
        style.begin(figure, self.title, data.run_name(result), 0.9 + sum(height for height, _ in panels))
        grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=[high for high, _ in panels])
        for number, (axes, (_, draw)) in enumerate(zip(grid[:, 0], panels, strict=True)):
            style.time_axis(axes, data.end_of(result), number == len(panels) - 1)
            draw(axes)
        figure.align_ylabels()


def _panels(result: RunResult) -> list[tuple[float, Panel]]:
    """The panels that there is something to show in: heights in inches, and what draws each."""
    found: list[tuple[float, Panel]] = []
    if data.has(result.samples, *_COMMIT.values()):
        found.append((1.7, partial(_system, result, _COMMIT, "committed")))
    if data.has(result.samples, _PAGING):
        found.append((1.2, partial(_paging_files, result)))
    found.append((1.7, partial(_system, result, _POOLS, "pool")))
    found += [
        (1.9, partial(_processes, result, counter))
        for counter in ("Private Bytes", "Handle Count")
        if data.total(result, [f"Process({name})\\{counter}" for name in _programs(result)])
    ]
    return found


def _programs(result: RunResult) -> list[str]:
    """The processes that have the counters, in canonical order."""
    known = data.instances(result, "Process", "Private Bytes")
    order = {name: place for place, name in enumerate(data.processes_of(result))}
    return sorted(known, key=lambda name: order.get(name, len(order)))


def _system(result: RunResult, columns: dict[str, str], label: str, axes: Axes) -> None:
    edges, values = data.series(result, list(columns.values()))
    time = style.time_unit(data.end_of(result))
    size = style.byte_axis(axes, max(float(np.max(curve)) for curve in values.values()), label, ticks=5, room=1.06)
    for name, column in columns.items():
        style.step(axes, edges / time.factor, values[column] / size.factor, style.KERNEL[name])
    style.legend_beside(axes, [style.KERNEL[name].stroke(name) for name in columns])


def _paging_files(result: RunResult, axes: Axes) -> None:
    edges, values = data.series(result, [_PAGING])
    look = style.KERNEL["paging files"]
    axes.set_ylim(0, 106)
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[5, 10]))
    axes.set_ylabel("in use (%)")
    style.step(axes, edges / style.time_unit(data.end_of(result)).factor, values[_PAGING], look)
    style.legend_beside(axes, [look.stroke("paging files")])


def _processes(result: RunResult, counter: str, axes: Axes) -> None:
    """Draw a counter of the processes in which it's highest, each while the process lives: then private bytes, its
    kernel stack at least, aren't 0."""
    names = _programs(result)
    edges, alive = data.series(result, [f"Process({name})\\Private Bytes" for name in names])
    _, values = data.series(result, [f"Process({name})\\{counter}" for name in names])
    curves = {
        name: np.where(living > 0, curve, np.nan)
        for name, living, curve in zip(names, alive.values(), values.values(), strict=True)
    }
    peaks = {name: float(np.nan_to_num(curve).max()) for name, curve in curves.items()}
    sizes = counter == "Private Bytes"
    working_sets.lines(axes, result, edges, curves, peaks, counter.lower() if sizes else "handles", sizes)
