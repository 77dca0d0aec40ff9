"""Plot: how busy each disk is, and how long its queue."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.present.numbers import show
from experiments.present.plots import data, style
from experiments.present.plots.base import MOST_NAMES, RunPlot
from simulator.registry import register
from simulator.result import RunResult

STEPS = 240
"""most steps of a curve: requests come in bursts, which finer steps would show as noise"""
SIDE_BY_SIDE = 2
"""most disks that get a column each; more get a row each"""
COUNTERS = ("Avg. Disk Queue Length", "% Disk Time", "Disk Reads/sec", "Disk Writes/sec")


@register("plot", "disks")
class Disks(RunPlot):
    """For each disk over simulated time: requests waiting or in service, utilisation, and reads and writes a second.

    A disk is saturated where its utilisation stays at 100% and its queue grows: hard faults then wait behind each
    other, and behind page writes. Requests that failed are marked on top of the queue.
    """

    title = "Queue length and utilisation of the disks"

    def applies(self, result: RunResult) -> bool:
        return data.has(result.samples, "time_ns") and (
            len(result.io) > 0
            or data.total(result, [f"PhysicalDisk({disk})\\{c}" for disk in names(result) for c in COUNTERS[2:]]) > 0
        )

    def draw(self, result: RunResult, figure: Figure) -> None:
        disks = names(result)
        beside = len(disks) <= SIDE_BY_SIDE
        shape = (3, len(disks)) if beside else (len(disks), 3)
        height, width = (5.6, style.WIDTH) if beside else (1.0 + 1.45 * len(disks), style.WIDTH * 1.25)
        style.begin(figure, self.title, data.run_name(result), height, width)
        grid = figure.subplots(*shape, squeeze=False, sharex=True)
        panels = grid.T if beside else grid
        last = 0 if beside else len(disks) - 1
        failed = False
        for index, name in enumerate(disks):
            queue, busy, rate = panels[index]
            for axes in panels[index]:
                style.time_axis(axes, data.end_of(result), label=axes is rate if beside else index == last)
            failed |= draw_queue(result, queue, name, index)
            _counters(result, busy, rate, name, index)
            _headings(panels[index], style.plain(name), beside, first=index == 0)
        _legend(figure, failed)

    def describe(self, result: RunResult) -> str:
        lengths = np.diff(result.samples["time_ns"].to_numpy(np.float64), prepend=0.0)

        def mean(column: str) -> float:
            values = np.nan_to_num(result.samples[column].to_numpy(np.float64))
            return float((values * lengths).sum() / max(lengths.sum(), 1))

        parts = []
        for name in names(result)[:MOST_NAMES]:
            busy, queue = (mean(f"PhysicalDisk({name})\\{counter}") for counter in ("% Disk Time", COUNTERS[0]))
            parts.append(f"{name} was in use {busy:.1f}% of the time, with {show(queue, digits=2)} requests on average")
        return f"{'; '.join(parts)}." if parts else ""


def names(result: RunResult) -> list[str]:
    """The disks in canonical order: a disk's place here is its index."""
    sampled = data.instances(result, "PhysicalDisk", "% Disk Time")
    return sampled or (data.labels(result.io, "disk")[1] if data.has(result.io, "disk") else [])


def draw_queue(result: RunResult, axes: Axes, disk: str, index: int) -> bool:
    """Stack reads and writes from the log, or draw the counter if there is no log; returns whether a request failed."""
    reads, writes = style.disk_looks(index)
    end = data.end_of(result)
    unit = style.time_unit(end)
    if not data.has(result.io, "disk", "kind", "submit_ns", "end_ns"):
        column = f"PhysicalDisk({disk})\\{COUNTERS[0]}"
        edges, values = data.series(result, [column], STEPS)
        style.area(axes, edges / unit.factor, values[column], reads, alpha=0.35)
        style.step(axes, edges / unit.factor, values[column], reads)
        style.rate_axis(axes, "requests")
        axes.set_ylim(0, max(float(values[column].max()) * 1.08, 1e-3))
        return False
    here = result.io[data.chosen(result.io, "disk", disk)]
    edges = np.linspace(0.0, max(end, 1), STEPS + 1)
    below = np.zeros(STEPS)
    for kind, look in (("read", reads), ("write", writes)):
        rows = here[data.chosen(here, "kind", kind)]
        submit, leave = rows["submit_ns"].to_numpy(), rows["end_ns"].to_numpy(dtype=np.float64, na_value=np.nan)
        leave = np.where(leave >= submit, leave, end)  # still under way when the run ended
        above = below + data.mean_inside(submit, leave, edges)
        style.area(axes, edges / unit.factor, above, look, below)
        below = above
    style.rate_axis(axes, "requests")
    axes.set_ylim(0, max(float(below.max()) * 1.08, 1e-3))
    bad = here.loc[~here["ok"].astype(bool), "end_ns"].to_numpy() if "ok" in here else np.array([])
    cells = np.unique((bad / max(end, 1) * STEPS).astype(np.int64))
    for x in (cells + 0.5) / STEPS:
        axes.plot(x, 1.03, "x", color=style.BLACK, markersize=4, transform=axes.transAxes, clip_on=False)
    return len(cells) > 0


def _counters(result: RunResult, busy: Axes, rate: Axes, disk: str, index: int) -> None:
    reads, _ = style.disk_looks(index)
    columns = [f"PhysicalDisk({disk})\\{counter}" for counter in COUNTERS[1:]]
    edges, values = data.series(result, columns, STEPS)
    edges = edges / style.time_unit(data.end_of(result)).factor
    style.area(busy, edges, values[columns[0]], reads, alpha=0.35)
    style.step(busy, edges, values[columns[0]], reads, 1.0)
    busy.set_ylim(0, 104)
    busy.set_yticks([0, 25, 50, 75, 100])
    busy.set_ylabel("utilisation (%)")
    style.step(rate, edges, values[columns[1]], reads, 1.2)
    style.step(rate, edges, values[columns[2]], style.Look(reads.colour, style.DOTTED), 1.4)
    style.rate_axis(rate, "requests/s")
    rate.set_ylim(0, max(float(values[columns[1]].max()), float(values[columns[2]].max()), 1e-3) * 1.08)


def _headings(panels: np.ndarray[tuple[int], np.dtype[np.object_]], disk: str, beside: bool, first: bool) -> None:
    what = ("waiting or in service", "channels busy", "finished each second")
    for number, (axes, text) in enumerate(zip(panels, what, strict=True)):
        if beside:
            axes.set_title(f"{disk}: {text}", pad=9 if number == 0 else None)
            axes.yaxis.label.set_visible(first)
        else:
            axes.set_title(disk if number == 0 else "", pad=9)
            axes.set_ylabel(("requests", "utilisation (%)", "requests/s")[number])


def _legend(figure: Figure, failed: bool) -> None:
    grey = style.MUTED
    reads, writes = style.Look(grey), style.Look("#C9C9C9", hatch="////", hatch_colour=grey)
    handles = [
        reads.patch("reads in the queue"),
        writes.patch("writes in the queue"),
        reads.stroke("reads/s"),
        style.Look(grey, style.DOTTED).stroke("writes/s"),
    ]
    if failed:
        handles.append(Line2D([], [], color=style.BLACK, marker="x", markersize=4, linestyle="none", label="failed"))
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))
